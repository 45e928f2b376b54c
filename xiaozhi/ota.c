/* xiaozhi/ota.c - the OTA check of a XiaoZhi device, and its activation.
 *
 * Left out: firmware updates (there is no firmware), serial numbers and their HMAC (no burned key; servers accept
 * the body {}). */
#include "xiaozhi/ota.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "xiaozhi/message.h"

#define POLL_PENDING WR_S(3)
#define POLL_ERROR WR_S(10)
#define CHECK_AGAIN WR_S(30) /* some servers never implement /activate */
#define RETRY_FIRST_S 10u
#define RETRY_MAX_S 300u
#define MQTT_PORT_TLS 8883
#define KEEP_ALIVE_S 240

/* ---- reading ---- */

/* As the JSON library gives it: valid UTF-8, cut between characters. */
static void copy_text(char *out, size_t cap, const json_t *value) {
  const char *text = json_string_value(value);
  size_t len = text ? strlen(text) : 0;
  if (len >= cap) {
    len = cap - 1;
    while (len && ((unsigned char)text[len] & 0xc0) == 0x80) len--;
  }
  if (len) memcpy(out, text, len);
  out[len] = 0;
}

/* For a header or a request line: whole, and nothing in it that could end the line. */
static bool copy_plain(char *out, size_t cap, const json_t *value, bool blanks) {
  const char *text = json_string_value(value);
  out[0] = 0;
  if (!text || strlen(text) >= cap) return false;
  for (const char *c = text; *c; c++)
    if ((unsigned char)*c < ' ' || *c == 0x7f || (*c == ' ' && !blanks)) return false;
  memcpy(out, text, strlen(text) + 1);
  return true;
}

/* A port or a number may be text to some servers; the firmware takes numbers alone, we forgive. */
static int64_t number_of(const json_t *value) {
  double v = json_number_value(value);
  return v > -9e15 && v < 9e15 ? (int64_t)v : 0;
}

static void read_server(xz_ota_reply *r, const json_t *section) {
  xz_ota_server *s = &r->server;
  const json_t *token = json_object_get(section, "token");
  bool fine = copy_plain(s->url, sizeof s->url, json_object_get(section, "url"), false);
  fine = fine && (!strncmp(s->url, "ws://", 5) || !strncmp(s->url, "wss://", 6));
  if (!json_is_string(token))
    s->token[0] = 0; /* one server has no such member */
  else
    fine = copy_plain(s->token, sizeof s->token, token, true) && fine;
  int64_t version = number_of(json_object_get(section, "version"));
  s->version = version == 2 || version == 3 ? (unsigned)version : 1;
  r->has_server = fine;
  if (!fine) *s = (xz_ota_server){.version = 1};
}

/* "host", "host:port", "[v6]:port", with or without a scheme. */
static bool read_endpoint(xz_ota_mqtt *q, const json_t *section) {
  static const char *const schemes[] = {"mqtts://", "ssl://", "mqtt://", "tcp://"};
  enum { N_TLS = 2, N_SCHEMES = 4 };
  const char *text = json_string_value(json_object_get(section, "endpoint"));
  size_t scheme = 0;
  while (text && scheme < N_SCHEMES && strncmp(text, schemes[scheme], strlen(schemes[scheme]))) scheme++;
  if (!text) return false;
  if (scheme < N_SCHEMES) text += strlen(schemes[scheme]);
  const char *closing = text[0] == '[' ? strchr(text, ']') : NULL, *colon = strchr(closing ? closing : text, ':');
  size_t len = colon ? (size_t)(colon - text) : strcspn(text, "/");
  if (closing) {
    text++;
    len = (size_t)(closing - text);
  }
  if (!len || len >= sizeof q->host) return false;
  memcpy(q->host, text, len);
  q->host[len] = 0;
  for (const char *c = q->host; *c; c++)
    if ((unsigned char)*c <= ' ' || *c == 0x7f) return false;
  int64_t port = colon ? strtol(colon + 1, NULL, 10) : number_of(json_object_get(section, "port"));
  if (!colon && !port) port = scheme < N_SCHEMES && scheme >= N_TLS ? 1883 : MQTT_PORT_TLS;
  q->port = (uint16_t)port;
  q->tls = scheme < N_TLS || (scheme == N_SCHEMES && port == MQTT_PORT_TLS);
  return port > 0 && port < 65536;
}

static bool copy_optional(char *out, size_t cap, const json_t *value) {
  out[0] = 0;
  return !json_is_string(value) || copy_plain(out, cap, value, true);
}

static void read_mqtt(xz_ota_reply *r, const json_t *section) {
  xz_ota_mqtt *q = &r->server.mqtt;
  if (r->has_server || !json_is_object(section)) return;
  bool fine =
      read_endpoint(q, section) &&
      copy_plain(q->client_id, sizeof q->client_id, json_object_get(section, "client_id"), true) &&
      copy_optional(q->username, sizeof q->username, json_object_get(section, "username")) &&
      copy_optional(q->password, sizeof q->password, json_object_get(section, "password")) &&
      copy_plain(q->publish_topic, sizeof q->publish_topic, json_object_get(section, "publish_topic"), true) &&
      copy_optional(q->subscribe_topic, sizeof q->subscribe_topic, json_object_get(section, "subscribe_topic"));
  if (!strcmp(q->subscribe_topic, "null")) q->subscribe_topic[0] = 0; /* an old firmware wanted a word there */
  int64_t keep_alive = number_of(json_object_get(section, "keepalive"));
  q->keep_alive_s = keep_alive >= 5 && keep_alive <= 3600 ? (uint16_t)keep_alive : KEEP_ALIVE_S;
  r->has_server = fine && q->publish_topic[0];
  r->unusable_mqtt = !r->has_server;
  if (!r->has_server) *q = (xz_ota_mqtt){0};
}

static void read_activation(xz_ota_reply *r, const json_t *section) {
  r->has_activation = json_is_object(section);
  copy_text(r->code, sizeof r->code, json_object_get(section, "code"));
  copy_text(r->message, sizeof r->message, json_object_get(section, "message"));
  r->has_challenge = json_is_string(json_object_get(section, "challenge"));
  int64_t timeout = number_of(json_object_get(section, "timeout_ms"));
  r->timeout_ms = timeout > 0 && timeout < 86400000 ? (uint32_t)timeout : 0;
}

/* {"success":false,"message":..} or {"error":..} with status 200. */
static void read_error(xz_ota_reply *r, const json_t *root) {
  const json_t *error = json_object_get(root, "error");
  if (json_is_object(error)) error = json_object_get(error, "message");
  if (json_is_string(error))
    copy_text(r->error, sizeof r->error, error);
  else if (json_is_false(json_object_get(root, "success")) || (!r->has_server && !r->has_activation))
    copy_text(r->error, sizeof r->error, json_object_get(root, "message"));
}

bool xz_ota_read(xz_ota_reply *r, wr_bytes body) {
  *r = (xz_ota_reply){.server.version = 1};
  json_t *root =
      body.len <= XZ_OTA_BODY_MAX && body.len ? json_loadb((const char *)body.data, body.len, 0, NULL) : NULL;
  bool fine = json_is_object(root);
  if (fine) {
    read_server(r, json_object_get(root, "websocket"));
    read_mqtt(r, json_object_get(root, "mqtt"));
    read_activation(r, json_object_get(root, "activation"));
    read_error(r, root);
    const json_t *clock = json_object_get(root, "server_time");
    r->timestamp_ms = number_of(json_object_get(clock, "timestamp"));
    r->has_time = r->timestamp_ms > 0;
    int64_t offset = number_of(json_object_get(clock, "timezone_offset"));
    r->offset_min = offset > -1440 && offset < 1440 ? (int32_t)offset : 0;
  }
  json_decref(root);
  return fine;
}

/* ---- writing ---- */

static void member(wr_writer *w, const char *name, const char *text) {
  wr_write_text(w, name);
  xz_write_json_text(w, text);
}

size_t xz_ota_write(char *out, size_t cap, const xz_ota_device *d) {
  wr_writer w = wr_writer_of((uint8_t *)out, cap);
  member(&w, "{\"version\":2,\"language\":", d->language);
  wr_write_text(&w, ",\"flash_size\":16777216,\"minimum_free_heap_size\":\"8457848\"");
  member(&w, ",\"mac_address\":", d->mac);
  member(&w, ",\"uuid\":", d->client_id);
  member(&w, ",\"chip_model_name\":\"gateway\",\"application\":{\"name\":\"xiaozhi\",\"version\":", d->version);
  wr_write_text(&w, ",\"elf_sha256\":\"");
  for (unsigned i = 0; i < 64; i++) wr_write_u8(&w, '0');
  member(&w, "\"},\"partition_table\":[],\"ota\":{\"label\":\"ota_0\"},\"board\":{\"type\":", d->board);
  member(&w, ",\"name\":", d->board);
  member(&w, ",\"ip\":", d->ip);
  member(&w, ",\"mac\":", d->mac);
  wr_write_text(&w, "}}");
  return wr_writer_ok(&w) ? wr_writer_len(&w) : 0;
}

bool xz_ota_activate_url(char *out, size_t cap, const char *url) {
  size_t len = strlen(url);
  int n = snprintf(out, cap, "%s%sactivate", url, len && url[len - 1] == '/' ? "" : "/");
  return n > 0 && (size_t)n < cap;
}

/* ---- the way ---- */

void xz_ota_init(xz_ota *o) { *o = (xz_ota){.state = XZ_OTA_IDLE, .server.version = 1}; }

void xz_ota_start(xz_ota *o, wr_time now) {
  if (o->state != XZ_OTA_IDLE) return;
  o->state = XZ_OTA_CHECKING;
  o->ask_at = now;
}

void xz_ota_forget(xz_ota *o) {
  if (o->state == XZ_OTA_READY) o->state = XZ_OTA_IDLE;
}

static wr_time next_at(const xz_ota *o) {
  if (o->state == XZ_OTA_IDLE || o->state == XZ_OTA_READY) return WR_NEVER;
  return o->state == XZ_OTA_ACTIVATING ? wr_time_min(o->ask_at, o->check_at) : o->ask_at;
}

xz_ota_request xz_ota_ask(xz_ota *o, wr_time now) {
  if (o->asked || now < next_at(o)) return XZ_OTA_NOTHING;
  o->asked = o->state == XZ_OTA_ACTIVATING && now < o->check_at ? XZ_OTA_ACTIVATE : XZ_OTA_CHECK;
  return o->asked;
}

wr_time xz_ota_deadline(const xz_ota *o) { return o->asked ? WR_NEVER : next_at(o); }

static xz_ota_news become_ready(xz_ota *o) {
  o->state = XZ_OTA_READY;
  o->n_failures = 0;
  o->code[0] = 0;
  return XZ_OTA_NEWS_READY;
}

static xz_ota_news fail(xz_ota *o, const char *why, wr_time now) {
  unsigned doublings = o->n_failures < 5 ? o->n_failures : 5;
  unsigned wait_s = RETRY_FIRST_S << doublings;
  snprintf(o->error, sizeof o->error, "%s", why);
  o->n_failures++;
  o->state = XZ_OTA_RETRYING;
  o->ask_at = now + WR_S(wait_s < RETRY_MAX_S ? wait_s : RETRY_MAX_S);
  if (!o->known) return XZ_OTA_NEWS_FAILED;
  o->known = false; /* the last resort is tried once, not again and again */
  o->state = XZ_OTA_READY;
  return XZ_OTA_NEWS_READY;
}

static xz_ota_news on_activation(xz_ota *o, const xz_ota_reply *r, wr_time now) {
  o->state = XZ_OTA_ACTIVATING;
  o->n_failures = 0;
  o->has_challenge = r->has_challenge;
  o->timeout_ms = r->timeout_ms;
  /* A server that says "activated" and asks for activation all the same is asked slowly. */
  o->ask_at = r->has_challenge ? now + (o->confirmed ? POLL_ERROR : POLL_PENDING) : WR_NEVER;
  o->confirmed = false;
  o->check_at = now + CHECK_AGAIN;
  memcpy(o->code, r->code, sizeof o->code);
  memcpy(o->message, r->message, sizeof o->message);
  return XZ_OTA_NEWS_CODE;
}

static xz_ota_news on_check(xz_ota *o, unsigned status, wr_bytes body, int64_t wall_ms, wr_time now) {
  char why[64];
  xz_ota_reply r;
  if (status != 200) {
    snprintf(why, sizeof why, status ? "the XiaoZhi server answered with status %u" : "no XiaoZhi server answers",
             status);
    return fail(o, why, now);
  }
  if (!xz_ota_read(&r, body)) return fail(o, "the XiaoZhi server's answer is not JSON", now);
  if (r.has_time) {
    o->has_skew = true;
    o->skew_ms = r.timestamp_ms - wall_ms;
  }
  if (r.has_activation && (r.code[0] || r.message[0])) return on_activation(o, &r, now);
  if (r.has_server) {
    o->server = r.server;
    o->known = true;
    return become_ready(o);
  }
  if (r.error[0]) return fail(o, r.error, now);
  return fail(o,
              r.unusable_mqtt ? "the XiaoZhi server's MQTT settings cannot be used"
                              : "the XiaoZhi server did not say where to connect",
              now);
}

xz_ota_news xz_ota_answer(xz_ota *o, unsigned status, wr_bytes body, int64_t wall_ms, wr_time now) {
  xz_ota_request asked = o->asked;
  o->asked = XZ_OTA_NOTHING;
  if (asked == XZ_OTA_CHECK) return on_check(o, status, body, wall_ms, now);
  if (asked != XZ_OTA_ACTIVATE || o->state != XZ_OTA_ACTIVATING) return XZ_OTA_NO_NEWS;
  o->ask_at = now + (status == 202 ? POLL_PENDING : POLL_ERROR);
  o->confirmed = status == 200;
  if (o->confirmed) o->check_at = now; /* the check has the last word */
  return XZ_OTA_NO_NEWS;
}
