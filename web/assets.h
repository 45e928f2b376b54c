/* web/assets.h - the page's files, compiled into the program.
 *
 * Every html, css, js, svg, png and webmanifest below web/ is in the table under its path relative to web/, with a
 * leading slash ("/js/main.js"), and the manager's core, which is built: "/js/manager/manager.wasm". Routes come on
 * top of that: "/" is index.html, "/chat" and "/chatv2" are chat.html, "/admin" is
 * admin.html. The table is constant: any thread may read
 * it at any time, and pointers live as long as the program.
 *
 * Each file is there as it is and, where that is smaller, compressed when the program was built. A server sends the
 * body that the client takes (`Accept-Encoding`) with `Content-Type: mime`, its `ETag`, `Vary: Accept-Encoding`,
 * and web_asset_policy() as `Content-Security-Policy`: the only inline script and style is what the build put into
 * the pages, by the hash of each, and none loads anything from elsewhere but the music that the assistant was asked
 * for.
 * 'wasm-unsafe-eval' allows to compile WebAssembly, which still has to come from here, and nothing else: no eval.
 *
 * Every asset has two addresses. Below "/a/BUILD/", where BUILD stands for the content of all files, it never
 * changes
 * (`Cache-Control: public, max-age=31536000, immutable`): a page names its scripts there, and what they import by
 * relative names is there, too. At its plain path it is this build's, whichever that is (`no-cache`: a reload costs
 * a 304). Another build's address has nothing: a page never gets parts of two builds. */
#ifndef WEB_ASSETS_H
#define WEB_ASSETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEB_ASSETS_LASTING "/a/"

typedef enum web_coding { WEB_PLAIN, WEB_GZIP, WEB_BROTLI, WEB_N_CODINGS } web_coding;

typedef struct web_body {
  const uint8_t *data; /* |len| bytes, followed by a NUL that is not counted; NULL: not in this coding */
  size_t len;
  const char *etag; /* strong, quoted, from the content and the coding: "\"0123456789abcdef-br\"" */
} web_body;

typedef struct web_asset {
  const char *path;             /* "/js/main.js" */
  const char *mime;             /* with charset where it is text */
  web_body body[WEB_N_CODINGS]; /* WEB_PLAIN is always there */
  bool is_made;                 /* by the build: no file of web/ */
} web_asset;

/* The asset for the path of a request (no query, no fragment, already decoded), or NULL. |*lasting|: the path names
 * the build. */
const web_asset *web_asset_find(const char *path, bool *lasting);

/* What pages may load and do. With |models|, avatars with models of an operator's may make pictures from memory,
 * which is then a blob's address. */
const char *web_asset_policy(bool models);

/* What stands for all of the content: 16 hexadecimal digits. */
const char *web_asset_build(void);

/* The whole table, ordered by path, without the aliases; for tests and listings. */
const web_asset *web_asset_table(size_t *n_assets);

#endif
