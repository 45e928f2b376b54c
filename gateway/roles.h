/* gateway/roles.h - whom one can talk to, as GET /api/roles tells the page: the roles of --roles FILE, or those
 * that are built in. docs/avatars.md has the file's form.
 *
 * The file is read once, at start. What is wrong with it is one line for a person: the file, the line or the entry,
 * what was found and what is allowed. */
#ifndef GATEWAY_ROLES_H
#define GATEWAY_ROLES_H

#include "gateway/config.h"

#define GW_ROLES_MAX 24

/* The answer (JSON), which is the caller's to free. |file| "": built in. |avatars|: the folder of --avatars, in
 * which a role's avatar and picture are looked for. NULL: |error| says why. */
char *gw_roles_load(const char *file, const char *avatars, char error[GW_CONFIG_ERROR_MAX]);
/* The same of a file's bytes; |name| is what errors call it. */
char *gw_roles_read(const char *text, size_t len, const char *name, const char *avatars,
                    char error[GW_CONFIG_ERROR_MAX]);

#endif
