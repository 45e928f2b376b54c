/* gateway/http_read.c - JSON and text bodies. */
#include "gateway/http_read.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "xiaozhi/message.h"

#define N_CANDIDATES_MAX 64

static gw_request *new_request(const void *text, size_t len) {
  gw_request *request = calloc(1, sizeof(*request) + len + 1);
  if (!request) abort();
  request->heard = -1;
  request->len = len;
  if (len) memcpy(request->text, text, len);
  return request;
}

gw_request *gw_read_text(wr_bytes body, const char **why) {
  *why = "the body is empty or not text";
  if (!body.len || memchr(body.data, 0, body.len)) return NULL;
  return new_request(body.data, body.len);
}

void gw_hex(char *out, const uint8_t *bytes, size_t len) {
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < len; i++) {
    out[2 * i] = digits[bytes[i] >> 4];
    out[2 * i + 1] = digits[bytes[i] & 15];
  }
  out[2 * len] = 0;
}

static int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

bool gw_unhex(uint8_t *out, size_t len, const char *text) {
  for (size_t i = 0; i < len; i++) {
    int high = digit(text[2 * i]), low = high < 0 ? -1 : digit(text[2 * i + 1]);
    if (low < 0) return false;
    out[i] = (uint8_t)(high << 4 | low);
  }
  return text[2 * len] == 0;
}

static const char *text_at(const json_t *root, const char *key) {
  return json_string_value(json_object_get(root, key));
}

static bool read_options(gw_request *request, const json_t *root, uint8_t id[16], const char **why) {
  const char *mac = text_at(root, "macAddress"), *mode = text_at(root, "mode"), *token = text_at(root, "resume");
  *why = "macAddress is not six bytes in hexadecimal, separated by colons";
  if (mac && *mac && !xz_mac_read(request->mac, mac)) return false;
  *why = "mode is none of auto, manual, realtime";
  if (mode && !xz_mode_read(mode, &request->mode)) return false;
  request->has_mode = mode != NULL;
  uint8_t both[32];
  if (!token || !gw_unhex(both, sizeof(both), token)) return true; /* no token of ours: a new session */
  const json_t *heard = json_object_get(root, "heard");
  request->resumes = true;
  request->beside = json_is_true(json_object_get(root, "beside"));
  if (json_is_integer(heard) && json_integer_value(heard) >= 0) request->heard = json_integer_value(heard);
  memcpy(id, both, 16);
  memcpy(request->secret, both + 16, 16);
  return true;
}

gw_request *gw_read_offer(wr_bytes body, uint8_t id[16], const char **why) {
  json_t *root = json_loadb((const char *)body.data, body.len, JSON_REJECT_DUPLICATES, NULL);
  const char *type = text_at(root, "type"), *sdp = text_at(root, "sdp");
  gw_request *request = NULL;
  *why = "not a JSON object";
  if (json_is_object(root)) *why = "sdp is missing";
  if (sdp) *why = "type is not \"offer\"";
  if (sdp && type && strcmp(type, "offer") == 0) {
    request = new_request(sdp, strlen(sdp));
    if (!read_options(request, root, id, why)) {
      free(request);
      request = NULL;
    }
  }
  json_decref(root);
  return request;
}

gw_request *gw_read_hello(wr_bytes message, uint8_t id[16], const char **why) {
  json_t *root = json_loadb((const char *)message.data, message.len, JSON_REJECT_DUPLICATES, NULL);
  const char *type = text_at(root, "type");
  gw_request *request = NULL;
  *why = "the first message is not a hello";
  if (type && strcmp(type, "hello") == 0) {
    request = new_request("", 0);
    request->purpose = GW_FOR_SOCKET;
    if (!read_options(request, root, id, why)) {
      free(request);
      request = NULL;
    }
  }
  json_decref(root);
  return request;
}

bool gw_origin_is_host(const char *origin, const char *host) {
  const char *authority = strstr(origin, "://");
  return host[0] && authority && strcasecmp(authority + 3, host) == 0;
}

/* Appends "candidate:..." and a newline. "" is how some browsers say that there are no more. */
static bool add_candidate(gw_request *request, const json_t *item, bool *last) {
  const char *text = text_at(item, "candidate");
  if (!text) return false;
  size_t len = strlen(text);
  if (strchr(text, '\n') || strchr(text, '\r')) return false;
  if (!len) *last = true;
  memcpy(request->text + request->len, text, len);
  request->len += len;
  if (len) request->text[request->len++] = '\n';
  return true;
}

gw_request *gw_read_candidates(wr_bytes body, bool *last, const char **why) {
  json_t *root = json_loadb((const char *)body.data, body.len, JSON_REJECT_DUPLICATES, NULL);
  const json_t *list = json_object_get(root, "candidates");
  gw_request *request = NULL;
  *last = json_is_true(json_object_get(root, "end"));
  *why = "candidates is not a list of at most 64 objects with a candidate each";
  bool has_end = json_is_boolean(json_object_get(root, "end"));
  if (json_is_object(root) && (json_is_array(list) || (!list && has_end)) &&
      json_array_size(list) <= N_CANDIDATES_MAX) {
    /* Escapes only shrink and each line gains one newline: the body's size and 64 suffice. */
    request = calloc(1, sizeof(*request) + body.len + N_CANDIDATES_MAX + 1);
    if (!request) abort();
    bool ok = true;
    for (size_t i = 0; ok && i < json_array_size(list); i++)
      ok = add_candidate(request, json_array_get(list, i), last);
    if (!ok) {
      free(request);
      request = NULL;
    }
  }
  json_decref(root);
  return request;
}
