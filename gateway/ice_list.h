/* gateway/ice_list.h - STUN and TURN servers as a value: from settings or a provider's JSON, judged, to JSON.
 *
 * A server is a group of addresses with one pair of credentials, as in RTCIceServer. Judging yields one sentence
 * per fault. An error keeps the gateway from starting; a warning is something that works, but not as one may think.
 */
#ifndef GATEWAY_ICE_LIST_H
#define GATEWAY_ICE_LIST_H

#include <jansson.h>

#include "gateway/ice_url.h"
#include "wr/crypto.h"

#define GW_ICE_SERVERS_MAX 12
#define GW_ICE_URLS_MAX 10      /* of one server */
#define GW_ICE_MANY 5           /* from so many servers on, browsers are slow to gather (Firefox says so) */
#define GW_ICE_USERNAME_MAX 509 /* with NUL: RFC 8489 14.3 */
#define GW_ICE_CREDENTIAL_MAX 512

typedef struct gw_ice_server {
  size_t n_urls;
  char url[GW_ICE_URLS_MAX][GW_ICE_URL_MAX];
  char username[GW_ICE_USERNAME_MAX], credential[GW_ICE_CREDENTIAL_MAX]; /* "": none */
} gw_ice_server;

typedef struct gw_ice_list {
  size_t n;
  gw_ice_server server[GW_ICE_SERVERS_MAX];
} gw_ice_list;

#define GW_ICE_ISSUES_MAX 16
typedef struct gw_ice_issues {
  size_t n, n_errors; /* further ones are only counted */
  bool is_error[GW_ICE_ISSUES_MAX];
  char text[GW_ICE_ISSUES_MAX][GW_ICE_URL_MAX + GW_ICE_WHY_MAX];
} gw_ice_issues;
void gw_ice_issue(gw_ice_issues *issues, bool is_error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* One setting: "URL[,URL..] [USERNAME CREDENTIAL]". Addresses are judged later. false: |why| says what is wrong. */
bool gw_ice_list_add(gw_ice_list *list, const char *text, char why[GW_ICE_WHY_MAX]);
/* The same from three texts, of which the last two may hold blanks. */
bool gw_ice_list_add_parts(gw_ice_list *list, const char *urls, const char *username, const char *credential,
                           char why[GW_ICE_WHY_MAX]);
/* |signs|: relays without credentials are given time-limited ones. */
void gw_ice_list_judge(const gw_ice_list *list, bool signs, gw_ice_issues *issues);
/* What a browser is given: without port 53, which browsers block, so that it only delays them. */
void gw_ice_list_trim(gw_ice_list *list);

typedef struct gw_ice_counts {
  unsigned stun, turn, total; /* servers: one with a relay's address counts as turn */
} gw_ice_counts;
gw_ice_counts gw_ice_list_count(const gw_ice_list *list);

/* Of a provider's reply: an array or an object (Metered, Cloudflare's two forms, Twilio, TURN REST, Matrix);
 * `urls`, `url` or `uris`, text or array; `credential` or `password`. |*ttl_s| is what the reply says, number or
 * text; else unchanged. false: there are no servers in it. Addresses that cannot be used are left out and named in
 * |issues|. */
bool gw_ice_list_read(gw_ice_list *list, const json_t *reply, int64_t *ttl_s, gw_ice_issues *issues);
/* An array of RTCIceServer. NULL: no memory. */
json_t *gw_ice_list_json(const gw_ice_list *list);

/* TURN REST credentials (coturn: use-auth-secret): "EXPIRY:USER" and base64 of its HMAC-SHA1 under |secret|. |user|
 * is seen in logs of the relay: nothing personal. */
void gw_ice_sign(gw_ice_server *server, const char *secret, int64_t expires_s, const char *user,
                 const wr_crypto *crypto);

#endif
