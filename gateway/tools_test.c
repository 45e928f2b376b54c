/* gateway/tools_test.c - lists of an operator's: what is read, and what is said about one that is wrong. */
#include "gateway/tools.h"

#include <stdio.h>
#include <string.h>

#include "check.h"

static gw_tools tools;
static char error[GW_CONFIG_ERROR_MAX];

static bool read_text(const char *text, bool music) {
  return gw_tools_read(&tools, text, strlen(text), "my.json", music, error);
}

static const xz_tool *find(const char *name) { return xz_tool_find(tools.rows, tools.n, name); }

TEST(tools_are_the_pages_and_music_where_there_is_some) {
  REQUIRE(gw_tools_load(&tools, "", false, error));
  CHECK_EQ(tools.n, xz_n_page_tools);
  CHECK_EQ(gw_tools_how(&tools, find("set_volume"))->kind, GW_TOOL_PAGE);
  CHECK(!find("play_music"));
  gw_tools_wipe(&tools);
  REQUIRE(gw_tools_load(&tools, "", true, error));
  CHECK_EQ(gw_tools_how(&tools, find("self.music.play"))->kind, GW_TOOL_PLAY_MUSIC);
  CHECK_EQ(gw_tools_how(&tools, find("search_music"))->kind, GW_TOOL_SEARCH_MUSIC);
  gw_tools_wipe(&tools);
}

TEST(tools_of_an_operator_are_read_whole) {
  REQUIRE(read_text(
      "{\"tools\":[{\"name\":\"lamp\",\"description\":\"A lamp\",\"parameters\":{\"on\":{\"type\":\"boolean\"},"
      "\"level\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":9,\"optional\":true},"
      "\"room\":{\"type\":\"string\",\"enum\":[\"hall\",\"bath\"],\"description\":\"where\"}},"
      "\"http\":{\"url\":\"https://h/"
      "lamp\",\"headers\":{\"X-Key\":\"k\"},\"token\":\"t\",\"timeout\":2,\"maxBytes\":99},"
      "\"devices\":[\"02:00:00:00:00:AA\"]},"
      "{\"name\":\"card\",\"description\":\"A card\",\"page\":\"note\"},"
      "{\"name\":\"ask\",\"description\":\"A question\",\"page\":true}]}",
      false));
  CHECK_EQ(tools.n, xz_n_page_tools + 3);
  const xz_tool *lamp = find("self.lamp");
  REQUIRE(lamp && lamp == find("lamp"));
  CHECK_EQ(lamp->n_params, 3);
  CHECK(lamp->params[1].ranged && lamp->params[1].optional && lamp->params[1].max == 9);
  CHECK_TEXT(lamp->params[2].choices[1], "bath");
  const gw_tool *how = gw_tools_how(&tools, lamp);
  CHECK_EQ(how->kind, GW_TOOL_HTTP);
  CHECK(!how->is_get && how->seconds == 2 && how->most == 99 && how->n_headers == 1);
  CHECK_TEXT(how->header[0].name, "X-Key:");
  CHECK_EQ(gw_tools_how(&tools, find("card"))->kind, GW_TOOL_NOTE);
  CHECK_EQ(gw_tools_how(&tools, find("ask"))->kind, GW_TOOL_PAGE);
  CHECK(gw_tools_need_tls(&tools));
  CHECK_EQ(gw_tools_hidden(&tools, "02:00:00:00:00:aa"), 0);
  CHECK_EQ(gw_tools_hidden(&tools, "02:00:00:00:00:ab"), (uint64_t)1 << (lamp - tools.rows));
  gw_tools_wipe(&tools);
}

#define TOOL(rest) "{\"tools\":[{\"name\":\"a\",\"description\":\"d\"," rest "}]}"
#define HTTP(rest) TOOL("\"http\":{\"url\":\"http://h/\"" rest "}")
#define PARAM(rest) TOOL("\"page\":true,\"parameters\":{\"p\":" rest "}")

TEST(tools_say_what_is_wrong_and_where) {
  static const struct {
    const char *text, *why;
  } faults[] = {
      {"{\"tools\":[\n{]}", "tools: my.json line 2: not JSON"},
      {"[]", "must be {\"tools\": [...]} with at most 48"},
      {"{\"tools\":[7]}", "entry 1: a tool must be an object"},
      {"{\"tools\":[{\"name\":\"a b\",\"description\":\"d\",\"page\":true}]}", "entry 1 (a b): name: not made of"},
      {"{\"tools\":[{\"name\":\"set_volume\",\"description\":\"d\",\"page\":true}]}",
       "there is a tool of this name already"},
      {"{\"tools\":[{\"name\":\"a\",\"page\":true}]}", "description: must be a text"},
      {TOOL("\"parameters\":{}"), "must have either http or page"},
      {TOOL("\"page\":true,\"http\":{\"url\":\"http://h/\"}"), "must have either http or page"},
      {TOOL("\"page\":\"x\""), "page: must be true"},
      {TOOL("\"page\":true,\"colour\":1"), "a tool: 'colour' is not known"},
      {TOOL("\"http\":{\"url\":\"ftp://h/\"}"), "http: url must be"},
      {TOOL("\"http\":{\"url\":\"http://h/ x\"}"), "http: url must be"},
      {HTTP(",\"method\":\"PUT\""), "method must be GET or POST"},
      {HTTP(",\"timeout\":60"), "timeout: must be a whole number from 1 to 7"},
      {HTTP(",\"maxBytes\":1000000"), "maxBytes: must be a whole number from 1 to 8192"},
      {HTTP(",\"headers\":{\"a b\":\"c\"}"), "headers: 'a b' is no header"},
      {HTTP(",\"headers\":{\"a\":\"c\\r\\nd: e\"}"), "headers: 'a' is no header"},
      {HTTP(",\"token\":7"), "token must be a text"},
      {PARAM("{\"type\":\"array\"}"), "p: type must be"},
      {PARAM("{\"type\":\"string\",\"minimum\":1}"), "p: minimum and maximum do not fit"},
      {PARAM("{\"type\":\"integer\",\"minimum\":2,\"maximum\":1}"), "p: minimum and maximum do not fit"},
      {PARAM("{\"type\":\"integer\",\"enum\":[\"a\"]}"), "p: enum must be a list"},
      {PARAM("{\"type\":\"string\",\"enum\":[7]}"), "p: enum must be a list of texts"},
      {PARAM("7"), "p must be an object"},
      {TOOL("\"page\":true,\"devices\":[\"x\"]"), "devices: must be a list of addresses"},
  };
  for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
    CHECK(!read_text(faults[i].text, true));
    if (!strstr(error, faults[i].why)) CHECK_TEXT(error, faults[i].why);
  }
  CHECK(!gw_tools_load(&tools, "/nonexistent", false, error));
  CHECK(strstr(error, "cannot read '/nonexistent'") != NULL);
}

TEST(tools_arguments_become_a_query) {
  char out[64];
  json_t *args = json_pack("{s:s,s:i,s:b}", "q", "a b&\xc3\xa4", "n", 5, "on", 1);
  CHECK(gw_tools_query(out, sizeof out, "http://h/x", args));
  CHECK_TEXT(out, "http://h/x?q=a%20b%26%C3%A4&n=5&on=true");
  CHECK(gw_tools_query(out, sizeof out, "http://h/?k=1", args) && strstr(out, "?k=1&q="));
  CHECK(!gw_tools_query(out, 30, "http://h/x", args));
  CHECK(gw_tools_query(out, sizeof out, "http://h/x", NULL));
  CHECK_TEXT(out, "http://h/x");
  json_decref(args);
}
