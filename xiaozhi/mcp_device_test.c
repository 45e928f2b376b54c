/* xiaozhi/mcp_device_test.c - JSON-RPC requests a server may make, and the replies. */
#include "xiaozhi/mcp_device.h"

#include <stdio.h>
#include <stdlib.h>

#include "check.h"

static uint8_t memory[24 * 1024];
static xz_outbox out;
static xz_mcp_device device;
static xz_tool_call call;

static void init(const xz_tool *tools, size_t n, bool firmware_names) {
  xz_outbox_init(&out, memory, sizeof memory);
  xz_mcp_device_init(&device, &(xz_mcp_settings){tools, n, 0, firmware_names, "page", "1.0"});
}

static bool ask_at(const char *payload, wr_time now) {
  json_t *json = json_loads(payload, 0, NULL);
  bool asked = xz_mcp_device_recv(&device, json, "S", &out, &call, now);
  json_decref(json);
  return asked;
}

/* The payload of the next reply; the caller drops the reference. */
static json_t *reply(void) {
  xz_send send;
  if (!xz_outbox_peek(&out, &send)) return NULL;
  json_t *json = json_loadb((const char *)send.bytes.data, send.bytes.len, 0, NULL);
  json_t *payload = json_incref(json_object_get(json, "payload"));
  json_decref(json);
  xz_outbox_pop(&out);
  return payload;
}

static void check_error(const char *request, int code, const char *message) {
  CHECK(!ask_at(request, 0));
  json_t *payload = reply();
  const json_t *error = json_object_get(payload, "error");
  CHECK_EQ(json_integer_value(json_object_get(error, "code")), code);
  const char *said = json_string_value(json_object_get(error, "message"));
  CHECK_TEXT(said ? said : "(none)", message);
  json_decref(payload);
}

TEST(xz_mcp_device_initialize_keeps_the_vision_address) {
  init(xz_page_tools, xz_n_page_tools, false);
  CHECK(
      !ask_at("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{\"capabilities\":{\"vision\":{"
              "\"url\":\"http://a/b\",\"token\":\"tok\"}}}}",
              0));
  json_t *payload = reply();
  const json_t *result = json_object_get(payload, "result");
  CHECK_TEXT(json_string_value(json_object_get(result, "protocolVersion")), "2024-11-05");
  CHECK(json_is_object(json_object_get(json_object_get(result, "capabilities"), "tools")));
  json_decref(payload);
  CHECK_TEXT(device.vision_url, "http://a/b");
  /* Pitfall 19: a later initialize without vision leaves what was known. */
  CHECK(!ask_at("{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"initialize\"}", 0));
  json_decref(reply());
  CHECK_TEXT(device.vision_url, "http://a/b");
  xz_mcp_device_reset(&device);
  CHECK_TEXT(device.vision_token, "tok");
}

TEST(xz_mcp_device_lists_the_page_tools) {
  init(xz_page_tools, xz_n_page_tools, true);
  CHECK(!ask_at("{\"jsonrpc\":\"2.0\",\"id\":-3,\"method\":\"tools/list\",\"params\":{\"cursor\":\"\"}}", 0));
  json_t *payload = reply();
  CHECK_EQ(json_integer_value(json_object_get(payload, "id")), -3);
  const json_t *result = json_object_get(payload, "result"), *tools = json_object_get(result, "tools");
  CHECK_EQ(json_array_size(tools), 5);
  CHECK(json_object_get(result, "nextCursor") == NULL);
  const json_t *first = json_array_get(tools, 0), *schema = json_object_get(first, "inputSchema");
  CHECK_TEXT(json_string_value(json_object_get(first, "name")), "self.audio_speaker.set_volume");
  const json_t *volume = json_object_get(json_object_get(schema, "properties"), "volume");
  CHECK_TEXT(json_string_value(json_object_get(volume, "type")), "integer");
  CHECK_EQ(json_integer_value(json_object_get(volume, "maximum")), 100);
  CHECK_TEXT(json_string_value(json_array_get(json_object_get(schema, "required"), 0)), "volume");
  json_decref(payload);
}

/* Pitfall 17: pages of at most 8000 bytes; every tool is listed exactly once, in order. */
TEST(xz_mcp_device_pages_a_long_table) {
  enum { N = 60 };
  static char names[N][20], description[700];
  static xz_tool tools[N];
  memset(description, 'd', sizeof description - 1);
  for (int i = 0; i < N; i++) {
    snprintf(names[i], sizeof names[i], "tool_%d", i);
    tools[i] = (xz_tool){.name = names[i], .firmware_name = names[i], .description = description};
  }
  init(tools, N, false);
  char cursor[32] = "";
  int n_seen = 0, n_pages = 0;
  do {
    char request[200];
    snprintf(request, sizeof request,
             "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/list\",\"params\":{\"cursor\":\"%s\"}}", cursor);
    CHECK(!ask_at(request, 0));
    json_t *payload = reply();
    const json_t *result = json_object_get(payload, "result"), *list = json_object_get(result, "tools");
    REQUIRE(json_array_size(list) > 0);
    CHECK(json_dumpb(result, NULL, 0, JSON_COMPACT) <= XZ_MCP_PAGE_MAX);
    for (size_t i = 0; i < json_array_size(list); i++, n_seen++)
      CHECK_TEXT(json_string_value(json_object_get(json_array_get(list, i), "name")), names[n_seen]);
    const char *next = json_string_value(json_object_get(result, "nextCursor"));
    snprintf(cursor, sizeof cursor, "%s", next ? next : "");
    json_decref(payload);
    n_pages++;
  } while (cursor[0] && n_pages < N);
  CHECK_EQ(n_seen, N);
  CHECK(n_pages >= 6);
  check_error("{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/list\",\"params\":{\"cursor\":\"zz\"}}", -32602,
              "Unknown cursor: zz");
}

TEST(xz_mcp_device_tool_too_large_for_any_page_is_an_error) {
  static char description[9000];
  memset(description, 'd', sizeof description - 1);
  xz_tool tool = {.name = "big", .firmware_name = "big", .description = description};
  init(&tool, 1, false);
  check_error("{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/list\"}", -32603, "No room for tool big");
}

TEST(xz_mcp_device_checks_arguments) {
  init(xz_page_tools, xz_n_page_tools, false);
#define CALL(name, args)                                                                                          \
  "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/call\",\"params\":{\"name\":\"" name "\",\"arguments\":" args \
  "}}"
  check_error(CALL("fly", "{}"), -32602, "Unknown tool: fly");
  check_error(CALL("set_volume", "{}"), -32602, "Missing valid argument: volume");
  check_error(CALL("set_volume", "{\"volume\":\"50\"}"), -32602, "Missing valid argument: volume");
  check_error(CALL("set_volume", "{\"volume\":12.5}"), -32602, "Missing valid argument: volume");
  check_error(CALL("set_volume", "{\"volume\":-1}"), -32602, "Value is below minimum allowed: 0");
  check_error(CALL("set_volume", "{\"volume\":101}"), -32602, "Value exceeds maximum allowed: 100");
  check_error(CALL("set_volume", "{\"volume\":99999999999999}"), -32602, "Value exceeds maximum allowed: 100");
  check_error(CALL("set_volume", "[]"), -32602, "Invalid arguments");
  check_error(CALL("open_tab", "{\"url\":\"javascript:alert(1)\"}"), -32602, "Missing valid argument: url");
  check_error(CALL("open_tab", "{\"url\":\"https://\"}"), -32602, "Missing valid argument: url");
  check_error(CALL("open_tab", "{\"url\":\"https://a b\"}"), -32602, "Missing valid argument: url");
  check_error("{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/call\"}", -32602, "Missing params");
  check_error("{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/call\",\"params\":{}}", -32602, "Missing name");
  check_error("{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"prompts/list\"}", -32601,
              "Method not implemented: prompts/list");
  CHECK(ask_at(CALL("set_volume", "{\"volume\":50.0,\"extra\":1}"), 0));
  CHECK(ask_at(CALL("open_tab", "{\"url\":\"https://example.org/x?y\"}"), 0));
  CHECK(ask_at(CALL("get_device_status", "null"), 0));
}

TEST(xz_mcp_device_ignores_what_is_no_request) {
  static const char *const payloads[] = {
      "{}",
      "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"ping\"}",
      "{\"jsonrpc\":\"2.0\",\"method\":\"ping\"}",
      "{\"jsonrpc\":\"2.0\",\"id\":\"1\",\"method\":\"ping\"}",
      "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":5}",
      "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":[]}",
      "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}",
  };
  init(xz_page_tools, xz_n_page_tools, false);
  for (size_t i = 0; i < sizeof payloads / sizeof payloads[0]; i++) {
    CHECK(!ask_at(payloads[i], 0));
    CHECK(xz_outbox_empty(&out));
  }
  CHECK_EQ(device.n_ignored, sizeof payloads / sizeof payloads[0]);
  CHECK(!ask_at("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}", 0));
  CHECK_EQ(device.n_ignored, sizeof payloads / sizeof payloads[0]);
}

TEST(xz_mcp_device_bounds_its_outstanding_calls) {
  init(xz_page_tools, xz_n_page_tools, false);
  for (int i = 0; i < XZ_MCP_CALLS_MAX; i++) CHECK(ask_at(CALL("stop_music", "{}"), WR_S(i)));
  check_error(CALL("stop_music", "{}"), -32603, "Too many calls at once");
  CHECK_EQ(xz_mcp_device_deadline(&device), WR_S(8));
  xz_mcp_device_tick(&device, "S", &out, WR_S(10));
  CHECK_EQ(device.n_timed_out, 3);
  CHECK_EQ(xz_mcp_device_deadline(&device), WR_S(11));
  CHECK(ask_at(CALL("stop_music", "{}"), WR_S(10)));
}

TEST(xz_mcp_device_hides_what_is_not_for_this_person) {
  init(xz_page_tools, xz_n_page_tools, false);
  device.settings.hidden = 1u << 0 | 1u << 3; /* set_volume, open_tab */
  CHECK(!ask_at("{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/list\"}", 0));
  json_t *payload = reply();
  char *text = json_dumps(payload, 0);
  CHECK_EQ(json_array_size(json_object_get(json_object_get(payload, "result"), "tools")), xz_n_page_tools - 2);
  CHECK(!strstr(text, "set_volume\"") && !strstr(text, "open_tab\"") && strstr(text, "stop_music\""));
  free(text);
  json_decref(payload);
  check_error(CALL("set_volume", "{\"volume\":5}"), -32602, "Unknown tool: set_volume");
  check_error("{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/list\",\"params\":{\"cursor\":\"open_tab\"}}",
              -32602, "Unknown cursor: open_tab");
  CHECK(ask_at(CALL("stop_music", "{}"), 0));
}

TEST(xz_mcp_device_checks_numbers_and_texts) {
  static const char *const colours[] = {"red", "green", NULL};
  static const xz_tool tool = {
      .name = "lamp",
      .firmware_name = "self.lamp",
      .description = "d",
      .n_params = 3,
      .params = {
          {.name = "x", .type = XZ_PARAM_NUMBER, .ranged = true, .min = 0, .max = 1, .description = "bright"},
          {.name = "colour", .type = XZ_PARAM_STRING, .choices = colours, .optional = true},
          {.name = "room", .type = XZ_PARAM_STRING, .ranged = true, .max = 4, .optional = true}}};
  init(&tool, 1, false);
  CHECK(!ask_at("{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/list\"}", 0));
  json_t *payload = reply();
  char *text = json_dumps(payload, JSON_COMPACT);
  CHECK(strstr(text, "\"x\":{\"type\":\"number\",\"description\":\"bright\",\"minimum\":0,\"maximum\":1}") != NULL);
  CHECK(strstr(text, "\"colour\":{\"type\":\"string\",\"enum\":[\"red\",\"green\"]}") != NULL);
  CHECK(strstr(text, "\"room\":{\"type\":\"string\",\"maxLength\":4}") != NULL);
  free(text);
  json_decref(payload);
  check_error(CALL("lamp", "{\"x\":1.5}"), -32602, "Value exceeds maximum allowed: 1");
  check_error(CALL("lamp", "{\"x\":\"1\"}"), -32602, "Missing valid argument: x");
  check_error(CALL("lamp", "{\"x\":1,\"colour\":\"blue\"}"), -32602, "Value is not allowed for: colour");
  check_error(CALL("lamp", "{\"x\":1,\"room\":\"abcde\"}"), -32602, "Value exceeds maximum length allowed: 4");
  CHECK(ask_at(CALL("lamp", "{\"x\":0.5,\"colour\":\"red\",\"room\":\"b\u00e4der\"}"), 0) == false);
  json_decref(reply());
  CHECK(ask_at(CALL("lamp", "{\"x\":0.5,\"colour\":\"red\",\"room\":\"b\u00e4d\"}"), 0));
}
