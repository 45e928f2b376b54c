/* gateway/http_socket.h - one session's link to its backend, as the HTTP thread holds it: what WebSocket
 * (http_link.c) and MQTT with UDP (http_mqtt.c) have in common. */
#ifndef GATEWAY_HTTP_SOCKET_H
#define GATEWAY_HTTP_SOCKET_H

#include "gateway/http.h"

typedef struct gw_mqtt gw_mqtt;

typedef struct gw_piece {
  struct gw_piece *next;
  bool is_text;
  size_t len;
  uint8_t bytes[]; /* LWS_PRE of room, then |len| */
} gw_piece;

struct gw_socket {
  gw_http *http;
  struct lws *wsi; /* of the WebSocket */
  gw_mqtt *mqtt;   /* instead of it */
  gw_ref ref;
  gw_target target;
  gw_piece *first, *last;
  uint8_t *message; /* being put together */
  size_t message_len;
  bool is_text, ended, closing;
  uint16_t code;
  char reason[124];
};

/* NULL: there is none any more. */
gw_socket *gw_socket_find(gw_http *http, gw_ref ref);
void gw_socket_tell(gw_socket *socket, gw_kind kind, uint32_t number, const void *bytes, size_t len);
/* The one GW_LINK_CLOSED; |socket| is freed. */
void gw_socket_end(gw_socket *socket, uint32_t code, const char *reason);
/* A whole message, to the worker. false: it does not keep up, or there is no memory. */
bool gw_socket_pass_on(gw_socket *socket, const uint8_t *bytes, size_t len, bool is_text);
/* The first piece was sent: its credit goes back. */
void gw_socket_sent(gw_socket *socket);

/* ---- gateway/http_mqtt.c ---- */
void gw_mqtt_open(gw_socket *socket); /* may end it */
/* Something waits in the queue, or the link is to be closed; may end it. */
void gw_mqtt_pump(gw_socket *socket);
void gw_mqtt_channel(gw_socket *socket, const char *host, uint16_t port);
void gw_mqtt_send_speech(gw_socket *socket, const void *bytes, size_t len);
void gw_mqtt_free(gw_mqtt *mqtt); /* NULL allowed */

#endif
