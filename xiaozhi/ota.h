/* xiaozhi/ota.h - how a device learns where its server is: the OTA check, activation, and when to ask again.
 *
 * Without I/O. The caller performs one request at a time: xz_ota_ask says which is due, xz_ota_answer takes what
 * came back, xz_ota_deadline is when to look again.
 *
 *   IDLE -start-> CHECKING -server-> READY -forget, start-> CHECKING ...
 *                  |   ^ \-no use of it-> RETRYING (10 s, doubled up to 5 min) -> CHECKING
 *        activation|   | activated (200), or after 30 s, or when the code has run out
 *                  v   |
 *                 ACTIVATING: /activate every 3 s while it says 202, every 10 s while it says anything else
 *
 * A server that never implements /activate is found to be ready by the check alone. A reply that cannot be used
 * leaves the last good server in place, if there was one. Redirects are the HTTP client's business, at most one. */
#ifndef XIAOZHI_OTA_H
#define XIAOZHI_OTA_H

#include "wr/types.h"

#define XZ_OTA_BODY_MAX 16384 /* a longer reply is not read */
#define XZ_OTA_URL_MAX 512
#define XZ_OTA_TOKEN_MAX 1024
#define XZ_OTA_TEXT_MAX 256
#define XZ_OTA_OFFICIAL "https://api.tenclass.net/xiaozhi/ota/"

/* An MQTT broker and who we are there; speech goes over UDP (xiaozhi/udp.h). */
typedef struct xz_ota_mqtt {
  char host[256]; /* "": there is none */
  uint16_t port;
  bool tls; /* on port 8883, as on the devices, or where the scheme says so */
  char client_id[256], username[512], password[512];
  char publish_topic[256];
  char subscribe_topic[256]; /* "": the broker sends without being asked */
  uint16_t keep_alive_s;
} xz_ota_mqtt;

/* Where to connect. Texts hold no control characters: they go into requests as they are. */
typedef struct xz_ota_server {
  char url[XZ_OTA_URL_MAX];     /* ws: or wss:; "": |mqtt|, if that has a host */
  char token[XZ_OTA_TOKEN_MAX]; /* "": none. With a blank in it, it brings its own scheme */
  unsigned version;             /* binary framing 1..3 */
  xz_ota_mqtt mqtt;             /* only where there is no WebSocket: see xz_ota_read */
} xz_ota_server;

/* What one reply to a check says. Texts are "" where it says nothing. */
typedef struct xz_ota_reply {
  bool has_server;
  xz_ota_server server;
  bool has_activation;
  bool has_challenge;
  char code[32], message[XZ_OTA_TEXT_MAX]; /* message: valid UTF-8 */
  uint32_t timeout_ms;                     /* how long the code holds; 0: not said */
  bool unusable_mqtt;                      /* MQTT alone is offered, and something is missing */
  char error[XZ_OTA_TEXT_MAX];             /* the server's own words, valid UTF-8 */
  bool has_time;
  int64_t timestamp_ms; /* since 1970, UTC */
  int32_t offset_min;
} xz_ota_reply;

/* false: not a JSON object.
 *
 * Where a WebSocket and MQTT are offered, the WebSocket is taken; the firmware takes MQTT. Behind both is the same
 * assistant, and one connection, under TLS with the sound in it and nothing lost, serves a gateway better: MQTT's
 * merit, a device that can be reached while it sleeps, is none here, and its UDP is not authenticated. */
bool xz_ota_read(xz_ota_reply *reply, wr_bytes body);

/* What a device says of itself; texts borrowed. */
typedef struct xz_ota_device {
  const char *mac, *client_id; /* the same as in the headers Device-Id and Client-Id */
  const char *board, *version; /* "xiaozhi-rtc", "0.1.0": digits and dots */
  const char *language;        /* "en-US" */
  const char *ip;
} xz_ota_device;

/* The body of a check. Returns its length, 0 if it does not fit. */
size_t xz_ota_write(char *out, size_t cap, const xz_ota_device *device);
/* |url| with "activate" behind it. false: it does not fit. */
bool xz_ota_activate_url(char *out, size_t cap, const char *url);

typedef enum xz_ota_state {
  XZ_OTA_IDLE,
  XZ_OTA_CHECKING,
  XZ_OTA_ACTIVATING,
  XZ_OTA_RETRYING,
  XZ_OTA_READY
} xz_ota_state;
typedef enum xz_ota_request { XZ_OTA_NOTHING, XZ_OTA_CHECK, XZ_OTA_ACTIVATE } xz_ota_request;

typedef enum xz_ota_news {
  XZ_OTA_NO_NEWS,
  XZ_OTA_NEWS_READY,  /* |server| is where to connect */
  XZ_OTA_NEWS_CODE,   /* show |code| and |message|; the same code is told again when it was asked for anew */
  XZ_OTA_NEWS_FAILED, /* |error| says why; tried again at the deadline */
} xz_ota_news;

typedef struct xz_ota {
  xz_ota_state state;
  xz_ota_request asked; /* outstanding */
  bool known;           /* |server| is good, or was */
  unsigned n_failures;  /* in a row */
  wr_time ask_at;       /* of the next request */
  wr_time check_at;     /* while activating: of the next check */
  bool has_challenge;   /* else /activate would be asked in vain */
  bool confirmed;       /* /activate said 200 */
  xz_ota_server server;
  char code[32], message[XZ_OTA_TEXT_MAX], error[XZ_OTA_TEXT_MAX];
  uint32_t timeout_ms;
  bool has_skew;
  int64_t skew_ms; /* the server's clock less ours */
} xz_ota;

void xz_ota_init(xz_ota *ota);
/* The server is needed: READY stays, and nothing is asked that is under way. */
void xz_ota_start(xz_ota *ota, wr_time now);
/* What READY said is not believed any more (the token was refused): the next start asks again. It remains the last
 * resort. */
void xz_ota_forget(xz_ota *ota);
/* The request to make now. Another is given only after its answer. */
xz_ota_request xz_ota_ask(xz_ota *ota, wr_time now);
/* |status|: of HTTP, 0 if none came; |wall_ms|: our clock, since 1970. */
xz_ota_news xz_ota_answer(xz_ota *ota, unsigned status, wr_bytes body, int64_t wall_ms, wr_time now);
wr_time xz_ota_deadline(const xz_ota *ota); /* WR_NEVER: nothing is due, or an answer is awaited */

#endif
