/* gateway/log.h - lines for operators: one per step in a session's life, never per packet.
 *
 * Key=value text or one JSON object per line, on standard error, each written with one call so that lines of
 * different threads never mix. Where standard error is systemd's journal, text comes with the priority it reads
 * ("<4>") instead of the time it has. Texts are quoted as needed. No addresses at info level, no secrets ever. */
#ifndef GATEWAY_LOG_H
#define GATEWAY_LOG_H

#include "wr/types.h"

typedef enum gw_severity { GW_DEBUG, GW_INFO, GW_WARN, GW_ERROR, GW_OFF } gw_severity;

typedef enum gw_log_form { GW_LOG_TEXT, GW_LOG_JSON, GW_LOG_JOURNAL } gw_log_form;

/* Once, before threads start. |format|: "text" or "json". */
void gw_log_setup(const char *level, const char *format);
void gw_log_level(const char *level); /* from then on; any thread */
/* |event| is a word; then pairs of key and text, ended by NULL: gw_log(GW_INFO, "closed", "reason", why, NULL). */
void gw_log(gw_severity severity, const char *event, ...) __attribute__((sentinel));
/* Whether |fd| is the stream that |stream|, the variable JOURNAL_STREAM or NULL, names: "DEVICE:INODE". */
bool gw_log_is_journal(int fd, const char *stream);
/* The line without newline, as gw_log would write it; for tests. Returns its length. */
size_t gw_log_format(char *out, size_t cap, gw_log_form form, int64_t wall_us, gw_severity severity,
                     const char *event, const char *const *pairs);

#endif
