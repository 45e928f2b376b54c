/* web/assets_table.h - what embed.cmake generates: private to this room. */
#ifndef WEB_ASSETS_TABLE_H
#define WEB_ASSETS_TABLE_H

#include "web/assets.h"

/* The files lie in a section of their own: amid the program's other constants each use of one of those would make a
 * piece of some file resident, 64 KB at a time. */
#define APART __attribute__((section(".web_assets")))

extern const web_asset web_assets[]; /* ordered by strcmp of path */
extern const size_t web_assets_n;
extern const char web_assets_build[];

#endif
