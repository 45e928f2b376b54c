/* web/assets.h - the page's files, compiled into the program.
 *
 * Every html, css, js, svg, png and webmanifest below web/ is in the table under its path relative to web/, with a
 * leading slash ("/js/main.js"), and the manager's core, which is built: "/js/manager/manager.wasm". Routes come on
 * top of that: "/" is index.html, "/chat" and "/chatv2" are chat.html. The table is constant: any thread may read
 * it at any time, and pointers live as long as the program.
 *
 * A server sends |data| with `Content-Type: mime`, `ETag: etag` and `Cache-Control: no-cache` (a reload then costs
 * one 304), and WEB_ASSETS_CSP as `Content-Security-Policy`: no page here has inline script or style, and none
 * loads anything from elsewhere but the music that the assistant was asked for. 'wasm-unsafe-eval' allows to
 * compile WebAssembly, which still has to come from here, and nothing else: no eval. */
#ifndef WEB_ASSETS_H
#define WEB_ASSETS_H

#include <stddef.h>
#include <stdint.h>

#define WEB_ASSETS_CSP                                                                        \
  "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; media-src 'self' https: http:; " \
  "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"

/* Added for avatars with models of an operator's: they make pictures from memory, which is then a blob's address.
 */
#define WEB_ASSETS_CSP_MODELS "img-src 'self' blob: data:; connect-src 'self' blob:"

typedef struct web_asset {
  const char *path;    /* "/js/main.js" */
  const char *mime;    /* with charset where it is text */
  const uint8_t *data; /* |len| bytes, followed by a NUL that is not counted */
  size_t len;
  const char *etag; /* strong, quoted, from the content: "\"0123456789abcdef\"" */
} web_asset;

/* The asset for the path of a request (no query, no fragment, already decoded), or NULL. */
const web_asset *web_asset_find(const char *path);

/* The whole table, ordered by path, without the aliases; for tests and listings. */
const web_asset *web_asset_table(size_t *n_assets);

#endif
