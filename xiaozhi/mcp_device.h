/* xiaozhi/mcp_device.h - the device's side of MCP: a JSON-RPC 2.0 server inside "mcp" messages.
 *
 * Requests come in parsed; replies go into an outbox; a tool call the table allows comes out to be performed, and
 * its result is handed back later, in any order, by its call number. */
#ifndef XIAOZHI_MCP_DEVICE_H
#define XIAOZHI_MCP_DEVICE_H

#include "xiaozhi/outbox.h"
#include "xiaozhi/tools.h"

#define XZ_MCP_CALLS_MAX 8          /* calls being performed; one more is answered with an error */
#define XZ_MCP_CALL_TIMEOUT WR_S(8) /* below the shortest limit of any known server (10 s) */
#define XZ_MCP_PAGE_MAX 8000        /* bytes of one tools/list result */
#define XZ_VISION_URL_MAX 512
#define XZ_VISION_TOKEN_MAX 1024

typedef struct xz_mcp_settings {
  const xz_tool *tools; /* borrowed for the life of the device; at most XZ_TOOLS_MAX */
  size_t n_tools;
  uint64_t hidden;            /* bit i: this device has not got tools[i], and does not name it */
  bool firmware_names;        /* list tools by firmware_name; calls by either name are understood */
  const char *name, *version; /* serverInfo; borrowed */
} xz_mcp_settings;

/* A call to perform. |args| (an object, or NULL) is borrowed from the message that brought it. */
typedef struct xz_tool_call {
  uint32_t call;
  const xz_tool *tool;
  const json_t *args;
} xz_tool_call;

typedef struct xz_mcp_device {
  xz_mcp_settings settings;
  struct {
    uint32_t call; /* 0: free */
    int64_t id;    /* JSON-RPC id to echo */
    wr_time deadline;
  } pending[XZ_MCP_CALLS_MAX];
  uint32_t last_call;
  bool initialized;
  char vision_url[XZ_VISION_URL_MAX]; /* where photos go; "" unknown. Kept over sessions until replaced */
  char vision_token[XZ_VISION_TOKEN_MAX];
  uint32_t n_ignored;   /* payloads that are no valid request: no reply, as the firmware does */
  uint32_t n_late;      /* results nobody waited for any more */
  uint32_t n_timed_out; /* calls answered "timed out" */
  uint32_t n_unsent;    /* replies the outbox had no room for */
} xz_mcp_device;

void xz_mcp_device_init(xz_mcp_device *device, const xz_mcp_settings *settings);
/* A new connection: calls of the old one are forgotten, the vision address stays. */
void xz_mcp_device_reset(xz_mcp_device *device);

/* Handles the payload of one "mcp" message. true: |call| is to be performed and answered by _result. */
bool xz_mcp_device_recv(xz_mcp_device *device, const json_t *payload, const char *session_id, xz_outbox *out,
                        xz_tool_call *call, wr_time now);

/* |text| is the result, or what went wrong if not |ok|. WR_ERR_STATE: nobody waits for it (timed out, or a new
 * connection); counted, nothing sent. WR_ERR_LIMIT: no room; the call stays open until its deadline. */
WR_NODISCARD wr_err xz_mcp_device_result(xz_mcp_device *device, uint32_t call, bool ok, const char *text,
                                         const char *session_id, xz_outbox *out);

/* Answers calls that took too long. */
void xz_mcp_device_tick(xz_mcp_device *device, const char *session_id, xz_outbox *out, wr_time now);
wr_time xz_mcp_device_deadline(const xz_mcp_device *device);

#endif
