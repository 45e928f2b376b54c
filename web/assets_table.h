/* web/assets_table.h - what embed.cmake generates: private to this room. */
#ifndef WEB_ASSETS_TABLE_H
#define WEB_ASSETS_TABLE_H

#include "web/assets.h"

/* The files lie in a section of their own: amid the program's other constants each use of one of those would make a
 * piece of some file resident, 64 KB at a time. */
#define APART __attribute__((section(".web_assets")))

/* The policy of all pages; |scripts| and |styles|: the hashes of what they carry in themselves. */
#define POLICY(scripts, styles)                                                                               \
  "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'" scripts "; style-src 'self'" styles              \
  "; media-src 'self' https: http:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src " \
  "'none'"
#define POLICY_MODELS "; img-src 'self' blob: data:; connect-src 'self' blob:"

extern const web_asset web_assets[]; /* ordered by strcmp of path */
extern const size_t web_assets_n;
extern const char web_assets_build[];
extern const char web_assets_policy[];
extern const char web_assets_policy_models[];

#endif
