/* gateway/http_files.c - the page's files out of the program, or from a folder (--web-dir) while somebody works on
 * them; an operator's avatars. Bytes of the program are sent from where they lie. */
#include <string.h>

#include "gateway/avatars.h"
#include "gateway/http.h"
#include "gateway/http_accept.h"

#define CACHE_LASTING "public, max-age=31536000, immutable"
#define CACHE_ASK "no-cache" /* kept, but asked for each time */

static void copy_header(gw_exchange *x, enum lws_token_indexes token, char *out, int cap) {
  if (lws_hdr_copy(x->wsi, out, cap, token) < 0) out[0] = 0; /* so long that it says nothing */
}

/* Models unpack their pictures into the page's own memory; a page without models has no need of that. */
static const char *policy_of(const gw_config *config) { return web_asset_policy(config->avatar_licence[0]); }

static web_coding choose_coding(gw_exchange *x, const web_asset *asset) {
  char accept[256];
  unsigned offered = 0;
  for (unsigned coding = 0; coding < WEB_N_CODINGS; coding++)
    if (asset->body[coding].data) offered |= 1u << coding;
  copy_header(x, WSI_TOKEN_HTTP_ACCEPT_ENCODING, accept, sizeof(accept));
  if (offered != 1u << WEB_PLAIN) x->vary = "accept-encoding";
  return gw_accept_coding(accept, offered);
}

static void send_asset(gw_exchange *x, const web_asset *asset, bool lasting) {
  static const char *const names[WEB_N_CODINGS] = {NULL, "gzip", "br"};
  char known[256];
  web_coding coding = choose_coding(x, asset);
  const web_body *body = &asset->body[coding];
  copy_header(x, WSI_TOKEN_HTTP_IF_NONE_MATCH, known, sizeof(known));
  x->etag = body->etag;
  x->cache = lasting ? CACHE_LASTING : CACHE_ASK;
  x->policy = policy_of(x->http->config);
  x->is_part = lasting && strcmp(asset->mime, "image/svg+xml") != 0; /* 13 KB less on a first visit */
  if (gw_accept_etag(known, body->etag)) {
    gw_respond(x, 304, NULL, NULL, 0);
    return;
  }
  x->coding = names[coding];
  gw_respond(x, 200, asset->mime, body->data, body->len);
}

/* What lies in the folder; what no folder has, because the build makes it, comes from the program. */
static bool send_from_folder(gw_exchange *x, const web_asset *asset) {
  const gw_config *config = x->http->config;
  const char *path = asset ? asset->path : x->path; /* "/chat" is a file's */
  gw_file file;
  if (gw_folder_open_page(config->web_dir, path + 1, &file)) {
    x->cache = CACHE_ASK;
    x->policy = policy_of(config);
    gw_respond_file(x, file.mime, file.fd, file.len);
  } else if (asset && asset->is_made) {
    send_asset(x, asset, false);
  }
  return x->ready;
}

bool gw_files_exist(const gw_exchange *x) {
  bool lasting;
  return web_asset_find(x->path, &lasting) != NULL;
}

bool gw_files_get(gw_exchange *x) {
  bool lasting;
  const web_asset *asset = web_asset_find(x->path, &lasting);
  if (x->http->config->web_dir[0]) return !lasting && send_from_folder(x, asset);
  if (asset) send_asset(x, asset, lasting);
  return asset != NULL;
}

void gw_files_avatar(gw_exchange *x) {
  const gw_config *config = x->http->config;
  gw_file file;
  gw_avatar_result result =
      gw_avatar_open(config->avatars, config->avatar_licence, x->path + strlen("/avatar/"), &file);
  if (result != GW_AVATAR_OPEN) {
    gw_respond_error(x, result == GW_AVATAR_NONE ? GW_HTTP_NOT_FOUND : GW_HTTP_LICENCE, NULL, 0);
    return;
  }
  x->cache = strcmp(file.mime, "application/json") == 0 ? CACHE_ASK : "max-age=600";
  x->policy = policy_of(config);
  gw_respond_file(x, file.mime, file.fd, file.len);
}
