/* gateway/http_ask.c - a session's worker asks the OTA server; what it means is read there (gateway/link.c). */
#include <stdlib.h>

#include "gateway/http_post.h"

static void on_done(gw_post *post, unsigned status, const char *text, size_t len) {
  gw_ask *ask = post->owner;
  gw_message m = {.kind = GW_ASKED, .number = status, .ref = ask->ref};
  gw_tell_bytes(&post->http->to[ask->ref.worker], &m, wr_bytes_of(text, len), true);
  free(ask);
}

void gw_ask_server(gw_http *http, gw_ask *ask) {
  gw_post *post = calloc(1, sizeof(*post));
  if (!post) abort();
  post->http = http;
  post->identity = &ask->identity;
  post->content_type = "application/json";
  post->token = "";
  post->is_device = true;
  post->part[0] = wr_bytes_of(ask->body, ask->len);
  post->done = on_done;
  post->owner = ask;
  snprintf(post->url, sizeof(post->url), "%s", ask->url);
  gw_post_start(post);
}
