/* gateway/folder.h - one file of an operator's folders of pictures (--avatars), and nothing beside them.
 *
 * A path is NAME/FILE: letters, digits, "-", "_", and in FILE dots, neither of them beginning with a dot. So no
 * path leads up or to a hidden file; symbolic links are not followed; FILE must be a regular one with an ending
 * that has a media type here. Blocks as long as the disk does. */
#ifndef GATEWAY_FOLDER_H
#define GATEWAY_FOLDER_H

#include <stddef.h>

#define GW_FOLDER_FILE_MAX (4u * 1024 * 1024) /* bytes; a larger file is not there */

/* The bytes, which are the caller's to free, with |*len| and |*mime| (static); NULL: no such file. */
char *gw_folder_read(const char *root, const char *path, size_t *len, const char **mime);

#endif
