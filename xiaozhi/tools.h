/* xiaozhi/tools.h - the tools a device offers by MCP: a table, its JSON form, and the check of arguments. */
#ifndef XIAOZHI_TOOLS_H
#define XIAOZHI_TOOLS_H

#include <jansson.h>

#include "wr/types.h"

struct wr_writer; /* base/io.h */

#define XZ_TOOL_PARAMS_MAX 8
#define XZ_TOOLS_MAX 64 /* in one table */
#define XZ_TOOL_ERROR_MAX 160

typedef enum xz_param_type {
  XZ_PARAM_INTEGER, /* read it with json_number_value: 50.0 is let pass as 50 */
  XZ_PARAM_NUMBER,
  XZ_PARAM_STRING, /* ranged: |max| characters at most */
  XZ_PARAM_BOOLEAN,
  XZ_PARAM_URL, /* a string that begins http:// or https:// and has a host, no blanks or control characters */
} xz_param_type;

typedef struct xz_param {
  const char *name;
  xz_param_type type;
  bool optional;
  bool ranged; /* integer, number: within [min, max] */
  int32_t min, max;
  const char *description;    /* NULL: none */
  const char *const *choices; /* string: one of these, up to a NULL; NULL: any */
} xz_param;

/* All texts borrowed for the life of whoever uses the table; usually static. */
typedef struct xz_tool {
  const char *name;          /* "set_volume": as pages and the Python SDK call it */
  const char *firmware_name; /* "self.audio_speaker.set_volume": as the reference firmware calls it */
  const char *description;
  size_t n_params;
  xz_param params[XZ_TOOL_PARAMS_MAX];
} xz_tool;

/* The page's tools: set_volume, get_device_status, take_photo, open_tab, stop_music. */
extern const xz_tool xz_page_tools[];
extern const size_t xz_n_page_tools;

/* By either name; NULL: none. */
const xz_tool *xz_tool_find(const xz_tool *tools, size_t n_tools, const char *name);
const char *xz_tool_name(const xz_tool *tool, bool firmware_names);

/* Checks |args| (NULL: absent) against the parameters. On false |error| holds the firmware's wording of what is
 * wrong. Arguments no parameter names are let pass, as the firmware does. */
bool xz_tool_check(const xz_tool *tool, const json_t *args, char error[XZ_TOOL_ERROR_MAX]);

/* The tool as an entry of a tools/list result. */
void xz_tool_write(struct wr_writer *w, const xz_tool *tool, bool firmware_names);

#endif
