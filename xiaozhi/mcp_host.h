/* xiaozhi/mcp_host.h - the server's side of MCP: finds out what tools a device has and calls them. */
#ifndef XIAOZHI_MCP_HOST_H
#define XIAOZHI_MCP_HOST_H

#include <jansson.h>

#include "xiaozhi/outbox.h"

#define XZ_HOST_REQUESTS_MAX 8          /* waiting for a reply */
#define XZ_HOST_TOOLS_MAX 64            /* further tools of a device are not seen */
#define XZ_HOST_TOOL_NAME_MAX 80        /* nor are tools with longer names */
#define XZ_HOST_TOOLS_BYTES (32 * 1024) /* of JSON that describes tools; further ones stay without */
#define XZ_HOST_PAGES_MAX 20            /* of tools/list */
#define XZ_HOST_TIMEOUT WR_S(30)        /* some devices do not answer what they do not know */

typedef struct xz_host_result {
  uint32_t call;    /* what xz_mcp_host_call returned */
  bool ok;          /* false: |text| says what went wrong */
  const char *text; /* borrowed from the reply; never NULL */
} xz_host_result;

typedef struct xz_mcp_host {
  const char *vision_url, *vision_token; /* borrowed */
  uint32_t last_id;                      /* ids are never used twice in a session */
  struct {
    uint32_t id; /* 0: free */
    uint8_t method;
    wr_time deadline;
  } pending[XZ_HOST_REQUESTS_MAX];
  bool started, listed; /* listed: the tools are known, or we gave up asking */
  unsigned n_pages;
  size_t n_tools;
  char tools[XZ_HOST_TOOLS_MAX][XZ_HOST_TOOL_NAME_MAX];
  bool describes;       /* set by the owner: keep what the device says of its tools */
  json_t *descriptions; /* [{"name","description","inputSchema"}]; NULL until there is one */
  size_t n_described;   /* bytes of them */
  uint32_t n_ignored;   /* replies to nothing, requests of the device, rubbish */
} xz_mcp_host;

typedef enum xz_host_news { XZ_HOST_NOTHING, XZ_HOST_TOOLS_KNOWN, XZ_HOST_RESULT } xz_host_news;

void xz_mcp_host_init(xz_mcp_host *host, const char *vision_url, const char *vision_token);
void xz_mcp_host_wipe(xz_mcp_host *host);
/* Sends initialize; the vision section is always there, since one client reads it unconditionally. Once. */
void xz_mcp_host_start(xz_mcp_host *host, const char *session_id, xz_outbox *out, wr_time now);
/* Handles the payload of one "mcp" message. */
xz_host_news xz_mcp_host_recv(xz_mcp_host *host, const json_t *payload, const char *session_id, xz_outbox *out,
                              xz_host_result *result, wr_time now);
/* One request whose time is over. Call until XZ_HOST_NOTHING. */
xz_host_news xz_mcp_host_expire(xz_mcp_host *host, xz_host_result *result, wr_time now);
wr_time xz_mcp_host_deadline(const xz_mcp_host *host);

/* The device's own name for |plain|: "take_photo" finds "take_photo", "self.camera.take_photo" and
 * "self_camera_take_photo". NULL: it has no such tool. */
const char *xz_mcp_host_find(const xz_mcp_host *host, const char *plain);
/* Calls a tool by the device's name. |args| is an object. WR_ERR_LIMIT: too many calls at once, or no room. */
WR_NODISCARD wr_err xz_mcp_host_call(xz_mcp_host *host, const char *name, const json_t *args, uint32_t *call,
                                     const char *session_id, xz_outbox *out, wr_time now);

#endif
