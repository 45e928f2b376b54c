/* assistant/chat.c - server-sent events (WHATWG 9.2.6: data only; other fields and comments are skipped) with
 * "chat.completion.chunk" objects in them. Left out: several choices, refusals, log probabilities. */
#include "assistant/chat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BEGIN_TAG "<think>"
#define END_TAG "</think>"

void as_chat_begin(as_chat *c, void (*words)(void *ctx, const char *text, size_t len), void *ctx) {
  *c = (as_chat){.words = words, .ctx = ctx, .line_empty = true};
}

void as_chat_wipe(as_chat *c) {
  free(c->line);
  for (size_t i = 0; i < c->n_calls; i++) free(c->calls[i].arguments);
  *c = (as_chat){0};
}

static void fail(as_chat *c, as_why why, const char *what) {
  if (c->why) return;
  c->why = why;
  snprintf(c->error, sizeof c->error, "%s", what);
}

/* ---- words ---- */

/* Goes on matching |tag| with |text|; returns how many bytes that used. *matched: the tag is complete. */
static size_t match_tag(as_chat *c, const char *tag, const char *text, size_t len, bool *matched) {
  size_t i = 0, n = strlen(tag);
  while (i < len && c->n_tag < n && text[i] == tag[c->n_tag]) i++, c->n_tag++;
  *matched = c->n_tag == n;
  return i;
}

/* Before the first word: is it a thought? What looked like its tag and was none is said. */
static void say_maybe(as_chat *c, const char **text, size_t *len) {
  bool matched;
  while (*len && !c->n_tag && strchr(" \t\r\n", **text)) (*text)++, (*len)--;
  if (!*len) return;
  size_t used = match_tag(c, BEGIN_TAG, *text, *len, &matched), n_tag = c->n_tag;
  *text += used;
  *len -= used;
  if (!matched && !*len) return;
  c->n_tag = 0;
  c->thought = matched ? AS_THINK_INSIDE : AS_THINK_NOT;
  if (!matched && n_tag) c->words(c->ctx, BEGIN_TAG, n_tag);
}

static void skip_thought(as_chat *c, const char **text, size_t *len) {
  while (*len) {
    bool matched;
    size_t used = match_tag(c, END_TAG, *text, *len, &matched);
    *text += used;
    *len -= used;
    if (matched) {
      c->thought = AS_THINK_MAYBE; /* only blanks may follow before the words; another thought is one, too */
      c->n_tag = 0;
      return;
    }
    if (!*len) return;
    if (!c->n_tag) (*text)++, (*len)--; /* after a partial match the same byte may begin the tag */
    c->n_tag = 0;
  }
}

static void say(as_chat *c, const json_t *content) {
  const char *text = json_string_value(content);
  size_t len = json_string_length(content);
  while (len) {
    switch (c->thought) {
      case AS_THINK_MAYBE: say_maybe(c, &text, &len); break;
      case AS_THINK_INSIDE: skip_thought(c, &text, &len); break;
      case AS_THINK_NOT: c->words(c->ctx, text, len); return;
    }
  }
}

/* ---- tool calls ---- */

static as_chat_call *call_of(as_chat *c, const json_t *part, size_t i_part, bool whole) {
  const json_t *index = json_object_get(part, "index");
  size_t i = whole ? c->n_calls : i_part;
  if (json_is_integer(index) && json_integer_value(index) >= 0) i = (size_t)json_integer_value(index);
  if (i >= AS_CHAT_CALLS_MAX || i > c->n_calls) return NULL;
  if (i == c->n_calls) c->calls[c->n_calls++] = (as_chat_call){0};
  return &c->calls[i];
}

static bool add_arguments(as_chat_call *call, const char *text, size_t len) {
  if (len > AS_CHAT_ARGUMENTS_MAX - call->n_arguments) return false;
  char *grown = realloc(call->arguments, call->n_arguments + len + 1);
  if (!grown) return false;
  memcpy(grown + call->n_arguments, text, len);
  call->arguments = grown;
  call->n_arguments += len;
  grown[call->n_arguments] = 0;
  return true;
}

/* Names and ids come whole, in the first piece; arguments in pieces of a text, from some servers as an object. */
static bool add_call(as_chat *c, const json_t *part, size_t i_part, bool whole) {
  const json_t *function = json_object_get(part, "function"), *arguments = json_object_get(function, "arguments");
  const char *id = json_string_value(json_object_get(part, "id"));
  const char *name = json_string_value(json_object_get(function, "name"));
  as_chat_call *call = call_of(c, part, i_part, whole);
  if (!call) return false;
  if (id && *id && !call->id[0]) snprintf(call->id, sizeof call->id, "%s", id);
  if (name && *name && !call->name[0]) {
    if (strlen(name) >= sizeof call->name) return false;
    snprintf(call->name, sizeof call->name, "%s", name);
  }
  if (json_is_string(arguments))
    return add_arguments(call, json_string_value(arguments), json_string_length(arguments));
  if (!json_is_object(arguments)) return true;
  char *dump = json_dumps(arguments, JSON_COMPACT);
  bool fine = dump && add_arguments(call, dump, strlen(dump));
  free(dump);
  return fine;
}

json_t *as_chat_calls(const as_chat *c) {
  json_t *calls = c->n_calls ? json_array() : NULL;
  for (size_t i = 0; i < c->n_calls; i++) {
    const as_chat_call *call = &c->calls[i];
    char id[AS_CHAT_ID_MAX];
    json_t *arguments = json_loadb(call->arguments ? call->arguments : "", call->n_arguments, 0, NULL);
    if (!json_is_object(arguments)) {
      json_decref(arguments);
      arguments = json_object();
    }
    snprintf(id, sizeof id, "call_%zu", i);
    json_t *id_json = json_string(call->id[0] ? call->id : id); /* a cut id may be half a character: no text */
    json_array_append_new(calls, json_pack("{s:o,s:s,s:o}", "id", id_json ? id_json : json_string(id), "name",
                                           call->name, "arguments", arguments));
  }
  return calls;
}

/* ---- objects ---- */

static void on_error(as_chat *c, const json_t *error) {
  const char *message = json_string_value(json_is_string(error) ? error : json_object_get(error, "message"));
  fail(c, AS_WHY_BROKEN, message ? message : "an error without words");
}

/* One chunk, or the whole reply. */
static void on_object(as_chat *c, const char *text, size_t len, bool whole) {
  json_t *json = json_loadb(text, len, 0, NULL);
  const json_t *error = json_object_get(json, "error"), *choices = json_object_get(json, "choices");
  const json_t *choice = json_array_get(choices, 0);
  const json_t *delta = json_object_get(choice, whole ? "message" : "delta");
  const json_t *calls = json_object_get(delta, "tool_calls");
  if (!json_is_object(json))
    fail(c, AS_WHY_GARBLED, "no JSON object");
  else if (error && !json_is_null(error))
    on_error(c, error);
  else if (whole && !choice)
    fail(c, AS_WHY_GARBLED, "no choices");
  say(c, json_object_get(delta, "content"));
  for (size_t i = 0; i < json_array_size(calls) && !c->why; i++)
    if (!add_call(c, json_array_get(calls, i), i, whole)) fail(c, AS_WHY_GARBLED, "tool calls beyond the bounds");
  if (json_string_length(json_object_get(choice, "finish_reason")) || (whole && choice)) c->finished = true;
  json_decref(json);
}

static bool keep(as_chat *c, char byte) {
  if (c->n_line == c->line_cap) {
    size_t cap = c->line_cap ? 2 * c->line_cap : 512;
    if (cap > AS_CHAT_EVENT_MAX) return false;
    char *grown = realloc(c->line, cap);
    if (!grown) return false;
    c->line = grown;
    c->line_cap = cap;
  }
  c->line[c->n_line++] = byte;
  return true;
}

/* ---- events ---- */

static void on_event(as_chat *c) {
  size_t n = c->n_line;
  if (n && c->line[n - 1] == '\n') n--; /* of the last data line */
  if (n == 6 && !memcmp(c->line, "[DONE]", 6))
    c->finished = true;
  else if (n)
    on_object(c, c->line, n, false);
  c->n_line = 0;
  c->has_data = false;
}

static void end_line(as_chat *c) {
  if (c->line_empty) {
    if (c->has_data) on_event(c);
  } else if (c->is_data) {
    c->has_data = true;
    if (!keep(c, '\n')) fail(c, AS_WHY_GARBLED, "an event beyond the bounds");
  }
  c->line_empty = true;
  c->is_data = false;
  c->n_name = 0;
}

/* The field's name ends at the colon; one blank behind that belongs to it. */
static void on_line_byte(as_chat *c, char byte) {
  enum { KNOWN = sizeof c->name + 1, BLANK = KNOWN + 1 };
  c->line_empty = false;
  if (c->n_name == BLANK) {
    c->n_name = KNOWN;
    if (byte == ' ') return;
  }
  if (c->n_name < KNOWN) {
    if (byte == ':') {
      c->is_data = c->n_name == 4 && !memcmp(c->name, "data", 4);
      c->n_name = BLANK;
    } else if (c->n_name < sizeof c->name) {
      c->name[c->n_name++] = byte;
    }
    return;
  }
  if (c->is_data && !keep(c, byte)) fail(c, AS_WHY_GARBLED, "an event beyond the bounds");
}

bool as_chat_recv(as_chat *c, wr_bytes bytes) {
  const char *at = (const char *)bytes.data;
  if (bytes.len > AS_CHAT_REPLY_MAX - c->n_total) fail(c, AS_WHY_GARBLED, "a reply beyond the bounds");
  if (!c->why) c->n_total += bytes.len;
  for (size_t i = 0; i < bytes.len && !c->why; i++) {
    char byte = at[i];
    if (c->form == AS_CHAT_UNKNOWN) {
      if (strchr(" \t\r\n", byte) && byte) continue;
      c->form = byte == '{' ? AS_CHAT_OBJECT : AS_CHAT_EVENTS;
    }
    if (c->form == AS_CHAT_OBJECT) {
      if (!keep(c, byte)) fail(c, AS_WHY_GARBLED, "a reply beyond the bounds");
      continue;
    }
    bool after_cr = c->after_cr;
    c->after_cr = byte == '\r';
    if (byte == '\n' && after_cr) continue;
    if (byte == '\n' || byte == '\r')
      end_line(c);
    else
      on_line_byte(c, byte);
  }
  return !c->why;
}

as_why as_chat_end(as_chat *c) {
  if (c->form == AS_CHAT_OBJECT && !c->why) {
    on_object(c, c->line, c->n_line, true);
  } else if (c->form == AS_CHAT_EVENTS && !c->why) {
    end_line(c);
    if (c->has_data) on_event(c); /* an event whose blank line did not come */
  }
  if (c->thought == AS_THINK_MAYBE && c->n_tag && !c->why) c->words(c->ctx, BEGIN_TAG, c->n_tag);
  c->n_tag = 0;
  if (!c->why && !c->finished) fail(c, c->n_total ? AS_WHY_CUT : AS_WHY_EMPTY, "the reply has no end");
  return c->why;
}

/* ---- requests ---- */

static void function_name(const char *mcp, char out[AS_CHAT_NAME_MAX]) {
  size_t n = 0;
  for (; mcp[n] && n < AS_CHAT_NAME_MAX - 1; n++) {
    char c = mcp[n];
    bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
    out[n] = fine ? c : '_';
  }
  out[n < 64 ? n : 64] = 0; /* the API takes 64 characters */
}

const char *as_chat_tool(const json_t *tools, const char *name) {
  char function[AS_CHAT_NAME_MAX];
  for (size_t i = 0; i < json_array_size(tools); i++) {
    const char *mcp = json_string_value(json_object_get(json_array_get(tools, i), "name"));
    if (!mcp) continue;
    function_name(mcp, function);
    if (!strcmp(function, name) || !strcmp(mcp, name)) return mcp;
  }
  return NULL;
}

static json_t *functions_of(const json_t *tools) {
  json_t *functions = json_array();
  size_t bytes = 0;
  for (size_t i = 0; i < json_array_size(tools); i++) {
    const json_t *tool = json_array_get(tools, i), *schema = json_object_get(tool, "inputSchema");
    const char *mcp = json_string_value(json_object_get(tool, "name"));
    const char *description = json_string_value(json_object_get(tool, "description"));
    char name[AS_CHAT_NAME_MAX];
    if (!mcp) continue;
    function_name(mcp, name);
    json_t *copy =
        json_is_object(schema) ? json_deep_copy(schema) : json_pack("{s:s,s:{}}", "type", "object", "properties");
    json_t *function = json_pack("{s:s,s:{s:s,s:s,s:o}}", "type", "function", "function", "name", name,
                                 "description", description ? description : "", "parameters", copy);
    size_t size = function ? json_dumpb(function, NULL, 0, JSON_COMPACT) : 0;
    if (!size || bytes + size > AS_CHAT_TOOLS_BYTES) {
      json_decref(function);
      continue;
    }
    bytes += size;
    json_array_append_new(functions, function);
  }
  return functions;
}

char *as_chat_request(const char *model, json_t *messages, const json_t *tools) {
  json_t *request =
      json_pack("{s:s,s:b,s:O}", "model", *model ? model : "default", "stream", 1, "messages", messages);
  json_t *functions = functions_of(tools);
  if (request && json_array_size(functions)) json_object_set(request, "tools", functions);
  json_decref(functions);
  char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
  json_decref(request);
  return text;
}

static void write_base64(char *out, wr_bytes in) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < in.len; i += 3) {
    size_t left = in.len - i;
    uint32_t v = (uint32_t)in.data[i] << 16 | (left > 1 ? (uint32_t)in.data[i + 1] << 8 : 0) |
                 (left > 2 ? in.data[i + 2] : 0u);
    for (unsigned k = 0; k < 4; k++) *out++ = k <= left ? digits[v >> (18 - 6 * k) & 63] : '=';
  }
  *out = 0;
}

json_t *as_chat_image(const char *text, wr_bytes jpeg) {
  static const char head[] = "data:image/jpeg;base64,";
  char *url = malloc(sizeof head + (jpeg.len + 2) / 3 * 4);
  if (!url) return NULL;
  memcpy(url, head, sizeof head);
  write_base64(url + sizeof head - 1, jpeg);
  json_t *message = json_pack("{s:s,s:[{s:s,s:s},{s:s,s:{s:s}}]}", "role", "user", "content", "type", "text",
                              "text", text, "type", "image_url", "image_url", "url", url);
  free(url);
  return message;
}
