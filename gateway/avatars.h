/* gateway/avatars.h - an operator's folders of avatars (--avatars FOLDER; docs/avatars.md), one folder each, with a
 * list avatar.json that names its renderer: `image` (pictures), or a drop-in, `live2d` or `vrm`, whose runtime and
 * model are the operator's own. Of a drop-in nothing but pictures and lists is served before --avatar-licence names
 * its renderer. */
#ifndef GATEWAY_AVATARS_H
#define GATEWAY_AVATARS_H

#include "gateway/folder.h"

#define GW_AVATARS_MAX 64 /* in the list; further folders are served, but not listed */

typedef enum gw_avatar_result { GW_AVATAR_OPEN, GW_AVATAR_NONE, GW_AVATAR_NO_LICENCE } gw_avatar_result;

/* |licences|: of --avatar-licence. OPEN: |file->fd| is the caller's to close. */
gw_avatar_result gw_avatar_open(const char *root, const char *licences, const char *path, gw_file *file);
/* All of them as GET /api/avatars tells them, by name (JSON, the caller's to free; NULL: no memory):
 * {"avatars":[{"name","renderer","title":{"en","zh","vi"},"state":"ready|no_licence|no_runtime|bad"}]} */
char *gw_avatars_list(const char *root, const char *licences);
/* Whether "live2d,vrm" or the like has nothing in it but renderers that need a licence. */
bool gw_avatar_licences_known(const char *licences);

#endif
