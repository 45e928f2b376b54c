/* gateway/photo.c - a photo comes in pieces over the data channel and goes to the assistant's vision address.
 *
 * Memory: one photo per session, its size announced and at most GW_PHOTO_MAX; it is taken only for an open call of
 * take_photo. The upload itself is the HTTP thread's (gateway/http_photo.c). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/session.h"
#include "gateway/worker.h"

static void refuse(gw_session *s, const char *why, wr_time now) {
  s->worker->metrics.counter[GW_MESSAGE_BAD]++;
  gw_page_say_error(s, "bad_photo", why, now);
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
  s->photo = calloc(1, sizeof(*s->photo) + m->size);
  if (!s->photo) {
    refuse(s, "photo: no memory for it", now);
    return;
  }
  gw_photo *photo = s->photo;
  photo->ref = gw_session_ref(s);
  photo->call = (uint32_t)m->id;
  photo->mime = m->mime;
  photo->identity = s->identity;
  photo->size = m->size;
  snprintf(photo->url, sizeof(photo->url), "%s", url);
  snprintf(photo->token, sizeof(photo->token), "%s", xz_client_vision_token(s->link.client));
  snprintf(photo->question, sizeof(photo->question), "%s", s->photo_question);
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
  s->worker->metrics.counter[GW_PHOTOS]++;
  gw_tell(&s->worker->http, &(gw_message){.kind = GW_PHOTO, .owned = photo, .ref = photo->ref}, NULL, 0);
  return true;
}
