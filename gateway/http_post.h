/* gateway/http_post.h - one request of ours: a photo, a question of the OTA kind, an operator's tool, a list of
 * music.
 *
 * Certificates of https addresses are checked. A redirect is followed once, with the same body, and never from
 * https to http, or not at all. After 12 s, or |seconds|, it has failed, whatever is still under way: nobody waits
 * longer for a photo's description. */
#ifndef GATEWAY_HTTP_POST_H
#define GATEWAY_HTTP_POST_H

#include "gateway/http.h"
#include "gateway/tools.h"

#define GW_POST_PARTS 3
#define GW_POST_RESULT_MAX 16384 /* what is longer is cut, and |cut| says so */

typedef struct gw_post {
  gw_http *http;
  char url[GW_TEXT_MAX + 16];
  bool is_get;         /* then there is no body */
  bool stays;          /* no redirect is followed */
  unsigned seconds;    /* 0: 12 */
  size_t most;         /* of the answer; 0: GW_POST_RESULT_MAX */
  const gw_tool *tool; /* its headers come with it; NULL: none */
  const gw_identity
      *identity; /* headers Device-Id and Client-Id; NULL: none. Borrowed like all below until |done| */
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
  bool ended, redirected, connecting, cut;
  unsigned status;
  size_t at, len;
  char location[GW_TEXT_MAX + 16];
  char *result; /* |most| + 1 */
} gw_post;

/* Takes |post|, from calloc. */
void gw_post_start(gw_post *post);
int gw_post_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len);

#endif
