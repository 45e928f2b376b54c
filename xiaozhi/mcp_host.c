/* xiaozhi/mcp_host.c - MCP 2024-11-05 client towards a device.
 *
 * start: initialize -> its reply: notifications/initialized, tools/list -> pages until no cursor. Device quirks
 * borne: errors without code, results without content, image content, replies out of order, no reply at all. */
#include "xiaozhi/mcp_host.h"

#include <string.h>

#include "base/io.h"
#include "xiaozhi/message.h"

enum { INITIALIZE, LIST, CALL };

void xz_mcp_host_init(xz_mcp_host *host, const char *vision_url, const char *vision_token) {
  *host = (xz_mcp_host){.vision_url = vision_url, .vision_token = vision_token};
}

void xz_mcp_host_wipe(xz_mcp_host *host) {
  json_decref(host->descriptions);
  host->descriptions = NULL;
}

/* Opens a request: {"jsonrpc":"2.0","id":N,"method":M */
static wr_writer request_begin(xz_outbox *out, const char *session_id, uint32_t id, const char *method,
                               size_t want) {
  wr_writer w = xz_outbox_begin(out, 256 + 6 * strlen(session_id) + want);
  xz_write_mcp_begin(&w, session_id);
  wr_write_text(&w, "{\"jsonrpc\":\"2.0\",");
  if (id) {
    wr_write_text(&w, "\"id\":");
    wr_write_decimal(&w, id);
    wr_write_u8(&w, ',');
  }
  wr_write_text(&w, "\"method\":");
  xz_write_json_text(&w, method);
  return w;
}

static wr_err request_end(wr_writer *w, xz_outbox *out) {
  wr_write_u8(w, '}');
  xz_write_mcp_end(w);
  return xz_outbox_end(out, w, XZ_SEND_TEXT);
}

static size_t slot_of(const xz_mcp_host *host, uint32_t id) {
  size_t i = 0;
  while (i < XZ_HOST_REQUESTS_MAX && host->pending[i].id != id) i++;
  return i;
}

/* Notes that |id| was sent. There is always room for it: callers looked before. */
static void expect(xz_mcp_host *host, uint32_t id, uint8_t method, wr_time now) {
  size_t i = slot_of(host, 0);
  WR_ASSERT(i < XZ_HOST_REQUESTS_MAX);
  host->pending[i].id = id;
  host->pending[i].method = method;
  host->pending[i].deadline = now + XZ_HOST_TIMEOUT;
}

void xz_mcp_host_start(xz_mcp_host *host, const char *session_id, xz_outbox *out, wr_time now) {
  if (host->started) return;
  host->started = true;
  uint32_t id = ++host->last_id;
  size_t want = 256 + 6 * (strlen(host->vision_url) + strlen(host->vision_token));
  wr_writer w = request_begin(out, session_id, id, "initialize", want);
  wr_write_text(&w,
                ",\"params\":{\"protocolVersion\":\"2024-11-05\",\"capabilities\":{\"roots\":{\"listChanged\":"
                "true},\"sampling\":{},\"vision\":{\"url\":");
  xz_write_json_text(&w, host->vision_url);
  wr_write_text(&w, ",\"token\":");
  xz_write_json_text(&w, host->vision_token);
  wr_write_text(&w, "}},\"clientInfo\":{\"name\":\"xiaozhi-rtc\",\"version\":\"0.1.0\"}}");
  if (request_end(&w, out) == WR_OK) expect(host, id, INITIALIZE, now);
}

static xz_host_news know_tools(xz_mcp_host *host) {
  host->listed = true;
  return XZ_HOST_TOOLS_KNOWN;
}

static xz_host_news ask_for_page(xz_mcp_host *host, const char *cursor, const char *session_id, xz_outbox *out,
                                 wr_time now) {
  if (host->n_pages == XZ_HOST_PAGES_MAX || slot_of(host, 0) == XZ_HOST_REQUESTS_MAX) return know_tools(host);
  host->n_pages++;
  uint32_t id = ++host->last_id;
  wr_writer w = request_begin(out, session_id, id, "tools/list", 64 + 6 * strlen(cursor));
  wr_write_text(&w, ",\"params\":{\"cursor\":");
  xz_write_json_text(&w, cursor);
  wr_write_text(&w, ",\"withUserTools\":false}");
  if (request_end(&w, out)) return know_tools(host);
  expect(host, id, LIST, now);
  return XZ_HOST_NOTHING;
}

static xz_host_news on_initialized(xz_mcp_host *host, const char *session_id, xz_outbox *out, wr_time now) {
  wr_writer w = request_begin(out, session_id, 0, "notifications/initialized", 0);
  if (request_end(&w, out)) return know_tools(host);
  return ask_for_page(host, "", session_id, out, now);
}

static void describe(xz_mcp_host *host, const char *name, const json_t *tool) {
  json_t *schema = json_object_get(tool, "inputSchema");
  const char *description = json_string_value(json_object_get(tool, "description"));
  json_t *one = json_pack("{s:s,s:s,s:O*}", "name", name, "description", description ? description : "",
                          "inputSchema", json_is_object(schema) ? schema : NULL);
  size_t bytes = one ? json_dumpb(one, NULL, 0, JSON_COMPACT) : 0;
  if (!host->descriptions) host->descriptions = json_array();
  if (bytes && bytes <= XZ_HOST_TOOLS_BYTES - host->n_described && json_array_append(host->descriptions, one) == 0)
    host->n_described += bytes;
  json_decref(one);
}

static xz_host_news on_page(xz_mcp_host *host, const json_t *result, const char *session_id, xz_outbox *out,
                            wr_time now) {
  const json_t *list = json_object_get(result, "tools");
  for (size_t i = 0; i < json_array_size(list) && host->n_tools < XZ_HOST_TOOLS_MAX; i++) {
    const char *name = json_string_value(json_object_get(json_array_get(list, i), "name"));
    if (!name || !*name || strlen(name) >= XZ_HOST_TOOL_NAME_MAX) continue;
    memcpy(host->tools[host->n_tools++], name, strlen(name) + 1);
    if (host->describes) describe(host, name, json_array_get(list, i));
  }
  const char *cursor = json_string_value(json_object_get(result, "nextCursor"));
  return cursor && *cursor ? ask_for_page(host, cursor, session_id, out, now) : know_tools(host);
}

static const char *text_or(const json_t *value, const char *otherwise) {
  const char *text = json_string_value(value);
  return text ? text : otherwise;
}

static void read_result(const json_t *payload, xz_host_result *result) {
  const json_t *error = json_object_get(payload, "error"), *body = json_object_get(payload, "result");
  const json_t *content = json_array_get(json_object_get(body, "content"), 0);
  if (error) {
    result->ok = false;
    result->text = text_or(json_is_string(error) ? error : json_object_get(error, "message"), "failed");
  } else {
    result->ok = json_is_object(body) && !json_is_true(json_object_get(body, "isError"));
    result->text = text_or(json_object_get(content, "text"), text_or(json_object_get(body, "error"), ""));
  }
}

xz_host_news xz_mcp_host_recv(xz_mcp_host *host, const json_t *payload, const char *session_id, xz_outbox *out,
                              xz_host_result *result, wr_time now) {
  const json_t *id = json_object_get(payload, "id");
  json_int_t number = json_is_integer(id) ? json_integer_value(id) : 0;
  bool is_reply = json_object_get(payload, "result") || json_object_get(payload, "error");
  size_t i = number > 0 && number <= UINT32_MAX ? slot_of(host, (uint32_t)number) : XZ_HOST_REQUESTS_MAX;
  if (!is_reply || i == XZ_HOST_REQUESTS_MAX) {
    host->n_ignored++;
    return XZ_HOST_NOTHING;
  }
  host->pending[i].id = 0;
  bool failed = json_object_get(payload, "error") != NULL;
  switch (host->pending[i].method) {
    case INITIALIZE: return failed ? know_tools(host) : on_initialized(host, session_id, out, now);
    case LIST:
      return failed ? know_tools(host) : on_page(host, json_object_get(payload, "result"), session_id, out, now);
    default: break;
  }
  result->call = (uint32_t)number;
  read_result(payload, result);
  return XZ_HOST_RESULT;
}

xz_host_news xz_mcp_host_expire(xz_mcp_host *host, xz_host_result *result, wr_time now) {
  for (size_t i = 0; i < XZ_HOST_REQUESTS_MAX; i++) {
    if (!host->pending[i].id || now < host->pending[i].deadline) continue;
    *result = (xz_host_result){host->pending[i].id, false, "timed out"};
    host->pending[i].id = 0;
    return host->pending[i].method == CALL ? XZ_HOST_RESULT : know_tools(host);
  }
  return XZ_HOST_NOTHING;
}

wr_time xz_mcp_host_deadline(const xz_mcp_host *host) {
  wr_time deadline = WR_NEVER;
  for (size_t i = 0; i < XZ_HOST_REQUESTS_MAX; i++)
    if (host->pending[i].id) deadline = wr_time_min(deadline, host->pending[i].deadline);
  return deadline;
}

const char *xz_mcp_host_find(const xz_mcp_host *host, const char *plain) {
  size_t len = strlen(plain);
  for (size_t i = 0; i < host->n_tools; i++) {
    size_t n = strlen(host->tools[i]);
    if (n < len || strcmp(host->tools[i] + n - len, plain)) continue;
    if (n == len || strchr("._-", host->tools[i][n - len - 1])) return host->tools[i];
  }
  return NULL;
}

wr_err xz_mcp_host_call(xz_mcp_host *host, const char *name, const json_t *args, uint32_t *call,
                        const char *session_id, xz_outbox *out, wr_time now) {
  if (slot_of(host, 0) == XZ_HOST_REQUESTS_MAX) return WR_ERR_LIMIT;
  size_t args_len = json_dumpb(args, NULL, 0, JSON_COMPACT);
  uint32_t id = host->last_id + 1;
  wr_writer w = request_begin(out, session_id, id, "tools/call", 64 + args_len + 6 * strlen(name));
  wr_write_text(&w, ",\"params\":{\"name\":");
  xz_write_json_text(&w, name);
  wr_write_text(&w, ",\"arguments\":");
  if (wr_write_need(&w, args_len)) w.at += json_dumpb(args, (char *)w.at, args_len, JSON_COMPACT);
  wr_write_u8(&w, '}');
  wr_err err = request_end(&w, out);
  if (err) return err;
  host->last_id = id;
  expect(host, id, CALL, now);
  *call = id;
  return WR_OK;
}
