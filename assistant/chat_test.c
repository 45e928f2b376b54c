/* assistant/chat_test.c - streams as servers send them, cut into all sizes of pieces. */
#include "assistant/chat.h"

#include <stdio.h>
#include <stdlib.h>

#include "check.h"

static char said[4096];
static as_chat chat;

static void hear(void *ctx, const char *text, size_t len) {
  size_t n = strlen(said);
  (void)ctx;
  snprintf(said + n, sizeof said - n, "%.*s", (int)len, text);
}

/* The reply |text| in pieces of |step| bytes. */
static as_why read_reply(const char *text, size_t step) {
  size_t len = strlen(text);
  as_chat_wipe(&chat);
  as_chat_begin(&chat, hear, NULL);
  said[0] = 0;
  for (size_t i = 0; i < len; i += step)
    if (!as_chat_recv(&chat, wr_bytes_of(text + i, len - i < step ? len - i : step))) break;
  return as_chat_end(&chat);
}

#define WORDS(text) "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" text "\"}}]}\n\n"
#define STOP "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"

TEST(chat_reads_streams_in_any_pieces) {
  static const char plain[] =
      ": ping\n\ndata: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n" WORDS("Hel")
          WORDS("lo \\u4f60.") "event: x\nid: 1\n\n" STOP;
  static const char crlf[] =
      "data:{\"choices\":[{\"delta\":\r\ndata: {\"content\":\"two lines\"}}]}\r\n\r\ndata: [DONE]";
  for (size_t step = 1; step < 40; step++) {
    CHECK_EQ(read_reply(plain, step), AS_WHY_NONE);
    CHECK_TEXT(said, "Hello \xe4\xbd\xa0.");
    CHECK_EQ(read_reply(crlf, step), AS_WHY_NONE);
    CHECK_TEXT(said, "two lines");
  }
  CHECK_EQ(read_reply(" {\"choices\":[{\"message\":{\"content\":\"whole\"},\"finish_reason\":\"stop\"}]}", 7),
           AS_WHY_NONE);
  CHECK_TEXT(said, "whole");
  as_chat_wipe(&chat);
}

TEST(chat_does_not_say_thoughts) {
  static const char *const rows[][2] = {
      {WORDS("<think>hm </thi") WORDS("nk>\\n\\nYes.") STOP, "Yes."},
      {WORDS("\\n<thi") WORDS("nk><</think>A") STOP, "A"},
      {WORDS("<this> is") STOP, "<this> is"},
      {WORDS("<thi") STOP, "<thi"},
      {WORDS("<think>never ends") STOP, ""},
      {WORDS("a <think>b") STOP, "a <think>b"},
      {WORDS("<think></think><think>x</think> B") STOP, "B"},
      {WORDS("<think></th</think>C") STOP, "C"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    CHECK_EQ(read_reply(rows[i][0], 1000), AS_WHY_NONE);
    CHECK_TEXT(said, rows[i][1]);
  }
  as_chat_wipe(&chat);
}

TEST(chat_puts_tool_calls_together) {
  static const char stream[] =
      "data: "
      "{\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"set_volume\","
      "\"arguments\":\"\"}}]}}]}\n\n"
      "data: "
      "{\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"vol\"}}]}}]}\n\n"
      "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"ume\\\":5}\"}},"
      "{\"index\":1,\"function\":{\"name\":\"b\",\"arguments\":{\"x\":1}}}]}}]}\n\n"
      "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n";
  CHECK_EQ(read_reply(stream, 3), AS_WHY_NONE);
  json_t *calls = as_chat_calls(&chat);
  char *text = json_dumps(calls, JSON_COMPACT | JSON_SORT_KEYS);
  CHECK_TEXT(text,
             "[{\"arguments\":{\"volume\":5},\"id\":\"a\",\"name\":\"set_volume\"},"
             "{\"arguments\":{\"x\":1},\"id\":\"call_1\",\"name\":\"b\"}]");
  free(text);
  json_decref(calls);
  as_chat_wipe(&chat);
}

TEST(chat_says_what_is_wrong) {
  CHECK_EQ(read_reply(WORDS("Half"), 9), AS_WHY_CUT);
  CHECK_TEXT(said, "Half");
  CHECK_EQ(read_reply("data: {\"choices\":[{\"delta\":{\"conte", 9), AS_WHY_GARBLED);
  CHECK_EQ(read_reply("", 9), AS_WHY_EMPTY);
  CHECK_EQ(read_reply("<html><body>502</body></html>", 9), AS_WHY_CUT);
  CHECK_EQ(read_reply("data: nonsense\n\n", 9), AS_WHY_GARBLED);
  CHECK_EQ(read_reply("data: [1]\n\n", 9), AS_WHY_GARBLED);
  CHECK_EQ(read_reply(WORDS("x") "data: {\"error\":{\"message\":\"no memory\"}}\n\n", 9), AS_WHY_BROKEN);
  CHECK_TEXT(chat.error, "no memory");
  CHECK_EQ(read_reply("{\"error\":\"bad\"}", 9), AS_WHY_BROKEN);
  CHECK_EQ(read_reply("{\"choices\":[]}", 9), AS_WHY_GARBLED);
  as_chat_wipe(&chat);
}

TEST(chat_is_bounded) {
  static char text[AS_CHAT_REPLY_MAX + 100];
  memset(text, 'x', sizeof text - 1);
  memcpy(text, "data: ", 6);
  CHECK_EQ(read_reply(text, 4096), AS_WHY_GARBLED);
  CHECK(chat.line_cap <= AS_CHAT_EVENT_MAX);
  *text = '{';
  CHECK_EQ(read_reply(text, 4096), AS_WHY_GARBLED);
  memset(text, '\n', sizeof text - 1);
  memcpy(text, WORDS("x"), sizeof WORDS("x") - 1);
  CHECK_EQ(read_reply(text, 4096), AS_WHY_GARBLED);
  size_t n = 0;
  for (int i = 0; i < 9; i++)
    n += (size_t)snprintf(text + n, 200, "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":%d}]}}]}\n\n",
                          i);
  CHECK_EQ(read_reply(text, 100), AS_WHY_GARBLED);
  CHECK_EQ(read_reply("data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":99999999}]}}]}\n\n", 100),
           AS_WHY_GARBLED);
  static char piece[300] =
      "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"";
  size_t head = strlen(piece);
  memset(piece + head, 'y', 100);
  memcpy(piece + head + 100, "\"}}]}}]}\n\n", 11);
  for (n = 0; n < 50; n++) memcpy(text + n * strlen(piece), piece, strlen(piece) + 1);
  CHECK_EQ(read_reply(text, 100), AS_WHY_GARBLED);
  CHECK(chat.calls[0].n_arguments <= AS_CHAT_ARGUMENTS_MAX);
  as_chat_wipe(&chat);
}

TEST(chat_request_offers_the_tools_of_the_device) {
  json_t *tools = json_loads(
      "[{\"name\":\"self.audio.set\",\"description\":\"d\",\"inputSchema\":{\"type\":\"object\"}},"
      "{\"name\":\"b\"},{\"nameless\":1}]",
      0, NULL);
  json_t *messages = json_pack("[{s:s,s:s}]", "role", "user", "content", "hi");
  char *text = as_chat_request("m", messages, tools);
  json_t *request = json_loads(text, 0, NULL);
  json_t *functions = json_object_get(request, "tools");
  CHECK_EQ(json_array_size(functions), 2);
  CHECK(strstr(text, "\"name\":\"self_audio_set\"") && strstr(text, "\"model\":\"m\"") &&
        strstr(text, "\"stream\":true"));
  CHECK_TEXT(as_chat_tool(tools, "self_audio_set"), "self.audio.set");
  CHECK(as_chat_tool(tools, "c") == NULL);
  free(text);
  json_decref(request);
  char big[1000];
  memset(big, 'z', sizeof big - 1);
  big[sizeof big - 1] = 0;
  for (int i = 0; i < 60; i++)
    json_array_append_new(tools, json_pack("{s:s,s:s}", "name", "n", "description", big));
  text = as_chat_request("m", messages, tools);
  CHECK(strlen(text) < AS_CHAT_TOOLS_BYTES + 200);
  free(text);
  json_decref(messages);
  json_decref(tools);
}

TEST(chat_image_is_base64) {
  json_t *message = as_chat_image("look", wr_bytes_of("\xff\xd8\xff\xe0", 4));
  char *text = json_dumps(message, JSON_COMPACT);
  CHECK(strstr(text, "\"data:image/jpeg;base64,/9j/4A==\"") || strstr(text, "base64,\\/9j\\/4A==\""));
  free(text);
  json_decref(message);
}
