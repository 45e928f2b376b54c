/* gateway/log.h - lines for operators: one per step in a session's life, never per packet.
 *
 * Key=value text or one JSON object per line, on standard error, each written with one call so that lines of
 * different threads never mix. Texts are quoted as needed. No addresses at info level, no secrets ever. */
#ifndef GATEWAY_LOG_H
#define GATEWAY_LOG_H

#include "wr/types.h"

typedef enum gw_severity { GW_DEBUG, GW_INFO, GW_WARN, GW_ERROR, GW_OFF } gw_severity;

/* Once, before threads start. */
void gw_log_setup(const char *level, const char *format);
void gw_log_level(const char *level); /* from then on; any thread */
/* |event| is a word; then pairs of key and text, ended by NULL: gw_log(GW_INFO, "closed", "reason", why, NULL). */
void gw_log(gw_severity severity, const char *event, ...) __attribute__((sentinel));
/* The line without newline, as gw_log would write it; for tests. Returns its length. */
size_t gw_log_format(char *out, size_t cap, bool json, int64_t wall_us, gw_severity severity, const char *event,
                     const char *const *pairs);

#endif
