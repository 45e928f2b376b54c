/* web/assets_table.h - what embed.cmake generates: private to this room. */
#ifndef WEB_ASSETS_TABLE_H
#define WEB_ASSETS_TABLE_H

#include "web/assets.h"

extern const web_asset web_assets[]; /* ordered by strcmp of path */
extern const size_t web_assets_n;
extern const char web_assets_build[];

#endif
