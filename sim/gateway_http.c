/* sim/gateway_http.c - the routes of the simulated gateway: offers, restarts, hang up, ICE servers. */
#include <stdio.h>
#include <string.h>

#include "sim/gateway_state.h"

static void respond(sim_response *response, int status, json_t *body) {
  response->status = status;
  response->len = body ? json_dumpb(body, response->body, sizeof response->body, JSON_COMPACT) : 0;
  json_decref(body);
}

static void refuse(sim_response *response, int status, const char *code) {
  respond(response, status, json_pack("{s:{s:s, s:s}}", "error", "code", code, "message", code));
}

static session *find_by(sim_gateway *g, const char *id, size_t len) {
  for (int i = 0; id && i < SIM_GATEWAY_SESSIONS; i++) {
    session *s = &g->session[i];
    if (s->state != SESSION_FREE && len == strlen(s->id) && !memcmp(s->id, id, len)) return s;
  }
  return NULL;
}

/* false: refused, and |s| is as before. */
static bool answer(sim_gateway *g, session *s, const char *offer, bool resumed, sim_response *response) {
  char sdp[8192], location[64];
  size_t len;
  wr_sdp_error error = {0, ""};
  if (!offer || wr_conn_accept_offer(s->conn, wr_bytes_of(offer, strlen(offer)), &g->scratch, &error, sdp,
                                     sizeof sdp, &len, sim_net_now(g->net)) != WR_OK) {
    refuse(response, 400, "bad_sdp");
    return false;
  }
  snprintf(location, sizeof location, "/api/sessions/%s", s->id);
  respond(response, 200,
          json_pack("{s:s, s:s, s:s, s:s, s:s, s:b}", "sdp", sdp, "type", "answer", "sessionId", s->id, "location",
                    location, "resume", s->token, "resumed", resumed));
  return true;
}

static void post_offer(sim_gateway *g, const json_t *body, sim_response *response) {
  const char *token = json_string_value(json_object_get(body, "resume"));
  const char *offer = json_string_value(json_object_get(body, "sdp"));
  session *s = token && strlen(token) > ID_MAX ? find_by(g, token, ID_MAX - 1) : NULL;
  bool resumes = s && !strcmp(s->token, token);
  if (!resumes) s = g->is_draining ? NULL : sim_gateway_new_session(g);
  if (!s) {
    refuse(response, 503, g->is_draining ? "draining" : "full");
    response->retry_after_ms = 1000;
    return;
  }
  sim_gateway_drop_conn(s);
  sim_gateway_start_conn(g, s);
  if (!answer(g, s, offer, resumes, response)) {
    sim_gateway_forget(s);
    return;
  }
  s->state = SESSION_CONNECTING;
  s->until = sim_net_now(g->net) + SIM_GATEWAY_CONNECT_US;
  g->counts.n_opened += !resumes;
  g->counts.n_resumed += resumes;
  sim_gateway_settle(g, s);
}

static void post_restart(sim_gateway *g, session *s, const json_t *body, sim_response *response) {
  if (!s->conn) {
    refuse(response, 409, "conflict");
    return;
  }
  if (answer(g, s, json_string_value(json_object_get(body, "sdp")), false, response)) g->counts.n_restarted++;
  sim_gateway_settle(g, s);
}

static void remove_session(sim_gateway *g, session *s, sim_response *response) {
  if (s->conn) {
    wr_conn_close(s->conn, sim_net_now(g->net));
    sim_gateway_settle(g, s);
  }
  sim_gateway_forget(s);
  g->counts.n_deleted++;
  respond(response, 204, NULL);
}

static void get_servers(sim_gateway *g, sim_response *response) {
  respond(response, 200, json_pack("{s:[], s:i}", "iceServers", "ttl", (int)g->settings.servers_ttl_s));
}

void sim_gateway_request(sim_gateway *g, const char *method, const char *path, wr_bytes text,
                         sim_response *response) {
  static const char sessions[] = "/api/sessions/";
  response->retry_after_ms = 0;
  if (g->is_dead) {
    respond(response, 0, NULL);
    return;
  }
  json_t *body = text.len ? json_loadb((const char *)text.data, text.len, 0, NULL) : NULL;
  if (!strcmp(method, "GET") && !strcmp(path, "/api/ice")) {
    get_servers(g, response);
  } else if (!strcmp(method, "POST") && !strcmp(path, "/api/offer")) {
    post_offer(g, body, response);
  } else if (!strncmp(path, sessions, sizeof sessions - 1)) {
    const char *id = path + sizeof sessions - 1;
    size_t len = strcspn(id, "/");
    session *s = find_by(g, id, len);
    g->counts.n_unknown += !s;
    if (!s)
      refuse(response, 404, "no_session");
    else if (!strcmp(method, "DELETE"))
      remove_session(g, s, response);
    else if (!strcmp(method, "POST") && !strcmp(id + len, "/offer"))
      post_restart(g, s, body, response);
    else
      refuse(response, 405, "method_not_allowed");
  } else {
    refuse(response, 404, "not_found");
  }
  json_decref(body);
}
