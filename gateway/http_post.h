/* gateway/http_post.h - one POST of ours to a server of the assistant's: a photo, or a question of the OTA kind.
 *
 * Certificates of https addresses are checked. A redirect is followed once, with the same body, and never from
 * https to http. After 12 s it has failed, whatever is still under way: nobody waits longer for a photo's
 * description. */
#ifndef GATEWAY_HTTP_POST_H
#define GATEWAY_HTTP_POST_H

#include "gateway/http.h"

#define GW_POST_PARTS 3
#define GW_POST_RESULT_MAX 16384 /* what is longer is cut */

typedef struct gw_post {
  gw_http *http;
  char url[GW_TEXT_MAX + 16];
  const gw_identity *identity; /* headers Device-Id and Client-Id; borrowed like all below until |done| */
  const char *content_type;
  const char *token;            /* "" none */
  bool is_device;               /* with the further headers of a device that asks for its server */
  wr_bytes part[GW_POST_PARTS]; /* the body: these, end to end */
  /* Once. |status| 0: there was no answer. The post is freed behind it; |owner| is the callee's. */
  void (*done)(struct gw_post *post, unsigned status, const char *text, size_t len);
  void *owner;
  /* ours */
  struct lws *wsi;
  lws_sorted_usec_list_t timer;
  bool ended, redirected, connecting;
  unsigned status;
  size_t at, len;
  char location[GW_TEXT_MAX + 16];
  char result[GW_POST_RESULT_MAX + 1];
} gw_post;

/* Takes |post|, from calloc. */
void gw_post_start(gw_post *post);
int gw_post_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len);

#endif
