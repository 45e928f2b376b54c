/* assistant/http.h - the plain HTTP requests of the assistant: OTA, activation, photos. */
#ifndef ASSISTANT_HTTP_H
#define ASSISTANT_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "assistant/devices.h"
#include "assistant/memory.h"
#include "wr/types.h"

struct lws;

enum { AS_HTTP_BODY_MAX = 16 * 1024 }; /* of anything but a photo */

/* What requests are answered with; borrowed. */
typedef struct as_http_site {
  const char *host; /* for devices that send no Host header */
  uint16_t port;
  const char *token;       /* of the WebSocket, for everybody; "" for none */
  const char *admin_token; /* of /xiaozhi/devices and /xiaozhi/stats; "": there are no such routes */
  as_devices *devices;
  bool
      activation; /* devices come with the token that OTA gave them; those not bound yet hear their code, no more */
  /* Whose photo |token| is for, if |device_id| ("" not said) fits: a session may send some. */
  bool (*may_send_photo)(void *ctx, const char *token, const char *device_id);
  void (*photo_came)(void *ctx, const char *token, wr_bytes jpeg); /* one that might be sent, with this token */
  as_memory *memory;
  void (*asks_activation)(void *ctx, const char *mac, const char *code); /* for the first time with this code */
  void (*activated)(void *ctx, const char *mac);
  char *(*stats_text)(void *ctx); /* JSON, to be freed; NULL: no memory */
  void *ctx;
} as_http_site;

/* One request; also what a WebSocket handshake says about its device. Zeroed at first. */
typedef struct as_http {
  char path[96], host[128], device_id[64], client_id[64], authorization[300], boundary[80];
  unsigned version; /* Protocol-Version; 1 unless 2 or 3 */
  bool tls;         /* a proxy before us says that it speaks https */
  bool admitted;    /* a photo that may be sent */
  bool posted, chunked;
  unsigned status; /* of the reply; 0: not known yet */
  uint8_t *body;
  size_t n_body, body_cap;
  /* chunked transfer coding (RFC 9112 7.1), which libwebsockets does not undo for a server */
  size_t chunk_left;
  uint8_t chunk_state;
  char *reply; /* owned */
} as_http;

/* Header names in any case; devices that are browsers send device-id and authorization in the query. */
void as_http_read_request(as_http *http, struct lws *wsi, const as_http_site *site);
/* "Bearer <token>", or the bare token; |token| "": always. */
bool as_http_authorised(const as_http *http, const char *token);
/* May this device open the WebSocket? |*unbound|: only to be told its code. */
bool as_http_may_connect(const as_http *http, const as_http_site *site, bool *unbound, int64_t now_s);
bool as_http_is_photo(const as_http *http);
/* These return what libwebsockets' callbacks do: 0 to go on, -1 to end the connection. */
int as_http_begin(as_http *http, struct lws *wsi, const as_http_site *site);
int as_http_body(as_http *http, struct lws *wsi, const as_http_site *site, const uint8_t *data, size_t len);
int as_http_answer(as_http *http, struct lws *wsi, const as_http_site *site);
int as_http_write(as_http *http, struct lws *wsi);
void as_http_end(as_http *http); /* frees; zeroed again */

#endif
