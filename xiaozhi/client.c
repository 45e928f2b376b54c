/* xiaozhi/client.c - the device side of a XiaoZhi link.
 *
 *   CLOSED -opened-> HELLO -hello-> READY -closed-> CLOSED
 *                      \-10 s-> FAILED -closed-> CLOSED   (goodbye and hang_up lead to FAILED as well)
 *   over MQTT: READY -goodbye-> IDLE -begin-> HELLO
 *
 * Speech passes only after a tts start and not between an abort and the next tts start; it still passes after a
 * tts stop, because some servers send the stop ahead of their last packets. Left out: OTA, pings (the libraries'
 * business), glyph_push. */
#include "xiaozhi/client.h"

#include <string.h>

#include "base/io.h"

static const wr_time hello_at[] = {0, WR_S(2), WR_S(5)};
enum { N_HELLOS = sizeof hello_at / sizeof hello_at[0] };
#define HELLO_TIMEOUT WR_S(10)
#define KEEP_PATH WR_S(20)
#define SILENT_ANSWERS 2 /* one may be too short, or its stop overtake it */

void xz_client_settings_default(xz_client_settings *settings) {
  *settings = (xz_client_settings){
      .version = 1,
      .audio = {16000, 1, 60},
      .mcp = {.tools = xz_page_tools, .n_tools = xz_n_page_tools, .name = "xiaozhi-rtc", .version = "0.1.0"},
  };
}

void xz_client_init(xz_client *c, const xz_client_settings *settings) {
  *c = (xz_client){.settings = *settings};
  xz_outbox_init(&c->out, c->out_memory, sizeof c->out_memory);
  xz_mcp_device_init(&c->mcp, &settings->mcp);
}

void xz_client_wipe(xz_client *c) {
  xz_message_wipe(&c->message);
  xz_udp_close(&c->udp);
  wr_wipe(c, sizeof *c);
}

void xz_client_set_version(xz_client *c, unsigned version) { c->settings.version = version; }

void xz_client_set_udp(xz_client *c, const wr_crypto *crypto) { c->crypto = crypto; }

static void drop(xz_client *c, xz_client_drop why) { c->stats.drop[why]++; }

static xz_client_event *tell(xz_client *c, xz_client_event_kind kind) {
  WR_ASSERT(c->n_events < sizeof c->events / sizeof c->events[0]);
  xz_client_event *e = &c->events[c->n_events++];
  *e = (xz_client_event){.kind = kind, .text = "", .emotion = "", .status = ""};
  return e;
}

static void tell_text(xz_client *c, xz_client_event_kind kind, const char *text) { tell(c, kind)->text = text; }

/* Every input begins here: the events of the last one must have been taken. */
static void begin_input(xz_client *c) {
  WR_ASSERT(c->i_event == c->n_events);
  c->i_event = c->n_events = 0;
  xz_message_wipe(&c->message);
}

static wr_err send_written(xz_client *c, wr_writer *w) {
  wr_err err = xz_outbox_end(&c->out, w, XZ_SEND_TEXT);
  if (err) drop(c, XZ_DROP_QUEUE);
  return err;
}

static wr_writer write_text(xz_client *c, const char *text) {
  return xz_outbox_begin(&c->out, 256 + 6 * (strlen(c->session_id) + strlen(text)));
}

static void close_link(xz_client *c, uint16_t code, const char *reason, bool says_goodbye) {
  c->state = XZ_CLIENT_FAILED;
  c->listening = c->speaking = false;
  xz_outbox_clear(&c->out);
  if (says_goodbye && c->crypto) {
    wr_writer w = write_text(c, "");
    xz_write_goodbye(&w, c->session_id);
    (void)send_written(c, &w);
  }
  if (xz_outbox_put_close(&c->out, code, reason)) drop(c, XZ_DROP_QUEUE);
}

static void send_hello(xz_client *c) {
  bool udp = c->crypto != NULL;
  xz_client_hello hello = {udp ? 3 : c->settings.version,
                           c->settings.mcp.n_tools > 0,
                           c->settings.server_aec,
                           c->settings.audio,
                           udp,
                           c->settings.interim};
  wr_writer w = write_text(c, "");
  xz_write_client_hello(&w, &hello);
  if (!send_written(c, &w)) c->stats.hellos_out++;
  c->n_hellos++;
}

static void start_anew(xz_client *c, xz_client_state state, wr_time now) {
  c->state = state;
  c->muted = true;
  c->listening = c->speaking = c->aborted = false;
  c->n_hellos = 0;
  c->opened_at = now;
  c->session_id[0] = c->plain[0] = 0;
  c->n_silent = 0;
  if (state == XZ_CLIENT_HELLO) send_hello(c);
}

static void open_link(xz_client *c, xz_client_state state, wr_time now) {
  begin_input(c);
  WR_ASSERT(c->state == XZ_CLIENT_CLOSED);
  xz_outbox_clear(&c->out);
  xz_mcp_device_reset(&c->mcp);
  start_anew(c, state, now);
}

void xz_client_opened(xz_client *c, wr_time now) { open_link(c, XZ_CLIENT_HELLO, now); }

void xz_client_opened_idle(xz_client *c, wr_time now) { open_link(c, XZ_CLIENT_IDLE, now); }

/* What the server knows of our tools it knows still. */
void xz_client_begin(xz_client *c, wr_time now) {
  begin_input(c);
  WR_ASSERT(c->state == XZ_CLIENT_IDLE);
  start_anew(c, XZ_CLIENT_HELLO, now);
}

void xz_client_closed(xz_client *c) {
  begin_input(c);
  c->state = XZ_CLIENT_CLOSED;
  c->listening = false;
  bool bracket_open = c->speaking || c->aborted;
  c->speaking = c->aborted = false;
  xz_udp_close(&c->udp);
  xz_outbox_clear(&c->out);
  xz_mcp_device_reset(&c->mcp);
  if (bracket_open) tell(c, XZ_CLIENT_EVENT_TTS_STOP);
}

static wr_err send_datagram(xz_client *c, wr_bytes opus, uint32_t timestamp_ms) {
  wr_writer w = xz_outbox_begin(&c->out, XZ_UDP_HEADER + opus.len);
  w.at += xz_udp_seal(&c->udp, w.at, wr_writer_left(&w), timestamp_ms, opus);
  if (wr_writer_len(&w) == 0) w.failed = true;
  wr_err err = xz_outbox_end(&c->out, &w, XZ_SEND_BINARY);
  if (err) drop(c, XZ_DROP_QUEUE);
  return err;
}

/* Counted, not measured: it has to be another one with every packet (xiaozhi/udp.h). */
static uint32_t media_time(const xz_client *c) { return c->udp.sent * c->settings.audio.frame_ms; }

/* The server hears where we are, and the NAT between us remembers. */
static void keep_path(xz_client *c, wr_time now) {
  if (c->path_sent == c->udp.sent) (void)send_datagram(c, xz_opus_silence(), media_time(c));
  c->path_sent = c->udp.sent;
  c->path_at = now + KEEP_PATH;
}

/* Another hello is another session: the newest key and address hold. */
static bool open_channel(xz_client *c, wr_time now) {
  const xz_udp_offer *offer = &c->message.udp;
  if (!offer->server || !xz_udp_open(&c->udp, c->crypto, offer->key, offer->nonce)) return false;
  xz_client_event *e = tell(c, XZ_CLIENT_EVENT_CHANNEL);
  e->text = offer->server;
  e->port = offer->port;
  c->path_sent = c->udp.sent;
  keep_path(c, now);
  return true;
}

static void on_hello(xz_client *c, wr_time now) {
  const xz_message *m = &c->message;
  /* The firmware takes its own transport alone; a missing one is harmless here. */
  bool fits = !*m->transport || !strcmp(m->transport, c->crypto ? "udp" : "websocket");
  if (!fits || (c->crypto && !open_channel(c, now))) {
    drop(c, XZ_DROP_MALFORMED);
    return;
  }
  size_t len = strlen(m->session_id);
  if (len >= sizeof c->session_id) len = sizeof c->session_id - 1;
  memcpy(c->session_id, m->session_id, len);
  c->session_id[len] = 0;
  len = strlen(m->wake_word);
  if (len >= sizeof c->wake_word) len = 0;
  memcpy(c->wake_word, m->wake_word, len);
  c->wake_word[len] = 0;
  if (c->state == XZ_CLIENT_READY) {
    drop(c, XZ_DROP_REPEATED); /* an answer to each hello we sent */
    return;
  }
  c->state = XZ_CLIENT_READY;
  tell(c, XZ_CLIENT_EVENT_READY)->audio = m->has_audio ? m->audio : (xz_audio){24000, 1, 60};
}

static void on_tts_start(xz_client *c) {
  c->n_heard = c->udp.stats.taken;
  c->muted = false;
  if (c->mode != XZ_MODE_REALTIME) c->listening = false;
  if (c->aborted) tell(c, XZ_CLIENT_EVENT_TTS_STOP); /* the server forgot the stop of what we aborted */
  c->aborted = false;
  if (c->speaking)
    drop(c, XZ_DROP_REPEATED);
  else
    tell(c, XZ_CLIENT_EVENT_TTS_START);
  c->speaking = true;
}

/* A firewall that lets MQTT through and UDP not leaves captions without a voice. */
static void check_path(xz_client *c) {
  if (!c->crypto || !c->speaking) return;
  bool silent = c->udp.stats.taken == c->n_heard;
  c->n_silent = silent ? c->n_silent + 1 : 0;
  if (c->n_silent == SILENT_ANSWERS)
    tell_text(c, XZ_CLIENT_EVENT_ERROR, "the assistant speaks, but no sound arrives: UDP does not come through");
}

static void on_tts_stop(xz_client *c) {
  check_path(c);
  if (c->speaking || c->aborted)
    tell(c, XZ_CLIENT_EVENT_TTS_STOP);
  else
    drop(c, XZ_DROP_REPEATED);
  c->speaking = c->aborted = false;
}

static void on_sentence(xz_client *c, xz_client_event_kind kind) {
  if (c->muted)
    drop(c, XZ_DROP_STALE);
  else
    tell_text(c, kind, c->message.text);
}

static void on_tts(xz_client *c) {
  switch (c->message.state) {
    case XZ_STATE_START: on_tts_start(c); return;
    case XZ_STATE_STOP: on_tts_stop(c); return;
    case XZ_STATE_SENTENCE_START: on_sentence(c, XZ_CLIENT_EVENT_SENTENCE_START); return;
    case XZ_STATE_SENTENCE_END: on_sentence(c, XZ_CLIENT_EVENT_SENTENCE_END); return;
    case XZ_STATE_NONE:
    case XZ_STATE_DETECT: drop(c, XZ_DROP_UNKNOWN); return;
  }
}

static void on_llm(xz_client *c) {
  const char *emotion = xz_emotion_emoji(c->message.emotion) ? c->message.emotion : "neutral";
  xz_client_event *e = tell(c, XZ_CLIENT_EVENT_LLM);
  e->emotion = emotion;
  e->text = xz_emotion_emoji(emotion);
}

static void on_mcp(xz_client *c, wr_time now) {
  xz_tool_call call;
  if (!c->message.payload)
    drop(c, XZ_DROP_MALFORMED);
  else if (xz_mcp_device_recv(&c->mcp, c->message.payload, c->session_id, &c->out, &call, now))
    tell(c, XZ_CLIENT_EVENT_TOOL_CALL)->tool = call;
}

static void on_alert(xz_client *c) {
  const xz_message *m = &c->message;
  if (!*m->status || !*m->message || !*m->emotion) {
    drop(c, XZ_DROP_MALFORMED); /* the firmware wants all three */
    return;
  }
  xz_client_event *e = tell(c, XZ_CLIENT_EVENT_ALERT);
  e->status = m->status;
  e->text = m->message;
  e->emotion = m->emotion;
}

/* The connection stays. An answer that was cut off ends. */
static void rest(xz_client *c) {
  bool bracket_open = c->speaking || c->aborted;
  c->state = XZ_CLIENT_IDLE;
  c->listening = c->speaking = c->aborted = false;
  c->muted = true;
  xz_udp_close(&c->udp);
  xz_outbox_clear(&c->out);
  tell(c, XZ_CLIENT_EVENT_GOODBYE);
  if (bracket_open) tell(c, XZ_CLIENT_EVENT_TTS_STOP);
}

/* MQTT outlives sessions: a goodbye to the last one may come late. It is not answered. */
static void on_goodbye(xz_client *c) {
  const char *id = c->message.session_id;
  if (c->crypto && *id && strcmp(id, c->session_id)) {
    drop(c, XZ_DROP_STALE);
  } else if (c->crypto && c->state == XZ_CLIENT_READY) {
    rest(c);
  } else {
    close_link(c, 1000, "", false);
    tell(c, XZ_CLIENT_EVENT_GOODBYE);
  }
}

/* Nobody talks, yet the device is there: its tools can be used, and it can be told something. */
static bool works_between(xz_type type) {
  return type == XZ_MCP || type == XZ_SYSTEM || type == XZ_ALERT || type == XZ_CUSTOM;
}

static void on_message(xz_client *c, wr_time now) {
  const xz_message *m = &c->message;
  if (c->state == XZ_CLIENT_IDLE && !works_between(m->type)) {
    drop(c, XZ_DROP_STALE);
    return;
  }
  switch (m->type) {
    case XZ_HELLO: on_hello(c, now); return;
    case XZ_STT: tell_text(c, XZ_CLIENT_EVENT_STT, m->text); return;
    case XZ_HEARING: tell_text(c, XZ_CLIENT_EVENT_HEARING, m->text); return;
    case XZ_LLM: on_llm(c); return;
    case XZ_TTS: on_tts(c); return;
    case XZ_MCP: on_mcp(c, now); return;
    case XZ_SYSTEM: tell_text(c, XZ_CLIENT_EVENT_SYSTEM, m->command); return;
    case XZ_ALERT: on_alert(c); return;
    case XZ_CUSTOM: tell(c, XZ_CLIENT_EVENT_CUSTOM)->payload = m->payload; return;
    case XZ_ERROR: tell_text(c, XZ_CLIENT_EVENT_ERROR, m->message); return;
    case XZ_GOODBYE: on_goodbye(c); return;
    case XZ_UNKNOWN:
    case XZ_LISTEN:
    case XZ_ABORT:
    case XZ_PING:
    case XZ_PONG: drop(c, XZ_DROP_UNKNOWN); return;
  }
}

static bool is_open(const xz_client *c) {
  return c->state == XZ_CLIENT_HELLO || c->state == XZ_CLIENT_READY || c->state == XZ_CLIENT_IDLE;
}

/* Some servers say in plain words why they will not have us, then close. */
static void hear_plain(xz_client *c, wr_bytes text) {
  if (c->state != XZ_CLIENT_HELLO || c->plain[0] || !text.len) return;
  size_t len = text.len < sizeof c->plain ? text.len : sizeof c->plain - 1;
  while (len < text.len && len && (text.data[len] & 0xc0) == 0x80) len--;
  memcpy(c->plain, text.data, len);
  c->plain[len] = 0;
  tell_text(c, XZ_CLIENT_EVENT_ERROR, c->plain);
}

static void take_text(xz_client *c, wr_bytes text, wr_time now) {
  c->stats.texts_in++;
  if (!is_open(c)) {
    drop(c, XZ_DROP_NOT_OPEN);
    return;
  }
  wr_err err = xz_message_read(&c->message, text);
  if (!err) {
    on_message(c, now);
    return;
  }
  drop(c, err == WR_ERR_LIMIT ? XZ_DROP_TOO_LONG : XZ_DROP_NOT_JSON);
  if (err != WR_ERR_LIMIT) hear_plain(c, text);
}

void xz_client_recv_text(xz_client *c, wr_bytes text, wr_time now) {
  begin_input(c);
  take_text(c, text, now);
}

static void hear(xz_client *c, wr_bytes opus, uint32_t timestamp_ms) {
  if (c->muted) {
    drop(c, XZ_DROP_STALE);
    return;
  }
  xz_client_event *e = tell(c, XZ_CLIENT_EVENT_AUDIO);
  e->opus = opus;
  e->timestamp_ms = timestamp_ms;
}

static void take_datagram(xz_client *c, wr_bytes datagram) {
  uint32_t timestamp_ms = 0;
  c->stats.frames_in++;
  if (c->state == XZ_CLIENT_IDLE) {
    drop(c, XZ_DROP_STALE);
    return;
  }
  wr_bytes opus = xz_udp_unseal(&c->udp, datagram, &timestamp_ms);
  if (opus.len) hear(c, opus, timestamp_ms); /* else it is counted there */
}

void xz_client_recv_binary(xz_client *c, wr_bytes message, wr_time now) {
  begin_input(c);
  if (c->crypto) {
    take_datagram(c, message);
    return;
  }
  xz_frame frame;
  bool has_payload = xz_frame_read(&frame, c->settings.version, message);
  if (has_payload && frame.type == XZ_FRAME_JSON) {
    take_text(c, frame.payload, now);
    return;
  }
  c->stats.frames_in++;
  if (!is_open(c)) {
    drop(c, XZ_DROP_NOT_OPEN);
  } else if (!has_payload) {
    drop(c, XZ_DROP_UNKNOWN);
  } else {
    hear(c, frame.payload, frame.timestamp_ms);
  }
}

static unsigned n_hellos_of(const xz_client *c) { return c->crypto ? 1 : N_HELLOS; }

void xz_client_tick(xz_client *c, wr_time now) {
  begin_input(c);
  if (c->state == XZ_CLIENT_READY && c->crypto && now >= c->path_at) keep_path(c, now);
  xz_mcp_device_tick(&c->mcp, c->session_id, &c->out, now);
  if (c->state != XZ_CLIENT_HELLO) return;
  if (now >= c->opened_at + HELLO_TIMEOUT) {
    close_link(c, 1000, "no hello", false);
    tell_text(c, XZ_CLIENT_EVENT_FAILED, "the server did not answer hello");
  } else if (c->n_hellos < n_hellos_of(c) && now >= c->opened_at + hello_at[c->n_hellos]) {
    send_hello(c);
  }
}

wr_time xz_client_deadline(const xz_client *c) {
  wr_time deadline = is_open(c) ? xz_mcp_device_deadline(&c->mcp) : WR_NEVER;
  if (c->state == XZ_CLIENT_READY && c->crypto) return wr_time_min(deadline, c->path_at);
  if (c->state != XZ_CLIENT_HELLO) return deadline;
  return wr_time_min(deadline,
                     c->opened_at + (c->n_hellos < n_hellos_of(c) ? hello_at[c->n_hellos] : HELLO_TIMEOUT));
}

static wr_err send_listen(xz_client *c, xz_state state, xz_mode mode, const char *text) {
  if (c->state != XZ_CLIENT_READY) return WR_ERR_STATE;
  wr_writer w = write_text(c, text);
  xz_write_listen(&w, c->session_id, state, mode, text);
  return send_written(c, &w);
}

wr_err xz_client_listen_start(xz_client *c, xz_mode mode) {
  wr_err err = send_listen(c, XZ_STATE_START, mode, "");
  if (err) return err;
  c->mode = mode;
  c->listening = true;
  return WR_OK;
}

wr_err xz_client_listen_stop(xz_client *c) {
  wr_err err = send_listen(c, XZ_STATE_STOP, XZ_MODE_AUTO, "");
  if (!err) c->listening = false;
  return err;
}

wr_err xz_client_detect(xz_client *c, const char *text) {
  return send_listen(c, XZ_STATE_DETECT, XZ_MODE_AUTO, text);
}

wr_err xz_client_abort(xz_client *c, const char *reason) {
  if (c->state != XZ_CLIENT_READY) return WR_ERR_STATE;
  wr_writer w = write_text(c, reason ? reason : "");
  xz_write_abort(&w, c->session_id, reason);
  wr_err err = send_written(c, &w);
  if (err) return err;
  c->muted = true;
  c->aborted |= c->speaking;
  c->speaking = false;
  return WR_OK;
}

wr_err xz_client_send_audio(xz_client *c, wr_bytes opus, uint32_t timestamp_ms) {
  if (c->state != XZ_CLIENT_READY || !c->listening) return WR_ERR_STATE;
  size_t need = opus.len + XZ_FRAME_HEADER_MAX;
  if (xz_outbox_used(&c->out) + need > XZ_CLIENT_OUT_BYTES / 2) {
    drop(c, XZ_DROP_QUEUE); /* a stalled socket: late speech is worth nothing, messages need the rest */
    return WR_ERR_LIMIT;
  }
  if (c->crypto) return send_datagram(c, opus, media_time(c));
  wr_writer w = xz_outbox_begin(&c->out, need);
  w.at += xz_frame_write(w.at, wr_writer_left(&w), c->settings.version, timestamp_ms, opus);
  if (wr_writer_len(&w) == 0) w.failed = true;
  wr_err err = xz_outbox_end(&c->out, &w, XZ_SEND_BINARY);
  if (err) drop(c, XZ_DROP_QUEUE);
  return err;
}

wr_err xz_client_tool_result(xz_client *c, uint32_t call, bool ok, const char *text) {
  if (!is_open(c)) return WR_ERR_STATE;
  return xz_mcp_device_result(&c->mcp, call, ok, text, c->session_id, &c->out);
}

void xz_client_hang_up(xz_client *c) {
  if (is_open(c)) close_link(c, 1000, "", c->state == XZ_CLIENT_READY);
}

bool xz_client_poll(xz_client *c, xz_client_event *event) {
  if (c->i_event == c->n_events) return false;
  *event = c->events[c->i_event++];
  return true;
}

bool xz_client_peek(const xz_client *c, xz_send *send) { return xz_outbox_peek(&c->out, send); }

void xz_client_pop(xz_client *c) {
  xz_send send;
  if (!xz_outbox_peek(&c->out, &send)) return;
  if (send.kind == XZ_SEND_BINARY) c->stats.frames_out++;
  if (send.kind == XZ_SEND_TEXT) c->stats.texts_out++;
  xz_outbox_pop(&c->out);
}

const char *xz_client_vision_url(const xz_client *c) { return c->mcp.vision_url; }
const char *xz_client_vision_token(const xz_client *c) { return c->mcp.vision_token; }
