/* gateway/page_message.h - what a page says on its data channel (docs/protocol.md), read and written.
 *
 * The reader survives any bytes: text that is not a JSON object is BAD, a type we do not know is UNKNOWN (to be
 * ignored and counted), a known type with unusable content is BAD. The old names "push-to-talk" and "live2d" are
 * read as "listen" and "touch". */
#ifndef GATEWAY_PAGE_MESSAGE_H
#define GATEWAY_PAGE_MESSAGE_H

#include <jansson.h>

#include "gateway/clean.h"
#include "wr/types.h"
#include "xiaozhi/message.h"

#define GW_PAGE_TEXT_MAX 4096           /* typed text; longer is BAD */
#define GW_PHOTO_MAX (5u * 1024 * 1024) /* bytes of one photo */
#define GW_PHOTO_CHUNK_MAX (16u * 1024) /* bytes of one binary message */

typedef enum gw_page_type {
  GW_PAGE_BAD,
  GW_PAGE_UNKNOWN,
  GW_PAGE_LISTEN_START, /* |mode| */
  GW_PAGE_LISTEN_STOP,
  GW_PAGE_TEXT,        /* |text|: typed, or a wake word; |id|: its number in the session, 0: none */
  GW_PAGE_ABORT,       /* */
  GW_PAGE_TOUCH,       /* |text|: what to tell the assistant */
  GW_PAGE_TOOL_RESULT, /* |id|, |ok|, |text| */
  GW_PAGE_PING,        /* |t| as a JSON number */
  GW_PAGE_STATS,       /* |samples|, |concealed|, |network| */
  GW_PAGE_PHOTO,       /* |id|, |size|, |mime| */
  GW_PAGE_CAMERA,      /* |ok|: it is on */
  GW_PAGE_HEARD,       /* |id|: number of the last message that came; 0: none. |size|: ms of sound still to play */
  GW_PAGE_CLEAN,       /* |clean| */
} gw_page_type;

typedef struct gw_page_message {
  gw_page_type type;
  xz_mode mode;
  int64_t id;
  uint32_t size;
  bool ok;
  gw_clean_wish clean;
  double samples, concealed; /* cumulative; -1: not told */
  const char *network;       /* as gw_tally_network: static */
  const char *mime;          /* "image/jpeg" or "image/png" or "image/webp": static */
  char t[32];
  char text[GW_PAGE_TEXT_MAX + 1];
  const char *why; /* BAD: static text for the error message */
} gw_page_message;

void gw_page_message_read(gw_page_message *message, wr_bytes text);

#endif
