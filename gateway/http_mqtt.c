/* gateway/http_mqtt.c - links to backends that speak MQTT, with their speech over UDP: libmosquitto and a UDP
 * socket per session, both in the HTTP thread's loop.
 *
 * libmosquitto is given its socket's events by hand (no thread of its own). What of it may block is finding the
 * broker's address: that is an errand, a thread that lives as long as it lasts and comes home by mailbox. Whoever
 * is gone by then is not missed: an errand carries its own copy of all it needs.
 *
 * UDP sockets are not connected: an ICMP error would be reported for them in a way that libwebsockets' poll never
 * takes back. So the sender's address is compared here. Left out: broker redirection, QoS above 0 (bridges hang
 * up). That MQTT stays open between conversations is the worker's doing (link.c): it just does not close. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "gateway/errand.h"
#include "gateway/http_socket.h"
#include "gateway/log.h"
#include "gateway/mosquitto.h"

#define CONNECT_US WR_S(10) /* from the first thought to the broker's word */
/* Devices ping every 240 s and notice a silent broker in 8 minutes; people at a page wait for an answer. */
#define KEEP_ALIVE_MAX_S 30
#define CLOSE_SECONDS 3
#define DATAGRAMS_AT_ONCE 64
#define PACKETS_AT_ONCE 100
/* MQTT allows messages of 256 MB, and the library tells of none before it has all of it. It reads until the socket
 * has nothing more, so only a broker on this machine, which sends faster than we read, gets further than this. */
#define UNFINISHED_MAX (2 * XZ_TEXT_MAX)
#define SOCKET_BYTES (64 * 1024) /* what the kernel may keep for it, so that one read stays small */

struct gw_mqtt_library {
  gw_mosquitto lib;
  SSL_CTX *tls; /* NULL: not needed yet. One for all: reading the certificates takes megabytes */
};

struct gw_mqtt {
  gw_socket *socket;
  struct mosquitto *client;
  struct lws *wsi, *udp_wsi; /* who watch the sockets */
  lws_sorted_usec_list_t due;
  wr_time open_until; /* unless it is connected by then */
  bool is_away;       /* |client| is with an errand, which brings it home or frees it */
  bool connected, overrun, writing;
  unsigned n_closing;  /* seconds since that was wanted */
  size_t n_unfinished; /* bytes read since the last whole message */
  int refused;         /* of the broker's answer; 0: not refused */
  int udp;             /* -1: there is none */
  uint32_t channel;    /* counts: an errand for an older one is of no use */
  struct sockaddr_storage peer;
  socklen_t peer_len;
  size_t held_len; /* speech for a channel whose address is being looked up: the latest */
  uint8_t held[XZ_UDP_MAX];
};

/* Connects |client| to |host|, or finds the address of |host| where |client| is NULL. */
struct gw_errand {
  gw_ref ref;
  struct mosquitto *client;
  __typeof__(mosquitto_connect_async) *connect;
  char host[256];
  uint16_t port, keep_alive_s;
  uint32_t channel;
  int result, why; /* of connecting, errno; of looking up, EAI_... */
  struct sockaddr_storage found;
  socklen_t found_len;
};

/* ---- errands ---- */

static void look_up(gw_errand *e, int flags) {
  char port[8];
  struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = flags | AI_NUMERICSERV}, *list = NULL;
  snprintf(port, sizeof(port), "%u", e->port);
  e->result = getaddrinfo(e->host, port, &hints, &list);
  if (e->result || !list) return;
  e->found_len = list->ai_addrlen;
  memcpy(&e->found, list->ai_addr, list->ai_addrlen);
  freeaddrinfo(list);
}

static void run_errand(void *ctx) {
  gw_errand *e = ctx;
  if (e->client) {
    errno = 0;
    e->result = e->connect(e->client, e->host, e->port, e->keep_alive_s);
    e->why = errno;
  } else {
    look_up(e, 0);
  }
}

static bool send_errand(gw_errand *e) {
  return gw_errand_send(run_errand, &(gw_message){.kind = GW_ERRAND_DONE, .ref = e->ref, .owned = e});
}

/* ---- the library, and TLS ---- */

static bool is_numeric(const char *host) {
  gw_errand e = {.port = 1};
  snprintf(e.host, sizeof(e.host), "%s", host);
  look_up(&e, AI_NUMERICHOST);
  return e.result == 0;
}

/* Beside the chain: the certificate is of the host that was asked for. */
static int verify(int fine, X509_STORE_CTX *store) {
  SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
  const char *host = ssl ? SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) : NULL;
  X509 *shown = X509_STORE_CTX_get_current_cert(store);
  if (!fine || X509_STORE_CTX_get_error_depth(store) != 0) return fine;
  if (!host || !shown) return 0;
  bool held = is_numeric(host) ? X509_check_ip_asc(shown, host, 0) == 1
                               : X509_check_host(shown, host, strlen(host), 0, NULL) == 1;
  if (!held) X509_STORE_CTX_set_error(store, X509_V_ERR_HOSTNAME_MISMATCH);
  return held;
}

static SSL_CTX *tls_of(gw_http *http) {
  SSL_CTX **tls = &http->mqtt->tls;
  if (*tls) return *tls;
  *tls = SSL_CTX_new(TLS_client_method());
  if (!*tls || SSL_CTX_load_verify_file(*tls, gw_ca_file(http->config)) != 1) {
    SSL_CTX_free(*tls);
    *tls = NULL;
    return NULL;
  }
  SSL_CTX_set_min_proto_version(*tls, TLS1_2_VERSION);
  SSL_CTX_set_mode(*tls, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_verify(*tls, SSL_VERIFY_PEER, verify);
  return *tls;
}

static bool load(gw_http *http, char *error, size_t cap) {
  if (!http->mqtt) http->mqtt = calloc(1, sizeof(*http->mqtt));
  if (!http->mqtt) abort();
  return gw_mosquitto_load(&http->mqtt->lib, error, cap);
}

static const gw_mosquitto *lib_of(const gw_socket *s) { return &s->http->mqtt->lib; }

/* ---- what the broker says; called from inside the library, so nothing is freed here ---- */

static void on_connect(struct mosquitto *client, void *ctx, int code) {
  (void)client;
  gw_mqtt *q = ctx;
  q->connected = code == 0;
  q->refused = code;
}

static void on_message(struct mosquitto *client, void *ctx, const struct mosquitto_message *m) {
  (void)client;
  gw_mqtt *q = ctx;
  q->n_unfinished = 0;
  if (m->payloadlen <= 0) return;
  size_t len = (size_t)m->payloadlen;
  if (len > XZ_TEXT_MAX || !gw_socket_pass_on(q->socket, m->payload, len, true)) q->overrun = true;
}

/* ---- the connection ---- */

static void unwatch(struct lws **wsi) {
  if (!*wsi) return;
  lws_set_opaque_user_data(*wsi, NULL);
  lws_set_timeout(*wsi, PENDING_TIMEOUT_CLOSE_SEND, LWS_TO_KILL_ASYNC);
  *wsi = NULL;
}

static struct lws *watch(gw_mqtt *q, int fd) {
  lws_sock_file_fd_type file = {.filefd = fd};
  gw_http *http = q->socket->http;
  struct lws *wsi = lws_adopt_descriptor_vhost(http->vhost, LWS_ADOPT_RAW_FILE_DESC, file, "xz-mqtt", NULL);
  if (wsi)
    lws_set_opaque_user_data(wsi, q);
  else
    close(fd);
  return wsi;
}

void gw_mqtt_free(gw_mqtt *q) {
  if (!q) return;
  const gw_mosquitto *lib = lib_of(q->socket);
  lws_sul_cancel(&q->due);
  unwatch(&q->wsi);
  unwatch(&q->udp_wsi);
  if (q->client && !q->is_away) lib->destroy(q->client);
  free(q);
}

static void end_orderly(gw_socket *s) {
  gw_socket_end(s, s->code, s->reason[0] ? s->reason : "the assistant ended the conversation");
}

static void refuse(gw_socket *s, int code) {
  switch (code) {
    case 2: gw_socket_end(s, 401, "the assistant's MQTT broker did not accept the client id"); return;
    case 4:
    case 5: gw_socket_end(s, 401, "the assistant's MQTT broker did not accept the password"); return;
    default: gw_socket_end(s, 0, "the assistant's MQTT broker is not available"); return;
  }
}

static void fail(gw_socket *s, int result) {
  gw_mqtt *q = s->mqtt;
  char why[100];
  const char *words = result == MOSQ_ERR_ERRNO ? strerror(errno) : lib_of(s)->strerror(result);
  ERR_clear_error(); /* of this thread: what is left of a failed handshake is not another connection's */
  if (result == MOSQ_ERR_INVAL || result == MOSQ_ERR_MALFORMED_UTF8)
    snprintf(why, sizeof(why), "the assistant's MQTT settings cannot be used");
  else if (q->connected)
    snprintf(why, sizeof(why), "the assistant's MQTT broker closed the connection");
  else
    snprintf(why, sizeof(why), "no MQTT broker answers: %s", words);
  gw_socket_end(s, 0, why);
}

static int begin(gw_socket *s) {
  const char *topic = s->target.server.mqtt.subscribe_topic;
  gw_socket_tell(s, GW_LINK_OPENED, 0, NULL, 0);
  return topic[0] ? lib_of(s)->subscribe(s->mqtt->client, NULL, topic, 0) : MOSQ_ERR_SUCCESS;
}

/* Pieces one by one, so that credit goes back when a piece is on the wire and not in the library's own queue. */
static int push_texts(gw_socket *s) {
  const gw_mosquitto *lib = lib_of(s);
  gw_mqtt *q = s->mqtt;
  int result = MOSQ_ERR_SUCCESS;
  while (!result && q->connected && (q->writing || s->first)) {
    gw_piece *p = s->first;
    if (!q->writing)
      result = lib->publish(q->client, NULL, s->target.server.mqtt.publish_topic, (int)p->len, p->bytes + LWS_PRE,
                            0, false);
    q->writing = !result && lib->want_write(q->client);
    if (q->writing) break;
    if (!result) gw_socket_sent(s);
  }
  return result;
}

/* What follows from anything that happened to the connection. false: the link is gone. */
static bool settle(gw_socket *s, int result, bool was_connected) {
  const gw_mosquitto *lib = lib_of(s);
  gw_mqtt *q = s->mqtt;
  if (q->refused) {
    refuse(s, q->refused);
    return false;
  }
  if (q->overrun) {
    gw_socket_end(s, 1009, "the assistant sent more than can be taken");
    return false;
  }
  if (!result && q->connected && !was_connected) result = begin(s);
  if (!result) result = push_texts(s);
  if (!result && s->closing && (!q->connected || !s->first)) {
    if (q->connected) (void)lib->disconnect(q->client);
    end_orderly(s);
    return false;
  }
  if (result) {
    fail(s, result);
    return false;
  }
  if (q->wsi && lib->want_write(q->client)) lws_callback_on_writable(q->wsi);
  return true;
}

static size_t n_waiting(const gw_mqtt *q) {
  int n = 0;
  return ioctl(lib_of(q->socket)->socket(q->client), FIONREAD, &n) == 0 && n > 0 ? (size_t)n : 0;
}

static bool read_broker(gw_mqtt *q) {
  gw_socket *s = q->socket;
  bool was_connected = q->connected;
  size_t before = n_waiting(q);
  q->n_unfinished += before;
  int result = lib_of(s)->loop_read(q->client, PACKETS_AT_ONCE);
  size_t left = result ? 0 : n_waiting(q);
  q->n_unfinished -= left < q->n_unfinished ? left : q->n_unfinished;
  if (q->n_unfinished > UNFINISHED_MAX) q->overrun = true;
  return settle(s, result, was_connected);
}

static bool write_broker(gw_mqtt *q) {
  gw_socket *s = q->socket;
  bool was_connected = q->connected;
  return settle(s, lib_of(s)->loop_write(q->client, PACKETS_AT_ONCE), was_connected);
}

static void on_second(lws_sorted_usec_list_t *sul) {
  gw_mqtt *q = lws_container_of(sul, gw_mqtt, due);
  gw_socket *s = q->socket;
  if (!q->connected && gw_now() >= q->open_until) {
    gw_socket_end(s, 0, "no MQTT broker answers");
    return;
  }
  if (s->closing && q->n_closing++ == CLOSE_SECONDS) { /* it takes nothing any more */
    end_orderly(s);
    return;
  }
  lws_sul_schedule(s->http->lws, 0, &q->due, on_second, LWS_US_PER_SEC);
  if (q->wsi) (void)settle(s, lib_of(s)->loop_misc(q->client), q->connected);
}

static struct mosquitto *create(gw_socket *s, gw_mqtt *q) {
  const gw_mosquitto *lib = lib_of(s);
  const xz_ota_mqtt *server = &s->target.server.mqtt;
  struct mosquitto *client = lib->create(server->client_id, true, q);
  SSL_CTX *tls = client && server->tls ? tls_of(s->http) : NULL;
  bool fine = client && (!server->tls || tls);
  /* Without its defaults: they would load the certificates once more into the context that is shared. */
  if (fine && tls)
    fine = lib->int_option(client, MOSQ_OPT_SSL_CTX_WITH_DEFAULTS, 0) == MOSQ_ERR_SUCCESS &&
           lib->void_option(client, MOSQ_OPT_SSL_CTX, tls) == MOSQ_ERR_SUCCESS;
  if (fine && server->username[0])
    fine = lib->username_pw_set(client, server->username, server->password) == MOSQ_ERR_SUCCESS;
  if (client && !fine) {
    lib->destroy(client);
    return NULL;
  }
  if (client) lib->connect_callback_set(client, on_connect);
  if (client) lib->message_callback_set(client, on_message);
  return client;
}

void gw_mqtt_open(gw_socket *s) {
  const xz_ota_mqtt *server = &s->target.server.mqtt;
  char error[124];
  if (!load(s->http, error, sizeof(error))) {
    gw_socket_end(s, 0, error);
    return;
  }
  gw_mqtt *q = calloc(1, sizeof(*q));
  gw_errand *e = calloc(1, sizeof(*e));
  if (!q || !e) abort();
  q->socket = s;
  q->udp = -1;
  q->open_until = gw_now() + CONNECT_US;
  s->mqtt = q;
  q->client = create(s, q);
  *e = (gw_errand){.ref = s->ref, .client = q->client, .connect = lib_of(s)->connect_async, .port = server->port};
  snprintf(e->host, sizeof(e->host), "%s", server->host);
  e->keep_alive_s = server->keep_alive_s < KEEP_ALIVE_MAX_S ? server->keep_alive_s : KEEP_ALIVE_MAX_S;
  q->is_away = q->client && send_errand(e);
  if (q->is_away) {
    lws_sul_schedule(s->http->lws, 0, &q->due, on_second, LWS_US_PER_SEC);
    return;
  }
  free(e);
  gw_socket_end(s, 0, "the assistant's MQTT settings cannot be used");
}

void gw_mqtt_pump(gw_socket *s) {
  if (s->mqtt->is_away && s->closing)
    end_orderly(s);
  else if (!s->mqtt->is_away)
    (void)settle(s, MOSQ_ERR_SUCCESS, s->mqtt->connected);
}

/* ---- speech ---- */

static void open_udp(gw_mqtt *q, const gw_errand *e) {
  unwatch(&q->udp_wsi);
  q->udp = socket(e->found.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (q->udp >= 0) q->udp_wsi = watch(q, q->udp);
  if (!q->udp_wsi) q->udp = -1;
  memcpy(&q->peer, &e->found, sizeof(q->peer));
  q->peer_len = e->found_len;
  if (q->held_len) gw_mqtt_send_speech(q->socket, q->held, q->held_len);
  q->held_len = 0;
}

void gw_mqtt_channel(gw_socket *s, const char *host, uint16_t port) {
  gw_mqtt *q = s->mqtt;
  gw_errand *e = calloc(1, sizeof(*e));
  if (!e) abort();
  *e = (gw_errand){.ref = s->ref, .port = port, .channel = ++q->channel};
  snprintf(e->host, sizeof(e->host), "%s", host);
  unwatch(&q->udp_wsi);
  q->udp = -1;
  look_up(e, AI_NUMERICHOST);
  bool known = e->result == 0;
  if (known) open_udp(q, e);
  if (known || !send_errand(e)) free(e);
}

void gw_mqtt_send_speech(gw_socket *s, const void *bytes, size_t len) {
  gw_mqtt *q = s->mqtt;
  gw_socket_tell(s, GW_LINK_SENT, (uint32_t)len, NULL, 0);
  if (q->udp >= 0) {
    (void)sendto(q->udp, bytes, len, 0, (const struct sockaddr *)&q->peer, q->peer_len);
  } else if (len <= sizeof(q->held)) {
    memcpy(q->held, bytes, len);
    q->held_len = len;
  }
}

/* The broker first: the message that opens an answer was sent before the answer's sound. */
static bool read_speech(gw_mqtt *q) {
  uint8_t datagram[GW_DATAGRAM_MAX];
  gw_socket *s = q->socket;
  wr_addr peer = gw_addr_of(&q->peer);
  if (q->wsi && !read_broker(q)) return false;
  for (unsigned i = 0; i < DATAGRAMS_AT_ONCE && q->udp >= 0; i++) {
    struct sockaddr_storage from = {0};
    socklen_t from_len = sizeof(from);
    ssize_t len = recvfrom(q->udp, datagram, sizeof(datagram), 0, (struct sockaddr *)&from, &from_len);
    if (len < 0) break;
    wr_addr sender = gw_addr_of(&from);
    if (wr_addr_equal(&sender, &peer)) (void)gw_socket_pass_on(s, datagram, (size_t)len, false);
  }
  return true;
}

/* ---- events ---- */

int gw_mqtt_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len) {
  (void)user, (void)in, (void)len;
  gw_mqtt *q = lws_get_opaque_user_data(wsi);
  bool reads = reason == LWS_CALLBACK_RAW_RX_FILE, writes = reason == LWS_CALLBACK_RAW_WRITEABLE_FILE;
  if (!q) return reads || writes ? -1 : 0;
  if (reason == LWS_CALLBACK_RAW_CLOSE_FILE) {
    if (wsi == q->udp_wsi) q->udp = -1;
    if (wsi == q->udp_wsi) q->udp_wsi = NULL;
    if (wsi != q->wsi) return 0;
    q->wsi = NULL; /* libwebsockets is about to free it */
    fail(q->socket, MOSQ_ERR_CONN_LOST);
    return 0;
  }
  if (wsi == q->udp_wsi) return reads && !read_speech(q) ? -1 : 0;
  if (reads) return read_broker(q) ? 0 : -1;
  if (writes) return write_broker(q) ? 0 : -1;
  return 0;
}

static void connected(gw_socket *s, const gw_errand *e) {
  gw_mqtt *q = s->mqtt;
  int bytes = SOCKET_BYTES, own = e->result ? -1 : lib_of(s)->socket(q->client);
  int fd = own < 0 ? -1 : fcntl(own, F_DUPFD_CLOEXEC, 0);
  if (fd >= 0) (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
  if (fd >= 0) q->wsi = watch(q, fd); /* a second one: each of the libraries closes its own */
  if (q->wsi) {
    (void)settle(s, MOSQ_ERR_SUCCESS, false);
    return;
  }
  errno = e->why;
  fail(s, e->result ? e->result : MOSQ_ERR_NOMEM);
}

void gw_mqtt_errand_done(gw_http *http, gw_errand *e) {
  gw_socket *s = gw_socket_find(http, e->ref);
  gw_mqtt *q = s ? s->mqtt : NULL;
  if (e->client && q && q->client == e->client) {
    q->is_away = false;
    connected(s, e);
  } else if (e->client) {
    http->mqtt->lib.destroy(e->client);
  } else if (q && q->channel == e->channel) {
    if (e->result == 0)
      open_udp(q, e);
    else
      gw_socket_end(s, 0, "the assistant's UDP server cannot be found");
  }
  free(e);
}
