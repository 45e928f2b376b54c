/* conn/describe.c - descriptions in and out (RFC 9429, 8840).
 *
 * One audio, one data and, in answers, one video section on one transport (max-bundle, rtcp-mux). A second
 * description on a running conn may restart ICE, change the audio direction, renumber, and add or drop video;
 * fingerprint, other sections and DTLS roles stay. */
#include <string.h>

#include "conn/conn_state.h"

#define OFFER_MAX 8192 /* bytes of an offer with all candidates there can be */

static wr_sdp_local local_description(const wr_conn *conn) {
  wr_sdp_local local = {.session_id = conn->session_id,
                        .session_version = conn->session_version,
                        .ufrag = wr_ice_local_ufrag(conn->ice),
                        .pwd = wr_ice_local_pwd(conn->ice),
                        .fingerprint = &conn->settings.crypto->local_fingerprint,
                        .ice_lite = conn->settings.ice_lite,
                        .end_of_candidates = wr_reach_is_done(conn),
                        .audio_ssrc = conn->media.sender.ssrc,
                        .cname = conn->cname,
                        .max_message_bytes = conn->settings.max_message_bytes,
                        .offer_audio = conn->settings.audio,
                        .offer_data = conn->settings.data,
                        .audio_direction = conn->settings.audio_direction};
  local.n_candidates = wr_ice_local_candidates(conn->ice, &local.candidates);
  return local;
}

wr_err wr_conn_create_offer(wr_conn *conn, char *out, size_t cap, size_t *len, wr_time now) {
  *len = 0;
  if (conn->described || conn->state == WR_CONN_CLOSED) return WR_ERR_STATE;
  if (!conn->ice) wr_conn_begin_ice(conn, true, now);
  wr_sdp_local local = local_description(conn);
  local.setup = WR_SETUP_ACTPASS;
  *len = wr_sdp_write_offer(&local, out, cap);
  if (!*len) return WR_ERR_LIMIT;
  wr_reach_described(conn);
  conn->described = conn->is_offerer = true;
  wr_conn_set_state(conn, WR_CONN_CONNECTING);
  return WR_OK;
}

wr_err wr_conn_restart_offer(wr_conn *conn, char *out, size_t cap, size_t *len, wr_time now) {
  *len = 0;
  if (!conn->agreed || conn->agreement.video || conn->state == WR_CONN_CLOSED) return WR_ERR_STATE;
  if (cap < OFFER_MAX) return WR_ERR_LIMIT;
  wr_ice_restart(conn->ice, now);
  conn->session_version++;
  conn->restarting = true;
  wr_sdp_local local = local_description(conn);
  local.setup = WR_SETUP_ACTPASS; /* the roles stay (RFC 8842 5.5) */
  *len = wr_sdp_write_offer(&local, out, cap);
  WR_ASSERT(*len);
  wr_reach_described(conn);
  return WR_OK;
}

#define CANDIDATE_BYTES 40 /* of the shortest text a candidate can have been */

static wr_err parse_and_agree(wr_conn *conn, wr_bytes text, wr_sdp *scratch, wr_agreement *agreement,
                              wr_sdp_error *error) {
  wr_err err = wr_sdp_parse(scratch, text, error);
  if (err) return err;
  err = wr_sdp_agree(scratch, conn->settings.audio, conn->settings.data, agreement, error);
  /* A handshake without SRTP cannot be mended later. */
  bool may = conn->settings.video && (!conn->agreed || conn_wants_srtp(&conn->agreement));
  if (!err && may) wr_sdp_agree_video(scratch, agreement);
  return err;
}

/* The agreement says what the remote can do; our own wish narrows it. */
static wr_direction narrowed(wr_direction agreed, wr_direction wanted) {
  return (wr_direction)((unsigned)agreed & (unsigned)wanted);
}

static void add_candidates(wr_conn *conn, const wr_sdp *sdp, wr_time now) {
  for (unsigned i = 0; i < sdp->n_media; i++) {
    const wr_sdp_media *section = &sdp->media[i];
    wr_candidate candidate;
    size_t at = 0;
    while (wr_sdp_next_candidate(section, &at, &candidate)) (void)wr_ice_add_remote(conn->ice, &candidate, now);
    if (section->end_of_candidates) wr_ice_end_of_remote(conn->ice, now);
  }
}

static void begin(wr_conn *conn, const wr_agreement *agreement, wr_time now) {
  conn->agreement = *agreement;
  conn->agreement.audio_direction = narrowed(agreement->audio_direction, conn->settings.audio_direction);
  conn->agreed = conn->described = true;
  conn->stats.agreed_at = now;
  if (agreement->data) wr_conn_begin_sctp(conn);
  wr_dtls_set_need_srtp(&conn->dtls, conn_wants_srtp(agreement));
  wr_conn_video_agreed(conn, NULL);
  wr_conn_set_state(conn, WR_CONN_CONNECTING);
}

static bool same_but_ice(const wr_agreement *a, const wr_agreement *b) {
  return a->audio == b->audio && a->data == b->data && a->remote_fingerprint.hash == b->remote_fingerprint.hash &&
         memcmp(a->remote_fingerprint.bytes, b->remote_fingerprint.bytes, sizeof a->remote_fingerprint.bytes) == 0;
}

static bool same_credentials(const wr_agreement *a, const wr_agreement *b) {
  return strcmp(a->remote_ufrag, b->remote_ufrag) == 0 && strcmp(a->remote_pwd, b->remote_pwd) == 0;
}

/* New remote credentials: ours change too (RFC 8445 9). */
static void restart_ice(wr_conn *conn, const char *ufrag, const char *pwd, bool lite, wr_time now) {
  wr_ice_restart(conn->ice, now);
  memcpy(conn->agreement.remote_ufrag, ufrag, strlen(ufrag) + 1);
  memcpy(conn->agreement.remote_pwd, pwd, strlen(pwd) + 1);
  (void)wr_ice_set_remote(conn->ice, ufrag, pwd, lite, now);
}

/* A later description: payload types, extensions and sizes are what it says. */
static wr_err take_over(wr_conn *conn, const wr_agreement *agreement, wr_sdp_error *error) {
  if (!same_but_ice(&conn->agreement, agreement)) {
    error->what = "a running connection keeps its sections and fingerprint; make a new one";
    return WR_ERR_UNSUPPORTED;
  }
  wr_agreement before = conn->agreement;
  conn->agreement = *agreement;
  conn->agreement.audio_direction = narrowed(agreement->audio_direction, conn->settings.audio_direction);
  wr_conn_video_agreed(conn, &before);
  return WR_OK;
}

static wr_err renegotiate(wr_conn *conn, const wr_agreement *agreement, wr_sdp_error *error, wr_time now) {
  bool restarts = !same_credentials(&conn->agreement, agreement);
  wr_err err = take_over(conn, agreement, error);
  if (err) return err;
  if (restarts) restart_ice(conn, agreement->remote_ufrag, agreement->remote_pwd, agreement->remote_ice_lite, now);
  conn->session_version++;
  return WR_OK;
}

wr_err wr_conn_accept_answer(wr_conn *conn, wr_bytes answer, wr_sdp *scratch, wr_sdp_error *error, wr_time now) {
  *error = (wr_sdp_error){0, ""};
  bool expected = conn->agreed ? conn->restarting : conn->is_offerer;
  if (!expected || conn->state == WR_CONN_CLOSED) {
    error->what = "no answer is expected now";
    return WR_ERR_STATE;
  }
  wr_agreement agreement;
  wr_err err = parse_and_agree(conn, answer, scratch, &agreement, error);
  if (err) return err;
  if (agreement.remote_setup == WR_SETUP_ACTPASS) {
    error->what = "an answer must choose a=setup:active or passive";
    return WR_ERR_SYNTAX;
  }
  if (conn->restarting) {
    err = take_over(conn, &agreement, error);
    if (err) return err;
    conn->restarting = false;
  } else {
    conn->is_dtls_client = agreement.remote_setup == WR_SETUP_PASSIVE;
    begin(conn, &agreement, now);
  }
  wr_ice_grant(conn->ice, answer.len);
  (void)wr_ice_set_remote(conn->ice, agreement.remote_ufrag, agreement.remote_pwd, agreement.remote_ice_lite, now);
  add_candidates(conn, scratch, now);
  wr_conn_progress(conn, now);
  return WR_OK;
}

static bool answers_as_client(const wr_conn *conn, const wr_agreement *agreement) {
  if (agreement->remote_setup == WR_SETUP_ACTIVE) return false;
  if (agreement->remote_setup == WR_SETUP_PASSIVE) return true;
  return !conn->settings.dtls_passive;
}

wr_err wr_conn_accept_offer(wr_conn *conn, wr_bytes offer, wr_sdp *scratch, wr_sdp_error *error, char *out,
                            size_t cap, size_t *len, wr_time now) {
  *len = 0;
  *error = (wr_sdp_error){0, ""};
  if ((conn->described && !conn->agreed) || conn->state == WR_CONN_CLOSED) {
    error->what = "no offer can be taken now";
    return WR_ERR_STATE;
  }
  wr_agreement agreement;
  wr_err err = parse_and_agree(conn, offer, scratch, &agreement, error);
  if (err) return err;
  bool first = !conn->agreed;
  if (first) {
    /* A full agent facing a lite one takes the controlling role, whoever offered (RFC 8445 6.1.1). */
    if (!conn->ice) wr_conn_begin_ice(conn, agreement.remote_ice_lite && !conn->settings.ice_lite, now);
  } else {
    err = renegotiate(conn, &agreement, error, now);
    if (err) return err;
  }
  wr_ice_grant(conn->ice, offer.len);
  wr_sdp_local local = local_description(conn);
  bool client = first ? answers_as_client(conn, &agreement) : conn->is_dtls_client;
  local.setup = client ? WR_SETUP_ACTIVE : WR_SETUP_PASSIVE;
  wr_agreement written = agreement;
  written.audio_direction = narrowed(agreement.audio_direction, conn->settings.audio_direction);
  *len = wr_sdp_write_answer(scratch, &written, &local, out, cap);
  if (!*len) {
    error->what = "the answer does not fit its buffer";
    return WR_ERR_LIMIT;
  }
  wr_reach_described(conn);
  if (first) {
    conn->is_dtls_client = client;
    begin(conn, &agreement, now);
    (void)wr_ice_set_remote(conn->ice, agreement.remote_ufrag, agreement.remote_pwd, agreement.remote_ice_lite,
                            now);
  }
  add_candidates(conn, scratch, now);
  wr_conn_progress(conn, now);
  return WR_OK;
}

wr_err wr_conn_add_remote_candidate(wr_conn *conn, const wr_candidate *candidate, wr_time now) {
  if (!conn->agreed || conn->state == WR_CONN_CLOSED) return WR_ERR_STATE;
  wr_ice_grant(conn->ice, CANDIDATE_BYTES);
  wr_err err = wr_ice_add_remote(conn->ice, candidate, now);
  wr_conn_progress(conn, now);
  return err;
}

void wr_conn_end_of_remote_candidates(wr_conn *conn, wr_time now) {
  if (!conn->agreed || conn->state == WR_CONN_CLOSED) return;
  wr_ice_end_of_remote(conn->ice, now);
  wr_conn_progress(conn, now);
}

static bool copy_credential(char *out, size_t cap, wr_bytes text) {
  if (text.len == 0 || text.len >= cap) return false;
  memcpy(out, text.data, text.len);
  out[text.len] = 0;
  return true;
}

static wr_err fragment_restart(wr_conn *conn, const wr_sdpfrag *fragment, wr_sdp_error *error, char *out,
                               size_t cap, size_t *len, wr_time now) {
  char ufrag[WR_UFRAG_MAX + 1], pwd[WR_PWD_MAX + 1];
  if (!copy_credential(ufrag, sizeof ufrag, fragment->ufrag) || !copy_credential(pwd, sizeof pwd, fragment->pwd)) {
    error->what = "a restart needs both a=ice-ufrag and a=ice-pwd";
    return WR_ERR_SYNTAX;
  }
  if (cap < 1024) return WR_ERR_LIMIT;
  restart_ice(conn, ufrag, pwd, conn->agreement.remote_ice_lite, now);
  const wr_candidate *candidates;
  size_t n = wr_ice_local_candidates(conn->ice, &candidates);
  const char *mid = conn->agreement.audio ? conn->agreement.audio_mid : conn->agreement.data_mid;
  *len = wr_sdpfrag_write(wr_ice_local_ufrag(conn->ice), wr_ice_local_pwd(conn->ice), mid, candidates, n,
                          wr_reach_is_done(conn), out, cap);
  if (*len) wr_reach_described(conn);
  return *len ? WR_OK : WR_ERR_LIMIT;
}

wr_err wr_conn_accept_fragment(wr_conn *conn, wr_bytes text, wr_sdp_error *error, char *out, size_t cap,
                               size_t *len, wr_time now) {
  *len = 0;
  *error = (wr_sdp_error){0, ""};
  if (!conn->agreed || conn->state == WR_CONN_CLOSED) {
    error->what = "the connection is not in use";
    return WR_ERR_STATE;
  }
  wr_sdpfrag fragment;
  wr_err err = wr_sdpfrag_parse(&fragment, text, error);
  if (err) return err;
  wr_ice_grant(conn->ice, text.len);
  wr_bytes known = wr_bytes_of(conn->agreement.remote_ufrag, strlen(conn->agreement.remote_ufrag));
  if (fragment.ufrag.len && !wr_bytes_equal(fragment.ufrag, known)) {
    err = fragment_restart(conn, &fragment, error, out, cap, len, now);
    if (err) return err;
  }
  wr_candidate candidate;
  size_t at = 0;
  while (wr_sdpfrag_next_candidate(&fragment, &at, &candidate)) (void)wr_ice_add_remote(conn->ice, &candidate, now);
  if (fragment.end_of_candidates) wr_ice_end_of_remote(conn->ice, now);
  wr_conn_progress(conn, now);
  return WR_OK;
}

const char *wr_conn_local_ufrag(const wr_conn *conn) { return conn->ice ? wr_ice_local_ufrag(conn->ice) : ""; }
