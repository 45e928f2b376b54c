/* gateway/page.c - what the page says on its data channel, and what it is told (docs/protocol.md).
 *
 * Everything goes over the channel the page labelled "chat"; other channels are echoed where the session echoes and
 * ignored otherwise. On an echo session "chat" keeps its rules (ping, errors) and sends all else back. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "gateway/session.h"
#include "gateway/worker.h"

#define WAKE_TEXT_MAX (6 * XZ_WAKE_WORD_MAX + 20) /* each byte may become six */
#define TOLD_US WR_S(10) /* what was told is kept for so long, by the caller's signs of life */

static void count(gw_session *s, gw_counter counter) { s->worker->metrics.counter[counter]++; }

static void send_message(gw_session *s, uint16_t channel, bool is_text, wr_bytes message, wr_time now) {
  if (gw_session_send_message(s, channel, is_text, message, now) == WR_OK) {
    count(s, GW_MESSAGES_OUT);
    s->messages_out++;
  } else {
    count(s, GW_MESSAGE_UNSENT);
  }
  s->dirty = true;
}

void gw_page_say(gw_session *s, const char *json, wr_time now) {
  if (!s->has_chat || !gw_session_has_peer(s)) return;
  send_message(s, s->chat, true, wr_bytes_of(json, strlen(json)), now);
}

static void say_waiting(gw_session *s, wr_time now) {
  const gw_said_row *row;
  while (s->has_chat && gw_session_has_peer(s) && (row = gw_said_next(&s->said, now)) != NULL)
    send_message(s, s->chat, true, wr_bytes_of(row->text, row->len), now);
}

void gw_page_say_or_keep(gw_session *s, const char *json, wr_time now) {
  if (!s->had_chat) return;
  s->worker->metrics.counter[GW_MESSAGE_UNSENT] += gw_said_add(&s->said, json);
  say_waiting(s, now);
}

void gw_page_heard(gw_session *s, int64_t number) {
  s->worker->metrics.counter[GW_MESSAGES_AGAIN] += gw_said_heard(&s->said, number);
}

/* Who is heard so long after he was told has it: had it been lost, he would have come back for it. */
void gw_page_tick(gw_session *s) {
  wr_time heard_at = gw_session_by_socket(s) ? s->caller.heard_at : s->quiet.heard_at;
  gw_said_arrived(&s->said, heard_at - TOLD_US);
}

void gw_page_closed(gw_session *s) {
  s->has_chat = s->said_ready = false;
  free(s->photo); /* half of one: the call for it fails by its own deadline */
  s->photo = NULL;
}

void gw_page_wipe(gw_session *s) { gw_said_wipe(&s->said); }

void gw_page_opened(gw_session *s, uint16_t channel, wr_time now) {
  gw_page_closed(s);
  s->may_lack = s->had_chat;
  s->has_chat = s->had_chat = true;
  s->chat = channel;
  gw_session_note(s, "chat", "open", NULL, now);
  if (!s->echo) {
    gw_link_want(s, now);
    gw_link_tell_state(s, now);
  }
  if (s->worker->draining) gw_page_say_draining(s, now);
  gw_page_say_ready(s, now);
  say_waiting(s, now);
}

void gw_page_moved(gw_session *s, uint16_t channel, wr_time now) {
  s->may_lack = s->has_chat = true;
  s->chat = channel;
  say_waiting(s, now);
}

static void say_json(gw_session *s, json_t *object, void say(gw_session *, const char *, wr_time), wr_time now) {
  char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
  if (text) say(s, text, now);
  free(text);
  json_decref(object);
}

/* Told anew to who comes, and of no interest later. */
static bool is_state(const char *type) {
  return strcmp(type, "backend") == 0 || strcmp(type, "websocket") == 0 || strcmp(type, "activation") == 0;
}

void gw_page_tell(gw_session *s, const char *type, wr_time now, ...) {
  if (!s->has_chat && (is_state(type) || !s->had_chat)) return;
  json_t *object = json_pack("{s:s}", "type", type);
  va_list args;
  va_start(args, now);
  for (const char *key = va_arg(args, const char *); key; key = va_arg(args, const char *)) {
    const char *text = va_arg(args, const char *);
    if (text) json_object_set_new(object, key, json_string(text)); /* text that is not UTF-8 is left out */
  }
  va_end(args);
  say_json(s, object, is_state(type) ? gw_page_say : gw_page_say_or_keep, now);
}

void gw_page_say_error(gw_session *s, const char *code, const char *message, wr_time now) {
  gw_page_tell(s, "error", now, "code", code, "message", message, NULL);
}

/* Some server's words, as JSON; |word| "": none is needed. */
static void write_wake_word(char out[WAKE_TEXT_MAX], const char *word) {
  wr_writer w = wr_writer_of((uint8_t *)out, WAKE_TEXT_MAX);
  if (*word) {
    wr_write_text(&w, ",\"wakeWord\":");
    xz_write_json_text(&w, word);
  }
  wr_write_u8(&w, 0);
}

void gw_page_say_ready(gw_session *s, wr_time now) {
  if (s->said_ready || !s->has_chat || (!s->echo && s->link.state != GW_LINK_READY)) return;
  char token[GW_TOKEN_HEX + 1], points[GW_TIMELINE_TEXT_MAX], wake[WAKE_TEXT_MAX], text[640 + WAKE_TEXT_MAX];
  gw_timeline timeline;
  gw_hex(token, s->id, 16);
  gw_hex(token + GW_ID_HEX, s->secret, 16);
  s->said_ready = true;
  gw_session_timeline(s, &timeline);
  gw_timeline_write(points, &timeline);
  write_wake_word(wake, s->echo ? "" : s->link.client->wake_word);
  const char *can = s->echo ? "false" : "true", *sees = s->conn && gw_session_takes_video(s) ? "true" : "false";
  const char *cleans = s->worker->may_clean && !s->echo ? "true" : "false";
  snprintf(text, sizeof(text),
           "{\"type\":\"ready\",\"sessionId\":\"%s\",\"resume\":\"%s\",\"features\":{\"tools\":%s,\"photo\":%s,"
           "\"video\":%s,\"clean\":%s,\"touch\":%s,\"backend\":\"%s\"%s},\"timeline\":%s}",
           s->id_text, token, can, can, sees, cleans, can, s->echo ? "echo" : "assistant", wake, points);
  gw_page_say(s, text, now);
}

/* How long from now, besides when: the page's clock need not be ours. */
void gw_page_say_draining(gw_session *s, wr_time now) {
  const gw_worker *w = s->worker;
  char text[96];
  wr_time left_us = w->drain_until > now ? w->drain_until - now : 0;
  snprintf(text, sizeof(text), "{\"type\":\"server-draining\",\"deadline\":\"%s\",\"in\":%" PRId64 "}",
           w->drain_deadline, left_us / 1000);
  gw_page_say(s, text, now);
}

void gw_page_say_quality(gw_session *s, const wr_conn_stats *stats, wr_time now) {
  char text[320 + GW_QUALITY_TEXT_MAX], media[32] = "", judged[GW_QUALITY_TEXT_MAX];
  if (stats->first_audio_at) {
    const gw_timeline timeline = {.offered_at = s->offered_at};
    snprintf(media, sizeof(media), ",\"media\":%.1f", gw_timeline_ms(&timeline, stats->first_audio_at));
  }
  gw_quality_write(judged, &s->quality.figures);
  snprintf(text, sizeof(text),
           "{\"type\":\"quality\",\"rtt\":%.1f,\"jitter\":%.1f,\"received\":%llu,\"lost\":%llu,\"sent\":%llu,"
           "\"remoteLost\":%.3f,\"remoteJitter\":%.1f%s%s}",
           stats->rtt_us / 1000.0, stats->jitter_us / 1000.0, (unsigned long long)stats->rtp_packets_in,
           (unsigned long long)stats->rtp_lost, (unsigned long long)stats->rtp_packets_out,
           stats->remote_fraction_lost / 256.0, stats->remote_jitter_us / 1000.0, media, judged);
  gw_page_say(s, text, now);
}

void gw_page_say_queue(gw_session *s, wr_time now) {
  char text[48];
  snprintf(text, sizeof(text), "{\"type\":\"queue\",\"ms\":%u}",
           (unsigned)(wr_conn_queue_in_us(s->conn, now) / 1000));
  gw_page_say(s, text, now);
  gw_session_note(s, "queue", "in", NULL, now);
}

void gw_page_tts(gw_session *s, const char *state, wr_time now) {
  gw_page_tell(s, "tts", now, "state", state, NULL);
  gw_session_note(s, "answer", state, NULL, now);
}

/* The page's form of a call: one parameter is its value, several are an object, none is none. */
void gw_page_tool(gw_session *s, const xz_tool_call *call, bool waits, wr_time now) {
  json_t *object = json_pack("{s:s,s:s}", "type", waits ? "tool" : "note", "text", call->tool->name);
  if (waits) json_object_set_new(object, "id", json_integer((json_int_t)call->call));
  const json_t *value = call->args;
  if (call->tool->n_params == 1) value = json_object_get(call->args, call->tool->params[0].name);
  if (call->tool->n_params && value) json_object_set_new(object, "value", json_deep_copy(value));
  count(s, GW_TOOL_CALLS);
  say_json(s, object, gw_page_say_or_keep, now);
}

static void on_tool_result(gw_session *s, const gw_page_message *m, wr_time now) {
  if (m->id < 1 || m->id > UINT32_MAX) {
    gw_page_say_error(s, "bad_message", "tool_result: no such call", now);
    return;
  }
  /* Of a photo that was taken, the assistant's word on it is the result, not the page's; it may come before this.
   */
  if (m->id == s->photo_call && m->ok) return;
  if (m->id == s->photo_call && gw_photo_by_video(s, m->text, now)) return;
  gw_link_tool_result(s, (uint32_t)m->id, m->ok, m->text, now);
}

/* A page whose connection broke says again what may have been lost; its numbers grow. */
static void on_text(gw_session *s, const gw_page_message *m, wr_time now) {
  if (m->id > 0 && m->id <= s->last_text) {
    count(s, GW_MESSAGE_REPEATED);
    return;
  }
  if (m->id > 0) s->last_text = m->id;
  gw_link_say(s, m->text, now);
}

/* Of a picture that began before its page said so nothing was kept. */
static void on_camera(gw_session *s, const gw_page_message *m, wr_time now) {
  gw_video_switch(&s->video, m->ok);
  if (m->ok) gw_session_ask_key_frame(s, now);
}

/* A page whose channel died alone; once for each channel, for it asks for much with few words. */
static void on_heard(gw_session *s, const gw_page_message *m, wr_time now) {
  if (s->may_lack) gw_page_heard(s, m->id);
  s->may_lack = false;
  say_waiting(s, now);
}

/* From a client that cannot clean its sound itself. */
static void on_clean(gw_session *s, const gw_page_message *m, wr_time now) {
  bool wishes = m->clean.echo || m->clean.noise || m->clean.gain;
  if (!gw_link_clean(s, m->clean) && wishes)
    gw_page_say_error(s, "bad_message", "clean: this gateway does not (--clean)", now);
}

static void on_stats(gw_session *s, const gw_page_message *m) {
  gw_told told = gw_quality_told(&s->quality, m->samples, m->concealed);
  s->worker->metrics.counter[GW_SAMPLES_PLAYED] += told.samples;
  s->worker->metrics.counter[GW_SAMPLES_CONCEALED] += told.concealed;
}

static void on_message(gw_session *s, const gw_page_message *m, wr_time now) {
  char pong[80];
  switch (m->type) {
    case GW_PAGE_BAD:
      count(s, GW_MESSAGE_BAD);
      gw_page_say_error(s, "bad_message", m->why, now);
      return;
    case GW_PAGE_UNKNOWN: count(s, GW_MESSAGE_UNKNOWN); return;
    case GW_PAGE_LISTEN_START: gw_link_listen(s, m->mode, now); return;
    case GW_PAGE_LISTEN_STOP: gw_link_listen_stop(s, now); return;
    case GW_PAGE_TEXT: on_text(s, m, now); return;
    case GW_PAGE_TOUCH:
      if (gw_downlink_is_empty(&s->down)) gw_link_say(s, m->text, now);
      return;
    case GW_PAGE_ABORT: gw_link_abort(s, now); return;
    case GW_PAGE_TOOL_RESULT: on_tool_result(s, m, now); return;
    case GW_PAGE_PHOTO: gw_photo_begin(s, m, now); return;
    case GW_PAGE_CAMERA: on_camera(s, m, now); return;
    case GW_PAGE_STATS: on_stats(s, m); return;
    case GW_PAGE_HEARD: on_heard(s, m, now); return;
    case GW_PAGE_CLEAN: on_clean(s, m, now); return;
    case GW_PAGE_PING:
      snprintf(pong, sizeof(pong), "{\"type\":\"pong\",\"t\":%s}", m->t);
      gw_page_say(s, pong, now);
      return;
  }
}

static void echo(gw_session *s, const wr_event *event, wr_time now) {
  /* The event's bytes live in the connection's buffer, which sending may use. */
  uint8_t *copy = malloc(event->message.len + 1);
  if (!copy) return;
  if (event->message.len) memcpy(copy, event->message.data, event->message.len);
  send_message(s, event->channel, event->is_text, wr_bytes_of(copy, event->message.len), now);
  free(copy);
}

static void on_binary(gw_session *s, const wr_event *event, wr_time now) {
  if (gw_photo_chunk(s, event->message, now)) return;
  count(s, GW_MESSAGE_BINARY);
  gw_page_say_error(s, "bad_message", "a binary message where no photo was announced", now);
}

void gw_page_recv(gw_session *s, const wr_event *event, wr_time now) {
  static _Thread_local gw_page_message m; /* 4 KB, one message at a time */
  count(s, GW_MESSAGES_IN);
  s->messages_in++;
  bool is_chat = s->has_chat && event->channel == s->chat;
  if (!is_chat) {
    if (s->echo) echo(s, event, now);
    return;
  }
  if (!event->is_text) {
    on_binary(s, event, now);
    return;
  }
  gw_page_message_read(&m, event->message);
  if (m.type == GW_PAGE_STATS && *m.network) s->tally.network = m.network;
  if (!s->echo)
    on_message(s, &m, now);
  else if (m.type == GW_PAGE_BAD || m.type == GW_PAGE_PING || m.type == GW_PAGE_CAMERA)
    on_message(s, &m, now);
  else
    echo(s, event, now);
}

/* Beside a socket only what asks of the connection itself is answered, there, and what is a word of its own: a text
 * that has its number, the result of a call. What to listen to was said anew over the socket, and may be old here.
 */
void gw_page_recv_beside(gw_session *s, const wr_event *event, wr_time now) {
  static _Thread_local gw_page_message m;
  char pong[80];
  if (!s->conn_has_chat || event->channel != s->conn_chat) return;
  count(s, GW_MESSAGES_IN);
  s->messages_in++;
  if (!event->is_text) {
    on_binary(s, event, now);
    return;
  }
  gw_page_message_read(&m, event->message);
  switch ((int)m.type) {
    case GW_PAGE_PING:
      snprintf(pong, sizeof(pong), "{\"type\":\"pong\",\"t\":%s}", m.t);
      (void)wr_conn_send_message(s->conn, s->conn_chat, true, wr_bytes_of(pong, strlen(pong)), now);
      s->dirty = true;
      return;
    case GW_PAGE_HEARD:
      if (gw_session_by_socket(s)) gw_caller_leave(s, m.size, now);
      s->stale_until = 0;
      on_heard(s, &m, now);
      return;
    case GW_PAGE_TEXT:
      if (m.id > 0) on_text(s, &m, now);
      return;
    case GW_PAGE_TOOL_RESULT:
    case GW_PAGE_PHOTO:
    case GW_PAGE_CAMERA:
    case GW_PAGE_CLEAN: on_message(s, &m, now); return;
  }
}
