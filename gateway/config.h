/* gateway/config.h - settings: flag > environment > file > default, all from config.def.
 *
 * Errors are one line for a person: they name the key, what was given and what is allowed. An unknown key names the
 * nearest known one. */
#ifndef GATEWAY_CONFIG_H
#define GATEWAY_CONFIG_H

#include <stdio.h>

#include "gateway/ice_list.h"
#include "wr/types.h"

#define GW_TEXT_MAX 512
#define GW_LIST_MAX 8

typedef struct gw_list {
  size_t n;
  char item[GW_LIST_MAX][WR_ADDR_TEXT_MAX];
} gw_list;

typedef enum gw_layer { GW_DEFAULT, GW_FILE, GW_ENVIRONMENT, GW_COMMAND_LINE } gw_layer;

enum {
#define GW_TEXT(field, key, def, argument, help) GW_ROW_##field,
#define GW_SECRET(field, key, argument, help) GW_ROW_##field,
#define GW_LIST(field, key, argument, help) GW_ROW_##field,
#define GW_SERVERS(field, key, argument, help) GW_ROW_##field,
#define GW_NUMBER(field, key, def, least, most, help) GW_ROW_##field,
#define GW_CHOICE(field, key, def, choices, help) GW_ROW_##field,
#define GW_FLAG(field, key, help) GW_ROW_##field,
#include "gateway/config.def"
#undef GW_TEXT
#undef GW_SECRET
#undef GW_LIST
#undef GW_SERVERS
#undef GW_NUMBER
#undef GW_CHOICE
#undef GW_FLAG
  GW_N_ROWS
};

typedef struct gw_config {
  gw_layer layer;            /* that is being read */
  uint8_t origin[GW_N_ROWS]; /* gw_layer that each setting came from */
#define GW_TEXT(field, key, def, argument, help) char field[GW_TEXT_MAX];
#define GW_SECRET(field, key, argument, help) char field[GW_TEXT_MAX];
#define GW_LIST(field, key, argument, help) gw_list field;
#define GW_SERVERS(field, key, argument, help) gw_ice_list field;
#define GW_NUMBER(field, key, def, least, most, help) int64_t field;
#define GW_CHOICE(field, key, def, choices, help) char field[GW_TEXT_MAX];
#define GW_FLAG(field, key, help) bool field;
#include "gateway/config.def"
#undef GW_TEXT
#undef GW_SECRET
#undef GW_LIST
#undef GW_SERVERS
#undef GW_NUMBER
#undef GW_CHOICE
#undef GW_FLAG
} gw_config;

#define GW_CONFIG_ERROR_MAX 512
typedef enum gw_config_result { GW_CONFIG_OK, GW_CONFIG_HELP, GW_CONFIG_BAD } gw_config_result;

void gw_config_default(gw_config *config);
/* Reads everything: |argv| without program and command name, |environment| as `environ`. BAD: |error| says why. */
gw_config_result gw_config_load(gw_config *config, int argc, char *const *argv, char *const *environment,
                                char error[GW_CONFIG_ERROR_MAX]);
/* One layer each; what a later call sets wins. */
bool gw_config_set(gw_config *config, const char *key, const char *value, char error[GW_CONFIG_ERROR_MAX]);
bool gw_config_read_text(gw_config *config, const char *name, char *text, char error[GW_CONFIG_ERROR_MAX]);
/* Relations between settings: addresses, certificate pairs, and no open relay by accident. */
bool gw_config_check(const gw_config *config, char error[GW_CONFIG_ERROR_MAX]);
/* Everything that is to be said about STUN and TURN servers and who gives them out; one sentence each. */
void gw_config_judge_ice(const gw_config *config, gw_ice_issues *issues);
/* none, cloudflare, twilio or metered: as set, or what the names of Cloudflare's own variables imply. */
const char *gw_config_provider(const gw_config *config);
void gw_config_help(FILE *out);
/* Every setting, where it comes from, and its value; of secrets only whether there is one. */
void gw_config_show(const gw_config *config, FILE *out);

/* Takes over from |fresh| what may change while calls go on; only who alone reads those may call it. |say| is told
 * of every setting that differs: |taken|, or waiting for the next start. */
typedef void gw_config_say(void *ctx, const char *key, bool taken);
void gw_config_reload(gw_config *live, const gw_config *fresh, gw_config_say *say, void *ctx);
/* Whether callers have to bring a token. */
bool gw_config_asks_token(const gw_config *config);

/* Splits "HOST:PORT" or "[V6]:PORT". false: not of that form. */
bool gw_host_port(const char *text, wr_addr *addr);
/* The Host header of a request we make: with the port unless it is the scheme's own (RFC 9110 section 7.2), an IPv6
 * literal in brackets. Servers build addresses from it. */
#define GW_AUTHORITY_MAX 280
void gw_authority(char out[GW_AUTHORITY_MAX], const char *host, int port, bool tls);
/* The media address: --udp, or derived from --listen. */
bool gw_config_udp(const gw_config *config, wr_addr *addr);
bool gw_addr_is_loopback(const wr_addr *addr);
bool gw_addr_is_any(const wr_addr *addr);

#endif
