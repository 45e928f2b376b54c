/* gateway/session.c - the life of a session, and the drain that follows everything that happens to it.
 *
 * Order in settle: the connection first (its events may ask something of the assistant), then speech that is due
 * (which makes new datagrams), until neither has anything more. Left out: what is said on the data channel (page.c)
 * and to the assistant (link.c). */
#include "gateway/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/identity.h"
#include "gateway/log.h"
#include "gateway/worker.h"

#define ANSWER_MAX 8192
#define QUALITY_US WR_S(1)
#define SENT_AWAY_US WR_S(2) /* for a page to hear it, and one retransmission */
#define RESTING_PACKETS 20   /* of 60 ms: what was heard just before the voice that ends a rest */
#define SPEECH_DBOV 55       /* louder than -55 dBov counts as the caller speaking, for turn latency */

const char *gw_session_state_text(gw_session_state state) {
  static const char *const names[] = {"new", "connecting", "connected", "degraded", "lost", "free"};
  return names[state];
}

gw_ref gw_session_ref(const gw_session *session) {
  return (gw_ref){session->worker->settings.index, session->slot, session->generation};
}

static const gw_config *config_of(const gw_session *s) { return s->worker->settings.config; }

static void count(gw_session *s, gw_counter counter) { s->worker->metrics.counter[counter]++; }

void gw_session_trouble(gw_session *s, const char *kind, const char *reason) {
  gw_trouble trouble = {.kind = kind, .reason = reason};
  memcpy(trouble.session, s->id_text, sizeof(trouble.session) - 1);
  gw_tell(&s->worker->http, &(gw_message){.kind = GW_TROUBLE, .ref = gw_session_ref(s)}, &trouble, sizeof(trouble));
}

void gw_session_note(gw_session *s, const char *event, const char *what, const char *why, wr_time now) {
  gw_minute_note(&s->minute, event, what, why, now);
}

static void set_state(gw_session *s, gw_session_state state, wr_time until, const char *why, wr_time now) {
  s->state = state;
  s->state_until = until;
  gw_session_note(s, "state", gw_session_state_text(state), why, now);
}

/* ---- replies ---- */

static gw_reply *new_reply(const gw_request *request, gw_http_error error) {
  gw_reply *reply = calloc(1, sizeof(*reply) + ANSWER_MAX);
  if (!reply) abort();
  reply->number = request->number;
  reply->error = error;
  return reply;
}

static void send_reply(gw_worker *w, gw_reply *reply, gw_ref ref) {
  gw_tell(&w->http, &(gw_message){.kind = GW_REPLY, .ref = ref, .owned = reply}, NULL, 0);
}

static void refuse(gw_session *s, const gw_request *request, gw_http_error error, const wr_sdp_error *why) {
  gw_reply *reply = new_reply(request, error);
  reply->line = why ? why->line : 0;
  reply->why = why ? why->what : NULL;
  send_reply(s->worker, reply, (gw_ref){.slot = GW_SLOT_NONE});
}

void gw_session_refuse(gw_session *s, const gw_request *request, gw_http_error error) {
  refuse(s, request, error, NULL);
}

gw_reply *gw_session_reply(gw_session *s, const gw_request *request) {
  gw_reply *reply = new_reply(request, GW_HTTP_OK);
  memcpy(reply->id, s->id_text, sizeof(reply->id));
  gw_hex(reply->token, s->id, 16);
  gw_hex(reply->token + GW_ID_HEX, s->secret, 16);
  reply->resumed = request->resumes;
  return reply;
}

void gw_session_send_reply(gw_session *s, gw_reply *reply, const gw_request *request) {
  wr_time ready_at = gw_now();
  send_reply(s->worker, reply, gw_session_ref(s));
  gw_histogram_add(&s->worker->metrics.connect[GW_PHASE_SIGNALLING], ready_at - request->received_at);
  if (s->offered_at) return; /* a restart of ICE, which is the same connection */
  s->offered_at = request->received_at;
  s->answered_at = ready_at;
  gw_trace_step(&s->trace, GW_SPAN_OFFER, s->offered_at, s->answered_at, NULL);
}

static gw_http_error error_of(wr_err err) {
  switch (err) {
    case WR_ERR_UNSUPPORTED: return GW_HTTP_NOTHING_IN_COMMON;
    case WR_ERR_SYNTAX:
    case WR_ERR_LIMIT: return GW_HTTP_BAD_SDP;
    case WR_ERR_STATE: return GW_HTTP_CONFLICT;
    case WR_ERR_AUTH:
    case WR_ERR_CRYPTO: return GW_HTTP_INTERNAL;
    case WR_OK: break;
  }
  return GW_HTTP_OK;
}

/* ---- the connection ---- */

static void set_tap(gw_session *s) {
  const wr_tap tap = {gw_capture_see, s->capture};
  if (s->conn) wr_conn_set_tap(s->conn, s->capture ? &tap : NULL);
}

/* All that are known now; of a connection that has them nothing changes. */
static void add_addresses(gw_session *s, wr_time now) {
  const gw_locals *locals = s->worker->settings.locals;
  for (size_t i = 0; i < locals->n; i++)
    (void)wr_conn_add_local(s->conn, &locals->at[i].base, &locals->at[i].shown, now);
  gw_reach_add_to(&s->worker->reach, s->conn, now);
}

static void start_conn(gw_session *s, wr_time now) {
  gw_worker *w = s->worker;
  wr_conn_settings settings;
  wr_conn_settings_default(&settings);
  settings.crypto = w->settings.crypto;
  settings.rng = w->settings.rng;
  settings.pool = w->pool;
  settings.message_buffer = w->message_buffer;
  settings.message_buffer_bytes = settings.max_message_bytes;
  settings.cname = "xiaozhi";
  settings.video = gw_session_takes_video(s);
  settings.video_buffer = w->video_buffer;
  settings.video_buffer_bytes = w->video_buffer ? GW_VIDEO_FRAME_MAX : 0;
  gw_ufrag_prefix(settings.ufrag_prefix, w->settings.index, s->slot);
  s->conn = wr_conn_init(s->conn_memory, &settings, now);
  gw_quiet_init(&s->quiet);
  s->deaf = (gw_deaf){0};
  s->rtt_us = 0;
  set_tap(s);
  add_addresses(s, now);
}

bool gw_session_takes_video(const gw_session *s) { return s->worker->video_buffer && s->purpose != GW_FOR_ECHO; }

static void end_record(gw_session *s, const char *why, wr_time now) {
  if (!s->capture) return;
  gw_capture_end(s->capture, why, now);
  s->capture = NULL;
  set_tap(s);
  gw_session_note(s, "record", "end", why, now);
}

gw_http_error gw_session_record(gw_session *s, gw_capture *capture, wr_time now) {
  bool ends = capture->seconds == 0, can = ends ? s->capture != NULL : !s->capture && s->conn;
  if (ends || !can) gw_capture_end(capture, NULL, now);
  if (!can) return GW_HTTP_CONFLICT;
  if (ends) {
    end_record(s, "admin", now);
  } else {
    s->capture = capture;
    gw_capture_begin(capture, now);
    set_tap(s);
    gw_session_note(s, "record", "start", NULL, now);
  }
  gw_session_settle(s, now);
  return GW_HTTP_OK;
}

static void drop_conn(gw_session *s) {
  if (!s->conn) return;
  wr_conn_stats stats;
  wr_conn_get_stats(s->conn, &stats);
  gw_conn_sums_add(&s->worker->metrics.conns, &stats);
  wr_conn_wipe(s->conn);
  s->conn = NULL;
  s->conn_until = WR_NEVER;
  s->conn_has_chat = s->conn_told = false;
  gw_video_forget(&s->video);
  if (!gw_session_by_socket(s)) gw_page_closed(s);
  gw_minute_restart(&s->minute);
  s->announced = s->heard = false;
  gw_worker_forget(s->worker, s);
}

/* For the history: how it was connected, before that is gone. */
static void keep_tally(gw_session *s, wr_time now) {
  gw_timeline timeline;
  wr_stats stats;
  gw_session_timeline(s, &timeline);
  gw_tally_keep(&s->tally, &timeline);
  if (s->caller.number) s->tally.way = "websocket";
  if (!s->conn) return;
  wr_conn_read_stats(s->conn, &stats, now);
  gw_tally_way(&s->tally, &stats.candidate_pair);
}

/* Whatever connects it to its caller. */
static void drop_peer(gw_session *s, const char *why, wr_time now) {
  keep_tally(s, now);
  drop_conn(s);
  gw_caller_close(s, GW_FAREWELL_REPLACED, why);
  s->offered_at = 0;
  s->stale_until = 0;
  gw_quality_init(&s->quality);
}

/* The answer to |request| by |s->conn|; sends the reply. */
static bool answer(gw_session *s, const gw_request *request, wr_time now) {
  gw_reply *reply = gw_session_reply(s, request);
  wr_sdp_error why = {0};
  add_addresses(s, now);
  wr_err err = wr_conn_accept_offer(s->conn, wr_bytes_of(request->text, request->len), s->worker->scratch, &why,
                                    reply->text, ANSWER_MAX, &reply->len, now);
  if (err) {
    free(reply);
    refuse(s, request, error_of(err), &why);
    return false;
  }
  gw_session_send_reply(s, reply, request);
  return true;
}

/* A connection, or a socket that is there already, for |request|; answers. false: refused. */
static bool take_peer(gw_session *s, const gw_request *request, wr_time now) {
  if (request->purpose == GW_FOR_SOCKET) return gw_caller_open(s, request, now);
  start_conn(s, now);
  if (!answer(s, request, now)) return false;
  if (gw_session_by_socket(s)) {
    s->conn_until = now + WR_S(config_of(s)->connect_seconds);
    return true;
  }
  set_state(s, GW_SESSION_CONNECTING, now + WR_S(config_of(s)->connect_seconds),
            request->resumes ? "resumed" : NULL, now);
  gw_log(GW_INFO, "session", "session", s->id_text, "state", request->resumes ? "resumed" : "connecting", NULL);
  return true;
}

static void choose_identity(gw_session *s, const gw_request *request) {
  const gw_worker_settings *settings = &s->worker->settings;
  uint8_t random[6];
  wr_rng_fill(&s->worker->settings.rng, random, sizeof(random));
  if (settings->identity_secret)
    gw_identity_from_slot(&s->identity, settings->identity_secret, settings->index, s->slot);
  else
    gw_identity_from_random(&s->identity, random);
  if (!request->mac[0]) return;
  snprintf(s->identity.mac, sizeof(s->identity.mac), "%s", request->mac);
  gw_identity_set_client(&s->identity);
}

static void emit_uplink(void *ctx, wr_bytes opus);

static void emit_span(void *ctx, const gw_span *span) {
  gw_session *s = ctx;
  gw_message message = {.kind = GW_SPAN, .ref = gw_session_ref(s)};
  if (!gw_tell_bytes(&s->worker->http, &message, wr_bytes_of(span, sizeof(*span)), false)) count(s, GW_TRACE_LOST);
}

static int64_t unix_now_us(void) {
  struct timespec ts;
  clock_gettime(CLOCK_REALTIME, &ts);
  return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static const char *purpose_text(gw_purpose purpose) {
  static const char *const names[] = {"page", "whip", "echo", "socket"};
  return names[purpose];
}

static void begin_trace(gw_session *s, const gw_request *request) {
  s->trace = (gw_trace){0};
  if (!config_of(s)->otlp_url[0]) return;
  const gw_trace_settings settings = {.percent = (uint32_t)config_of(s)->trace_percent,
                                      .unix_offset_us = unix_now_us() - gw_now(),
                                      .rng = &s->worker->settings.rng,
                                      .emit = emit_span,
                                      .ctx = s};
  gw_trace_begin(&s->trace, &settings, &request->trace, purpose_text(s->purpose), s->id_text, request->received_at);
  if (!s->trace.on) return;
  char id[2 * GW_TRACE_ID + 1];
  gw_hex(id, s->trace.trace, GW_TRACE_ID);
  gw_log(GW_INFO, "trace", "session", s->id_text, "trace", id, NULL);
}

void gw_session_open(gw_session *s, const gw_request *request, wr_time now) {
  gw_worker *w = s->worker;
  s->purpose = request->purpose;
  s->echo = request->purpose == GW_FOR_ECHO || strcmp(config_of(s)->backend, "echo") == 0;
  s->created_at = now;
  s->auto_listen = request->purpose == GW_FOR_WHIP || (request->has_mode && request->mode != XZ_MODE_MANUAL);
  s->quality_at = s->ends_at = s->conn_until = WR_NEVER;
  gw_minute_init(&s->minute, now);
  gw_tally_init(&s->tally, request->browser);
  wr_rng_fill(&w->settings.rng, s->id, sizeof(s->id));
  wr_rng_fill(&w->settings.rng, s->secret, sizeof(s->secret));
  gw_hex(s->id_text, s->id, sizeof(s->id));
  choose_identity(s, request);
  begin_trace(s, request);
  gw_downlink_init(&s->down, &w->stock, w->repacketizer, wr_rng_u32(&w->settings.rng), now);
  gw_uplink_init(&s->up, s->cold->held, w->repacketizer, emit_uplink, s);
  gw_quality_init(&s->quality);
  gw_said_init(&s->said, s->cold->said);
  gw_link_init(s);
  s->link.mode = request->has_mode ? request->mode : XZ_MODE_AUTO;
  set_state(s, GW_SESSION_NEW, WR_NEVER, NULL, now);
  if (take_peer(s, request, now)) {
    count(s, GW_SESSIONS_OPENED);
    gw_session_settle(s, now);
    return;
  }
  drop_conn(s);
  gw_trace_end(&s->trace, "refused", true, NULL, now);
  gw_worker_release(w, s);
}

/* A description that would make a connection: asked before the old one is given up. */
static bool would_agree(gw_session *s, const gw_request *request) {
  wr_sdp_error why = {0};
  wr_agreement agreement;
  wr_sdp *sdp = s->worker->scratch;
  wr_err err = wr_sdp_parse(sdp, wr_bytes_of(request->text, request->len), &why);
  if (!err) err = wr_sdp_agree(sdp, true, true, &agreement, &why);
  if (err) refuse(s, request, error_of(err), &why);
  return !err;
}

/* What carries the call goes on carrying it: a socket comes beside a connection, or a connection beside a socket.
 */
static void come_beside(gw_session *s, const gw_request *request, wr_time now) {
  bool is_socket = request->purpose == GW_FOR_SOCKET;
  if (!is_socket) {
    keep_tally(s, now);
    drop_conn(s);
    s->offered_at = 0;
  }
  if (!take_peer(s, request, now)) {
    if (!is_socket) drop_conn(s);
    return;
  }
  if (is_socket) count(s, GW_SESSIONS_BRIDGED);
  s->tally.n_reconnects++;
  gw_session_note(s, "beside", is_socket ? "socket" : "connection", NULL, now);
}

static void resume(gw_session *s, const gw_request *request, wr_time now) {
  if (request->purpose != GW_FOR_SOCKET && !would_agree(s, request)) return;
  if (request->beside && (request->purpose == GW_FOR_SOCKET || gw_session_by_socket(s))) {
    come_beside(s, request, now);
    return;
  }
  gw_hold_break(s, now);
  drop_peer(s, "another connection took the session", now);
  if (request->heard >= 0) gw_page_heard(s, request->heard);
  if (!take_peer(s, request, now)) {
    gw_session_close(s, GW_END_LOST, now);
    return;
  }
  count(s, GW_SESSIONS_RESUMED);
  s->tally.n_reconnects++;
}

static void note_restart(gw_session *s, wr_time now) {
  count(s, GW_SESSIONS_RESTARTED);
  s->tally.n_reconnects++;
  gw_session_note(s, "ice", "restart", NULL, now);
}

void gw_session_reoffer(gw_session *s, const gw_request *request, wr_time now) {
  if (request->resumes)
    resume(s, request, now);
  else if (!s->conn)
    refuse(s, request, GW_HTTP_CONFLICT, NULL);
  else if (answer(s, request, now))
    note_restart(s, now);
  gw_session_settle(s, now);
}

void gw_session_fragment(gw_session *s, const gw_request *request, wr_time now) {
  wr_sdp_error why = {0};
  if (!s->conn) {
    refuse(s, request, GW_HTTP_CONFLICT, NULL);
    return;
  }
  gw_reply *reply = new_reply(request, GW_HTTP_OK);
  add_addresses(s, now);
  wr_err err = wr_conn_accept_fragment(s->conn, wr_bytes_of(request->text, request->len), &why, reply->text,
                                       ANSWER_MAX, &reply->len, now);
  if (err) {
    free(reply);
    refuse(s, request, err == WR_ERR_STATE ? GW_HTTP_CONFLICT : GW_HTTP_BAD_FRAGMENT, &why);
  } else {
    if (reply->len) note_restart(s, now);
    send_reply(s->worker, reply, gw_session_ref(s));
  }
  gw_session_settle(s, now);
}

void gw_session_candidates(gw_session *s, const gw_request *request, bool last, wr_time now) {
  if (!s->conn) {
    refuse(s, request, GW_HTTP_CONFLICT, NULL);
    return;
  }
  const char *at = request->text;
  while (*at) {
    size_t len = strcspn(at, "\n");
    wr_candidate candidate;
    if (wr_candidate_read(&candidate, wr_bytes_of(at, len)) == WR_OK) {
      (void)wr_conn_add_remote_candidate(s->conn, &candidate, now);
      s->dirty = true;
    }
    at += len + (at[len] == '\n');
  }
  if (last) wr_conn_end_of_remote_candidates(s->conn, now);
  send_reply(s->worker, new_reply(request, GW_HTTP_OK), gw_session_ref(s));
  s->dirty = true;
  gw_session_settle(s, now);
}

/* ---- to the caller ---- */

bool gw_session_has_peer(const gw_session *s) { return s->conn || s->caller.number; }

bool gw_session_by_socket(const gw_session *s) { return s->caller.number != 0; }

wr_err gw_session_send_message(gw_session *s, uint16_t channel, bool is_text, wr_bytes message, wr_time now) {
  if (gw_session_by_socket(s) || !s->conn) return gw_caller_say(s, is_text, message);
  return wr_conn_send_message(s->conn, channel, is_text, message, now);
}

wr_err gw_session_send_audio(gw_session *s, const gw_downlink_item *item, wr_time now) {
  if (gw_session_by_socket(s) || !s->conn) return gw_caller_play(s, item->opus);
  return wr_conn_send_audio(s->conn, item->opus, item->timestamp, item->marker, now);
}

void gw_session_hush(gw_session *s) {
  gw_downlink_flush(&s->down);
  if (s->caller.number) gw_caller_hush(s); /* a peer connection holds a frame or two */
}

void gw_session_ask_key_frame(gw_session *s, wr_time now) {
  const wr_agreement *agreement = s->conn ? wr_conn_agreement(s->conn) : NULL;
  if (!agreement || !agreement->video || !gw_video_may_ask(&s->video, now)) return;
  (void)wr_conn_request_key_frame(s->conn, now); /* not connected yet: then the first frame is one */
  s->dirty = true;
}

bool gw_session_stats(const gw_session *s, wr_conn_stats *stats) {
  *stats = (wr_conn_stats){0};
  if (gw_session_by_socket(s))
    gw_caller_stats(s, stats);
  else if (s->conn)
    wr_conn_get_stats(s->conn, stats);
  return gw_session_has_peer(s);
}

/* ---- events ---- */

static void record_phases(gw_session *s, wr_time now) {
  wr_conn_stats stats;
  gw_metrics *m = &s->worker->metrics;
  wr_conn_get_stats(s->conn, &stats);
  if (s->announced) return;
  s->announced = true;
  gw_histogram_add(&m->connect[GW_PHASE_ICE], stats.ice_connected_at - stats.agreed_at);
  wr_time dtls_at = stats.dtls_connected_at ? stats.dtls_connected_at : now;
  gw_histogram_add(&m->connect[GW_PHASE_DTLS], dtls_at - stats.ice_connected_at);
  gw_trace_step(&s->trace, GW_SPAN_ICE, s->answered_at, stats.ice_connected_at, NULL);
  gw_trace_step(&s->trace, GW_SPAN_DTLS, stats.ice_connected_at, dtls_at, NULL);
}

static void record_since_answer(gw_session *s, gw_phase phase, wr_time now) {
  wr_conn_stats stats;
  if (gw_session_stats(s, &stats) && stats.agreed_at)
    gw_histogram_add(&s->worker->metrics.connect[phase], now - stats.agreed_at);
}

void gw_session_connected(gw_session *s, wr_time now) {
  bool was_degraded = s->state == GW_SESSION_DEGRADED;
  set_state(s, GW_SESSION_CONNECTED, WR_NEVER, NULL, now);
  s->tally.is_connected = true;
  if (s->conn && !gw_session_by_socket(s)) {
    count(s, GW_CONN_CONNECTED);
    record_phases(s, now);
  }
  if (s->quiet.missed) gw_hold_break(s, now);
  gw_downlink_pause(&s->down, false, now);
  if (s->link.listening && !s->up.active) gw_uplink_start(&s->up, s->link.mode != XZ_MODE_MANUAL, now);
  if (!was_degraded) gw_log(GW_INFO, "session", "session", s->id_text, "state", "connected", NULL);
  if (s->quality_at == WR_NEVER) s->quality_at = now + QUALITY_US;
  if (!s->echo) gw_link_want(s, now);
}

/* The peer is gone: its conversation waits for it, if there is one. */
void gw_session_lose(gw_session *s, wr_end end, wr_time now) {
  bool keeps = !s->echo && config_of(s)->resume_seconds && (s->link.state != GW_LINK_OFF || s->had_chat);
  gw_counter why = GW_END_REMOTE;
  if (end == WR_END_ICE_FAILED) why = GW_END_ICE_FAILED;
  if (end == WR_END_DTLS_FAILED) why = GW_END_DTLS_FAILED;
  if (end == WR_END_FINGERPRINT) why = GW_END_FINGERPRINT;
  if (end == WR_END_NO_SRTP) why = GW_END_NO_SRTP;
  if (!keeps || end == WR_END_FINGERPRINT || end == WR_END_NO_SRTP) {
    s->closing = true;
    s->end = why;
    return;
  }
  set_state(s, GW_SESSION_LOST, now + WR_S(config_of(s)->resume_seconds), wr_end_text(end), now);
  s->quality_at = WR_NEVER;
  gw_page_closed(s);
  gw_hold_break(s, now);
  gw_uplink_stop(&s->up, true);
  gw_log(GW_INFO, "session", "session", s->id_text, "state", "lost", "reason", wr_end_text(end), NULL);
}

bool gw_session_return(gw_session *s, wr_time now) {
  wr_conn_state state = s->conn ? wr_conn_get_state(s->conn) : WR_CONN_CLOSED;
  if (state != WR_CONN_CONNECTED && state != WR_CONN_DISCONNECTED) return false;
  s->conn_until = WR_NEVER;
  gw_quiet_init(&s->quiet);
  gw_session_note(s, "beside", "return", NULL, now);
  if (s->conn_told && s->conn_has_chat)
    gw_page_moved(s, s->conn_chat, now);
  else if (s->conn_has_chat)
    gw_page_opened(s, s->conn_chat, now);
  else
    gw_page_closed(s);
  s->conn_told = true;
  s->dirty = true;
  if (state == WR_CONN_CONNECTED) return true;
  set_state(s, GW_SESSION_DEGRADED, WR_NEVER, NULL, now);
  gw_hold_break(s, now);
  return true;
}

/* Beside a socket that carries the call; what becomes of it is its own affair. */
static void on_state_beside(gw_session *s, const wr_event *event, wr_time now) {
  static const char *const words[] = {"new", "connecting", "connected", "disconnected", "closed"};
  gw_session_note(s, "beside", words[event->state], NULL, now);
  if (event->state == WR_CONN_DISCONNECTED) count(s, GW_CONN_DISCONNECTED);
  if (event->state == WR_CONN_CLOSED) count(s, GW_CONN_CLOSED);
  if (event->state != WR_CONN_CONNECTED) return;
  count(s, GW_CONN_CONNECTED);
  record_phases(s, now);
  s->conn_until = WR_NEVER;
}

static void on_state(gw_session *s, const wr_event *event, wr_time now) {
  if (gw_session_by_socket(s)) {
    on_state_beside(s, event, now);
    return;
  }
  switch (event->state) {
    case WR_CONN_NEW:
    case WR_CONN_CONNECTING: return;
    case WR_CONN_CONNECTED:
      s->conn_until = WR_NEVER;
      gw_session_connected(s, now);
      return;
    case WR_CONN_DISCONNECTED:
      count(s, GW_CONN_DISCONNECTED);
      if (s->state == GW_SESSION_CONNECTED) set_state(s, GW_SESSION_DEGRADED, WR_NEVER, NULL, now);
      gw_hold_break(s, now); /* nobody would hear it */
      return;
    case WR_CONN_CLOSED:
      count(s, GW_CONN_CLOSED);
      if (!s->closing) gw_session_lose(s, event->end, now);
      return;
  }
}

void gw_session_heard(gw_session *s, const wr_audio *audio, wr_time now) {
  if (!s->heard) {
    s->heard = true;
    gw_session_note(s, "audio", "first", NULL, now);
    record_since_answer(s, GW_PHASE_FIRST_MEDIA, now);
  }
  if (!s->echo) {
    if (audio->level_dbov < SPEECH_DBOV) gw_link_voice(s, now);
    if (audio->level_dbov < 127) s->link.tells_level = true; /* which is silence, or not told */
    gw_link_audio(s, audio, now);
    return;
  }
  uint8_t copy[WR_CONN_AUDIO_MAX]; /* the payload may not outlive the call that sends it */
  if (audio->payload.len > sizeof(copy)) return;
  memcpy(copy, audio->payload.data, audio->payload.len);
  gw_downlink_item item = {.opus = wr_bytes_of(copy, audio->payload.len), .timestamp = audio->timestamp};
  (void)gw_session_send_audio(s, &item, now);
}

static void on_channel_open(gw_session *s, const wr_event *event, wr_time now) {
  if (!wr_bytes_equal(event->message, WR_BYTES_LITERAL("chat")) || s->purpose == GW_FOR_ECHO) return;
  s->conn_has_chat = true;
  s->conn_chat = event->channel;
  if (gw_session_by_socket(s)) return; /* it is told how things stand when it carries them */
  s->conn_told = true;
  gw_page_opened(s, event->channel, now);
}

static void on_channel_closed(gw_session *s, const wr_event *event, wr_time now) {
  if (!s->conn_has_chat || event->channel != s->conn_chat) return;
  s->conn_has_chat = false;
  gw_session_note(s, "chat", "closed", NULL, now);
  if (!gw_session_by_socket(s)) gw_page_closed(s);
}

static void on_message(gw_session *s, const wr_event *event, wr_time now) {
  if (gw_session_by_socket(s) || now < s->stale_until)
    gw_page_recv_beside(s, event, now);
  else
    gw_page_recv(s, event, now);
}

/* The buffer is the worker's: nothing of one caller's picture stays in it. */
static void on_video(gw_session *s, const wr_video *video, wr_time now) {
  gw_video_take(&s->video, video, now);
  if (video->is_key) gw_photo_tick(s, now);
  wr_wipe(s->worker->video_buffer, video->frame.len);
}

static void on_data_ready(gw_session *s, wr_time now) {
  wr_conn_stats stats;
  wr_conn_get_stats(s->conn, &stats);
  record_since_answer(s, GW_PHASE_DATA, now);
  gw_trace_step(&s->trace, GW_SPAN_DATA, stats.dtls_connected_at, now, NULL);
}

static void on_event(gw_session *s, const wr_event *event, wr_time now) {
  switch (event->kind) {
    case WR_EVENT_STATE: on_state(s, event, now); return;
    case WR_EVENT_AUDIO:
      if (!gw_session_by_socket(s)) gw_session_heard(s, &event->audio, now); /* the socket brings it, too */
      return;
    case WR_EVENT_VIDEO: on_video(s, &event->video, now); return;
    case WR_EVENT_DATA_READY: on_data_ready(s, now); return;
    case WR_EVENT_CHANNEL_OPEN: on_channel_open(s, event, now); return;
    case WR_EVENT_MESSAGE: on_message(s, event, now); return;
    case WR_EVENT_MESSAGE_TOO_BIG:
      count(s, GW_MESSAGE_TOO_BIG);
      gw_page_say_error(s, "too_big", "a message may have at most 64 KiB", now);
      return;
    case WR_EVENT_CHANNEL_CLOSED: on_channel_closed(s, event, now); return;
    case WR_EVENT_PATH:
      gw_worker_learn(s->worker, s, &event->path.remote);
      gw_hold_moved(s, now);
      s->is_tcp = event->path.remote.transport == WR_TCP;
      count(s, s->is_tcp ? GW_PATH_TCP : GW_PATH_UDP);
      gw_session_note(s, "path", s->is_tcp ? "tcp" : "udp", NULL, now);
      return;
    case WR_EVENT_AUDIO_ENDED: gw_session_note(s, "audio", "ended", NULL, now); return;
    case WR_EVENT_CANDIDATE:
    case WR_EVENT_BUFFERED_LOW: return;
  }
}

static bool knows(const gw_session *s, const wr_addr *remote) {
  for (unsigned i = 0; i < s->n_known; i++)
    if (wr_addr_equal(&s->known[i], remote)) return true;
  return false;
}

static void pump(gw_session *s, wr_time now) {
  gw_udp *udp = &s->worker->udp;
  wr_out out;
  s->dirty = false;
  while (s->conn) {
    uint8_t *room = gw_udp_room(udp);
    wr_conn_poll(s->conn, room, WR_CONN_MTU, &out, now);
    switch (out.kind) {
      case WR_OUT_IDLE: return;
      case WR_OUT_EVENT: on_event(s, &out.event, now); break;
      case WR_OUT_DATAGRAM:
        if (out.path.remote.transport == WR_TCP) {
          gw_worker_tcp_send(s->worker, s, &out.path, wr_bytes_of(room, out.len));
          break;
        }
        if (!knows(s, &out.path.remote)) gw_worker_hint(s->worker, s, &out.path.remote);
        if (gw_reach_send(&s->worker->reach, &out.path, wr_bytes_of(room, out.len), now)) break;
        gw_udp_queue(udp, &out.path, out.len);
        break;
    }
  }
}

static void judge_quality(gw_session *s, wr_time now) {
  wr_stats stats;
  if (!s->conn || gw_session_by_socket(s)) return;
  wr_conn_read_stats(s->conn, &stats, now);
  gw_quality_step(&s->quality, &stats);
  gw_tally_second(&s->tally, &s->quality.figures);
  gw_tally_way(&s->tally, &stats.candidate_pair);
  if (!s->echo && s->quality.figures.mos >= 0) gw_scores_add(&s->worker->metrics.quality, s->quality.figures.mos);
}

static void sample_quality(gw_session *s, wr_time now) {
  wr_conn_stats stats;
  if (!gw_session_stats(s, &stats)) return;
  s->quality_at = now + QUALITY_US;
  judge_quality(s, now);
  gw_minute_step(&s->minute, &stats, &s->quality.figures, now);
  gw_page_tick(s);
  if (s->echo) return;
  s->rtt_us = stats.rtt_us;
  if (stats.rtt_us) gw_histogram_add(&s->worker->metrics.rtt, stats.rtt_us);
  if (s->conn && stats.rtp_packets_in) gw_histogram_add(&s->worker->metrics.jitter, stats.jitter_us);
  if (s->conn && stats.target_bps) gw_histogram_add(&s->worker->metrics.queue, stats.queue_us);
  double lost =
      gw_repair_lost(&s->repair, stats.remote_fraction_lost / 256.0, stats.remote_asked, stats.rtp_packets_out);
  /* Where arrivals are told of, libwr knows better than the round trip when copies are too much. */
  uint8_t copies = gw_repair_step(&s->repair, lost, stats.target_bps ? 0 : stats.rtt_us, now);
  if (s->conn) wr_conn_set_audio_copies(s->conn, s->down.joined_samples ? 0 : copies);
  s->quality_is_due = !s->quality_is_due || !s->down.joined_samples; /* on a narrow way every other time */
  if (s->quality_is_due) gw_page_say_quality(s, &stats, now);
}

static wr_time deadline_of(const gw_session *s) {
  wr_time at = wr_time_min(wr_time_min(s->state_until, s->ends_at), wr_time_min(s->quality_at, s->conn_until));
  if (s->conn) at = wr_time_min(at, wr_conn_deadline(s->conn));
  if (s->capture) at = wr_time_min(at, s->capture->until);
  at = wr_time_min(at, gw_video_deadline(&s->video));
  if (s->photo_frame_until) at = wr_time_min(at, s->photo_frame_until);
  if (s->echo) return at;
  at = wr_time_min(at, gw_downlink_deadline(&s->down));
  at = wr_time_min(at, gw_hold_deadline(s));
  at = wr_time_min(at, gw_uplink_deadline(&s->up));
  return wr_time_min(at, gw_link_deadline(s));
}

/* Long packets of speech while short ones would not pass. */
static void follow_way(gw_session *s, wr_time now) {
  if (!s->conn || gw_session_by_socket(s)) {
    gw_downlink_join(&s->down, 0);
    gw_downlink_spare(&s->down, false);
    return;
  }
  uint32_t queue_us = wr_conn_queue_us(s->conn), target_bps = wr_conn_target_bps(s->conn);
  unsigned packet_ms = gw_narrow_step(&s->narrow, target_bps, queue_us, now);
  if (packet_ms * 48 != s->down.joined_samples)
    gw_session_note(s, "way", packet_ms > 60 ? "very narrow" : packet_ms ? "narrow" : "wide", NULL, now);
  gw_downlink_join(&s->down, packet_ms * 48);
  gw_downlink_spare(&s->down, gw_narrow_quiet_ms(&s->narrow, target_bps) > 10);
  wr_time rest_us = gw_narrow_rest_us(&s->narrow, wr_conn_queue_now_us(s->conn), s->rtt_us, now);
  if (rest_us) gw_downlink_rest(&s->down, rest_us);
}

void gw_session_settle(gw_session *s, wr_time now) {
  if (s->state == GW_SESSION_FREE) return;
  follow_way(s, now);
  do {
    pump(s, now);
    if (!s->echo && !s->closing) gw_link_play(s, now);
  } while (s->dirty && !s->closing);
  if (s->closing)
    gw_session_close(s, s->end, now);
  else
    gw_timers_set(&s->worker->timers, s->slot, deadline_of(s));
}

static void hear(gw_session *s, const wr_path *path, wr_time now) {
  if (!wr_path_equal(path, &s->last_path)) gw_quiet_turn(&s->quiet, now);
  s->last_path = *path;
  gw_hold_heard(s, now);
}

void gw_session_recv(gw_session *s, const wr_path *path, wr_span datagram, wr_time now) {
  bool is_stun = datagram.len && datagram.data[0] <= 3; /* of any path, and from who may not hear us */
  if (wr_conn_recv(s->conn, path, datagram, now)) {
    gw_worker_learn(s->worker, s, &path->remote);
    if (is_stun)
      gw_hold_answered(s, now);
    else
      hear(s, path, now);
    bool is_late = gw_brake_step(&s->brake, wr_conn_queue_in_us(s->conn, now), now);
    if (is_late && !gw_session_by_socket(s)) gw_page_say_queue(s, now);
  }
  gw_session_settle(s, now);
}

void gw_session_ask_at(gw_session *s, const wr_path *path, wr_time now) {
  if (s->conn) wr_conn_ask_at(s->conn, path, now);
  s->asked_at = now;
  gw_session_settle(s, now);
}

void gw_session_tick(gw_session *s, wr_time now) {
  if (now >= s->state_until) {
    gw_session_close(s, s->state == GW_SESSION_LOST ? GW_END_LOST : GW_END_CONNECT_TIMEOUT, now);
    return;
  }
  if (now >= s->ends_at) {
    gw_session_close(s, GW_END_HANGUP, now);
    return;
  }
  if (now >= s->conn_until) drop_conn(s);
  if (s->conn && now >= wr_conn_deadline(s->conn)) wr_conn_tick(s->conn, now);
  if (s->capture && gw_capture_is_over(s->capture, now)) end_record(s, "time", now);
  gw_video_tick(&s->video, now);
  gw_photo_tick(s, now);
  if (gw_session_has_peer(s) && now >= s->quality_at) sample_quality(s, now);
  if (!s->echo) {
    gw_hold_tick(s, now);
    gw_uplink_tick(&s->up, now);
    gw_link_tick(s, now);
  }
  gw_session_settle(s, now);
}

static const char *end_text(gw_counter end) {
  switch ((int)end) {
    case GW_END_HANGUP: return "hangup";
    case GW_END_REMOTE: return "remote";
    case GW_END_DRAINED: return "drained";
    case GW_END_LOST: return "lost";
    case GW_END_EVICTED: return "evicted";
    case GW_END_CONNECT_TIMEOUT: return "connect_timeout";
    case GW_END_ICE_FAILED: return "ice_failed";
    case GW_END_DTLS_FAILED: return "dtls_failed";
    case GW_END_FINGERPRINT: return "fingerprint";
    case GW_END_NO_SRTP: return "no_srtp";
  }
  return "unknown";
}

static const char *transport_text(const gw_session *s) {
  return gw_session_by_socket(s) || !s->conn ? "websocket" : s->is_tcp ? "tcp" : "udp";
}

static bool is_orderly(gw_counter end) {
  return end == GW_END_HANGUP || end == GW_END_REMOTE || end == GW_END_DRAINED;
}

static void end_trace(gw_session *s, gw_counter end, wr_time now) {
  wr_conn_stats stats;
  if (s->conn && !s->announced) { /* it never connected: which step took it so long? */
    wr_conn_get_stats(s->conn, &stats);
    bool had_ice = stats.ice_connected_at != 0;
    gw_trace_step(&s->trace, had_ice ? GW_SPAN_DTLS : GW_SPAN_ICE,
                  had_ice ? stats.ice_connected_at : s->answered_at, now, "failed");
  }
  gw_trace_end(&s->trace, end_text(end), !is_orderly(end), transport_text(s), now);
}

static void read_tally(const gw_session *s, gw_call *call, wr_time now) {
  const char *backend = config_of(s)->backend; /* a URL may hold what is nobody's business */
  size_t len = strcspn(backend, ":");
  gw_tally_read(&s->tally, call, end_text(s->end), is_orderly(s->end), now - s->created_at);
  call->purpose = purpose_text(s->purpose);
  call->backend = s->echo                             ? "echo"
                  : strncmp(backend, "ota", len) == 0 ? "ota"
                  : strncmp(backend, "ws", len) == 0  ? "ws"
                                                      : "embedded";
}

void gw_session_close(gw_session *s, gw_counter end, wr_time now) {
  gw_worker *w = s->worker;
  s->closing = true;
  s->end = end;
  count(s, end);
  end_trace(s, end, now);
  keep_tally(s, now);
  if (s->conn) {
    wr_conn_close(s->conn, now);
    pump(s, now);
    drop_conn(s);
  }
  gw_session_count_speech(s, &w->metrics);
  gw_caller_close(s, end == GW_END_DRAINED ? GW_FAREWELL_DRAINED : GW_FAREWELL_NORMAL, end_text(end));
  gw_link_close(s, "the caller hung up");
  gw_downlink_wipe(&s->down);
  gw_page_wipe(s);
  gw_page_closed(s);
  end_record(s, "closed", now);
  gw_session_note(s, "state", "closed", end_text(end), now);
  gw_view *last = gw_session_view(s, now);
  if (last) last->row.state = "closed";
  if (last) read_tally(s, &last->call, now);
  gw_message gone = {.kind = GW_SESSION_GONE, .ref = gw_session_ref(s), .owned = last};
  gw_tell(&w->http, &gone, s->id, sizeof(s->id));
  if (!is_orderly(end)) gw_session_trouble(s, "call", end_text(end));
  gw_log(GW_INFO, "session", "session", s->id_text, "state", "closed", "reason", end_text(end), NULL);
  gw_worker_release(w, s);
}

void gw_session_send_away(gw_session *s, wr_time now) {
  if (!s->has_chat || s->ends_at != WR_NEVER) {
    gw_session_close(s, GW_END_HANGUP, now);
    return;
  }
  s->ends_at = now + SENT_AWAY_US;
  gw_session_note(s, "state", "sent away", NULL, now);
  gw_page_tell(s, "ended", now, "reason", "operator", NULL);
  gw_session_settle(s, now);
}

static void emit_uplink(void *ctx, wr_bytes opus) {
  gw_session *s = ctx;
  gw_link *link = &s->link;
  if (link->state == GW_LINK_READY && !link->early.n_records) {
    if (xz_client_send_audio(link->client, opus, 0) == WR_OK) count(s, GW_UPLINK_PACKETS);
    return;
  }
  while (link->state == GW_LINK_OFF && link->early.n_records >= RESTING_PACKETS) gw_fifo_pop(&link->early);
  /* Kept for when the assistant is back; at the bound the oldest words go. */
  gw_record record = {.len = (uint16_t)opus.len};
  while (opus.len <= GW_RECORD_MAX && !gw_fifo_push(&link->early, &record, opus.data)) {
    if (!link->early.n_records) return;
    gw_fifo_pop(&link->early);
  }
}

void gw_session_timeline(const gw_session *s, gw_timeline *timeline) {
  wr_conn_stats stats;
  *timeline = (gw_timeline){.offered_at = s->offered_at, .answered_at = s->offered_at ? s->answered_at : 0};
  if (!gw_session_stats(s, &stats)) return;
  timeline->ice_at = stats.ice_connected_at;
  timeline->dtls_at = stats.dtls_connected_at;
  timeline->data_at = stats.data_ready_at;
  timeline->media_at = stats.first_audio_at;
}

void gw_session_count_speech(const gw_session *s, gw_metrics *to) {
  to->counter[GW_UPLINK_SILENCE] += s->up.n_silent;
  to->counter[GW_UPLINK_EXCESS] += s->up.n_excess;
  to->counter[GW_SPEECH_REFUSED] += s->down.n_refused + s->down.n_bad;
}

void gw_session_describe(const gw_session *s, gw_session_row *row, wr_time now) {
  *row = (gw_session_row){.state = gw_session_state_text(s->state),
                          .backend = s->echo ? "echo" : gw_link_state_text(s->link.state),
                          .purpose = purpose_text(s->purpose),
                          .transport = transport_text(s),
                          .age_us = now - s->created_at,
                          .messages_in = s->messages_in,
                          .messages_out = s->messages_out};
  memcpy(row->id, s->id_text, sizeof(row->id));
  gw_session_timeline(s, &row->timeline);
  wr_conn_stats stats;
  if (!gw_session_stats(s, &stats)) return;
  row->figures = s->quality.figures;
  row->rtt_us = stats.rtt_us;
  row->jitter_us = stats.jitter_us;
  row->rtp_packets_in = stats.rtp_packets_in;
  row->rtp_packets_out = stats.rtp_packets_out;
  row->rtp_lost = stats.rtp_lost;
  row->video_frames = stats.video_frames;
  row->video_bytes = stats.video_bytes_in;
  row->video_kept = s->video.len;
  for (size_t i = 0; i < WR_DROP_COUNT; i++) row->dropped += stats.drop[i];
}

gw_view *gw_session_view(const gw_session *s, wr_time now) {
  gw_view *view = calloc(1, sizeof(*view));
  if (!view) return NULL;
  gw_session_describe(s, &view->row, now);
  view->has_conn = s->conn != NULL;
  if (s->conn) wr_conn_read_stats(s->conn, &view->stats, now);
  view->minute = s->minute;
  view->seen_at = time(NULL);
  return view;
}
