/* gateway/tools.h - what assistants may call: the page's tools, music (--music), and an operator's own (--tools
 * FILE; docs/tools.md). One table for all sessions, built at start and never changed; which rows a session has is a
 * mask.
 *
 * An operator's tool is an HTTP request of the gateway's, or a message to the page. Its arguments are checked by
 * the schema that is announced, before anything leaves. */
#ifndef GATEWAY_TOOLS_H
#define GATEWAY_TOOLS_H

#include "gateway/config.h"
#include "xiaozhi/tools.h"

#define GW_TOOLS_MAX 48 /* of an operator's */
#define GW_TOOL_HEADERS_MAX 8
#define GW_TOOL_ANSWER_MAX \
  8192 /* bytes of an answer at most; a tool's own limit is below, 4096 unless it says else */
#define GW_TOOL_SECONDS_MAX 7 /* for an answer; the call itself is given up after 8 s */

typedef enum gw_tool_kind {
  GW_TOOL_PAGE, /* the page is asked, its tool_result is the result */
  GW_TOOL_NOTE, /* the page is told, and that is the result */
  GW_TOOL_HTTP,
  GW_TOOL_SEARCH_MUSIC,
  GW_TOOL_PLAY_MUSIC,
} gw_tool_kind;

/* How a tool is performed. All texts are the table's. */
typedef struct gw_tool {
  gw_tool_kind kind;
  const char *url, *token; /* HTTP; token "": none */
  bool is_get;
  size_t n_headers;
  struct {
    char name[64]; /* with a colon behind it */
    const char *value;
  } header[GW_TOOL_HEADERS_MAX];
  unsigned seconds;
  size_t most;           /* bytes of an answer; a longer one is an error, not a shorter answer */
  const json_t *devices; /* an array of addresses in small letters, whose tool it is; NULL: everybody's */
} gw_tool;

typedef struct gw_tools {
  xz_tool *rows;
  gw_tool *how; /* by row */
  size_t n;
  json_t *file; /* texts of both live there */
} gw_tools;

/* |file| "": none. |music|: there is a source of music. false: |error| is one line that says where and what. */
bool gw_tools_load(gw_tools *tools, const char *file, bool music, char error[GW_CONFIG_ERROR_MAX]);
bool gw_tools_read(gw_tools *tools, const char *text, size_t len, const char *name, bool music,
                   char error[GW_CONFIG_ERROR_MAX]);
void gw_tools_wipe(gw_tools *tools);
/* |row| of |tools->rows|. */
const gw_tool *gw_tools_how(const gw_tools *tools, const xz_tool *row);
/* Bits of the rows that the device |mac| has not got. */
uint64_t gw_tools_hidden(const gw_tools *tools, const char *mac);
bool gw_tools_need_tls(const gw_tools *tools); /* one asks an https address */
/* |args| (an object or NULL) behind |url|, as a query, percent-encoded. Whole or not at all; false: no room. */
bool gw_tools_query(char *out, size_t cap, const char *url, const json_t *args);

#endif
