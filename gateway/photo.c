/* gateway/photo.c - a photo comes in pieces over the data channel and goes to the assistant's vision address.
 *
 * Memory: one photo per session, its size announced and at most GW_PHOTO_MAX; it is taken only for an open call of
 * take_photo. Where the page has none though its camera sends video, a key frame of that goes instead. The upload
 * itself is the HTTP thread's (gateway/http_photo.c). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/session.h"
#include "gateway/worker.h"

#define FRAME_US WR_S(2) /* for a key frame that was asked for */

static void refuse(gw_session *s, const char *why, wr_time now) {
  s->worker->metrics.counter[GW_MESSAGE_BAD]++;
  gw_page_say_error(s, "bad_photo", why, now);
}

static gw_photo *new_photo(gw_session *s, const char *mime, size_t size) {
  gw_photo *photo = calloc(1, sizeof(*photo) + size);
  if (!photo) return NULL;
  photo->ref = gw_session_ref(s);
  photo->call = (uint32_t)s->photo_call;
  photo->mime = mime;
  photo->identity = s->identity;
  photo->size = size;
  snprintf(photo->url, sizeof(photo->url), "%s", xz_client_vision_url(s->link.client));
  snprintf(photo->token, sizeof(photo->token), "%s", xz_client_vision_token(s->link.client));
  snprintf(photo->question, sizeof(photo->question), "%s", s->photo_question);
  return photo;
}

void gw_photo_begin(gw_session *s, const gw_page_message *m, wr_time now) {
  const char *url = s->link.client_ready ? xz_client_vision_url(s->link.client) : "";
  if (!s->photo_is_wanted || m->id != s->photo_call) {
    refuse(s, "photo: nobody asked for it", now);
    return;
  }
  s->photo_is_wanted = false;
  if (!*url) {
    gw_link_tool_result(s, (uint32_t)m->id, false, "the assistant gave no address for photos", now);
    return;
  }
  free(s->photo);
  s->photo = new_photo(s, m->mime, m->size);
  if (!s->photo) refuse(s, "photo: no memory for it", now);
}

static void send_photo(gw_session *s, gw_photo *photo) {
  s->worker->metrics.counter[GW_PHOTOS]++;
  gw_tell(&s->worker->http, &(gw_message){.kind = GW_PHOTO, .owned = photo, .ref = photo->ref}, NULL, 0);
}

bool gw_photo_chunk(gw_session *s, wr_bytes chunk, wr_time now) {
  gw_photo *photo = s->photo;
  if (!photo) return false;
  if (chunk.len > GW_PHOTO_CHUNK_MAX || chunk.len > photo->size - photo->len) {
    uint32_t of_call = photo->call;
    free(photo);
    s->photo = NULL;
    gw_link_tool_result(s, of_call, false, "the photo did not arrive whole", now);
    refuse(s, "photo: a piece over 16 KiB, or more than was announced", now);
    return true;
  }
  if (chunk.len) memcpy(photo->data + photo->len, chunk.data, chunk.len);
  photo->len += chunk.len;
  if (photo->len < photo->size) return true;
  s->photo = NULL;
  send_photo(s, photo);
  return true;
}

/* ---- a frame of the video instead ---- */

static bool take_frame(gw_session *s) {
  size_t bytes = gw_video_webp_bytes(&s->video);
  gw_photo *photo = bytes ? new_photo(s, "image/webp", bytes) : NULL;
  if (!photo) return false;
  gw_video_write_webp(&s->video, photo->data);
  photo->len = bytes;
  send_photo(s, photo);
  return true;
}

bool gw_photo_by_video(gw_session *s, const char *excuse, wr_time now) {
  bool is_there = gw_video_webp_bytes(&s->video) > 0;
  if (!s->photo_is_wanted || !is_there || !*xz_client_vision_url(s->link.client)) return false;
  s->photo_is_wanted = false;
  snprintf(s->photo_excuse, sizeof(s->photo_excuse), "%s", excuse);
  s->photo_frame_until = now + FRAME_US;
  s->photo_asked_at = now;
  gw_session_ask_key_frame(s, now);
  gw_photo_tick(s, now);
  return true;
}

/* A frame that shows what was asked about: younger than the question, or nearly. */
void gw_photo_tick(gw_session *s, wr_time now) {
  if (!s->photo_frame_until) return;
  bool is_fresh = s->video.taken_at + GW_VIDEO_ASK_US > s->photo_asked_at;
  if (!is_fresh && now < s->photo_frame_until) return;
  s->photo_frame_until = 0;
  if (is_fresh && take_frame(s)) return;
  gw_link_tool_result(s, (uint32_t)s->photo_call, false, s->photo_excuse, now);
}
