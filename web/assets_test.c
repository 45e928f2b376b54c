#include "web/assets.h"

#include <stdio.h>

#include "check.h"

static const web_asset *find(const char *path) {
  bool lasting;
  return web_asset_find(path, &lasting);
}

TEST(web_assets_are_found_by_path_and_alias) {
  const web_asset *start = find("/");
  const web_asset *chat = find("/chat");
  REQUIRE(start && chat);
  CHECK_TEXT(start->path, "/index.html");
  CHECK_TEXT(chat->path, "/chat.html");
  CHECK(find("/chatv2") == chat);
  CHECK(find("/chat.html") == chat);
  CHECK(find("/admin") && find("/admin") == find("/admin.html"));
  CHECK_TEXT(chat->mime, "text/html; charset=utf-8");
  CHECK(memcmp(chat->body[WEB_PLAIN].data, "<!doctype html>", 15) == 0);
}

TEST(web_assets_unknown_paths_are_not_found) {
  CHECK(find("") == NULL);
  CHECK(find("/nothing") == NULL);
  CHECK(find("/js/") == NULL);
  CHECK(find("/../web/chat.html") == NULL);
  CHECK(find("/assets.c") == NULL);
  CHECK(find("/CMakeLists.txt") == NULL);
}

TEST(web_assets_policy_allows_webassembly_and_nothing_else_unsafe) {
  for (int models = 0; models < 2; models++) {
    const char *policy = web_asset_policy(models);
    const char *word = strstr(policy, "unsafe");
    REQUIRE(word);
    CHECK(strstr(policy, "default-src 'self'; script-src 'self' 'wasm-unsafe-eval' 'sha256-") == policy);
    CHECK(strstr(policy, "; style-src 'self' 'sha256-"));
    CHECK(strstr(word + 1, "unsafe") == NULL);
    CHECK_EQ(strstr(policy, "blob:") != NULL, models);
  }
}

/* The browser tests compare the hashes: what does not fit is not carried out. */
TEST(web_assets_pages_wait_for_no_other_file) {
  static const char *const pages[] = {"/", "/chat", "/admin"};
  for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
    const web_asset *page = find(pages[i]);
    REQUIRE(page);
    const char *text = (const char *)page->body[WEB_PLAIN].data;
    CHECK(strstr(text, "<style>") && strstr(text, "--paper: #f4f1ea;"));
    CHECK(strstr(text, "<style id=\"dark\" media=\"(prefers-color-scheme: dark)\">"));
    CHECK(strstr(text, "<script>function applyTheme(")); /* without its comments */
    CHECK(!strstr(text, "rel=\"stylesheet\"") && !strstr(text, "<script src="));
  }
}

TEST(web_assets_have_the_core_of_the_manager) {
  const web_asset *core = find("/js/manager/manager.wasm");
  REQUIRE(core);
  CHECK_TEXT(core->mime, "application/wasm");
  CHECK(core->is_made);
  const web_body *plain = &core->body[WEB_PLAIN];
  CHECK(plain->len > 1000 && plain->len < 48 * 1024);
  CHECK_BYTES(plain->data, 8, "\0asm\1\0\0\0", 8);
}

TEST(web_assets_last_below_the_path_of_their_build_and_no_other) {
  char path[64];
  bool lasting;
  CHECK_EQ(strlen(web_asset_build()), 16);
  snprintf(path, sizeof path, "/a/%s/js/main.js", web_asset_build());
  const web_asset *asset = web_asset_find(path, &lasting);
  CHECK(lasting && asset);
  CHECK(asset == web_asset_find("/js/main.js", &lasting) && !lasting);
  snprintf(path, sizeof path, "/a/%s/chat", web_asset_build());
  CHECK(find(path) == NULL); /* a page is never kept for good */
  path[3] = path[3] == '0' ? '1' : '0';
  CHECK(find(path) == NULL);
  CHECK(find("/a/") == NULL && find("/a") == NULL && find("/a/js/main.js") == NULL);
  const web_asset *chat = find("/chat");
  REQUIRE(chat);
  snprintf(path, sizeof path, "src=\"/a/%s/js/main.js\"", web_asset_build());
  CHECK(strstr((const char *)chat->body[WEB_PLAIN].data, path));
  CHECK(!strstr((const char *)chat->body[WEB_PLAIN].data, "=\"/js/"));
}

/* Files into which the build is written. */
static bool knows_build(const char *path) { return strstr(path, ".html") || strcmp(path, "/sw.js") == 0; }

TEST(web_assets_the_service_worker_keeps_what_pages_are_made_of) {
  char line[96];
  size_t n;
  const web_asset *worker = find("/sw.js"), *table = web_asset_table(&n);
  REQUIRE(worker);
  const char *text = (const char *)worker->body[WEB_PLAIN].data;
  snprintf(line, sizeof line, "const BUILD = \"%s\";", web_asset_build());
  CHECK(strstr(text, line));
  for (size_t i = 0; i < n; i++) {
    const char *path = table[i].path;
    bool is_code = strncmp(path, "/js/", 4) == 0; /* style sheets are in the pages */
    snprintf(line, sizeof line, "\n  \"/a/%s%s\",", web_asset_build(), path);
    CHECK_EQ(strstr(text, line) != NULL, is_code || strcmp(path, "/icon.svg") == 0);
  }
  CHECK(strstr(text, "\n  \"/portrait.svg\","));
}

TEST(web_assets_have_the_icon_as_pictures) {
  static const char *const icons[] = {"/icon-192.png", "/icon-512.png", "/icon-maskable-512.png",
                                      "/icon-touch-180.png"};
  static const uint8_t sizes[] = {192, 0, 0, 180}; /* the last byte of the width, which is big-endian */
  for (size_t i = 0; i < sizeof icons / sizeof icons[0]; i++) {
    const web_asset *icon = find(icons[i]);
    REQUIRE(icon && icon->is_made);
    CHECK_TEXT(icon->mime, "image/png");
    CHECK_BYTES(icon->body[WEB_PLAIN].data, 8, "\x89PNG\r\n\x1a\n", 8);
    CHECK_EQ(icon->body[WEB_PLAIN].data[19], sizes[i]);
    CHECK_EQ(icon->body[WEB_PLAIN].data[18], sizes[i] ? 0 : 2);
  }
}

/* Tags differ, compressed bodies are smaller and look like what they are; system tests unpack them. */
static void check_bodies(const web_asset *asset) {
  for (unsigned coding = 0; coding < WEB_N_CODINGS; coding++) {
    const web_body *body = &asset->body[coding];
    if (!body->data) continue;
    size_t len = strlen(body->etag);
    CHECK_EQ(len, coding == WEB_PLAIN ? 18 : 21);
    CHECK(body->etag[0] == '"' && body->etag[len - 1] == '"');
    CHECK(strncmp(body->etag, asset->body[WEB_PLAIN].etag, 17) == 0);
    CHECK_EQ(body->data[body->len], 0);
    if (coding != WEB_PLAIN) CHECK(body->len < asset->body[WEB_PLAIN].len);
  }
  const web_body *gzip = &asset->body[WEB_GZIP];
  if (gzip->data) CHECK_BYTES(gzip->data, 3, "\x1f\x8b\x08", 3);
}

/* The bytes in the program are the bytes in the tree, each has its own tag, and together they stay small. */
TEST(web_assets_hold_the_files_and_stay_small) {
  static uint8_t file[256 * 1024];
  size_t n = 0;
  size_t total = 0;
  const web_asset *table = web_asset_table(&n);
  REQUIRE(n >= 5);
  for (size_t i = 0; i < n; i++) {
    const web_body *plain = &table[i].body[WEB_PLAIN];
    total += plain->len + table[i].body[WEB_GZIP].len + table[i].body[WEB_BROTLI].len;
    check_bodies(&table[i]);
    CHECK(find(table[i].path) == &table[i]);
    if (i) CHECK(strcmp(table[i - 1].path, table[i].path) < 0);
    if (table[i].is_made || knows_build(table[i].path)) continue;
    char path[256] = "web";
    REQUIRE(strlen(table[i].path) < sizeof path - 4);
    memcpy(path + 3, table[i].path, strlen(table[i].path) + 1);
    size_t len = check_read_file(path, file, sizeof file);
    if (strstr(path, ".js")) /* without its comments; the browser tests hold what is left against the file */
      CHECK(plain->len < len && memcmp(plain->data, "/*", 2) != 0);
    else
      CHECK_BYTES(plain->data, plain->len, file, len);
  }
  CHECK(total < 1250 * 1024); /* style sheets are there twice, by themselves and in the pages */
}
