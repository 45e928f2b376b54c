/* xiaozhi/server.c - the server side of a XiaoZhi WebSocket session.
 *
 *   NEW -hello-> OPEN -goodbye, close-> CLOSING          NEW -10 s-> CLOSING
 *
 * Pace: |plays_until| is when a device that plays without delay will fall silent. A packet leaves when that is at
 * most (lead - 1) frames away, so a burst after a pause is two packets and every later one takes its turn. Left
 * out: server-side echo cancellation, glyph_push, MQTT + UDP. */
#include "xiaozhi/server.h"

#include <string.h>

#include "base/io.h"

#define HELLO_TIMEOUT WR_S(10)
#define STOP_DELAY WR_MS(100)

void xz_server_init(xz_server *s, const xz_server_settings *settings, wr_time now) {
  *s = (xz_server){.settings = *settings, .began_at = now, .version = 1, .plays_until = now};
  size_t len = strlen(settings->session_id);
  memcpy(s->session_id, settings->session_id, len < sizeof s->session_id ? len : sizeof s->session_id - 1);
  xz_outbox_init(&s->out, s->out_memory, sizeof s->out_memory);
  xz_outbox_init(&s->speech, settings->speech_memory, settings->speech_bytes);
  xz_mcp_host_init(&s->mcp, settings->vision_url, settings->vision_token);
  s->mcp.describes = settings->describe_tools;
}

void xz_server_wipe(xz_server *s) {
  xz_message_wipe(&s->message);
  xz_mcp_host_wipe(&s->mcp);
  wr_wipe(s, sizeof *s);
}

void xz_server_set_version(xz_server *s, unsigned version) {
  s->version = version >= 1 && version <= 3 ? version : 1;
}

static void drop(xz_server *s, xz_server_drop why) { s->stats.drop[why]++; }

static xz_server_event *tell(xz_server *s, xz_server_event_kind kind) {
  WR_ASSERT(s->n_events < sizeof s->events / sizeof s->events[0]);
  xz_server_event *e = &s->events[s->n_events++];
  *e = (xz_server_event){.kind = kind, .mode = s->mode, .text = ""};
  return e;
}

static void begin_input(xz_server *s) {
  WR_ASSERT(s->i_event == s->n_events);
  s->i_event = s->n_events = 0;
  xz_message_wipe(&s->message);
}

static wr_writer write_text(xz_server *s, const char *text) {
  return xz_outbox_begin(&s->out, 256 + 6 * (strlen(s->session_id) + strlen(text)));
}

static wr_err send_written(xz_server *s, wr_writer *w) {
  wr_err err = xz_outbox_end(&s->out, w, XZ_SEND_TEXT);
  if (err) drop(s, XZ_SERVER_DROP_QUEUE);
  return err;
}

static wr_err send_tts(xz_server *s, xz_state state, const char *text) {
  wr_writer w = write_text(s, text ? text : "");
  xz_write_tts(&w, s->session_id, state, text);
  return send_written(s, &w);
}

/* ---- speech ---- */

static wr_time frame_time(const xz_server *s) { return WR_MS(s->settings.audio.frame_ms); }

/* When the packet at the front of the queue may leave. */
static wr_time next_packet_at(const xz_server *s) {
  return s->plays_until - (XZ_SERVER_LEAD_FRAMES - 1) * frame_time(s);
}

static bool send_packet(xz_server *s, wr_bytes opus, wr_time now) {
  if (xz_outbox_used(&s->out) > XZ_SERVER_OUT_BYTES / 2) return false; /* messages keep the other half */
  uint32_t timestamp_ms = (uint32_t)((now - s->began_at) / 1000);
  wr_writer w = xz_outbox_begin(&s->out, opus.len + XZ_FRAME_HEADER_MAX);
  w.at += xz_frame_write(w.at, wr_writer_left(&w), s->version, timestamp_ms, opus);
  if (!wr_writer_len(&w) || xz_outbox_end(&s->out, &w, XZ_SEND_BINARY)) return false;
  if (s->plays_until < now) {
    if (!s->starved) s->stats.frames_late++;
    s->plays_until = s->plays_since = now;
  }
  s->plays_until += frame_time(s);
  return true;
}

static void send_sentence(xz_server *s, wr_bytes text) {
  char sentence[XZ_SERVER_SENTENCE_MAX + 1];
  memcpy(sentence, text.data, text.len);
  sentence[text.len] = 0;
  (void)send_tts(s, XZ_STATE_SENTENCE_START, sentence);
}

/* A stalled socket stops the clock of speech until it takes something: xz_server_pop. */
static void pace(xz_server *s, wr_time now) {
  xz_send front;
  s->stalled = false;
  while (xz_outbox_peek(&s->speech, &front) && now >= next_packet_at(s)) {
    if (front.kind == XZ_SEND_TEXT)
      send_sentence(s, front.bytes);
    else if (!send_packet(s, front.bytes, now)) {
      s->stalled = true;
      return;
    }
    xz_outbox_pop(&s->speech);
  }
  s->starved = xz_outbox_empty(&s->speech);
  if (!s->ending || !xz_outbox_empty(&s->speech) || now < s->plays_until + STOP_DELAY) return;
  s->stalled = send_tts(s, XZ_STATE_STOP, NULL) != WR_OK;
  if (s->stalled) return;
  s->speaking = s->ending = false;
  tell(s, XZ_SERVER_EVENT_SPEECH_DONE);
}

static wr_time speech_deadline(const xz_server *s) {
  if (s->stalled) return WR_NEVER;
  if (!xz_outbox_empty(&s->speech)) return next_packet_at(s);
  return s->ending ? s->plays_until + STOP_DELAY : WR_NEVER;
}

void xz_server_speech_cancel(xz_server *s) {
  if (!s->speaking) return;
  s->stats.frames_flushed += s->speech.n_binary + xz_outbox_drop_binary(&s->out);
  xz_outbox_clear(&s->speech);
  s->plays_until = 0;
  s->speaking = s->ending = false;
  (void)send_tts(s, XZ_STATE_STOP, NULL);
}

wr_err xz_server_speech_begin(xz_server *s) {
  if (s->state != XZ_SERVER_OPEN) return WR_ERR_STATE;
  if (s->speaking) {
    s->ending = false;
    return WR_OK;
  }
  wr_err err = send_tts(s, XZ_STATE_START, NULL);
  if (err) return err;
  s->speaking = s->starved = true;
  return WR_OK;
}

/* At most XZ_SERVER_SENTENCE_MAX bytes, never half a character. */
static size_t sentence_length(const char *text) {
  size_t len = strlen(text);
  if (len <= XZ_SERVER_SENTENCE_MAX) return len;
  len = XZ_SERVER_SENTENCE_MAX;
  while (len && ((unsigned char)text[len] & 0xc0) == 0x80) len--;
  return len;
}

wr_err xz_server_sentence(xz_server *s, const char *text) {
  if (!s->speaking || s->ending) return WR_ERR_STATE;
  return xz_outbox_put(&s->speech, XZ_SEND_TEXT, wr_bytes_of(text, sentence_length(text)));
}

wr_err xz_server_speech(xz_server *s, wr_bytes opus) {
  if (!s->speaking || s->ending) return WR_ERR_STATE;
  WR_ASSERT(opus.len > 0 && opus.len <= 4000);
  return xz_outbox_put(&s->speech, XZ_SEND_BINARY, opus);
}

void xz_server_speech_end(xz_server *s) {
  if (s->speaking) s->ending = true;
}

size_t xz_server_speech_queued(const xz_server *s) { return s->speech.n_binary; }
unsigned xz_server_frame_ms(const xz_server *s) { return s->settings.audio.frame_ms; }

/* ---- messages ---- */

static void close_session(xz_server *s, uint16_t code, const char *reason) {
  xz_server_speech_cancel(s);
  s->state = XZ_SERVER_CLOSING;
  s->listening = false;
  if (xz_outbox_put_close(&s->out, code, reason)) {
    xz_outbox_clear(&s->out);
    if (xz_outbox_put_close(&s->out, code, "")) drop(s, XZ_SERVER_DROP_QUEUE);
  }
}

static void on_hello(xz_server *s, wr_time now) {
  const xz_message *m = &s->message;
  bool again = s->state == XZ_SERVER_OPEN; /* clients repeat hello when the answer is slow */
  if (json_object_get(m->root, "version")) xz_server_set_version(s, m->version);
  if (!again && (m->audio.frame_ms == 20 || m->audio.frame_ms == 40 || m->audio.frame_ms == 60))
    s->settings.audio.frame_ms = m->audio.frame_ms; /* one client can only play packets as long as its own */
  wr_writer w = write_text(s, "");
  xz_write_server_hello(&w, s->session_id, s->version, &s->settings.audio, s->settings.wake_word);
  if (send_written(s, &w) || again) return;
  s->state = XZ_SERVER_OPEN;
  s->takes_interim = m->interim;
  tell(s, XZ_SERVER_EVENT_HELLO);
  if (m->mcp)
    xz_mcp_host_start(&s->mcp, s->session_id, &s->out, now);
  else
    s->mcp.listed = true;
}

static void interrupt(xz_server *s) {
  s->woken_until = 0;
  xz_server_speech_cancel(s);
  tell(s, XZ_SERVER_EVENT_ABORT);
}

static void on_listen(xz_server *s, wr_time now) {
  const xz_message *m = &s->message;
  switch (m->state) {
    case XZ_STATE_START:
      if (m->mode == XZ_MODE_MANUAL || now >= s->woken_until) interrupt(s);
      s->mode = m->mode;
      s->listening = true;
      tell(s, XZ_SERVER_EVENT_LISTEN_START);
      return;
    case XZ_STATE_STOP:
      if (s->listening) tell(s, XZ_SERVER_EVENT_LISTEN_STOP);
      s->listening = false;
      return;
    case XZ_STATE_DETECT:
      interrupt(s);
      s->woken_until = now + XZ_SERVER_WOKEN;
      tell(s, XZ_SERVER_EVENT_DETECT)->text = m->text;
      return;
    case XZ_STATE_NONE:
    case XZ_STATE_SENTENCE_START:
    case XZ_STATE_SENTENCE_END: drop(s, XZ_SERVER_DROP_UNKNOWN); return;
  }
}

static void on_mcp(xz_server *s, wr_time now) {
  xz_host_result result;
  switch (xz_mcp_host_recv(&s->mcp, s->message.payload, s->session_id, &s->out, &result, now)) {
    case XZ_HOST_NOTHING: return;
    case XZ_HOST_TOOLS_KNOWN: tell(s, XZ_SERVER_EVENT_TOOLS); return;
    case XZ_HOST_RESULT: tell(s, XZ_SERVER_EVENT_TOOL_RESULT)->result = result; return;
  }
}

static void on_ping(xz_server *s) {
  wr_writer w = write_text(s, "");
  xz_write_pong(&w, s->session_id);
  (void)send_written(s, &w);
}

/* A bucket: |*until| is when what came will have been worked off. false: it is full. */
static bool has_room(wr_time *until, wr_time cost, wr_time ahead, wr_time now) {
  if (*until < now) *until = now;
  if (*until + cost > now + ahead) return false;
  *until += cost;
  return true;
}

static bool starts_work(const xz_message *m) {
  return m->type == XZ_HELLO || m->type == XZ_LISTEN || m->type == XZ_ABORT || m->type == XZ_PING;
}

static void on_message(xz_server *s, wr_time now) {
  if (starts_work(&s->message) && !has_room(&s->obeys_until, XZ_SERVER_OBEY, XZ_SERVER_OBEY_AHEAD, now)) {
    drop(s, XZ_SERVER_DROP_FLOOD);
    return;
  }
  if (s->message.type != XZ_HELLO && s->state == XZ_SERVER_NEW) {
    drop(s, XZ_SERVER_DROP_EARLY);
    return;
  }
  switch (s->message.type) {
    case XZ_HELLO: on_hello(s, now); return;
    case XZ_LISTEN: on_listen(s, now); return;
    case XZ_ABORT: interrupt(s); return;
    case XZ_MCP: on_mcp(s, now); return;
    case XZ_PING: on_ping(s); return;
    case XZ_GOODBYE:
      close_session(s, 1000, "");
      tell(s, XZ_SERVER_EVENT_GOODBYE);
      return;
    case XZ_UNKNOWN:
    case XZ_STT:
    case XZ_HEARING:
    case XZ_LLM:
    case XZ_TTS:
    case XZ_SYSTEM:
    case XZ_ALERT:
    case XZ_CUSTOM:
    case XZ_PONG:
    case XZ_ERROR: drop(s, XZ_SERVER_DROP_UNKNOWN); return;
  }
}

static void take_text(xz_server *s, wr_bytes text, wr_time now) {
  s->stats.texts_in++;
  if (s->state == XZ_SERVER_CLOSING) {
    drop(s, XZ_SERVER_DROP_CLOSED);
    return;
  }
  wr_err err = xz_message_read(&s->message, text);
  if (err)
    drop(s, err == WR_ERR_LIMIT ? XZ_SERVER_DROP_TOO_LONG : XZ_SERVER_DROP_NOT_JSON);
  else
    on_message(s, now);
}

void xz_server_recv_text(xz_server *s, wr_bytes text, wr_time now) {
  begin_input(s);
  take_text(s, text, now);
}

static void take_audio(xz_server *s, wr_bytes opus, wr_time now) {
  unsigned ms = xz_opus_ms(opus);
  bool may_hear = s->listening && (!s->speaking || s->mode == XZ_MODE_REALTIME);
  if (s->state != XZ_SERVER_OPEN)
    drop(s, s->state == XZ_SERVER_NEW ? XZ_SERVER_DROP_EARLY : XZ_SERVER_DROP_CLOSED);
  else if (!may_hear)
    drop(s, XZ_SERVER_DROP_UNHEARD);
  else if (!ms)
    drop(s, XZ_SERVER_DROP_NOT_OPUS);
  else if (!has_room(&s->hears_until, WR_MS(ms), XZ_SERVER_SOUND_AHEAD, now))
    drop(s, XZ_SERVER_DROP_FLOOD);
  else {
    xz_server_event *e = tell(s, XZ_SERVER_EVENT_AUDIO);
    e->opus = opus;
    e->audio_ms = ms;
  }
}

void xz_server_recv_binary(xz_server *s, wr_bytes message, wr_time now) {
  begin_input(s);
  xz_frame frame;
  bool has_payload = xz_frame_read(&frame, s->version, message);
  if (has_payload && frame.type == XZ_FRAME_JSON) {
    take_text(s, frame.payload, now);
    return;
  }
  s->stats.frames_in++;
  if (has_payload)
    take_audio(s, frame.payload, now);
  else
    drop(s, XZ_SERVER_DROP_UNKNOWN);
}

void xz_server_tick(xz_server *s, wr_time now) {
  begin_input(s);
  if (s->state == XZ_SERVER_NEW && now >= s->began_at + HELLO_TIMEOUT) {
    close_session(s, 1002, "no hello");
    tell(s, XZ_SERVER_EVENT_FAILED);
  }
  if (s->state != XZ_SERVER_OPEN) return;
  pace(s, now);
  xz_host_result result;
  for (;;) {
    xz_host_news news = xz_mcp_host_expire(&s->mcp, &result, now);
    if (news == XZ_HOST_NOTHING) return;
    tell(s, news == XZ_HOST_RESULT ? XZ_SERVER_EVENT_TOOL_RESULT : XZ_SERVER_EVENT_TOOLS)->result = result;
  }
}

wr_time xz_server_deadline(const xz_server *s) {
  if (s->state == XZ_SERVER_NEW) return s->began_at + HELLO_TIMEOUT;
  if (s->state == XZ_SERVER_CLOSING) return WR_NEVER;
  return wr_time_min(speech_deadline(s), xz_mcp_host_deadline(&s->mcp));
}

bool xz_server_poll(xz_server *s, xz_server_event *event) {
  if (s->i_event == s->n_events) return false;
  *event = s->events[s->i_event++];
  return true;
}

bool xz_server_peek(const xz_server *s, xz_send *send) { return xz_outbox_peek(&s->out, send); }

/* The packets of the outbox end where |plays_until| is. The first after a gap sets the clock, so its slot is where
 * it stands; that of any other is one frame before. */
static void count_frame(xz_server *s, wr_time now) {
  wr_time plays_at = s->plays_until - (wr_time)s->out.n_binary * frame_time(s);
  wr_time slot = plays_at <= s->plays_since ? plays_at : plays_at - frame_time(s);
  s->stats.frames_out++;
  if (now - slot > s->stats.latest) s->stats.latest = now - slot;
  if (now - slot > frame_time(s)) s->stats.frames_late++;
}

void xz_server_pop(xz_server *s, wr_time now) {
  xz_send send;
  if (xz_outbox_peek(&s->out, &send) && send.kind == XZ_SEND_BINARY) count_frame(s, now);
  xz_outbox_pop(&s->out);
  s->stalled = false;
}

wr_err xz_server_stt(xz_server *s, const char *text) {
  if (s->state != XZ_SERVER_OPEN) return WR_ERR_STATE;
  wr_writer w = write_text(s, text);
  xz_write_stt(&w, s->session_id, text);
  return send_written(s, &w);
}

wr_err xz_server_hearing(xz_server *s, const char *text) {
  if (s->state != XZ_SERVER_OPEN) return WR_ERR_STATE;
  if (!s->takes_interim) return WR_OK;
  wr_writer w = write_text(s, text);
  xz_write_hearing(&w, s->session_id, text);
  return send_written(s, &w);
}

wr_err xz_server_emotion(xz_server *s, const char *emotion) {
  if (s->state != XZ_SERVER_OPEN) return WR_ERR_STATE;
  wr_writer w = write_text(s, emotion);
  xz_write_llm(&w, s->session_id, emotion);
  return send_written(s, &w);
}

wr_err xz_server_call_tool(xz_server *s, const char *plain, const json_t *args, uint32_t *call, wr_time now) {
  if (s->state != XZ_SERVER_OPEN) return WR_ERR_STATE;
  const char *name = xz_mcp_host_find(&s->mcp, plain);
  if (!name) return WR_ERR_UNSUPPORTED;
  return xz_mcp_host_call(&s->mcp, name, args, call, s->session_id, &s->out, now);
}

void xz_server_close(xz_server *s, uint16_t code, const char *reason) {
  if (s->state != XZ_SERVER_CLOSING) close_session(s, code, reason);
}
