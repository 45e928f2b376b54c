/* assistant/http.c - OTA, activation and vision on libwebsockets' HTTP server.
 *
 * OTA says where the WebSocket is, seen from the device (its Host header), and echoes the device's own firmware
 * version, so that no device tries to update itself. With activation each device has a token of its own, signed; it
 * is given out before the device is bound, since one client keeps the first it gets: until then it hears its code.
 */
#include "assistant/http.h"

#include <jansson.h>
#include <libwebsockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "assistant/vision.h"

static bool copy_header(struct lws *wsi, char *out, size_t cap, enum lws_token_indexes token) {
  if (lws_hdr_copy(wsi, out, (int)cap, token) > 0) return true;
  out[0] = 0;
  return false;
}

/* A header libwebsockets has no token for, by its lower-case name with the colon, or the query's |argument|. */
static void copy_custom(struct lws *wsi, char *out, size_t cap, const char *name, const char *argument) {
  out[0] = 0;
  if (lws_hdr_custom_copy(wsi, out, (int)cap, name, (int)strlen(name)) > 0) return;
  const char *value = lws_get_urlarg_by_name(wsi, argument, out, (int)cap);
  if (!value)
    out[0] = 0;
  else if (value != out)
    memmove(out, value, strlen(value) + 1);
}

static void copy_boundary(as_http *h, struct lws *wsi) {
  char type[160];
  copy_header(wsi, type, sizeof type, WSI_TOKEN_HTTP_CONTENT_TYPE);
  const char *at = strstr(type, "boundary=");
  if (!at) return;
  at += 9;
  if (*at == '"') at++;
  size_t len = strcspn(at, "\"; ");
  if (len < sizeof h->boundary) memcpy(h->boundary, at, len);
}

void as_http_read_request(as_http *h, struct lws *wsi, const as_http_site *site) {
  char text[32];
  as_http_end(h);
  h->posted = copy_header(wsi, h->path, sizeof h->path, WSI_TOKEN_POST_URI);
  if (!h->posted && !copy_header(wsi, h->path, sizeof h->path, WSI_TOKEN_GET_URI))
    copy_header(wsi, h->path, sizeof h->path, WSI_TOKEN_OPTIONS_URI);
  if (!copy_header(wsi, h->host, sizeof h->host, WSI_TOKEN_HOST))
    snprintf(h->host, sizeof h->host, "%s:%u", site->host, site->port);
  if (!copy_header(wsi, h->authorization, sizeof h->authorization, WSI_TOKEN_HTTP_AUTHORIZATION))
    copy_custom(wsi, h->authorization, sizeof h->authorization, "authorization:", "authorization=");
  copy_custom(wsi, h->device_id, sizeof h->device_id, "device-id:", "device-id=");
  copy_custom(wsi, h->client_id, sizeof h->client_id, "client-id:", "client-id=");
  copy_custom(wsi, text, sizeof text, "x-forwarded-proto:", "none=");
  h->tls = !strcasecmp(text, "https");
  copy_custom(wsi, text, sizeof text, "protocol-version:", "protocol-version=");
  h->version = !strcmp(text, "2") ? 2 : !strcmp(text, "3") ? 3 : 1;
  copy_custom(wsi, text, sizeof text, "transfer-encoding:", "none=");
  if (!*text) copy_header(wsi, text, sizeof text, WSI_TOKEN_HTTP_TRANSFER_ENCODING);
  h->chunked = !strcasecmp(text, "chunked");
  copy_boundary(h, wsi);
}

static const char *bearer_of(const as_http *h) {
  return !strncasecmp(h->authorization, "bearer ", 7) ? h->authorization + 7 : h->authorization;
}

bool as_http_authorised(const as_http *h, const char *token) {
  const char *given = bearer_of(h);
  size_t len = strlen(token);
  return !len || (strlen(given) == len && wr_equal_secret(given, token, len));
}

bool as_http_may_connect(const as_http *h, const as_http_site *site, bool *unbound, int64_t now_s) {
  char mac[XZ_MAC_BYTES];
  *unbound = false;
  if (*site->token && as_http_authorised(h, site->token)) return true;
  if (!site->activation) return !*site->token;
  if (!xz_mac_read(mac, h->device_id)) return false;
  *unbound = !as_devices_is_bound(site->devices, mac);
  return as_devices_verify(site->devices, mac, h->client_id, bearer_of(h), now_s);
}

static bool is_path(const as_http *h, const char *path) {
  size_t len = strlen(path);
  return !strncmp(h->path, path, len) && (!h->path[len] || !strcmp(h->path + len, "/"));
}

bool as_http_is_photo(const as_http *h) { return h->posted && is_path(h, "/xiaozhi/vision/explain"); }

void as_http_end(as_http *h) {
  free(h->body);
  free(h->reply);
  *h = (as_http){0};
}

/* ---- replies ---- */

static void set_reply(as_http *h, unsigned status, json_t *json) {
  h->status = status;
  free(h->reply);
  h->reply = json_dumps(json, JSON_COMPACT);
  json_decref(json);
}

static void set_error(as_http *h, unsigned status, const char *message) {
  set_reply(h, status, json_pack("{s:b,s:s}", "success", 0, "message", message));
}

/* The device's own version, or "0.0.0"; digits and dots only, since devices parse it without care. */
static void firmware_version(const as_http *h, char out[24]) {
  json_t *body = json_loadb(h->body ? (const char *)h->body : "", h->n_body, 0, NULL);
  const char *version = json_string_value(json_object_get(json_object_get(body, "application"), "version"));
  bool plain = version && *version && strlen(version) < 24 && strspn(version, "0123456789.") == strlen(version);
  snprintf(out, 24, "%s", plain ? version : "0.0.0");
  json_decref(body);
}

/* NULL: it is bound. */
static json_t *activation_of(const as_http *h, const as_http_site *site, const char *mac, int64_t now_s) {
  char code[7], message[sizeof h->host + 16];
  uint32_t left_s;
  if (as_devices_is_bound(site->devices, mac)) return NULL;
  if (as_devices_code(site->devices, mac, code, &left_s, now_s)) site->asks_activation(site->ctx, mac, code);
  snprintf(message, sizeof message, "%s\n%s", h->host, code);
  return json_pack("{s:s,s:s,s:s,s:i}", "code", code, "message", message, "challenge", mac, "timeout_ms",
                   (int)left_s * 1000);
}

static void answer_ota(as_http *h, const as_http_site *site) {
  char url[sizeof h->host + 32], version[24], mac[XZ_MAC_BYTES], signed_token[AS_TOKEN_MAX];
  json_t *activation = NULL;
  snprintf(url, sizeof url, "%s://%s/xiaozhi/v1/", h->tls ? "wss" : "ws", h->host);
  firmware_version(h, version);
  /* The token is no present for whoever asks: it goes to those who have it, as the protocol wants the field. */
  const char *token = as_http_authorised(h, site->token) ? site->token : "";
  struct tm local;
  time_t now = time(NULL);
  localtime_r(&now, &local);
  if (site->activation) {
    if (!xz_mac_read(mac, h->device_id)) {
      set_reply(h, 400, json_pack("{s:s}", "error", "Invalid device ID"));
      return;
    }
    as_devices_sign(site->devices, mac, h->client_id, signed_token, now);
    token = signed_token;
    activation = activation_of(h, site, mac, now);
  }
  set_reply(
      h, 200,
      json_pack("{s:{s:s,s:s,s:i},s:{s:I,s:i},s:{s:s,s:s},s:o*}", "websocket", "url", url, "token", token,
                "version", 1, "server_time", "timestamp", (json_int_t)now * 1000, "timezone_offset",
                (int)(local.tm_gmtoff / 60), "firmware", "version", version, "url", "", "activation", activation));
}

static void answer_activate(as_http *h, const as_http_site *site) {
  char mac[XZ_MAC_BYTES];
  bool bound = !site->activation || (xz_mac_read(mac, h->device_id) && as_devices_is_bound(site->devices, mac));
  set_reply(h, bound ? 200 : 202, json_pack("{s:s}", "message", bound ? "success" : "waiting for the code"));
}

/* ---- for whoever runs it: GET lists, POST {"code":..} binds, POST {"forget":"mac"} unbinds ---- */

static void list_devices(as_http *h, const as_http_site *site) {
  json_t *list = json_array();
  const char *mac;
  for (size_t i = 0; (mac = as_devices_at(site->devices, i)); i++) json_array_append_new(list, json_string(mac));
  set_reply(h, 200, json_pack("{s:o}", "devices", list));
}

static void change_devices(as_http *h, const as_http_site *site) {
  char mac[XZ_MAC_BYTES];
  bool saved = false, done = false;
  json_t *body = json_loadb(h->body ? (const char *)h->body : "", h->n_body, 0, NULL);
  const char *code = json_string_value(json_object_get(body, "code"));
  const char *forget = json_string_value(json_object_get(body, "forget"));
  if (code)
    done = as_devices_bind(site->devices, code, mac, &saved, time(NULL));
  else if (forget)
    done = xz_mac_read(mac, forget) && as_devices_forget(site->devices, mac, &saved);
  json_decref(body);
  if (done && code) site->activated(site->ctx, mac);
  if (done)
    set_reply(h, 200, json_pack("{s:s,s:b}", "device", mac, "saved", saved));
  else if (code || forget)
    set_error(h, 404, code ? "no device has this code" : "no such device");
  else
    set_error(h, 400, "neither code nor forget is given");
}

static void answer_devices(as_http *h, const as_http_site *site) {
  if (!as_http_authorised(h, site->admin_token))
    set_error(h, 401, "unknown token");
  else if (h->posted)
    change_devices(h, site);
  else
    list_devices(h, site);
}

static void answer_stats(as_http *h, const as_http_site *site) {
  if (!as_http_authorised(h, site->admin_token)) {
    set_error(h, 401, "unknown token");
    return;
  }
  free(h->reply);
  h->reply = site->stats_text(site->ctx);
  h->status = h->reply ? 200 : 500;
}

/* ---- likewise: GET counts, POST {"erase":"mac"} or {"erase":"all"} ---- */

static void answer_memory(as_http *h, const as_http_site *site) {
  char mac[XZ_MAC_BYTES];
  size_t bytes, n;
  if (!as_http_authorised(h, site->admin_token)) {
    set_error(h, 401, "unknown token");
    return;
  }
  json_t *body = json_loadb(h->body ? (const char *)h->body : "", h->n_body, 0, NULL);
  const char *erase = json_string_value(json_object_get(body, "erase"));
  if (!h->posted) {
    n = as_memory_count(site->memory, &bytes);
    set_reply(h, 200, json_pack("{s:I,s:I}", "people", (json_int_t)n, "bytes", (json_int_t)bytes));
  } else if (erase && (!strcmp(erase, "all") || xz_mac_read(mac, erase))) {
    n = as_memory_erase_device(site->memory, strcmp(erase, "all") ? mac : "");
    set_reply(h, 200, json_pack("{s:I}", "erased", (json_int_t)n));
  } else {
    set_error(h, 400, "erase is neither a device's address nor all");
  }
  json_decref(body);
}

static void answer_photo(as_http *h, const as_http_site *site) {
  wr_bytes image;
  char text[200];
  if (!h->admitted) {
    set_error(h, 401, "unknown token");
  } else if (!as_multipart_image(wr_bytes_of(h->body, h->n_body), h->boundary, &image)) {
    set_error(h, 200, "no picture was sent");
  } else {
    bool fine = as_describe_jpeg(image, text, sizeof text);
    if (fine) site->photo_came(site->ctx, bearer_of(h), image);
    set_reply(h, 200, json_pack("{s:b,s:s,s:s}", "success", fine, "action", "RESPONSE", "response", text));
  }
}

static int send_head(const as_http *h, struct lws *wsi) {
  unsigned char buffer[LWS_PRE + 512], *at = buffer + LWS_PRE, *end = buffer + sizeof buffer;
  size_t len = h->reply ? strlen(h->reply) : 0;
  static const char any[] = "*", names[] = "client-id, content-type, device-id, authorization";
  if (lws_add_http_common_headers(wsi, h->status, "application/json", len, &at, end) ||
      lws_add_http_header_by_name(wsi, (const unsigned char *)"access-control-allow-origin:",
                                  (const unsigned char *)any, (int)strlen(any), &at, end) ||
      lws_add_http_header_by_name(wsi, (const unsigned char *)"access-control-allow-headers:",
                                  (const unsigned char *)names, (int)strlen(names), &at, end) ||
      lws_finalize_write_http_header(wsi, buffer + LWS_PRE, &at, end))
    return -1;
  lws_callback_on_writable(wsi);
  return 0;
}

int as_http_answer(as_http *h, struct lws *wsi, const as_http_site *site) {
  if (!h->status) {
    if (as_http_is_photo(h))
      answer_photo(h, site);
    else if (is_path(h, "/xiaozhi/ota"))
      answer_ota(h, site);
    else if (is_path(h, "/xiaozhi/ota/activate"))
      answer_activate(h, site);
    else if (is_path(h, "/xiaozhi/devices") && *site->admin_token)
      answer_devices(h, site);
    else if (is_path(h, "/xiaozhi/stats") && *site->admin_token)
      answer_stats(h, site);
    else if (is_path(h, "/xiaozhi/memory") && *site->admin_token)
      answer_memory(h, site);
    else
      set_error(h, 404, "nothing is here");
  }
  return send_head(h, wsi);
}

int as_http_begin(as_http *h, struct lws *wsi, const as_http_site *site) {
  return h->posted ? 0 : as_http_answer(h, wsi, site);
}

int as_http_write(as_http *h, struct lws *wsi) {
  size_t len = h->reply ? strlen(h->reply) : 0;
  unsigned char *buffer = malloc(LWS_PRE + len + 1);
  if (!buffer) return -1;
  if (len) memcpy(buffer + LWS_PRE, h->reply, len);
  int written = lws_write(wsi, buffer + LWS_PRE, len, LWS_WRITE_HTTP_FINAL);
  free(buffer);
  bool close =
      h->chunked || h->status == 413 || h->status == 401; /* what is left of the body would be read as a request */
  as_http_end(h);
  if (written < (int)len || close) return -1;
  return lws_http_transaction_completed(wsi) ? -1 : 0;
}

/* ---- bodies ---- */

static bool keep_body(as_http *h, const uint8_t *data, size_t len) {
  size_t max = as_http_is_photo(h) ? AS_PHOTO_MAX + 4096 : AS_HTTP_BODY_MAX;
  if (len > max - h->n_body) return false;
  if (h->n_body + len > h->body_cap) {
    size_t cap = (h->n_body + len) * 2;
    uint8_t *grown = realloc(h->body, cap);
    if (!grown) return false;
    h->body = grown;
    h->body_cap = cap;
  }
  if (len) memcpy(h->body + h->n_body, data, len);
  h->n_body += len;
  return true;
}

enum { CHUNK_SIZE, CHUNK_SIZE_END, CHUNK_DATA, CHUNK_DATA_END, CHUNK_DONE };

static int hex_digit(uint8_t c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Undoes the coding; trailers are ignored. false: too long, or no chunks. */
static bool keep_chunks(as_http *h, const uint8_t *data, size_t len) {
  while (len && h->chunk_state != CHUNK_DONE) {
    uint8_t c = *data;
    size_t used = 1;
    switch (h->chunk_state) {
      case CHUNK_SIZE:
        if (hex_digit(c) >= 0)
          h->chunk_left = h->chunk_left << 4 | (size_t)hex_digit(c);
        else
          h->chunk_state = c == '\n' ? (h->chunk_left ? CHUNK_DATA : CHUNK_DONE) : CHUNK_SIZE_END;
        if (h->chunk_left > AS_PHOTO_MAX) return false;
        break;
      case CHUNK_SIZE_END:
        if (c == '\n') h->chunk_state = h->chunk_left ? CHUNK_DATA : CHUNK_DONE;
        break;
      case CHUNK_DATA:
        used = len < h->chunk_left ? len : h->chunk_left;
        if (!keep_body(h, data, used)) return false;
        h->chunk_left -= used;
        if (!h->chunk_left) h->chunk_state = CHUNK_DATA_END;
        break;
      default:
        if (c == '\n') h->chunk_state = CHUNK_SIZE;
        break;
    }
    data += used;
    len -= used;
  }
  return true;
}

int as_http_body(as_http *h, struct lws *wsi, const as_http_site *site, const uint8_t *data, size_t len) {
  if (h->status) return 0;                   /* answered already */
  if (as_http_is_photo(h) && !h->admitted) { /* megabytes of strangers are not kept */
    h->admitted = site->may_send_photo(site->ctx, bearer_of(h), h->device_id);
    if (!h->admitted) {
      set_error(h, 401, "unknown token");
      return as_http_answer(h, wsi, site);
    }
  }
  bool kept = h->chunked ? keep_chunks(h, data, len) : keep_body(h, data, len);
  if (!kept)
    set_error(h, 413, "too long");
  else if (!h->chunked || h->chunk_state != CHUNK_DONE)
    return 0;
  return as_http_answer(h, wsi, site);
}
