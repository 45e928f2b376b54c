/* caller/http.c - requests to the gateway and what their results mean (docs/protocol.md).
 *
 * A body is made when the request is polled, so an offer waits nowhere; a result that nobody awaits any more is
 * ignored, as the manager would do. */
#include <stdio.h>
#include <string.h>

#include "caller/caller_state.h"

#define SDP_MAX 8192

void caller_ask(caller *c, request_kind kind, uint32_t number, uint32_t link, bool resumes, const char *path) {
  WR_ASSERT(c->n_tasks < N_REQUESTS && "drain with caller_poll after every call that mutates");
  caller_task *task = &c->task[c->n_tasks++];
  *task = (caller_task){.kind = kind, .number = number, .link = link, .resumes = resumes};
  snprintf(task->path, sizeof task->path, "%s%s", path, kind == REQUEST_RESTART ? "/offer" : "");
}

static void expect(caller *c, const caller_task *task) {
  if (c->n_awaited == N_REQUESTS) memmove(&c->awaited[0], &c->awaited[1], --c->n_awaited * sizeof *task);
  c->awaited[c->n_awaited++] = *task;
}

static bool write_offer(const caller *c, const caller_task *task, const char *sdp, uint8_t *out, size_t cap,
                        size_t *len) {
  /* Listening begins when the manager says so, over the channel: hence "manual" whatever the way of talking. */
  json_t *body = json_pack("{s:s, s:s, s:s}", "sdp", sdp, "type", "offer", "mode", "manual");
  if (task->resumes && c->token[0]) {
    json_object_set_new(body, "resume", json_string(c->token));
    json_object_set_new(body, "heard", json_integer(caller_heard(c)));
  }
  *len = body ? json_dumpb(body, (char *)out, cap, JSON_COMPACT) : 0;
  json_decref(body);
  return *len && *len <= cap;
}

/* What has been found since the offer, or the last time. */
static size_t write_candidates(caller_link *link, uint8_t *out, size_t cap) {
  json_t *list = json_array();
  for (size_t i = 0; i < link->n_lines; i++)
    json_array_append_new(list, json_pack("{s:s, s:s}", "candidate", link->line[i], "sdpMid", "0"));
  json_t *body = json_pack("{s:o, s:b}", "candidates", list, "end", link->gathered);
  size_t len = body ? json_dumpb(body, (char *)out, cap, JSON_COMPACT) : 0;
  json_decref(body);
  link->n_lines = 0;
  link->gathered = false;
  return len <= cap ? len : 0;
}

static bool make_body(caller *c, const caller_task *task, uint8_t *out, size_t cap, size_t *len, wr_time now) {
  char sdp[SDP_MAX];
  size_t n;
  caller_link *link = caller_link_of(c, task->link);
  if (!link || !link->conn) return false;
  if (task->kind == REQUEST_TRICKLE) return (*len = write_candidates(link, out, cap)) > 0;
  wr_err err = task->kind == REQUEST_RESTART ? wr_conn_restart_offer(link->conn, sdp, sizeof sdp, &n, now)
                                             : wr_conn_create_offer(link->conn, sdp, sizeof sdp, &n, now);
  return err == WR_OK && write_offer(c, task, sdp, out, cap, len);
}

bool caller_poll_request(caller *c, uint8_t *buffer, size_t cap, caller_request *request, wr_time now) {
  while (c->n_tasks) {
    caller_task task = c->task[0];
    memmove(&c->task[0], &c->task[1], --c->n_tasks * sizeof task);
    bool offers = task.kind == REQUEST_OFFER || task.kind == REQUEST_RESTART;
    bool trickles = task.kind == REQUEST_TRICKLE;
    size_t len = 0;
    bool made = (!offers && !trickles) || make_body(c, &task, buffer, cap, &len, now);
    if (!made && trickles) continue; /* its link is gone */
    if (!made) {
      caller_report_to(c, &(mgr_event){.kind = MGR_EVENT_BROKEN, .link = task.link});
      return false;
    }
    /* What is handed out lives in the slot behind the last task, which the next caller_ call may fill again. */
    caller_task *shown = &c->task[c->n_tasks];
    *shown = task;
    *request = (caller_request){.number = task.number,
                                .method = offers                        ? "POST"
                                          : trickles                    ? "PATCH"
                                          : task.kind == REQUEST_DELETE ? "DELETE"
                                                                        : "GET",
                                .path = shown->path,
                                .content_type = offers || trickles ? "application/json" : NULL,
                                .body = wr_bytes_of(buffer, len)};
    if (task.number) expect(c, &task);
    return true;
  }
  return false;
}

/* ---- results ---- */

static bool take_awaited(caller *c, uint32_t number, caller_task *task) {
  for (size_t i = 0; number && i < c->n_awaited; i++) {
    if (c->awaited[i].number != number) continue;
    *task = c->awaited[i];
    memmove(&c->awaited[i], &c->awaited[i + 1], (--c->n_awaited - i) * sizeof *task);
    return true;
  }
  return false;
}

static void refused(caller *c, const caller_task *task, int status, uint32_t retry_after_ms) {
  caller_report_to(c, &(mgr_event){.kind = MGR_EVENT_REFUSED,
                                   .link = task->link,
                                   .request = task->number,
                                   .value = status,
                                   .more = retry_after_ms});
}

static void explain(caller *c, int status, const json_t *body, wr_bytes text) {
  const char *message = json_string_value(json_object_get(json_object_get(body, "error"), "message"));
  c->was_refused = true;
  c->status = status;
  if (message)
    snprintf(c->why, sizeof c->why, "%s", message);
  else if (!status && text.len)
    snprintf(c->why, sizeof c->why, "%.*s", (int)text.len, (const char *)text.data);
  else
    snprintf(c->why, sizeof c->why, "%s", status ? "no reason given" : "no answer");
}

/* false: absent, or longer than there is room for. */
static bool copy_text(char *out, size_t cap, const json_t *value) {
  const char *text = json_string_value(value);
  if (!text || strlen(text) >= cap) return false;
  memcpy(out, text, strlen(text) + 1);
  return true;
}

/* The link was given up meanwhile; a session that was made for it alone would stand about. */
static void remove_late(caller *c, const caller_task *task, const json_t *body) {
  const char *location = json_string_value(json_object_get(body, "location"));
  if (task->kind != REQUEST_OFFER || !location || strlen(location) >= LOCATION_MAX) return;
  if (!json_is_true(json_object_get(body, "resumed"))) caller_ask(c, REQUEST_DELETE, 0, 0, false, location);
}

/* The answer to an offer, of either kind. */
static void accept(caller *c, const caller_task *task, const json_t *body, wr_time now) {
  caller_link *link = caller_link_of(c, task->link);
  if (!link || !link->conn) {
    remove_late(c, task, body);
    return;
  }
  const char *sdp = json_string_value(json_object_get(body, "sdp"));
  wr_sdp_error error = {.what = "no JSON with an sdp"};
  bool ok = sdp && wr_conn_accept_answer(link->conn, wr_bytes_of(sdp, strlen(sdp)), c->settings.scratch, &error,
                                         now) == WR_OK;
  if (!ok) {
    explain(c, 200, NULL, (wr_bytes){0});
    snprintf(c->why, sizeof c->why, "the answer cannot be used: %s", error.what);
    caller_report_to(c, &(mgr_event){.kind = MGR_EVENT_BROKEN, .link = task->link, .value = 2});
    return;
  }
  bool restarted = task->kind == REQUEST_RESTART;
  if (!restarted) {
    if (!copy_text(link->location, sizeof link->location, json_object_get(body, "location"))) link->location[0] = 0;
    if (!copy_text(c->token, sizeof c->token, json_object_get(body, "resume"))) c->token[0] = 0;
  }
  bool resumed = restarted || json_is_true(json_object_get(body, "resumed"));
  if (!resumed) {
    c->session_link = link->number;
    c->heard = 0;
    c->gaps = 0;
  }
  caller_report_to(
      c, &(mgr_event){.kind = MGR_EVENT_ANSWERED, .link = task->link, .request = task->number, .value = resumed});
  if (!restarted) caller_open_channel(c, link, now);
}

static void take_servers(caller *c, const caller_task *task, const json_t *body) {
  double ttl_s = json_number_value(json_object_get(body, "ttl"));
  json_decref(c->servers);
  c->servers = json_incref(json_object_get(body, "iceServers"));
  uint32_t ttl_ms = ttl_s > 0 && ttl_s < 4e6 ? (uint32_t)(ttl_s * 1000) : 0;
  caller_report_to(c, &(mgr_event){.kind = MGR_EVENT_SERVERS, .request = task->number, .more = ttl_ms});
}

void caller_on_response(caller *c, uint32_t number, int status, uint32_t retry_after_ms, wr_bytes text,
                        wr_time now) {
  caller_task task;
  if (!take_awaited(c, number, &task)) return;
  json_t *body = text.len ? json_loadb((const char *)text.data, text.len, 0, NULL) : NULL;
  if (status / 100 != 2) {
    if (task.kind != REQUEST_SERVERS) explain(c, status, body, text);
    refused(c, &task, status, retry_after_ms);
  } else if (task.kind == REQUEST_SERVERS) {
    take_servers(c, &task, body);
  } else {
    accept(c, &task, body, now);
  }
  json_decref(body);
}
