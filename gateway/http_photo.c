/* gateway/http_photo.c - a photo as multipart/form-data to the vision address the assistant named: first the
 * question, then the file (some servers read them in that order). The answer's body is the tool's result. */
#include <stdlib.h>
#include <string.h>

#include "gateway/http_post.h"

#define BOUNDARY "----xiaozhi-rtc-5b1c0f7e"

typedef struct upload {
  gw_photo *photo;
  char head[1024];
} upload;

static void on_done(gw_post *post, unsigned status, const char *text, size_t len) {
  upload *u = post->owner;
  gw_message m = {.kind = GW_TOOL_DONE, .number = u->photo->call, .ref = u->photo->ref, .owned_len = status == 200};
  (void)len;
  if (status == 200)
    m.owned = strdup(text);
  else
    m.owned = strdup(status ? "the assistant did not accept the photo" : "the photo could not be delivered");
  gw_tell(&post->http->to[u->photo->ref.worker], &m, NULL, 0);
  free(u->photo);
  free(u);
}

static const char *extension_of(const char *mime) {
  return strcmp(mime, "image/jpeg") == 0 ? "jpg" : strchr(mime, '/') + 1;
}

void gw_photo_upload(gw_http *http, gw_photo *photo) {
  static const char tail[] = "\r\n--" BOUNDARY "--\r\n";
  upload *u = calloc(1, sizeof(*u));
  gw_post *post = calloc(1, sizeof(*post));
  if (!u || !post) abort();
  u->photo = photo;
  int head = snprintf(u->head, sizeof(u->head),
                      "--" BOUNDARY
                      "\r\nContent-Disposition: form-data; name=\"question\"\r\n\r\n%.500s\r\n"
                      "--" BOUNDARY
                      "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"camera.%s\"\r\n"
                      "Content-Type: %s\r\n\r\n",
                      photo->question, extension_of(photo->mime), photo->mime);
  post->http = http;
  post->identity = &photo->identity;
  post->content_type = "multipart/form-data; boundary=" BOUNDARY;
  post->token = photo->token;
  post->part[0] = wr_bytes_of(u->head, (size_t)head);
  post->part[1] = wr_bytes_of(photo->data, photo->size);
  post->part[2] = wr_bytes_of(tail, sizeof(tail) - 1);
  post->done = on_done;
  post->owner = u;
  snprintf(post->url, sizeof(post->url), "%s", photo->url);
  gw_post_start(post);
}
