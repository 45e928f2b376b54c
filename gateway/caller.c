/* gateway/caller.c - a session whose caller has a WebSocket instead of a peer connection, or beside one that mends
 * itself or is being made: then the socket carries the call until its page says over the connection that it is
 * back.
 *
 * The socket is the HTTP thread's (http_caller.c) and known here by its number; what comes under another number is
 * of a socket that has been replaced. Text messages are those of the data channel. Of binary ones those of
 * GW_PCM_UP_BYTES are a piece of sound, all others a piece of a photo. Left out: anything about the path, which TCP
 * takes care of. */
#include <string.h>

#include "gateway/log.h"
#include "gateway/session.h"
#include "gateway/worker.h"

#define STALE_US WR_S(5) /* for a page whose socket broke to say over its connection what it has */

static bool tell(gw_session *s, gw_kind kind, wr_bytes bytes, bool must) {
  gw_message message = {.kind = (uint16_t)kind, .number = s->caller.number, .ref = gw_session_ref(s)};
  return gw_tell_bytes(&s->worker->http, &message, bytes, must);
}

bool gw_caller_open(gw_session *s, const gw_request *request, wr_time now) {
  gw_pcm *pcm = gw_pcm_open();
  if (!pcm) {
    gw_session_refuse(s, request, GW_HTTP_FULL);
    return false;
  }
  bool goes_on = request->beside && s->has_chat && !s->caller.number;
  if (request->beside) gw_caller_close(s, GW_FAREWELL_REPLACED, "another socket took the session");
  if (request->beside) gw_hold_break(s, now); /* what went into the connection may not have arrived */
  if (request->beside && request->heard >= 0) gw_page_heard(s, request->heard);
  s->caller = (gw_caller){.number = request->number, .pcm = pcm, .opened_at = now};
  s->stale_until = request->beside ? WR_NEVER : 0;
  gw_session_send_reply(s, gw_session_reply(s, request), request);
  gw_session_connected(s, now);
  if (goes_on)
    gw_page_moved(s, 0, now);
  else
    gw_page_opened(s, 0, now);
  return true;
}

static void drop(gw_session *s) {
  gw_pcm_close(s->caller.pcm);
  s->caller = (gw_caller){0};
}

static void forget(gw_session *s) {
  drop(s);
  s->heard = false;
  gw_page_closed(s);
}

static void tell_close(gw_session *s, gw_farewell code, const char *reason) {
  uint8_t bytes[128];
  size_t len = strlen(reason);
  if (len > sizeof(bytes) - 2) len = sizeof(bytes) - 2;
  bytes[0] = (uint8_t)((unsigned)code >> 8);
  bytes[1] = (uint8_t)((unsigned)code & 0xff);
  memcpy(bytes + 2, reason, len);
  (void)tell(s, GW_CALLER_CLOSE, wr_bytes_of(bytes, len + 2), true);
}

void gw_caller_close(gw_session *s, gw_farewell code, const char *reason) {
  if (!s->caller.number) return;
  tell_close(s, code, reason);
  forget(s);
}

void gw_caller_leave(gw_session *s, uint32_t held_ms, wr_time now) {
  tell_close(s, GW_FAREWELL_NORMAL, "the call is back on its connection");
  drop(s);
  (void)gw_session_return(s, now);
  gw_downlink_rest(&s->down, WR_MS(held_ms));
}

/* ---- from the caller ---- */

static void on_sound(gw_session *s, wr_bytes piece, wr_time now) {
  uint8_t opus[GW_PCM_OPUS_MAX];
  wr_audio audio = {.timestamp = (uint32_t)s->caller.sound_in * 960};
  size_t len = gw_pcm_encode(s->caller.pcm, piece.data, opus, &audio.level_dbov);
  if (!len) return;
  s->caller.sound_in++;
  if (!s->caller.first_sound_at) s->caller.first_sound_at = now;
  audio.payload = wr_bytes_of(opus, len);
  gw_session_heard(s, &audio, now);
}

static void on_gone(gw_session *s, wr_bytes code, wr_time now) {
  bool hung_up = code.len == 2 && (code.data[0] << 8 | code.data[1]) == GW_FAREWELL_HANGUP;
  drop(s);
  if (!hung_up) s->stale_until = wr_time_min(s->stale_until, now + STALE_US);
  if (!hung_up && gw_session_return(s, now)) return;
  s->heard = false;
  gw_page_closed(s);
  if (!hung_up) {
    gw_session_lose(s, WR_END_REMOTE, now);
    return;
  }
  s->closing = true;
  s->end = GW_END_HANGUP;
}

void gw_caller_message(gw_session *s, const gw_message *m, wr_time now) {
  wr_bytes bytes = m->owned ? wr_bytes_of(m->owned, m->owned_len) : wr_bytes_of(m->bytes, m->len);
  if (m->number != s->caller.number) return;
  s->caller.heard_at = now;
  wr_event event = {.kind = WR_EVENT_MESSAGE, .is_text = m->kind == GW_CALLER_TEXT, .message = bytes};
  if (m->kind == GW_CALLER_GONE)
    on_gone(s, bytes, now);
  else if (m->kind == GW_CALLER_BYTES && bytes.len == GW_PCM_UP_BYTES)
    on_sound(s, bytes, now);
  else
    gw_page_recv(s, &event, now);
}

/* ---- to the caller ---- */

wr_err gw_caller_say(gw_session *s, bool is_text, wr_bytes message) {
  if (!s->caller.number || !is_text) return WR_ERR_STATE;
  return tell(s, GW_CALLER_SAY, message, true) ? WR_OK : WR_ERR_LIMIT;
}

wr_err gw_caller_play(gw_session *s, wr_bytes opus) {
  uint8_t samples[GW_PCM_DOWN_MAX];
  if (!s->caller.number) return WR_ERR_STATE;
  size_t len = gw_pcm_decode(s->caller.pcm, opus, samples);
  if (!len) return WR_ERR_SYNTAX;
  for (size_t at = 0; at < len; at += GW_PCM_DOWN_BYTES) {
    size_t n = len - at < GW_PCM_DOWN_BYTES ? len - at : GW_PCM_DOWN_BYTES;
    if (!tell(s, GW_CALLER_PLAY, wr_bytes_of(samples + at, n), false)) return WR_ERR_LIMIT;
    s->caller.sound_out++;
  }
  return WR_OK;
}

void gw_caller_hush(gw_session *s) {
  gw_pcm_interrupt(s->caller.pcm);
  (void)tell(s, GW_CALLER_HUSH, WR_BYTES_LITERAL("{\"type\":\"hush\"}"), true);
}

void gw_caller_stats(const gw_session *s, wr_conn_stats *stats) {
  stats->created_at = stats->agreed_at = stats->data_ready_at = s->caller.opened_at;
  stats->first_audio_at = s->caller.first_sound_at;
  stats->rtp_packets_in = s->caller.sound_in;
  stats->rtp_packets_out = s->caller.sound_out;
}
