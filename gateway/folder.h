/* gateway/folder.h - one file of an operator's folders: of avatars (--avatars), of the page (--web-dir), and
 * nothing beside them.
 *
 * A path is NAME/FILE or NAME/FOLDER/FILE, two folders deep at most: letters, digits, "-", "_", and below NAME
 * dots, no part beginning with a dot. So no path leads up or to a hidden file; symbolic links are not followed at
 * any step; FILE must be a regular one with an ending that has a media type here. Blocks as long as the disk does.
 */
#ifndef GATEWAY_FOLDER_H
#define GATEWAY_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

#define GW_FOLDER_NAME_MAX 40
#define GW_FOLDER_PICTURE_MAX (4u * 1024 * 1024) /* bytes; a larger file is not there */
#define GW_FOLDER_MODEL_MAX (64u * 1024 * 1024)  /* of what is no picture */

typedef struct gw_file {
  int fd; /* the caller's to close */
  size_t len;
  const char *mime; /* static */
  bool is_plain;    /* a picture or a list (JSON) of NAME itself; else part of a runtime or a model */
} gw_file;

/* false: no such file. */
bool gw_folder_open(const char *root, const char *path, gw_file *file);
/* A part of the page, which may also lie in |root| itself; |file->is_plain| says nothing. false: no such file. */
bool gw_folder_open_page(const char *root, const char *path, gw_file *file);
/* All bytes, which are the caller's to free, with a NUL behind them; NULL: no such file, or it is longer than
 * |most|. */
char *gw_folder_read(const char *root, const char *path, size_t most, size_t *len);
/* Whether |text| may be a NAME. */
bool gw_folder_is_name(const char *text);

#endif
