/* gateway/http_photo.c - a photo as multipart/form-data to the vision address the assistant named: first the
 * question, then the file (some servers read them in that order). The answer's body is the tool's result. */
#include <stdlib.h>
#include <string.h>

#include "gateway/http.h"

#define BOUNDARY "----xiaozhi-rtc-5b1c0f7e"
#define RESULT_MAX 16384
#define PIECE_BYTES 16384

typedef struct upload {
  gw_http *http;
  struct lws *wsi;
  gw_photo *photo;
  char head[1024], tail[64];
  size_t head_len, tail_len, at;
  unsigned status;
  bool ended;
  size_t len;
  char result[RESULT_MAX + 1];
} upload;

static size_t total(const upload *u) { return u->head_len + u->photo->size + u->tail_len; }

static void end(upload *u, bool ok, const char *text) {
  if (u->ended) return;
  u->ended = true;
  gw_message m = {.kind = GW_PHOTO_DONE, .number = u->photo->call, .ref = u->photo->ref, .owned_len = ok};
  m.owned = strdup(text);
  gw_tell(&u->http->to[u->photo->ref.worker], &m, NULL, 0);
  if (u->wsi) lws_set_wsi_user(u->wsi, NULL);
  free(u->photo);
  free(u);
}

void gw_photo_upload(gw_http *http, gw_photo *photo) {
  upload *u = calloc(1, sizeof(*u));
  if (!u) abort();
  char url[sizeof(photo->url)], path[sizeof(photo->url) + 1];
  const char *scheme, *host, *rest;
  int port = 0;
  u->http = http;
  u->photo = photo;
  memcpy(url, photo->url, sizeof(url));
  u->head_len = (size_t)snprintf(u->head, sizeof(u->head),
                                 "--" BOUNDARY
                                 "\r\nContent-Disposition: form-data; name=\"question\"\r\n\r\n%.500s\r\n"
                                 "--" BOUNDARY
                                 "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"camera.jpg\"\r\n"
                                 "Content-Type: %s\r\n\r\n",
                                 photo->question, photo->mime);
  u->tail_len = (size_t)snprintf(u->tail, sizeof(u->tail), "\r\n--" BOUNDARY "--\r\n");
  if (lws_parse_uri(url, &scheme, &host, &port, &rest) || strncmp(scheme, "http", 4) != 0) {
    end(u, false, "the assistant's address for photos cannot be used");
    return;
  }
  snprintf(path, sizeof(path), "/%s", rest);
  bool tls = strcmp(scheme, "https") == 0;
  char authority[GW_AUTHORITY_MAX];
  gw_authority(authority, host, port, tls);
  struct lws_client_connect_info info = {.context = http->lws,
                                         .vhost = http->vhost,
                                         .address = host,
                                         .host = authority,
                                         .port = port,
                                         .path = path,
                                         .method = "POST",
                                         .local_protocol_name = "xz-photo",
                                         .userdata = u,
                                         .pwsi = &u->wsi,
                                         .ssl_connection = tls ? LCCSCF_USE_SSL : 0};
  (void)lws_client_connect_via_info(&info); /* failure is reported through the callback */
}

static bool add(struct lws *wsi, const char *name, const char *value, uint8_t **at, uint8_t *limit) {
  return !lws_add_http_header_by_name(wsi, (const uint8_t *)name, (const uint8_t *)value, (int)strlen(value), at,
                                      limit);
}

static int append_header(upload *u, struct lws *wsi, uint8_t **at, size_t len) {
  uint8_t *limit = *at + len;
  char length[24], bearer[sizeof(u->photo->token) + 8];
  snprintf(length, sizeof(length), "%zu", total(u));
  snprintf(bearer, sizeof(bearer), "Bearer %s", u->photo->token);
  bool ok = add(wsi, "Content-Type:", "multipart/form-data; boundary=" BOUNDARY, at, limit) &&
            add(wsi, "Content-Length:", length, at, limit) &&
            add(wsi, "Device-Id:", u->photo->identity.mac, at, limit) &&
            add(wsi, "Client-Id:", u->photo->identity.client_id, at, limit) &&
            (!u->photo->token[0] || add(wsi, "Authorization:", bearer, at, limit));
  lws_client_http_body_pending(wsi, 1);
  lws_callback_on_writable(wsi);
  return ok ? 0 : -1;
}

/* The body is three texts end to end; this is the one |at| stands in. */
static wr_bytes rest_of(const upload *u) {
  size_t at = u->at, photo_end = u->head_len + u->photo->size;
  if (at < u->head_len) return wr_bytes_of(u->head + at, u->head_len - at);
  if (at < photo_end) return wr_bytes_of(u->photo->data + at - u->head_len, photo_end - at);
  return wr_bytes_of(u->tail + at - photo_end, u->tail_len - (at - photo_end));
}

static int write_body(upload *u, struct lws *wsi) {
  uint8_t piece[LWS_PRE + PIECE_BYTES];
  wr_bytes rest = rest_of(u);
  size_t n = rest.len < PIECE_BYTES ? rest.len : PIECE_BYTES;
  bool last = u->at + n == total(u);
  if (!n) return 0;
  memcpy(piece + LWS_PRE, rest.data, n);
  if (lws_write(wsi, piece + LWS_PRE, n, last ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) < (int)n) return -1;
  u->at += n;
  if (last)
    lws_client_http_body_pending(wsi, 0);
  else
    lws_callback_on_writable(wsi);
  return 0;
}

static int read_piece(struct lws *wsi) {
  char piece[LWS_PRE + 2048], *at = piece + LWS_PRE;
  int len = sizeof(piece) - LWS_PRE;
  return lws_http_client_read(wsi, &at, &len) < 0 ? -1 : 0;
}

int gw_photo_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len) {
  upload *u = user;
  if (!u) return 0;
  switch ((int)reason) {
    case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER: u->wsi = wsi; return append_header(u, wsi, in, len);
    case LWS_CALLBACK_CLIENT_HTTP_WRITEABLE: return write_body(u, wsi);
    case LWS_CALLBACK_ESTABLISHED_CLIENT_HTTP: u->status = lws_http_client_http_response(wsi); return 0;
    case LWS_CALLBACK_RECEIVE_CLIENT_HTTP: return read_piece(wsi);
    case LWS_CALLBACK_RECEIVE_CLIENT_HTTP_READ:
      if (len > RESULT_MAX - u->len) len = RESULT_MAX - u->len;
      memcpy(u->result + u->len, in, len);
      u->len += len;
      return 0;
    case LWS_CALLBACK_COMPLETED_CLIENT_HTTP:
      end(u, u->status == 200, u->status == 200 ? u->result : "the assistant did not accept the photo");
      return 0;
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
      u->wsi = NULL;
      end(u, false, "the photo could not be delivered");
      return 0;
    case LWS_CALLBACK_CLOSED_CLIENT_HTTP:
      u->wsi = NULL;
      end(u, false, "the assistant did not answer to the photo");
      return 0;
  }
  return 0;
}
