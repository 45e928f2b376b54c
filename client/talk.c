/* client/talk.c - see talk.h. Tools a page would have are answered as far as a terminal can. */
#include "client/talk.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define SETTLE_US WR_MS(700) /* after tts stop: the last frames are on their way, or another turn begins */

void talk_print(const call *c, const char *name, const char *key, const char *value) {
  const client_options *options = c->world->options;
  if (options->quiet || client_is_load(options)) return;
  if (options->json) {
    json_t *line = json_pack("{s:s, s:s?}", "event", name, key, value);
    char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;
    if (text) puts(text);
    free(text);
    json_decref(line);
  } else {
    printf("%s: %s\n", name, value ? value : "");
  }
  fflush(stdout);
}

static void send_json(call *c, json_t *message, wr_time now) {
  char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;
  if (text) (void)caller_send_message(c->caller, true, wr_bytes_of(text, strlen(text)), now);
  free(text);
  json_decref(message);
}

void talk_on_open(call *c, wr_time now) {
  if (c->world->options->echo_test) (void)caller_send_message(c->caller, true, echo_check_text(), now);
}

void talk_on_ready(call *c, wr_time now) {
  const client_options *options = c->world->options;
  if (client_is_load(options) || options->echo_test) return;
  if (options->text) (void)caller_say(c->caller, options->text, now);
  if (!strcmp(options->mode, "manual")) caller_do(c->caller, MGR_EVENT_PRESS, 0, now);
}

void talk_on_spoken(call *c, wr_time now) {
  if (!strcmp(c->world->options->mode, "manual")) caller_do(c->caller, MGR_EVENT_RELEASE, 0, now);
}

static void on_tts(call *c, const json_t *message, wr_time now) {
  const char *state = json_string_value(json_object_get(message, "state"));
  const char *text = json_string_value(json_object_get(message, "text"));
  if (!state) return;
  if (!strcmp(state, "start")) {
    if (c->world->options->duration_s <= 0) c->finish_at = WR_NEVER;
  } else if (!strcmp(state, "sentence_start") && text) {
    talk_print(c, "assistant", "text", text);
  } else if (!strcmp(state, "stop")) {
    if (c->world->options->duration_s <= 0) c->finish_at = now + SETTLE_US;
  }
}

static void on_tool(call *c, const json_t *message, wr_time now) {
  const char *name = json_string_value(json_object_get(message, "text"));
  json_t *id = json_object_get(message, "id");
  if (!name || !id) return;
  talk_print(c, "tool", "name", name);
  bool known = !strcmp(name, "set_volume") || !strcmp(name, "stop_music");
  if (!strcmp(name, "get_device_status"))
    send_json(c,
              json_pack("{s:s, s:O, s:b, s:{s:{s:i}}}", "type", "tool_result", "id", id, "ok", 1, "value",
                        "audio_speaker", "volume", 50),
              now);
  else if (known)
    send_json(c, json_pack("{s:s, s:O, s:b}", "type", "tool_result", "id", id, "ok", 1), now);
  else
    send_json(c,
              json_pack("{s:s, s:O, s:b, s:s}", "type", "tool_result", "id", id, "ok", 0, "error",
                        "a terminal has no such device"),
              now);
}

static void on_echo(call *c, bool is_text, wr_bytes message, wr_time now) {
  if (!echo_check_take(&c->echo, is_text, message)) {
    call_end(c, "a message came back changed", now);
    return;
  }
  if (is_text) (void)caller_send_message(c->caller, false, echo_check_big(&c->echo), now);
}

static void on_json(call *c, const json_t *message, wr_time now) {
  const char *type = json_string_value(json_object_get(message, "type"));
  const char *said = json_string_value(json_object_get(message, "text"));
  const char *reason = json_string_value(json_object_get(message, "message"));
  if (!type) return;
  if (!strcmp(type, "stt") && said)
    talk_print(c, "you", "text", said);
  else if (!strcmp(type, "tts"))
    on_tts(c, message, now);
  else if (!strcmp(type, "llm"))
    talk_print(c, "emotion", "name", json_string_value(json_object_get(message, "emotion")));
  else if (!strcmp(type, "tool"))
    on_tool(c, message, now);
  else if (!strcmp(type, "ready"))
    talk_print(c, "ready", "session", json_string_value(json_object_get(message, "sessionId")));
  else if (!strcmp(type, "backend"))
    talk_print(c, "backend", "state", json_string_value(json_object_get(message, "state")));
  else if (!strcmp(type, "error"))
    talk_print(c, "error", "message", reason);
}

void talk_on_message(call *c, const caller_out *out, wr_time now) {
  if (c->world->options->echo_test)
    on_echo(c, out->is_text, out->message, now);
  else if (out->json)
    on_json(c, out->json, now);
}

/* ---- the manager's words ---- */

static const char *in_small_letters(const char *name) {
  static char text[32];
  size_t i = 0;
  for (; name[i] && i + 1 < sizeof text; i++) text[i] = (char)tolower((unsigned char)name[i]);
  text[i] = 0;
  return text;
}

const char *talk_state(int32_t value) {
#define MGR_STATE(name, number, text) \
  if (value == (number)) return in_small_letters(#name);
#include "manager/names.def"
#undef MGR_STATE
  return "unknown";
}

const char *talk_reason(int32_t value) {
#define MGR_REASON(name, number, text) \
  if (value == (number)) return in_small_letters(#name);
#include "manager/names.def"
#undef MGR_REASON
  return "unknown";
}

const char *talk_rung(int32_t value) {
#define MGR_RUNG(name, number, text) \
  if (value == (number)) return in_small_letters(#name);
#include "manager/names.def"
#undef MGR_RUNG
  return "unknown";
}
