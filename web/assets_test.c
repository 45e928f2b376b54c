#include "web/assets.h"

#include "check.h"

TEST(web_assets_are_found_by_path_and_alias) {
  const web_asset *start = web_asset_find("/");
  const web_asset *chat = web_asset_find("/chat");
  REQUIRE(start && chat);
  CHECK_TEXT(start->path, "/index.html");
  CHECK_TEXT(chat->path, "/chat.html");
  CHECK(web_asset_find("/chatv2") == chat);
  CHECK(web_asset_find("/chat.html") == chat);
  CHECK_TEXT(chat->mime, "text/html; charset=utf-8");
  CHECK(memcmp(chat->data, "<!doctype html>", 15) == 0);
}

TEST(web_assets_unknown_paths_are_not_found) {
  CHECK(web_asset_find("") == NULL);
  CHECK(web_asset_find("/nothing") == NULL);
  CHECK(web_asset_find("/js/") == NULL);
  CHECK(web_asset_find("/../web/chat.html") == NULL);
  CHECK(web_asset_find("/assets.c") == NULL);
  CHECK(web_asset_find("/CMakeLists.txt") == NULL);
}

TEST(web_assets_policy_allows_webassembly_and_nothing_else_unsafe) {
  const char *word = strstr(WEB_ASSETS_CSP, "unsafe");
  REQUIRE(word);
  CHECK(strstr(WEB_ASSETS_CSP, "default-src 'self'; script-src 'self' 'wasm-unsafe-eval';"));
  CHECK(strstr(word + 1, "unsafe") == NULL);
}

TEST(web_assets_have_the_core_of_the_manager) {
  const web_asset *core = web_asset_find("/js/manager/manager.wasm");
  REQUIRE(core);
  CHECK_TEXT(core->mime, "application/wasm");
  CHECK(core->len > 1000 && core->len < 40 * 1024);
  CHECK_BYTES(core->data, 8, "\0asm\1\0\0\0", 8);
}

/* The bytes in the program are the bytes in the tree, each has its own tag, and together they stay small. */
TEST(web_assets_hold_the_files_and_stay_small) {
  static uint8_t file[256 * 1024];
  size_t n = 0;
  size_t total = 0;
  const web_asset *table = web_asset_table(&n);
  REQUIRE(n >= 5);
  for (size_t i = 0; i < n; i++) {
    total += table[i].len;
    if (strstr(table[i].path, ".wasm")) continue; /* of the build folder */
    char path[256] = "web";
    REQUIRE(strlen(table[i].path) < sizeof path - 4);
    memcpy(path + 3, table[i].path, strlen(table[i].path) + 1);
    size_t len = check_read_file(path, file, sizeof file);
    CHECK_BYTES(table[i].data, table[i].len, file, len);
    CHECK_EQ(table[i].data[table[i].len], 0);
    CHECK_EQ(strlen(table[i].etag), 18);
    CHECK(table[i].etag[0] == '"' && table[i].etag[17] == '"');
    CHECK(web_asset_find(table[i].path) == &table[i]);
    if (i) CHECK(strcmp(table[i - 1].path, table[i].path) < 0);
  }
  CHECK(total < 512 * 1024);
}
