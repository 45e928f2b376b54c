/* gateway/link.c - the assistant's side of a session: an xz_client, its socket far away on the HTTP thread, and the
 * rules of taking turns.
 *
 *   OFF -wanted-> CONNECTING -hello-> READY -closed-> WAITING -time-> CONNECTING ...   (idle and closed: OFF)
 *
 * Over MQTT a conversation that ends leaves its connection, as on the devices: the server can use the page's tools,
 * and the next word says hello at once. A connection that breaks meanwhile comes back by itself, which nobody is
 * told.
 *
 * With --backend ota:URL there is ASKING before CONNECTING, until the server is known (gateway/ota.c). It is asked
 * again if the server refused us: once at once, then with the back-off.
 *
 * Turns: the caller's wish to listen survives reconnects; while an answer is heard the microphone rests (auto),
 * goes on (realtime) or is off (manual); in auto mode listening begins again once the answer has been played, and
 * its last word has died away in the caller's room. A conversation that the assistant ended in order begins again
 * with the next word, typed or spoken. What the caller says while the assistant is out of reach is
 * kept within bounds and said as soon as it is back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/log.h"
#include "gateway/session.h"
#include "gateway/tools.h"
#include "gateway/worker.h"

#define BACKOFF_MAX_S 30
#define ANSWER_US WR_S(4) /* an answer is expected within; later its first words may stutter, no more */
#define ASK_AFTER_ATTEMPTS 3
#define TAIL_US WR_MS(200) /* from the last packet of speech until it is heard, and until its echo is gone */
#define PAUSE_US WR_S(3)   /* without voice: nobody is in the middle of a sentence */
#define RUBBISH_MAX 20     /* unusable messages before the assistant is hung up on */

static void count(gw_session *s, gw_counter counter) { s->worker->metrics.counter[counter]++; }

const char *gw_link_state_text(gw_link_state state) {
  static const char *const names[] = {"off", "asking", "connecting", "ready", "waiting"};
  return names[state];
}

void gw_link_init(gw_session *s) {
  memset(&s->link, 0, sizeof(s->link));
  s->link.client = &s->cold->client;
  gw_fifo_init(&s->link.early, &s->worker->stock, GW_EARLY_SPEECH_BLOCKS);
  s->link.wants_to_listen = s->auto_listen;
}

/* ---- the socket ---- */

static void tell(gw_session *s, gw_kind kind, uint32_t number, const void *bytes, size_t len) {
  gw_tell(&s->worker->http, &(gw_message){.kind = (uint16_t)kind, .number = number, .ref = gw_session_ref(s)},
          bytes, len);
}

static void connect_socket(gw_session *s) {
  gw_link *link = &s->link;
  gw_target *target = calloc(1, sizeof(*target));
  if (!target) abort();
  target->identity = s->identity;
  target->server.version = 1;
  if (gw_ota_is_used(s)) target->server = s->cold->ota.server;
  xz_client_set_version(link->client, target->server.version);
  xz_client_set_udp(link->client, target->server.mqtt.host[0] ? s->worker->settings.crypto : NULL);
  link->state = GW_LINK_CONNECTING;
  link->socket_wanted = true;
  link->in_flight = 0;
  gw_tell(&s->worker->http, &(gw_message){.kind = GW_LINK_OPEN, .owned = target, .ref = gw_session_ref(s)}, NULL,
          0);
}

static void open_socket(gw_session *s, wr_time now) {
  gw_link *link = &s->link;
  link->attempt++;
  if (!link->client_ready) {
    xz_client_settings settings;
    xz_client_settings_default(&settings);
    const gw_tools *tools = s->worker->settings.tools;
    if (tools) {
      settings.mcp.tools = tools->rows;
      settings.mcp.n_tools = tools->n;
      settings.mcp.hidden = gw_tools_hidden(tools, s->identity.mac);
    }
    settings.interim = true;
    settings.mcp.firmware_names = strcmp(s->worker->settings.config->tool_names, "firmware") == 0;
    xz_client_init(link->client, &settings);
    gw_ota_init(s);
    link->client_ready = true;
  }
  gw_page_tell(s, "backend", now, "state", "connecting", NULL);
  gw_session_note(s, "assistant", "connecting", NULL, now);
  link->keep_at = 0;
  if (link->socket_wanted) { /* kept from the conversation before, or on its way */
    link->state = GW_LINK_CONNECTING;
    if (link->client->state == XZ_CLIENT_IDLE) xz_client_begin(link->client, now);
    return;
  }
  link->state = GW_LINK_ASKING;
  if (!gw_ota_is_used(s) || gw_ota_start(s, now)) connect_socket(s);
}

void gw_link_want(gw_session *s, wr_time now) {
  if (s->link.state == GW_LINK_OFF) open_socket(s, now);
}

static bool send_bytes(gw_session *s, gw_kind kind, wr_bytes bytes, bool must) {
  gw_message message = {.kind = (uint16_t)kind, .ref = gw_session_ref(s)};
  return gw_tell_bytes(&s->worker->http, &message, bytes, must);
}

static void push_outbox(gw_session *s) {
  gw_link *link = &s->link;
  xz_send send;
  while (link->client_ready && link->in_flight < GW_LINK_CREDIT && xz_client_peek(link->client, &send)) {
    bool sent = false;
    switch (send.kind) {
      case XZ_SEND_TEXT: sent = send_bytes(s, GW_LINK_SEND_TEXT, send.bytes, true); break;
      case XZ_SEND_BINARY:
        sent = send_bytes(s, GW_LINK_SEND_BINARY, send.bytes, false);
        if (!sent) count(s, GW_SPEECH_REFUSED);
        break;
      case XZ_SEND_CLOSE: tell(s, GW_LINK_CLOSE, send.code, send.bytes.data, send.bytes.len); break;
    }
    if (sent) link->in_flight += (uint32_t)send.bytes.len;
    xz_client_pop(link->client);
  }
}

/* ---- listening ---- */

static void start_listening(gw_session *s, wr_time now) {
  gw_link *link = &s->link;
  link->listen_at = 0;
  if (xz_client_listen_start(link->client, link->mode) != WR_OK) return;
  link->listening = true;
  gw_uplink_start(&s->up, link->mode != XZ_MODE_MANUAL, now);
}

static void stop_listening(gw_session *s) {
  gw_uplink_stop(&s->up, true);
  if (xz_client_listen_stop(s->link.client) != WR_OK) return; /* not connected: it knows nothing of listening */
  s->link.listening = false;
}

/* What was said while nobody heard it, as fast as the socket takes it. */
static void say_early(gw_session *s) {
  gw_link *link = &s->link;
  const uint8_t *bytes;
  while (link->state == GW_LINK_READY && link->early.n_records) {
    const gw_record *record = gw_fifo_front(&link->early, &bytes);
    if (xz_client_send_audio(link->client, wr_bytes_of(bytes, record->len), 0) == WR_ERR_LIMIT) return;
    count(s, GW_UPLINK_PACKETS);
    gw_fifo_pop(&link->early);
  }
  if (link->state == GW_LINK_READY && link->listening && !link->wants_to_listen) stop_listening(s);
}

static void silence_answer(gw_session *s, wr_time now) {
  gw_link *link = &s->link;
  gw_session_hush(s);
  link->awaits_sound = false;
  gw_trace_answered(&s->trace, "aborted", now);
  if (link->page_hears) gw_page_tts(s, "stop", now);
  link->page_hears = false;
  if (link->state == GW_LINK_READY && xz_client_abort(link->client, NULL) != WR_OK)
    gw_page_say_error(s, "backend_busy", "the assistant does not take more just now", now);
  link->in_answer = false;
}

static bool is_answering(const gw_session *s) { return s->link.in_answer || !gw_downlink_is_empty(&s->down); }

void gw_link_listen(gw_session *s, xz_mode mode, wr_time now) {
  gw_link *link = &s->link;
  bool same = link->listening && link->mode == mode;
  gw_session_note(s, "listen", "start", NULL, now);
  link->wants_to_listen = true;
  link->mode = mode;
  gw_link_want(s, now);
  if (link->state != GW_LINK_READY) {
    gw_uplink_start(&s->up, false, now); /* kept until the assistant is there */
    return;
  }
  if (is_answering(s))
    silence_answer(s, now);
  else if (same)
    return; /* a second start would throw away what was said since the first */
  start_listening(s, now);
}

static void expect_answer(gw_session *s, const char *input, wr_time asked_at, wr_time now) {
  gw_trace_asked(&s->trace, input, asked_at, now);
  s->link.asked_at = asked_at;
  s->link.awaits_sound = true;
  gw_downlink_expect(&s->down, now + ANSWER_US, now);
}

void gw_link_listen_stop(gw_session *s, wr_time now) {
  gw_link *link = &s->link;
  gw_session_note(s, "listen", "stop", NULL, now);
  link->wants_to_listen = false;
  expect_answer(s, "speech", now, now);
  if (link->state != GW_LINK_READY)
    gw_uplink_stop(&s->up, true);
  else if (link->listening)
    stop_listening(s);
}

void gw_link_abort(gw_session *s, wr_time now) {
  gw_link *link = &s->link;
  gw_session_note(s, "answer", "abort", NULL, now);
  silence_answer(s, now);
  if (link->state != GW_LINK_READY || !link->wants_to_listen || link->mode == XZ_MODE_MANUAL) return;
  if (!link->listening) start_listening(s, now);
}

static void say_now(gw_session *s, const char *text, wr_time now) {
  if (is_answering(s)) silence_answer(s, now);
  expect_answer(s, "text", now, now);
  if (xz_client_detect(s->link.client, text) != WR_OK)
    gw_page_say_error(s, "backend_busy", "the assistant does not take more just now", now);
}

void gw_link_say(gw_session *s, const char *text, wr_time now) {
  gw_link *link = &s->link;
  gw_link_want(s, now);
  if (link->state == GW_LINK_READY) {
    say_now(s, text, now);
    return;
  }
  if (link->n_unsaid == GW_N_UNSAID) {
    free(link->unsaid[0]);
    memmove(link->unsaid, link->unsaid + 1, (GW_N_UNSAID - 1) * sizeof(link->unsaid[0]));
    link->n_unsaid--;
  }
  char *copy = strdup(text);
  if (copy) link->unsaid[link->n_unsaid++] = copy;
}

void gw_link_audio(gw_session *s, const wr_audio *audio, wr_time now) {
  uint64_t concealed = s->up.n_concealed;
  if (s->clean) {
    gw_clean_hear(s->clean, audio->payload, audio->n_lost, now);
    return;
  }
  gw_uplink_lost(&s->up, audio->n_lost, now);
  s->worker->metrics.counter[GW_UPLINK_CONCEALED] += s->up.n_concealed - concealed;
  gw_uplink_push(&s->up, audio->payload, now);
}

static void on_cleaned(void *ctx, wr_bytes opus, wr_time now) {
  gw_session *s = ctx;
  gw_uplink_push(&s->up, opus, now);
}

bool gw_link_clean(gw_session *s, gw_clean_wish wish) {
  gw_clean_close(s->clean);
  s->clean = NULL;
  if (!s->worker->may_clean || s->echo || !(wish.echo || wish.noise || wish.gain)) return false;
  s->clean = gw_clean_open(wish, on_cleaned, s);
  return s->clean != NULL;
}

void gw_link_tool_result(gw_session *s, uint32_t call, bool ok, const char *text, wr_time now) {
  if (!s->link.client_ready || xz_client_tool_result(s->link.client, call, ok, text) != WR_OK)
    gw_page_say_error(s, "no_such_call", "nobody waits for this result any more", now);
}

/* ---- what the assistant says ---- */

static void on_ready(gw_session *s, wr_time now) {
  gw_link *link = &s->link;
  link->state = GW_LINK_READY;
  link->attempt = 0;
  link->refreshed = false;
  count(s, GW_BACKEND_CONNECTS);
  gw_log(GW_INFO, "backend", "session", s->id_text, "state", "ready", NULL);
  gw_page_tell(s, "backend", now, "state", "ready", NULL);
  gw_session_note(s, "assistant", "ready", NULL, now);
  gw_page_say_ready(s, now);
  if (link->wants_to_listen || link->early.n_records) start_listening(s, now);
  for (size_t i = 0; i < link->n_unsaid; i++) {
    say_now(s, link->unsaid[i], now);
    free(link->unsaid[i]);
  }
  link->n_unsaid = 0;
  say_early(s);
}

static void on_stt(gw_session *s, const char *text, wr_time now) {
  gw_link *link = &s->link;
  gw_page_tell(s, "stt", now, "text", text, NULL);
  if (link->mode != XZ_MODE_MANUAL && !link->awaits_sound) { /* else the end of speech is known better */
    bool heard = link->voice_at && now - link->voice_at < WR_S(10);
    expect_answer(s, "speech", heard ? link->voice_at : now, now);
  }
  gw_trace_recognised(&s->trace, now);
}

static char *tts_json(const char *state, const char *text) {
  json_t *object = json_pack("{s:s,s:s}", "type", "tts", "state", state);
  if (text) json_object_set_new(object, "text", json_string(text));
  char *dumped = object ? json_dumps(object, JSON_COMPACT) : NULL;
  json_decref(object);
  return dumped;
}

static void queue_tts(gw_session *s, const char *state, const char *text, wr_time now) {
  char *json = tts_json(state, text);
  if (json) gw_downlink_push_text(&s->down, json, now);
}

static void on_tts_start(gw_session *s, wr_time now) {
  gw_link *link = &s->link;
  link->in_answer = true;
  link->captioned = false;
  link->listen_at = 0;
  gw_downlink_expect(&s->down, now + ANSWER_US, now);
  if (link->mode != XZ_MODE_REALTIME) {
    link->listening = false;
    gw_uplink_stop(&s->up, false);
  }
  /* After an answer that is still being played, the news waits its turn. */
  if (gw_downlink_is_empty(&s->down))
    gw_page_tts(s, "start", now);
  else
    queue_tts(s, "start", NULL, now);
  link->page_hears = true;
}

/* Performed by the HTTP thread; its answer finds this session or nobody. */
static void ask_http(gw_session *s, const gw_tool *how, const xz_tool_call *call) {
  char *args = call->args ? json_dumps(call->args, JSON_COMPACT) : strdup("{}");
  size_t len = args ? strlen(args) : 0;
  gw_tool_ask *ask = calloc(1, sizeof(*ask) + len + 1);
  if (!ask || !args) abort();
  *ask =
      (gw_tool_ask){.ref = gw_session_ref(s), .call = call->call, .tool = how, .identity = s->identity, .len = len};
  memcpy(ask->args, args, len + 1);
  free(args);
  count(s, GW_TOOL_CALLS);
  gw_tell(&s->worker->http, &(gw_message){.kind = GW_TOOL_ASK, .owned = ask, .ref = ask->ref}, NULL, 0);
}

static void on_tool_call(gw_session *s, const xz_tool_call *call, wr_time now) {
  const gw_tools *tools = s->worker->settings.tools;
  const gw_tool *how = tools ? gw_tools_how(tools, call->tool) : NULL;
  if (how && how->kind == GW_TOOL_HTTP) {
    ask_http(s, how, call);
    return;
  }
  if (!s->has_chat) {
    gw_link_tool_result(s, call->call, false, "the page is not connected", now);
    return;
  }
  if (strcmp(call->tool->name, "take_photo") == 0) {
    const char *question = json_string_value(json_object_get(call->args, "question"));
    s->photo_call = call->call;
    s->photo_is_wanted = true;
    snprintf(s->photo_question, sizeof(s->photo_question), "%s", question ? question : "");
  }
  if (how && (how->kind == GW_TOOL_SEARCH_MUSIC || how->kind == GW_TOOL_PLAY_MUSIC)) {
    ask_http(s, how, call);
    return;
  }
  bool waits = !how || how->kind != GW_TOOL_NOTE;
  gw_page_tool(s, call, waits, now);
  if (!waits) gw_link_tool_result(s, call->call, true, "done", now);
}

static void on_rest(gw_session *s, wr_time now);

static void on_client_event(gw_session *s, const xz_client_event *e, wr_time now) {
  switch (e->kind) {
    case XZ_CLIENT_EVENT_READY: on_ready(s, now); return;
    case XZ_CLIENT_EVENT_CHANNEL: tell(s, GW_LINK_CHANNEL, e->port, e->text, strlen(e->text)); return;
    case XZ_CLIENT_EVENT_STT: on_stt(s, e->text, now); return;
    case XZ_CLIENT_EVENT_HEARING: gw_page_tell(s, "hearing", now, "text", e->text, NULL); return;
    case XZ_CLIENT_EVENT_LLM: gw_page_tell(s, "llm", now, "emotion", e->emotion, "text", e->text, NULL); return;
    case XZ_CLIENT_EVENT_TTS_START: on_tts_start(s, now); return;
    case XZ_CLIENT_EVENT_SENTENCE_START:
      s->link.captioned = true;
      queue_tts(s, "sentence_start", e->text, now);
      return;
    case XZ_CLIENT_EVENT_SENTENCE_END: queue_tts(s, "sentence_end", e->text, now); return;
    case XZ_CLIENT_EVENT_TTS_STOP:
      s->link.in_answer = false;
      gw_downlink_push_end(&s->down, now);
      return;
    case XZ_CLIENT_EVENT_AUDIO:
      count(s, GW_DOWNLINK_PACKETS);
      gw_downlink_push_audio(&s->down, e->opus, now);
      return;
    case XZ_CLIENT_EVENT_TOOL_CALL: on_tool_call(s, &e->tool, now); return;
    case XZ_CLIENT_EVENT_ALERT:
      gw_page_tell(s, "alert", now, "status", e->status, "message", e->text, "emotion", e->emotion, NULL);
      return;
    case XZ_CLIENT_EVENT_ERROR: gw_page_say_error(s, "backend", e->text, now); return;
    case XZ_CLIENT_EVENT_FAILED: gw_page_say_error(s, "backend", e->text, now); return;
    case XZ_CLIENT_EVENT_SYSTEM: /* reboot: a page has nothing to restart */
    case XZ_CLIENT_EVENT_CUSTOM: return;
    case XZ_CLIENT_EVENT_GOODBYE:
      if (s->link.client->state == XZ_CLIENT_IDLE) on_rest(s, now);
      return;
  }
}

static void drain_events(gw_session *s, wr_time now) {
  xz_client_event event;
  while (xz_client_poll(s->link.client, &event)) on_client_event(s, &event, now);
}

static bool sends_rubbish(const gw_session *s) {
  const uint64_t *drop = s->link.client->stats.drop;
  return drop[XZ_DROP_NOT_JSON] + drop[XZ_DROP_TOO_LONG] + drop[XZ_DROP_MALFORMED] + s->down.n_bad > RUBBISH_MAX;
}

static void forget_rubbish(gw_session *s) {
  memset(s->link.client->stats.drop, 0, sizeof(s->link.client->stats.drop));
  s->worker->metrics.counter[GW_SPEECH_REFUSED] += s->down.n_bad;
  s->down.n_bad = 0;
}

static void hang_up_on_rubbish(gw_session *s, wr_time now) {
  forget_rubbish(s);
  s->link.hung_up = true;
  gw_page_say_error(s, "backend", "the assistant sent rubbish and was disconnected", now);
  xz_client_hang_up(s->link.client);
}

static wr_time backoff(gw_session *s) {
  unsigned doublings = s->link.attempt > 5 ? 5 : s->link.attempt ? s->link.attempt - 1 : 0;
  wr_time wait = WR_S(1u << doublings);
  if (wait > WR_S(BACKOFF_MAX_S)) wait = WR_S(BACKOFF_MAX_S);
  /* 75 % to 125 %: the callers of a server that fell over do not all come back at once */
  return wait * 3 / 4 + (wr_time)(wr_rng_u32(&s->worker->settings.rng) % (uint32_t)(wait / 2 + 1));
}

void gw_link_say_retrying(gw_session *s, wr_time wait, wr_time now) {
  char text[80];
  snprintf(text, sizeof(text), "{\"type\":\"backend\",\"state\":\"retrying\",\"in\":%lld}",
           (long long)(wait / 1000));
  gw_page_say(s, text, now);
}

void gw_link_tell_state(gw_session *s, wr_time now) {
  switch (s->link.state) {
    case GW_LINK_OFF:
    case GW_LINK_CONNECTING: gw_page_tell(s, "backend", now, "state", "connecting", NULL); return;
    case GW_LINK_READY: gw_page_tell(s, "backend", now, "state", "ready", NULL); return;
    case GW_LINK_ASKING: gw_ota_tell_state(s, now); return;
    case GW_LINK_WAITING:
      gw_page_tell(s, "backend", now, "state", "lost", "reason", s->cold->loss, NULL);
      gw_link_say_retrying(s, s->link.retry_at > now ? s->link.retry_at - now : 0, now);
      return;
  }
}

/* A server that refuses us, or says no hello, may have forgotten our token; one that cannot be reached may have
 * moved. true: for the first time, so at once. */
static bool must_ask_anew(gw_session *s, bool refused) {
  gw_link *link = &s->link;
  if (!gw_ota_is_used(s) || (!refused && link->attempt < ASK_AFTER_ATTEMPTS)) return false;
  xz_ota_forget(&s->cold->ota);
  bool first = refused && !link->refreshed;
  link->refreshed = link->refreshed || refused;
  return first;
}

/* In a word, whatever the server said. |code|: of the close, or an HTTP status. */
static const char *failure_of(const gw_session *s, bool was_ready, uint32_t code) {
  if (s->link.hung_up) return "rubbish";
  if (was_ready) return "lost";
  if (code >= 300 && code < 600) return "refused";
  return s->link.client->state == XZ_CLIENT_CLOSED ? "unreachable" : "no_hello";
}

/* Again when something is said: the page may talk as before, so it is told of no loss. */
static void rest(gw_session *s, wr_time now) {
  s->link.state = GW_LINK_OFF;
  gw_log(GW_INFO, "backend", "session", s->id_text, "state", "resting", "reason", s->cold->loss, NULL);
  gw_page_tell(s, "websocket", now, "state", "close", "reason", s->cold->loss, NULL);
  gw_session_note(s, "assistant", "resting", NULL, now);
}

/* The conversation is over: the page is told, and whether it comes back by itself or with the next word. */
static void end_conversation(gw_session *s, bool in_order, bool refused, wr_time now) {
  gw_link *link = &s->link;
  const char *reason = s->cold->loss;
  if (link->wants_to_listen) gw_uplink_start(&s->up, false, now);
  link->hung_up = false; /* our own close is no end of the conversation */
  if (in_order) {
    rest(s, now);
    return;
  }
  gw_log(GW_WARN, "backend", "session", s->id_text, "state", "lost", "reason", reason, NULL);
  gw_page_tell(s, "backend", now, "state", "lost", "reason", reason, NULL);
  gw_session_note(s, "assistant", "lost", refused ? "refused" : NULL, now);
  wr_time wait = must_ask_anew(s, refused) ? 0 : backoff(s);
  link->state = GW_LINK_WAITING;
  link->retry_at = now + wait;
  gw_link_say_retrying(s, wait, now);
}

/* Nobody waits for an answer, and nobody speaks: who talks hands-free is silent, and his voice would be noticed. */
static bool is_idle(const gw_session *s, wr_time now) {
  const gw_link *link = &s->link;
  bool is_silent = link->mode != XZ_MODE_MANUAL && link->tells_level && now - link->voice_at > PAUSE_US;
  return !link->in_answer && (!link->wants_to_listen || is_silent);
}

void gw_link_voice(gw_session *s, wr_time now) {
  s->link.voice_at = now;
  if (s->link.wants_to_listen && !s->closing) gw_link_want(s, now);
}

/* The assistant's goodbye, over a connection that stays. */
static void on_rest(gw_session *s, wr_time now) {
  bool in_order = is_idle(s, now);
  snprintf(s->cold->loss, sizeof(s->cold->loss), "the assistant ended the conversation");
  if (!in_order) gw_session_trouble(s, "assistant", "lost");
  s->link.listening = false;
  s->link.listen_at = 0;
  count(s, GW_BACKEND_LOST);
  end_conversation(s, in_order, false, now);
}

static void forget_socket(gw_session *s, wr_time now) {
  gw_link *link = &s->link;
  xz_client_closed(link->client);
  link->listening = false;
  link->listen_at = 0;
  link->socket_wanted = false;
  link->in_flight = 0;
  drain_events(s, now); /* an answer that was cut off ends */
}

/* Between conversations. Whoever is refused asks where the server is when there is something to say. */
static void on_kept_closed(gw_session *s, uint32_t code, const char *reason, wr_time now) {
  gw_link *link = &s->link;
  forget_socket(s, now);
  gw_log(GW_INFO, "backend", "session", s->id_text, "state", "idle", "reason", reason, NULL);
  if (link->state != GW_LINK_OFF) return; /* it is about to be opened again */
  link->attempt++;
  link->keep_at = code ? 0 : now + backoff(s);
  if (code && gw_ota_is_used(s)) xz_ota_forget(&s->cold->ota);
}

static void on_closed(gw_session *s, uint32_t code, const char *reason, wr_time now) {
  gw_link *link = &s->link;
  if (link->state == GW_LINK_OFF || link->client->state == XZ_CLIENT_IDLE) {
    on_kept_closed(s, code, reason, now);
    return;
  }
  bool was_ready = link->state == GW_LINK_READY, was_idle = is_idle(s, now);
  bool was_open = link->client->state != XZ_CLIENT_CLOSED, refused = !was_ready && (code != 0 || was_open);
  if (refused && was_open && link->client->plain[0]) reason = link->client->plain; /* its own words say more */
  snprintf(s->cold->loss, sizeof(s->cold->loss), "%s", reason);
  bool is_end = was_ready && was_idle && code == 1000 && !link->hung_up;
  if (!is_end) gw_session_trouble(s, "assistant", failure_of(s, was_ready, code));
  count(s, was_ready ? GW_BACKEND_LOST : GW_BACKEND_FAILURES);
  forget_socket(s, now);
  end_conversation(s, is_end, refused, now);
}

static void on_tool_done(gw_session *s, const gw_message *m, wr_time now) {
  gw_link_tool_result(s, m->number, m->owned_len == 1, m->owned ? m->owned : "", now);
}

static void count_datagrams(gw_session *s) {
  static const gw_counter of_drop[XZ_UDP_N_DROPS] = {
      [XZ_UDP_MALFORMED] = GW_SPEECH_MALFORMED,
      [XZ_UDP_FOREIGN] = GW_SPEECH_FOREIGN,
      [XZ_UDP_OLD] = GW_SPEECH_OLD,
      [XZ_UDP_JUMP] = GW_SPEECH_JUMP,
      [XZ_UDP_NOT_OPUS] = GW_SPEECH_NOT_OPUS,
  };
  const xz_udp_stats *now = &s->link.client->udp.stats;
  xz_udp_stats *before = &s->link.counted;
  uint64_t *counter = s->worker->metrics.counter;
  counter[GW_SPEECH_LOST] += now->lost - before->lost;
  for (size_t i = 0; i < XZ_UDP_N_DROPS; i++) counter[of_drop[i]] += now->drop[i] - before->drop[i];
  *before = *now;
}

static void on_opened(gw_session *s, wr_time now) {
  gw_link *link = &s->link;
  if (link->state != GW_LINK_OFF) {
    xz_client_opened(link->client, now);
    return;
  }
  link->attempt = 0;
  xz_client_opened_idle(link->client, now);
}

void gw_link_message(gw_session *s, const gw_message *m, wr_time now) {
  gw_link *link = &s->link;
  wr_bytes bytes = m->owned ? wr_bytes_of(m->owned, m->owned_len) : wr_bytes_of(m->bytes, m->len);
  char reason[128];
  if (!link->client_ready) return;
  switch ((int)m->kind) {
    case GW_LINK_OPENED:
      forget_rubbish(s); /* of the connection before */
      on_opened(s, now);
      break;
    case GW_LINK_TEXT: xz_client_recv_text(link->client, bytes, now); break;
    case GW_LINK_BINARY:
      xz_client_recv_binary(link->client, bytes, now);
      count_datagrams(s);
      break;
    case GW_LINK_SENT: link->in_flight -= m->number < link->in_flight ? m->number : link->in_flight; break;
    case GW_ASKED:
      if (link->state == GW_LINK_ASKING && gw_ota_answer(s, m->number, bytes, now)) connect_socket(s);
      break;
    case GW_TOOL_SAY: gw_page_say_or_keep(s, m->owned, now); break;
    case GW_TOOL_DONE: on_tool_done(s, m, now); break;
    case GW_LINK_CLOSED:
      snprintf(reason, sizeof(reason), "%.*s", (int)(m->len < 120 ? m->len : 120), (const char *)m->bytes);
      on_closed(s, m->number, reason, now);
      break;
  }
  drain_events(s, now);
  if (link->state == GW_LINK_READY && sends_rubbish(s)) hang_up_on_rubbish(s, now);
  push_outbox(s);
  if (link->early.n_records) {
    say_early(s);
    push_outbox(s);
  }
}

/* ---- time ---- */

static wr_time keep_deadline(const gw_session *s) {
  const gw_link *link = &s->link;
  return link->state == GW_LINK_OFF && link->keep_at ? link->keep_at : WR_NEVER;
}

static wr_time listen_deadline(const gw_session *s) { return s->link.listen_at ? s->link.listen_at : WR_NEVER; }

/* What the caller wants may have changed meanwhile. */
static void listen_again(gw_session *s, wr_time now) {
  s->link.listen_at = 0;
  if (s->link.wants_to_listen && s->link.mode == XZ_MODE_AUTO) start_listening(s, now);
}

static void keep_connected(gw_session *s) {
  s->link.keep_at = 0;
  connect_socket(s);
  s->link.state = GW_LINK_OFF;
}

void gw_link_tick(gw_session *s, wr_time now) {
  gw_link *link = &s->link;
  if (link->state == GW_LINK_WAITING && now >= link->retry_at) open_socket(s, now);
  if (link->state == GW_LINK_ASKING) gw_ota_tick(s, now);
  if (now >= keep_deadline(s)) keep_connected(s);
  if (now >= listen_deadline(s)) listen_again(s, now);
  if (!link->client_ready || now < xz_client_deadline(link->client)) return;
  xz_client_tick(link->client, now);
  drain_events(s, now);
}

wr_time gw_link_deadline(const gw_session *s) {
  wr_time at = s->link.state == GW_LINK_WAITING ? s->link.retry_at : WR_NEVER;
  if (s->link.state == GW_LINK_ASKING) at = xz_ota_deadline(&s->cold->ota);
  at = wr_time_min(at, wr_time_min(keep_deadline(s), listen_deadline(s)));
  return s->link.client_ready ? wr_time_min(at, xz_client_deadline(s->link.client)) : at;
}

static void play_audio(gw_session *s, const gw_downlink_item *item, wr_time now) {
  gw_link *link = &s->link;
  if (link->awaits_sound && !item->silent) {
    gw_histogram_add(&s->worker->metrics.turn_latency, now - link->asked_at);
    gw_trace_sound(&s->trace, now);
    link->awaits_sound = false;
  }
  if (!item->silent && !link->captioned) {
    link->captioned = true;
    gw_page_tts(s, "sound", now);
  }
  if (!item->silent) link->sound_at = now;
  wr_err err = gw_session_send_audio(s, item, now);
  if (err && !item->silent) count(s, GW_SPEECH_REFUSED);
  if (!err && s->clean) gw_clean_play(s->clean, item->opus, now);
  gw_hold_played(s);
  s->dirty = true;
}

static void on_answer_heard(gw_session *s, wr_time now) {
  gw_link *link = &s->link;
  gw_trace_answered(&s->trace, NULL, now);
  if (link->page_hears) {
    gw_page_tts(s, "stop", now);
    count(s, GW_TURNS);
  }
  link->page_hears = link->in_answer;
  if (link->in_answer || link->listening || link->state != GW_LINK_READY) return;
  if (link->wants_to_listen && link->mode == XZ_MODE_AUTO) link->listen_at = link->sound_at + TAIL_US;
}

void gw_link_play(gw_session *s, wr_time now) {
  gw_downlink_item item = {.kind = GW_DOWNLINK_END};
  /* One packet at a time: the connection has room for one, and settle drains it before it comes back for more. */
  while (gw_session_has_peer(s) && item.kind != GW_DOWNLINK_AUDIO && gw_downlink_poll(&s->down, &item, now)) {
    switch (item.kind) {
      case GW_DOWNLINK_AUDIO: play_audio(s, &item, now); break;
      case GW_DOWNLINK_TEXT:
        gw_page_say_or_keep(s, item.text, now);
        free(item.text);
        break;
      case GW_DOWNLINK_END: on_answer_heard(s, now); break;
    }
  }
  push_outbox(s);
}

void gw_link_close(gw_session *s, const char *reason) {
  gw_link *link = &s->link;
  if (link->client_ready && link->client->crypto) { /* a bridge would keep the conversation open */
    xz_client_hang_up(link->client);
    push_outbox(s);
  }
  if (link->socket_wanted) tell(s, GW_LINK_CLOSE, 1000, reason, strlen(reason));
  for (size_t i = 0; i < link->n_unsaid; i++) free(link->unsaid[i]);
  link->n_unsaid = 0;
  (void)gw_link_clean(s, (gw_clean_wish){0});
  gw_fifo_clear(&link->early);
  if (link->client_ready) xz_client_wipe(link->client);
  link->client_ready = false;
}
