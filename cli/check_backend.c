/* cli/check_backend.c - the assistant's server, met as the gateway meets it: address, certificate, headers, token,
 * hello. Where OTA names the server nobody is asked, for that would make a device known there; whether it can be
 * reached is tried all the same. */
#include <arpa/inet.h>
#include <libwebsockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "cli/check.h"
#include "cli/way.h"
#include "gateway/http.h"
#include "gateway/identity.h"
#include "xiaozhi/client.h"

#define PATIENCE WR_S(5)
#define STEP_US (LWS_US_PER_SEC / 4)

typedef struct meeting {
  const gw_config *config;
  gw_identity identity;
  xz_client client;
  struct lws_context *lws;
  struct lws *wsi;
  lws_sorted_usec_list_t timer;
  bool asked, upgraded, over, ready;
  wr_time began, until;
  char why[200];
} meeting;

typedef struct place {
  char url[GW_TEXT_MAX];
  const char *host;
  char path[GW_TEXT_MAX + 1];
  gw_ice_url way;
} place;

/* ---- where ---- */

static bool find_place(place *p, const char *url) {
  uint8_t ip[16];
  const char *scheme, *path;
  int port = 0;
  snprintf(p->url, sizeof(p->url), "%s", url);
  if (lws_parse_uri(p->url, &scheme, &p->host, &port, &path)) return false;
  snprintf(p->path, sizeof(p->path), "/%s", path);
  p->way = (gw_ice_url){.tcp = true, .port = (uint16_t)port};
  p->way.secured = strcmp(scheme, "wss") == 0 || strcmp(scheme, "https") == 0;
  p->way.literal = inet_pton(AF_INET, p->host, ip) == 1 || inet_pton(AF_INET6, p->host, ip) == 1;
  return (size_t)snprintf(p->way.host, sizeof(p->way.host), "%s", p->host) < sizeof(p->way.host);
}

/* As the gateway's callers that bring no address. */
static void choose_identity(meeting *m) {
  uint8_t secret[GW_SECRET_BYTES], random[6];
  char error[512];
  if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random)) abort();
  if (m->config->identity[0] && gw_identity_load(secret, m->config->identity, error))
    gw_identity_from_slot(&m->identity, secret, 0, 0);
  else
    gw_identity_from_random(&m->identity, random);
}

/* ---- the meeting ---- */

static void end(meeting *m, bool ready, const char *why) {
  if (m->over) return;
  m->over = true;
  m->ready = ready;
  snprintf(m->why, sizeof(m->why), "%s", why);
}

static void take_events(meeting *m) {
  xz_client_event e;
  char why[200];
  while (xz_client_poll(&m->client, &e)) {
    if (e.kind == XZ_CLIENT_EVENT_READY) {
      snprintf(why, sizeof(why), "answers hello after %d ms", (int)((way_now() - m->began) / 1000));
      end(m, true, why);
    } else if (e.kind == XZ_CLIENT_EVENT_ERROR) {
      snprintf(why, sizeof(why), "it has no hello for us and says '%.120s'", e.text);
      end(m, false, why);
    } else if (e.kind == XZ_CLIENT_EVENT_FAILED) {
      end(m, false, "no answer to hello within 10 s: it may not know this device");
    }
  }
  if (m->wsi) lws_callback_on_writable(m->wsi);
}

static void on_time(lws_sorted_usec_list_t *timer) {
  meeting *m = lws_container_of(timer, meeting, timer);
  if (m->upgraded) {
    xz_client_tick(&m->client, way_now());
    take_events(m);
  } else if (way_now() >= m->until) {
    end(m, false, m->asked ? "it takes the connection, and does not answer the upgrade within 10 s" : "");
  }
  lws_sul_schedule(m->lws, 0, &m->timer, on_time, STEP_US);
}

static bool add(struct lws *wsi, const char *name, const char *value, uint8_t **at, uint8_t *limit) {
  return !lws_add_http_header_by_name(wsi, (const uint8_t *)name, (const uint8_t *)value, (int)strlen(value), at,
                                      limit);
}

static int add_headers(const meeting *m, struct lws *wsi, uint8_t **at, size_t len) {
  const char *token = m->config->backend_token;
  char bearer[sizeof(m->config->backend_token) + 8];
  uint8_t *limit = *at + len;
  snprintf(bearer, sizeof(bearer), "%s%s", strchr(token, ' ') ? "" : "Bearer ", token);
  bool ok = (!token[0] || add(wsi, "Authorization:", bearer, at, limit)) &&
            add(wsi, "Protocol-Version:", "1", at, limit) && add(wsi, "Device-Id:", m->identity.mac, at, limit) &&
            add(wsi, "Client-Id:", m->identity.client_id, at, limit);
  return ok ? 0 : -1;
}

static int on_writable(meeting *m, struct lws *wsi) {
  static uint8_t buffer[LWS_PRE + XZ_CLIENT_OUT_BYTES];
  xz_send send;
  if (m->over) return -1;
  if (!xz_client_peek(&m->client, &send) || send.kind != XZ_SEND_TEXT) return 0;
  memcpy(buffer + LWS_PRE, send.bytes.data, send.bytes.len);
  int written = lws_write(wsi, buffer + LWS_PRE, send.bytes.len, LWS_WRITE_TEXT);
  xz_client_pop(&m->client);
  lws_callback_on_writable(wsi);
  return written < 0 ? -1 : 0;
}

/* Hellos are short: what comes in pieces is none. */
static void on_receive(meeting *m, struct lws *wsi, const void *in, size_t len) {
  bool whole = lws_is_first_fragment(wsi) && lws_is_final_fragment(wsi) && !lws_remaining_packet_payload(wsi);
  if (!whole || lws_frame_is_binary(wsi)) return;
  xz_client_recv_text(&m->client, wr_bytes_of(in, len), way_now());
  take_events(m);
}

/* libwebsockets has no more than these words for the status. */
static void on_refused(meeting *m, const char *why) {
  bool unauthorized = strstr(why, "unauthorized") != NULL;
  m->wsi = NULL;
  if (unauthorized && m->config->backend_token[0])
    end(m, false, "it refuses --backend-token (401)");
  else if (unauthorized)
    end(m, false, "it wants a token: give --backend-token (401)");
  else if (strstr(why, "not 101"))
    end(m, false, "what answers there takes no WebSocket at this path, or not from us");
  else
    end(m, false, "");
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len) {
  meeting *m = user;
  if (!m) return 0;
  switch ((int)reason) {
    case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER: m->asked = true; return add_headers(m, wsi, in, len);
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
      m->upgraded = true;
      m->wsi = wsi;
      xz_client_opened(&m->client, way_now());
      take_events(m);
      return 0;
    case LWS_CALLBACK_CLIENT_RECEIVE: on_receive(m, wsi, in, len); return m->over ? -1 : 0;
    case LWS_CALLBACK_CLIENT_WRITEABLE: return on_writable(m, wsi);
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR: on_refused(m, in && len ? (const char *)in : ""); return 0;
    case LWS_CALLBACK_CLIENT_CLOSED:
      m->wsi = NULL;
      end(m, false, "it closes the connection without an answer to hello");
      return 0;
  }
  return 0;
}

static void meet(meeting *m, const place *p) {
  static const struct lws_protocols protocols[] = {{"meet", on_event, 0, 4096, 0, NULL, 0},
                                                   {NULL, NULL, 0, 0, 0, NULL, 0}};
  char authority[GW_AUTHORITY_MAX];
  struct lws_context_creation_info info = {
      .port = CONTEXT_PORT_NO_LISTEN, .protocols = protocols, .gid = -1, .uid = -1};
  if (p->way.secured) info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
  if (p->way.secured) info.client_ssl_ca_filepath = gw_ca_file(m->config);
  lws_set_log_level(0, NULL);
  m->lws = lws_create_context(&info);
  if (!m->lws) {
    end(m, false, "it could not be asked: no memory, or no certificates to judge it by");
    return;
  }
  gw_authority(authority, p->host, p->way.port, p->way.secured);
  struct lws_client_connect_info connect = {.context = m->lws,
                                            .address = p->host,
                                            .host = authority,
                                            .port = p->way.port,
                                            .path = p->path,
                                            .userdata = m,
                                            .local_protocol_name = "meet",
                                            .ssl_connection = p->way.secured ? LCCSCF_USE_SSL : 0};
  lws_sul_schedule(m->lws, 0, &m->timer, on_time, STEP_US);
  if (!lws_client_connect_via_info(&connect)) end(m, false, "");
  while (!m->over && lws_service(m->lws, 0) >= 0) continue;
  end(m, false, "");
  lws_sul_cancel(&m->timer);
  m->over = true;
  lws_context_destroy(m->lws);
}

static void check_hello(const gw_config *config, const place *p, check_finding *finding) {
  static meeting m; /* large */
  xz_client_settings settings;
  m = (meeting){.config = config, .began = way_now(), .until = way_now() + WR_S(10)};
  xz_client_settings_default(&settings);
  settings.mcp.n_tools = 0;
  xz_client_init(&m.client, &settings);
  choose_identity(&m);
  meet(&m, p);
  if (!m.why[0])
    way_explain(m.why, sizeof(m.why), &p->way, config->backend_ca[0] != 0, "it cannot be reached", PATIENCE);
  finding(m.ready, "backend", m.why);
  xz_client_wipe(&m.client);
}

static void check_ota(const gw_config *config, const place *p, check_finding *finding) {
  way w;
  char why[200] = "can be reached; it is not asked, for that would make a device known there";
  bool own_ca = config->backend_ca[0] != 0;
  gw_ice_url url = p->way;
  url.secured = url.secured && !own_ca;
  bool fine = way_open(&w, &url, PATIENCE) == WAY_FINE;
  way_close(&w);
  if (!fine) way_explain(why, sizeof(why), &p->way, own_ca, "it cannot be reached", PATIENCE);
  finding(fine, "backend", why);
}

void check_backend(const gw_config *config, check_finding *finding) {
  static place p;
  const char *backend = config->backend;
  bool ota = strncmp(backend, "ota:", 4) == 0, ws = strncmp(backend, "ws", 2) == 0;
  const char *url = strncmp(backend, "ws:ws", 5) == 0 ? backend + 3 : ota ? backend + 4 : backend;
  if (strcmp(backend, "ota:official") == 0) url = XZ_OTA_OFFICIAL;
  if (!ota && !ws)
    finding(true, "backend", backend);
  else if (!find_place(&p, url))
    finding(false, "backend", "its address cannot be read");
  else if (ota)
    check_ota(config, &p, finding);
  else
    check_hello(config, &p, finding);
}
