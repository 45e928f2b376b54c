/* xiaozhi/mcp_device.c - JSON-RPC 2.0 and MCP 2024-11-05 as XiaoZhi devices speak it.
 *
 * initialize, tools/list, tools/call, ping; notifications are ignored. Rules of the reference firmware: jsonrpc
 * must be "2.0", id a whole number, params absent or an object; a violation gets no reply. Unlike it, errors carry
 * a code. Left out: batches, prompts, resources. */
#include "xiaozhi/mcp_device.h"

#include "base/io.h"
#include "xiaozhi/message.h"

enum { METHOD_NOT_FOUND = -32601, INVALID_PARAMS = -32602, INTERNAL_ERROR = -32603 };

/* Where a reply goes. */
typedef struct reply {
  xz_mcp_device *device;
  xz_outbox *out;
  const char *session_id;
  int64_t id;
} reply;

static bool has_tool(const xz_mcp_settings *s, size_t i) { return !(s->hidden >> i & 1); }

static const xz_tool *find_tool(const xz_mcp_settings *s, const char *name) {
  const xz_tool *tool = xz_tool_find(s->tools, s->n_tools, name);
  return tool && has_tool(s, (size_t)(tool - s->tools)) ? tool : NULL;
}

/* The first tool at or after |i| that this device has; n_tools: none. */
static size_t next_tool(const xz_mcp_settings *s, size_t i) {
  while (i < s->n_tools && !has_tool(s, i)) i++;
  return i;
}

void xz_mcp_device_init(xz_mcp_device *device, const xz_mcp_settings *settings) {
  WR_ASSERT(settings->n_tools <= XZ_TOOLS_MAX);
  *device = (xz_mcp_device){.settings = *settings};
}

void xz_mcp_device_reset(xz_mcp_device *device) {
  memset(device->pending, 0, sizeof device->pending);
  device->initialized = false;
}

/* {"jsonrpc":"2.0","id":N, inside the envelope */
static wr_writer reply_begin(const reply *to, size_t want) {
  wr_writer w = xz_outbox_begin(to->out, want + 160 + 6 * strlen(to->session_id));
  xz_write_mcp_begin(&w, to->session_id);
  wr_write_text(&w, "{\"jsonrpc\":\"2.0\",\"id\":");
  xz_write_json_int(&w, to->id);
  return w;
}

static wr_err reply_end(const reply *to, wr_writer *w) {
  wr_write_u8(w, '}');
  xz_write_mcp_end(w);
  wr_err err = xz_outbox_end(to->out, w, XZ_SEND_TEXT);
  if (err) to->device->n_unsent++;
  return err;
}

static wr_err reply_error(const reply *to, int code, const char *text, const char *name) {
  size_t len = strlen(name) < 128 ? strlen(name) : 128;
  char message[XZ_TOOL_ERROR_MAX + 132];
  wr_writer m = wr_writer_of((uint8_t *)message, sizeof message - 1);
  wr_write_bytes(&m, wr_bytes_of(text, strlen(text) < XZ_TOOL_ERROR_MAX ? strlen(text) : XZ_TOOL_ERROR_MAX));
  wr_write_bytes(&m, wr_bytes_of(name, len));
  message[wr_writer_len(&m)] = 0;
  wr_writer w = reply_begin(to, 64 + 6 * sizeof message);
  wr_write_text(&w, ",\"error\":{\"code\":");
  xz_write_json_int(&w, code);
  wr_write_text(&w, ",\"message\":");
  xz_write_json_text(&w, message);
  wr_write_u8(&w, '}');
  return reply_end(to, &w);
}

/* Replaces |kept| if the text is there and fits; a missing vision section leaves the old value. */
static void keep(char *kept, size_t cap, const json_t *value) {
  const char *text = json_string_value(value);
  if (text && strlen(text) < cap) memcpy(kept, text, strlen(text) + 1);
}

static void initialize(const reply *to, const json_t *params) {
  xz_mcp_device *d = to->device;
  const json_t *vision = json_object_get(json_object_get(params, "capabilities"), "vision");
  keep(d->vision_url, sizeof d->vision_url, json_object_get(vision, "url"));
  keep(d->vision_token, sizeof d->vision_token, json_object_get(vision, "token"));
  d->initialized = true;
  wr_writer w = reply_begin(to, 256 + 6 * (strlen(d->settings.name) + strlen(d->settings.version)));
  wr_write_text(&w, ",\"result\":{\"protocolVersion\":\"2024-11-05\",\"capabilities\":{\"tools\":{}},");
  wr_write_text(&w, "\"serverInfo\":{\"name\":");
  xz_write_json_text(&w, d->settings.name);
  wr_write_text(&w, ",\"version\":");
  xz_write_json_text(&w, d->settings.version);
  wr_write_text(&w, "}}");
  (void)reply_end(to, &w);
}

/* Index of the first tool of the page, n_tools if the cursor names none. */
static size_t page_start(const xz_mcp_settings *s, const char *cursor) {
  if (!cursor || !*cursor) return next_tool(s, 0);
  const xz_tool *tool = find_tool(s, cursor);
  return tool ? (size_t)(tool - s->tools) : s->n_tools;
}

/* Writes tools from |i| on while result, next entry and nextCursor stay within the page; returns the first left. */
static size_t write_page(wr_writer *w, const xz_mcp_settings *s, size_t i) {
  wr_writer page = wr_writer_of(w->at, wr_writer_left(w) < XZ_MCP_PAGE_MAX ? wr_writer_left(w) : XZ_MCP_PAGE_MAX);
  wr_write_text(&page, "{\"tools\":[");
  for (size_t first = i, next; i < s->n_tools; i = next) {
    wr_writer entry = page;
    next = next_tool(s, i + 1);
    if (i > first) wr_write_u8(&entry, ',');
    xz_tool_write(&entry, &s->tools[i], s->firmware_names);
    size_t cursor = next < s->n_tools ? 6 * strlen(xz_tool_name(&s->tools[next], s->firmware_names)) : 0;
    if (!wr_writer_ok(&entry) || wr_writer_left(&entry) < cursor + 24) break;
    page = entry;
  }
  wr_write_u8(&page, ']');
  if (i < s->n_tools) {
    wr_write_text(&page, ",\"nextCursor\":");
    xz_write_json_text(&page, xz_tool_name(&s->tools[i], s->firmware_names));
  }
  wr_write_u8(&page, '}');
  w->failed |= page.failed;
  w->at = page.at;
  return i;
}

static void list_tools(const reply *to, const json_t *params) {
  const xz_mcp_settings *s = &to->device->settings;
  const char *cursor = json_string_value(json_object_get(params, "cursor"));
  size_t first = page_start(s, cursor);
  if (first == s->n_tools && cursor && *cursor) {
    (void)reply_error(to, INVALID_PARAMS, "Unknown cursor: ", cursor);
    return;
  }
  wr_writer w = reply_begin(to, XZ_MCP_PAGE_MAX + 32);
  wr_write_text(&w, ",\"result\":");
  size_t next = write_page(&w, s, first);
  if (next == first && first < s->n_tools) {
    (void)reply_error(to, INTERNAL_ERROR, "No room for tool ", s->tools[first].name);
    return;
  }
  (void)reply_end(to, &w);
}

static bool call_tool(const reply *to, const json_t *params, xz_tool_call *call, wr_time now) {
  xz_mcp_device *d = to->device;
  const char *name = json_string_value(json_object_get(params, "name"));
  char error[XZ_TOOL_ERROR_MAX];
  size_t slot = 0;
  while (slot < XZ_MCP_CALLS_MAX && d->pending[slot].call) slot++;
  const xz_tool *tool = name ? find_tool(&d->settings, name) : NULL;
  const json_t *args = json_object_get(params, "arguments");
  if (json_is_null(args)) args = NULL;
  if (!params || !name)
    (void)reply_error(to, INVALID_PARAMS, params ? "Missing name" : "Missing params", "");
  else if (!tool)
    (void)reply_error(to, INVALID_PARAMS, "Unknown tool: ", name);
  else if (!xz_tool_check(tool, args, error))
    (void)reply_error(to, INVALID_PARAMS, error, "");
  else if (slot == XZ_MCP_CALLS_MAX)
    (void)reply_error(to, INTERNAL_ERROR, "Too many calls at once", "");
  else {
    if (++d->last_call == 0) d->last_call = 1;
    d->pending[slot].call = d->last_call;
    d->pending[slot].id = to->id;
    d->pending[slot].deadline = now + XZ_MCP_CALL_TIMEOUT;
    *call = (xz_tool_call){d->last_call, tool, args};
    return true;
  }
  return false;
}

static bool is_request(const json_t *payload, const char *method) {
  const char *jsonrpc = json_string_value(json_object_get(payload, "jsonrpc"));
  const json_t *params = json_object_get(payload, "params");
  return jsonrpc && !strcmp(jsonrpc, "2.0") && method && json_is_integer(json_object_get(payload, "id")) &&
         (!params || json_is_object(params));
}

bool xz_mcp_device_recv(xz_mcp_device *device, const json_t *payload, const char *session_id, xz_outbox *out,
                        xz_tool_call *call, wr_time now) {
  const char *method = json_string_value(json_object_get(payload, "method"));
  if (method && !strncmp(method, "notifications", 13)) return false;
  if (!is_request(payload, method)) {
    device->n_ignored++;
    return false;
  }
  reply to = {device, out, session_id, json_integer_value(json_object_get(payload, "id"))};
  const json_t *params = json_object_get(payload, "params");
  if (!strcmp(method, "tools/call")) return call_tool(&to, params, call, now);
  if (!strcmp(method, "initialize")) {
    initialize(&to, params);
  } else if (!strcmp(method, "tools/list")) {
    list_tools(&to, params);
  } else if (!strcmp(method, "ping")) {
    wr_writer w = reply_begin(&to, 16);
    wr_write_text(&w, ",\"result\":{}");
    (void)reply_end(&to, &w);
  } else {
    (void)reply_error(&to, METHOD_NOT_FOUND, "Method not implemented: ", method);
  }
  return false;
}

wr_err xz_mcp_device_result(xz_mcp_device *device, uint32_t call, bool ok, const char *text, const char *session_id,
                            xz_outbox *out) {
  size_t slot = 0;
  while (slot < XZ_MCP_CALLS_MAX && (!call || device->pending[slot].call != call)) slot++;
  if (slot == XZ_MCP_CALLS_MAX) {
    device->n_late++;
    return WR_ERR_STATE;
  }
  reply to = {device, out, session_id, device->pending[slot].id};
  wr_err err;
  if (ok) {
    wr_writer w = reply_begin(&to, 64 + 6 * strlen(text));
    wr_write_text(&w, ",\"result\":{\"content\":[{\"type\":\"text\",\"text\":");
    xz_write_json_text(&w, text);
    wr_write_text(&w, "}],\"isError\":false}");
    err = reply_end(&to, &w);
  } else {
    err = reply_error(&to, INTERNAL_ERROR, text, "");
  }
  if (!err) device->pending[slot].call = 0;
  return err;
}

void xz_mcp_device_tick(xz_mcp_device *device, const char *session_id, xz_outbox *out, wr_time now) {
  for (size_t i = 0; i < XZ_MCP_CALLS_MAX; i++) {
    if (!device->pending[i].call || now < device->pending[i].deadline) continue;
    reply to = {device, out, session_id, device->pending[i].id};
    (void)reply_error(&to, INTERNAL_ERROR, "timed out", "");
    device->pending[i].call = 0;
    device->n_timed_out++;
  }
}

wr_time xz_mcp_device_deadline(const xz_mcp_device *device) {
  wr_time deadline = WR_NEVER;
  for (size_t i = 0; i < XZ_MCP_CALLS_MAX; i++)
    if (device->pending[i].call) deadline = wr_time_min(deadline, device->pending[i].deadline);
  return deadline;
}
