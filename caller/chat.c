/* caller/chat.c - the channel "chat": the manager's words out, the gateway's in (docs/protocol.md). */
#include <stdlib.h>
#include <string.h>

#include "caller/caller_state.h"

void caller_open_channel(caller *c, caller_link *link, wr_time now) {
  wr_channel_settings chat = {.label = "chat"};
  if (!link->conn) return;
  if (link->has_channel) (void)wr_conn_close_channel(link->conn, link->channel, now);
  link->channel_open = false;
  link->has_channel = wr_conn_open_channel(link->conn, &chat, &link->channel, now) == WR_OK;
  if (!link->has_channel) caller_report_to(c, &(mgr_event){.kind = MGR_EVENT_BROKEN, .link = link->number});
}

static void say(caller_link *link, json_t *message, wr_time now) {
  char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;
  if (text) (void)wr_conn_send_message(link->conn, link->channel, true, wr_bytes_of(text, strlen(text)), now);
  free(text);
  json_decref(message);
}

static const char *mode_name(int32_t mode) {
  if (mode == MGR_MODE_MANUAL) return "manual";
  return mode == MGR_MODE_REALTIME ? "realtime" : "auto";
}

/* Without words of ours: the path's own checks say whether it is alive, and how long it is. */
static void answer_ping(caller *c, const caller_link *link) {
  wr_conn_stats stats;
  if (wr_conn_get_state(link->conn) != WR_CONN_CONNECTED) return;
  wr_conn_get_stats(link->conn, &stats);
  caller_report_to(c,
                   &(mgr_event){.kind = MGR_EVENT_PONG, .link = link->number, .value = (int)(stats.rtt_us / 1000)});
}

void caller_say_command(caller *c, const mgr_command *command, wr_time now) {
  caller_link *link = caller_link_of(c, command->link);
  if (!link || !link->conn || !link->has_channel) return;
  if (c->settings.plain) {
    if (command->kind == MGR_COMMAND_PING) answer_ping(c, link);
    return;
  }
  switch ((int)command->kind) {
    case MGR_COMMAND_PING: say(link, json_pack("{s:s, s:I}", "type", "ping", "t", (json_int_t)now), now); return;
    case MGR_COMMAND_SAY_LISTEN:
      say(link, json_pack("{s:s, s:s, s:s}", "type", "listen", "state", "start", "mode", mode_name(command->value)),
          now);
      return;
    case MGR_COMMAND_SAY_STOP: say(link, json_pack("{s:s, s:s}", "type", "listen", "state", "stop"), now); return;
    case MGR_COMMAND_SAY_ABORT: say(link, json_pack("{s:s}", "type", "abort"), now); return;
    case MGR_COMMAND_SAY_TEXT:
      if (command->value <= c->n_texts_done || command->value > c->n_texts) return;
      say(link,
          json_pack("{s:s, s:s, s:s, s:i}", "type", "listen", "state", "detect", "text",
                    c->text[command->value % CALLER_N_TEXTS], "n", (int)command->value),
          now);
      return;
    default: return;
  }
}

/* ---- in ---- */

static const char *text_of(const json_t *message, const char *key) {
  const char *text = json_string_value(json_object_get(message, key));
  return text ? text : "";
}

/* Index of |word| in |words|, or -1. */
static int32_t index_of(const char *word, const char *const words[], int32_t n) {
  for (int32_t i = 0; i < n; i++)
    if (!strcmp(word, words[i])) return i;
  return -1;
}

static double number_of(const json_t *message, const char *key) {
  const json_t *value = json_object_get(message, key);
  return json_is_number(value) ? json_number_value(value) : MGR_ABSENT;
}

static uint32_t ms_of(const json_t *message, const char *key) {
  double ms = number_of(message, key);
  return ms > 0 && ms < 4e9 ? (uint32_t)ms : 0;
}

static void take_quality(caller *c, const caller_link *link, const json_t *message) {
  c->gateway.link = link->number;
  c->gateway.figures = (mgr_gateway_report){.rtt_ms = number_of(message, "rtt"),
                                            .jitter_ms = number_of(message, "jitter"),
                                            .received = number_of(message, "received"),
                                            .lost = number_of(message, "lost")};
}

/* The event that |message| is, besides its link. */
static mgr_event meaning_of(const json_t *message, wr_time now) {
  static const char *const backend[] = {"connecting", "ready", "lost", "retrying"};
  static const char *const tts[] = {"start", "sentence_start", "stop"};
  const char *type = text_of(message, "type"), *state = text_of(message, "state");
  mgr_event event = {.kind = MGR_EVENT_ALIVE};
  if (!strcmp(type, "pong")) {
    double rtt_us = (double)now - number_of(message, "t");
    event =
        (mgr_event){.kind = MGR_EVENT_PONG, .value = rtt_us >= 0 && rtt_us < 1e9 ? (int32_t)(rtt_us / 1000) : 0};
  } else if (!strcmp(type, "ready")) {
    event.kind = MGR_EVENT_READY;
  } else if (!strcmp(type, "backend") && index_of(state, backend, 4) >= 0) {
    event = (mgr_event){.kind = MGR_EVENT_BACKEND, .value = index_of(state, backend, 4)};
  } else if (!strcmp(type, "tts") && index_of(state, tts, 3) >= 0) {
    event = (mgr_event){.kind = MGR_EVENT_TTS, .value = index_of(state, tts, 3)};
  } else if (!strcmp(type, "tts") && !strcmp(state, "sound")) {
    event = (mgr_event){.kind = MGR_EVENT_TTS, .value = 1};
  } else if (!strcmp(type, "stt")) {
    event = (mgr_event){.kind = MGR_EVENT_STT, .value = text_of(message, "text")[0] != 0};
  } else if (!strcmp(type, "server-draining")) {
    event = (mgr_event){.kind = MGR_EVENT_DRAINING, .more = ms_of(message, "in")};
  } else if (!strcmp(type, "queue")) {
    event = (mgr_event){.kind = MGR_EVENT_QUEUE, .value = (int32_t)(ms_of(message, "ms") & INT32_MAX)};
  } else if (!strcmp(type, "ended")) {
    event.kind = MGR_EVENT_ENDED;
  }
  return event;
}

/* What is said again where it may not have arrived counts once. */
static bool came_before(caller *c, const caller_link *link, const json_t *message) {
  json_int_t n = json_integer_value(json_object_get(message, "n"));
  if (n < 1 || link->number < c->session_link) return false;
  if (n <= c->heard) {
    int64_t i = c->heard - 1 - n;
    bool was_missing = i >= 0 && i < 32 && (c->gaps >> i & 1);
    if (was_missing) c->gaps &= ~(1u << i);
    return !was_missing;
  }
  int64_t step = n - c->heard; /* over those between, and the one before, which came */
  c->gaps = step < 32 ? c->gaps << step | ((1u << (step - 1)) - 1) : step == 32 ? INT32_MAX : UINT32_MAX;
  c->heard = n;
  return false;
}

int64_t caller_heard(const caller *c) {
  int64_t n = c->heard;
  for (int64_t i = 0; i < 32; i++)
    if (c->gaps >> i & 1) n = c->heard - 2 - i;
  return n < 0 ? 0 : n;
}

void caller_say_heard(caller *c, caller_link *link, wr_time now) {
  say(link, json_pack("{s:s, s:I}", "type", "heard", "n", (json_int_t)caller_heard(c)), now);
}

json_t *caller_read_message(caller *c, const caller_link *link, wr_bytes text, bool *again, wr_time now) {
  json_t *message = json_loadb((const char *)text.data, text.len, 0, NULL);
  if (!json_is_object(message)) {
    json_decref(message);
    message = NULL;
  }
  *again = came_before(c, link, message);
  mgr_event event = *again ? (mgr_event){.kind = MGR_EVENT_ALIVE} : meaning_of(message, now);
  event.link = link->number;
  caller_report_to(c, &event);
  if (!strcmp(text_of(message, "type"), "quality")) take_quality(c, link, message);
  return message;
}
