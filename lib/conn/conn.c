/* conn/conn.c - life of a connection: demultiplexing (RFC 7983), progress from ICE to DTLS to media and data, poll.
 *
 *   NEW -> CONNECTING -> CONNECTED <-> DISCONNECTED -> CLOSED
 *
 * Order of outputs: notices, audio, data events; then datagrams of ICE, DTLS, media, SCTP. Inside one conn ICE
 * comes first because everything else waits for it. */
#include "wr/conn.h"

#include <string.h>

#include "conn/conn_state.h"
#include "stun/stun.h"

#define ALIGNED(n) (((n) + 15) / 16 * 16)
#define RECORD_BYTES 1500
#define REORDER_BYTES (WR_REORDER_SLOTS * sizeof(wr_reorder_slot))

void wr_conn_settings_default(wr_conn_settings *settings) {
  *settings = (wr_conn_settings){.max_message_bytes = 65536,
                                 .send_budget_bytes = 256 * 1024,
                                 .recv_budget_bytes = 256 * 1024,
                                 .audio = true,
                                 .data = true,
                                 .audio_direction = WR_SENDRECV,
                                 .reorder_wait_us = WR_MS(60),
                                 .cname = "wr"};
}

/* The struct, SCTP, ICE, the reorder slots, what was sent: what is seldom touched comes last. */
size_t wr_conn_size(void) {
  return ALIGNED(sizeof(wr_conn)) + ALIGNED(wr_ice_size()) + ALIGNED(wr_sctp_size()) + ALIGNED(REORDER_BYTES) +
         ALIGNED(sizeof(wr_resend_store));
}

wr_reorder_slot *wr_conn_reorder_slots(wr_conn *conn) {
  return (void *)((uint8_t *)wr_conn_resend_store(conn) - ALIGNED(REORDER_BYTES));
}

wr_resend_store *wr_conn_resend_store(wr_conn *conn) {
  return (void *)((uint8_t *)conn + wr_conn_size() - ALIGNED(sizeof(wr_resend_store)));
}

wr_conn *wr_conn_init(void *mem, const wr_conn_settings *settings, wr_time now) {
  WR_ASSERT(((uintptr_t)mem & 15) == 0);
  WR_ASSERT(settings->crypto && settings->rng.fill && settings->pool && settings->message_buffer);
  WR_ASSERT(wr_pool_block_bytes(settings->pool) >= WR_CONN_POOL_BLOCK);
  WR_ASSERT(settings->message_buffer_bytes >= settings->max_message_bytes);
  WR_ASSERT(!settings->video || settings->video_buffer);
  wr_conn *conn = mem;
  memset(conn, 0, sizeof *conn);
  conn->settings = *settings;
  size_t cname_len = strlen(settings->cname);
  memcpy(conn->cname, settings->cname, cname_len < sizeof conn->cname ? cname_len : sizeof conn->cname - 1);
  conn->session_id = wr_rng_u64(&settings->rng) >> 2; /* RFC 9429 5.2.1: 63 bits, the highest zero */
  conn->session_version = 1;
  conn->stats.created_at = now;
  wr_dtls_init(&conn->dtls, settings->crypto, settings->pool, settings->audio || settings->video);
  wr_media_init(conn);
  return conn;
}

void wr_conn_wipe(wr_conn *conn) {
  if (conn->ice) wr_ice_wipe(conn->ice);
  if (conn->sctp) wr_sctp_wipe(conn->sctp);
  wr_dtls_wipe(&conn->dtls);
  if (conn->keyed) wr_srtp_wipe(&conn->srtp);
  wr_reorder_wipe(&conn->media.reorder);
  wr_conn_video_wipe(conn);
  wr_wipe(conn, sizeof *conn);
}

void wr_conn_begin_ice(wr_conn *conn, bool controlling, wr_time now) {
  wr_ice_settings settings = {.rng = conn->settings.rng,
                              .crypto = conn->settings.crypto,
                              .controlling = controlling,
                              .lite = conn->settings.ice_lite};
  memcpy(settings.ufrag_prefix, conn->settings.ufrag_prefix, sizeof settings.ufrag_prefix);
  conn->ice = wr_ice_init((uint8_t *)conn + ALIGNED(sizeof *conn) + ALIGNED(wr_sctp_size()), &settings, now);
  for (unsigned i = 0; i < conn->n_locals; i++) {
    const local_address *local = &conn->local[i];
    (void)wr_ice_add_local(conn->ice, &local->base, &local->shown, local->type, now);
  }
}

void wr_conn_begin_sctp(wr_conn *conn) {
  wr_sctp_settings settings;
  wr_sctp_settings_default(&settings);
  settings.rng = conn->settings.rng;
  settings.pool = conn->settings.pool;
  settings.send_budget_bytes = conn->settings.send_budget_bytes;
  settings.recv_budget_bytes = conn->settings.recv_budget_bytes;
  settings.max_message_bytes = conn->settings.max_message_bytes;
  settings.is_dtls_client = conn->is_dtls_client;
  uint8_t *mem = (uint8_t *)conn + ALIGNED(sizeof *conn);
  conn->sctp = wr_sctp_init(mem, &settings, conn->settings.message_buffer, conn->settings.message_buffer_bytes);
}

/* ---- notices and states ---- */

void wr_conn_notice(wr_conn *conn, const wr_event *event) {
  WR_ASSERT(conn->n_notices < N_NOTICES && "drain with wr_conn_poll after every call that mutates");
  conn->notice[(conn->first_notice + conn->n_notices++) % N_NOTICES] = *event;
}

void wr_conn_set_state(wr_conn *conn, wr_conn_state state) {
  if (conn->state == state || conn->state == WR_CONN_CLOSED) return;
  conn->state = state;
  wr_conn_notice(conn, &(wr_event){.kind = WR_EVENT_STATE, .state = state, .end = conn->end});
}

void wr_conn_end(wr_conn *conn, wr_end end) {
  if (conn->state == WR_CONN_CLOSED) return;
  conn->end = end;
  wr_conn_set_state(conn, WR_CONN_CLOSED);
}

/* ---- progress ---- */

static void follow_ice_state(wr_conn *conn, wr_ice_state state) {
  switch (state) {
    case WR_ICE_NEW:
    case WR_ICE_CHECKING: break;
    case WR_ICE_CONNECTED:
      if (conn->state == WR_CONN_DISCONNECTED) wr_conn_set_state(conn, WR_CONN_CONNECTED);
      break;
    case WR_ICE_DISCONNECTED:
      if (conn->state == WR_CONN_CONNECTED) wr_conn_set_state(conn, WR_CONN_DISCONNECTED);
      break;
    case WR_ICE_FAILED: wr_conn_end(conn, WR_END_ICE_FAILED); break;
  }
}

static void follow_ice(wr_conn *conn, wr_time now) {
  bool was_lost = conn->state == WR_CONN_DISCONNECTED, works = false;
  wr_ice_event event;
  while (wr_ice_poll_event(conn->ice, &event)) {
    if (event.kind == WR_ICE_EVENT_STATE) follow_ice_state(conn, event.state);
    if (event.kind != WR_ICE_EVENT_SELECTED) continue;
    conn->path = event.path;
    if (event.rtt_us) conn->stats.rtt_us = event.rtt_us;
    conn->has_path = true;
    conn->n_paths++;
    if (!conn->stats.ice_connected_at) conn->stats.ice_connected_at = now;
    wr_feedback_path_changed(conn);
    wr_conn_notice(conn, &(wr_event){.kind = WR_EVENT_PATH, .path = event.path, .rtt_us = event.rtt_us});
    works = true;
  }
  works = works || (was_lost && conn->state == WR_CONN_CONNECTED);
  if (works) wr_feedback_alive(conn);
  if (works && conn->sctp_connected) wr_sctp_path_works(conn->sctp, now);
}

static void take_keys(wr_conn *conn, wr_time now) {
  wr_srtp_keys keys;
  bool agreed = wr_dtls_srtp_keys(&conn->dtls, &keys);
  if (agreed && wr_srtp_init(&conn->srtp, conn->settings.crypto, &keys) == WR_OK) {
    conn->keyed = true;
    conn->stats.srtp_profile = keys.profile;
    wr_media_keyed(conn, now);
  }
  wr_wipe(&keys, sizeof keys);
  if (!conn->keyed && conn_wants_srtp(&conn->agreement)) wr_conn_end(conn, WR_END_NO_SRTP);
}

static wr_end end_of_dtls(wr_dtls_end why) {
  switch (why) {
    case WR_DTLS_END_NONE:
    case WR_DTLS_END_CLOSED: return WR_END_REMOTE;
    case WR_DTLS_END_HANDSHAKE:
    case WR_DTLS_END_TIMEOUT: return WR_END_DTLS_FAILED;
    case WR_DTLS_END_FINGERPRINT: return WR_END_FINGERPRINT;
    case WR_DTLS_END_NO_SRTP: return WR_END_NO_SRTP;
  }
  return WR_END_DTLS_FAILED;
}

static void feed_sctp(wr_conn *conn, wr_time now) {
  uint8_t record[RECORD_BYTES];
  size_t len;
  while ((len = wr_dtls_read(&conn->dtls, record, sizeof record)) > 0) {
    wr_roam_record_read(&conn->roam);
    conn_tap(conn, WR_TAP_SCTP, false, record, len, now);
    if (conn->sctp) wr_sctp_recv(conn->sctp, wr_bytes_of(record, len), now);
  }
}

static void follow_dtls(wr_conn *conn, wr_time now) {
  for (;;) {
    wr_dtls_event event = wr_dtls_poll_event(&conn->dtls);
    if (event == WR_DTLS_EVENT_NONE) break;
    if (event == WR_DTLS_EVENT_ENDED) {
      wr_conn_end(conn, end_of_dtls(wr_dtls_why_ended(&conn->dtls)));
      return;
    }
    conn->stats.dtls_connected_at = now;
    if (conn_wants_srtp(&conn->agreement)) take_keys(conn, now);
    wr_conn_set_state(conn, WR_CONN_CONNECTED);
    if (conn->sctp && !conn->sctp_connected) {
      conn->sctp_connected = true;
      wr_sctp_set_rtt(conn->sctp, conn->stats.rtt_us);
      wr_sctp_connect(conn->sctp, now);
    }
  }
  if (conn->stats.dtls_connected_at) feed_sctp(conn, now);
}

void wr_conn_progress(wr_conn *conn, wr_time now) {
  if (conn->state == WR_CONN_CLOSED || !conn->ice) return;
  follow_ice(conn, now);
  if (!conn->agreed || !conn->has_path || conn->state == WR_CONN_CLOSED) return;
  if (!conn->dtls.started) {
    uint32_t rtt_us = conn->stats.rtt_us;
    if (wr_dtls_start(&conn->dtls, conn->is_dtls_client, &conn->agreement.remote_fingerprint, rtt_us, now) !=
        WR_OK) {
      wr_conn_end(conn, WR_END_DTLS_FAILED);
      return;
    }
  }
  follow_dtls(conn, now);
}

/* ---- datagrams in ---- */

static bool recv_stun(wr_conn *conn, const wr_path *path, wr_bytes datagram, wr_time now) {
  if (!conn->ice) {
    conn_drop(conn, WR_DROP_STUN_UNEXPECTED);
    return false;
  }
  switch (wr_ice_recv(conn->ice, path, datagram, now)) {
    case WR_ICE_INPUT_CONSUMED: break;
    case WR_ICE_INPUT_UNPROVEN: conn->stats.consumed++; return false;
    case WR_ICE_INPUT_MALFORMED: conn_drop(conn, WR_DROP_STUN_MALFORMED); return false;
    case WR_ICE_INPUT_BAD_INTEGRITY: conn_drop(conn, WR_DROP_STUN_INTEGRITY); return false;
    case WR_ICE_INPUT_UNKNOWN_USER: conn_drop(conn, WR_DROP_STUN_USER); return false;
    case WR_ICE_INPUT_UNEXPECTED: conn_drop(conn, WR_DROP_STUN_UNEXPECTED); return false;
  }
  conn->stats.consumed++;
  wr_conn_progress(conn, now);
  return true;
}

static bool recv_dtls(wr_conn *conn, bool valid_path, wr_bytes datagram, wr_time now) {
  if (!conn->ice) {
    conn_drop(conn, WR_DROP_TOO_EARLY);
    return false;
  }
  /* A ClientHello may overtake the answer, or the check that proves its path: until our start dtls keeps it,
   * unread. */
  if (!valid_path && conn->dtls.started) {
    conn_drop(conn, WR_DROP_UNVERIFIED_PATH);
    return false;
  }
  conn->stats.consumed++;
  wr_roam_record_in(&conn->roam, datagram);
  wr_dtls_recv(&conn->dtls, datagram, now);
  wr_conn_progress(conn, now);
  return valid_path;
}

/* One datagram of the peer; of those that came through a relay the inside. */
bool wr_conn_take(wr_conn *conn, const wr_path *path, wr_span datagram, wr_time now) {
  if (conn->state == WR_CONN_CLOSED || datagram.len == 0) {
    conn_drop(conn, datagram.len ? WR_DROP_CLOSED : WR_DROP_EMPTY);
    return false;
  }
  uint8_t first = datagram.data[0];
  if (first <= 3) return recv_stun(conn, path, wr_span_bytes(datagram), now);
  bool valid_path = conn->ice && wr_ice_is_valid_path(conn->ice, path);
  if (first >= 20 && first <= 63) return recv_dtls(conn, valid_path, wr_span_bytes(datagram), now);
  if (first < 128 || first > 191) {
    conn_drop(conn, WR_DROP_UNKNOWN_PROTOCOL);
    return false;
  }
  if (!valid_path) {
    conn_drop(conn, WR_DROP_UNVERIFIED_PATH);
    return false;
  }
  return wr_media_recv(conn, datagram, now);
}

bool wr_conn_recv(wr_conn *conn, const wr_path *path, wr_span datagram, wr_time now) {
  bool proved = false;
  conn->stats.datagrams_in++;
  conn->stats.bytes_in += datagram.len;
  if (!wr_reach_recv(conn, path, datagram, &proved, now)) proved = wr_conn_take(conn, path, datagram, now);
  if (proved) conn->roam.heard_at = now;
  return proved;
}

bool wr_conn_may_be_of(const wr_conn *conn, wr_bytes datagram, wr_time now) {
  const wr_rtp_source_stats *source = &conn->media.source;
  if (conn->state != WR_CONN_CONNECTED && conn->state != WR_CONN_DISCONNECTED) return false;
  return wr_roam_may_continue(&conn->roam, datagram, source->started, source->ssrc, source->highest_seq, now);
}

void wr_conn_ask_at(wr_conn *conn, const wr_path *path, wr_time now) {
  if (conn->state == WR_CONN_CLOSED || !conn->ice) return;
  wr_ice_ask_at(conn->ice, path, now);
}

void wr_conn_ask(wr_conn *conn, wr_time now) {
  if (conn->state != WR_CONN_CLOSED && conn->ice) wr_ice_ask(conn->ice, now);
}

wr_arrival wr_conn_arrival(const wr_conn *conn) {
  wr_arrival a = {.open_at = WR_NEVER};
  if (conn->state == WR_CONN_CLOSED || !conn->ice || !conn->has_path) return a;
  a.proved_at = wr_ice_answered_at(conn->ice);
  if (!conn->sctp_connected) return a;
  wr_time acked_at = wr_sctp_acked_at(conn->sctp);
  if (acked_at > a.proved_at) a.proved_at = acked_at;
  a.open_at = wr_sctp_open_at(conn->sctp);
  return a;
}

void wr_conn_path_closed(wr_conn *conn, const wr_path *path, wr_time now) {
  if (conn->state == WR_CONN_CLOSED || !conn->ice) return;
  wr_ice_path_closed(conn->ice, path, now);
  wr_conn_progress(conn, now);
}

wr_bytes wr_conn_peek_ufrag(wr_bytes datagram) { return wr_stun_peek_local_ufrag(datagram); }

void wr_conn_tick(wr_conn *conn, wr_time now) {
  /* What is due of |gather| leaves with poll. */
  if (conn->state == WR_CONN_CLOSED || !conn->ice) return;
  wr_ice_tick(conn->ice, now);
  if (conn->agreed && conn->dtls.started) wr_dtls_tick(&conn->dtls, now);
  if (conn->sctp_connected) wr_sctp_tick(conn->sctp, now);
  wr_conn_progress(conn, now);
}

wr_time wr_conn_deadline(const wr_conn *conn) {
  if (conn->state == WR_CONN_CLOSED) return WR_NEVER;
  wr_time at = conn->gather ? wr_gather_deadline(conn->gather) : WR_NEVER;
  if (!conn->ice) return at;
  at = wr_time_min(at, wr_time_min(wr_ice_deadline(conn->ice), wr_media_deadline(conn)));
  if (conn->agreed && conn->dtls.started) at = wr_time_min(at, wr_dtls_deadline(&conn->dtls));
  if (conn->sctp_connected) at = wr_time_min(at, wr_sctp_deadline(conn->sctp));
  return at;
}

/* ---- outputs ---- */

static bool poll_data_event(wr_conn *conn, wr_event *out, wr_time now) {
  wr_sctp_event event;
  while (conn->sctp && wr_sctp_poll_event(conn->sctp, &event)) {
    *out = (wr_event){.channel = event.channel, .is_text = event.is_text, .by_peer = event.by_peer};
    switch (event.kind) {
      case WR_SCTP_EVENT_NONE: continue;
      case WR_SCTP_EVENT_CONNECTED:
        conn->stats.data_ready_at = now;
        out->kind = WR_EVENT_DATA_READY;
        return true;
      case WR_SCTP_EVENT_CHANNEL_OPEN:
        conn->channels.channels_opened++;
        out->kind = WR_EVENT_CHANNEL_OPEN;
        out->message = event.label;
        return true;
      case WR_SCTP_EVENT_MESSAGE:
        conn->stats.messages_in++;
        conn->channels.bytes_received += event.message.len;
        out->kind = WR_EVENT_MESSAGE;
        out->message = event.message;
        return true;
      case WR_SCTP_EVENT_MESSAGE_TOO_BIG: out->kind = WR_EVENT_MESSAGE_TOO_BIG; return true;
      case WR_SCTP_EVENT_BUFFERED_LOW: out->kind = WR_EVENT_BUFFERED_LOW; return true;
      case WR_SCTP_EVENT_CHANNEL_CLOSED:
        conn->channels.channels_closed++;
        out->kind = WR_EVENT_CHANNEL_CLOSED;
        return true;
      case WR_SCTP_EVENT_CLOSED:
      case WR_SCTP_EVENT_ABORTED:
        /* Browsers take the association down with the connection. */
        wr_conn_end(conn, WR_END_REMOTE);
        continue;
    }
  }
  return false;
}

static bool poll_event(wr_conn *conn, wr_event *event, wr_time now) {
  if (conn->n_notices == 0 && conn->state != WR_CONN_CLOSED) {
    if (wr_reach_poll_event(conn, event)) return true;
    if (wr_media_poll_event(conn, event, now)) return true;
    if (poll_data_event(conn, event, now)) return true;
  }
  if (conn->n_notices == 0) return false;
  *event = conn->notice[conn->first_notice];
  conn->first_notice = (uint8_t)((conn->first_notice + 1) % N_NOTICES);
  conn->n_notices--;
  return true;
}

/* One SCTP packet into one DTLS record. */
static size_t poll_sctp(wr_conn *conn, uint8_t *out, size_t cap, wr_time now) {
  uint8_t packet[WR_SCTP_MTU];
  if (!conn->sctp_connected || !conn->dtls.started || conn->state == WR_CONN_CLOSED) return 0;
  size_t len = wr_sctp_poll(conn->sctp, packet, sizeof packet, now);
  if (!len || wr_dtls_send(&conn->dtls, wr_bytes_of(packet, len)) != WR_OK) return 0;
  conn_tap(conn, WR_TAP_SCTP, true, packet, len, now);
  return wr_dtls_poll(&conn->dtls, out, cap, now);
}

size_t wr_conn_next_datagram(wr_conn *conn, uint8_t *out, size_t cap, wr_path *path, wr_time now) {
  size_t len;
  if (!conn->ice) return 0;
  if (conn->state != WR_CONN_CLOSED) {
    len = wr_ice_poll(conn->ice, path, out, cap, now);
    follow_ice(conn, now);
    if (len) return len;
  }
  if (!conn->has_path || !conn->agreed) return 0;
  if (conn->state == WR_CONN_CLOSED && conn->end == WR_END_ICE_FAILED) return 0; /* nobody wants it */
  *path = conn->path;
  if (conn->dtls.started && (len = wr_dtls_poll(&conn->dtls, out, cap, now)) > 0) return len;
  if (conn->keyed && (len = wr_media_poll(conn, out, cap, now)) > 0) return len;
  return poll_sctp(conn, out, cap, now);
}

void wr_conn_poll(wr_conn *conn, uint8_t *buffer, size_t cap, wr_out *out, wr_time now) {
  WR_ASSERT(cap >= WR_CONN_MTU);
  if (poll_event(conn, &out->event, now)) {
    out->kind = WR_OUT_EVENT;
    return;
  }
  out->stream = -1;
  out->len = conn->gather ? wr_reach_next(conn, buffer, cap, out, now)
                          : wr_conn_next_datagram(conn, buffer, cap, &out->path, now);
  if (out->len) {
    out->kind = WR_OUT_DATAGRAM;
    conn->stats.datagrams_out++;
    conn->stats.bytes_out += out->len;
    return;
  }
  /* Making datagrams may have ended something. */
  out->kind = poll_event(conn, &out->event, now) ? WR_OUT_EVENT : WR_OUT_IDLE;
}

void wr_conn_close(wr_conn *conn, wr_time now) {
  if (conn->state == WR_CONN_CLOSED) return;
  wr_media_bye(conn, now);
  if (conn->stats.dtls_connected_at) {
    if (conn->sctp_connected) {
      wr_sctp_abort(conn->sctp, now);
      uint8_t packet[WR_SCTP_MTU];
      size_t len = wr_sctp_poll(conn->sctp, packet, sizeof packet, now);
      if (len && wr_dtls_send(&conn->dtls, wr_bytes_of(packet, len)) == WR_OK)
        conn_tap(conn, WR_TAP_SCTP, true, packet, len, now);
    }
    wr_dtls_shutdown(&conn->dtls);
  }
  wr_conn_end(conn, WR_END_LOCAL);
}

/* ---- data ---- */

static bool too_long(const char *text) { return text && strlen(text) > WR_SCTP_LABEL_MAX; }

wr_err wr_conn_open_channel(wr_conn *conn, const wr_channel_settings *settings, uint16_t *channel, wr_time now) {
  if (!conn->sctp || conn->state == WR_CONN_CLOSED) return WR_ERR_STATE;
  if (too_long(settings->label) || too_long(settings->protocol)) return WR_ERR_LIMIT;
  wr_sctp_channel_settings wanted = {.unordered = settings->unordered,
                                     .limited_retransmits = settings->limited_retransmits,
                                     .limited_lifetime = settings->limited_lifetime,
                                     .reliability = settings->reliability,
                                     .label = settings->label,
                                     .protocol = settings->protocol};
  return wr_sctp_open_channel(conn->sctp, &wanted, channel, now);
}

wr_err wr_conn_send_message(wr_conn *conn, uint16_t channel, bool is_text, wr_bytes message, wr_time now) {
  if (!conn->sctp || conn->state == WR_CONN_CLOSED) return WR_ERR_STATE;
  if (message.len > conn->agreement.remote_max_message_bytes) return WR_ERR_LIMIT;
  wr_err err = wr_sctp_send(conn->sctp, channel, is_text, message, now);
  if (err == WR_OK) {
    conn->stats.messages_out++;
    conn->channels.bytes_sent += message.len;
  }
  return err;
}

uint32_t wr_conn_buffered_bytes(const wr_conn *conn, uint16_t channel) {
  return conn->sctp ? wr_sctp_buffered_bytes(conn->sctp, channel) : 0;
}

void wr_conn_set_buffered_low(wr_conn *conn, uint16_t channel, uint32_t bytes) {
  if (conn->sctp) wr_sctp_set_buffered_low(conn->sctp, channel, bytes);
}

wr_err wr_conn_close_channel(wr_conn *conn, uint16_t channel, wr_time now) {
  if (!conn->sctp || conn->state == WR_CONN_CLOSED) return WR_ERR_STATE;
  return wr_sctp_close_channel(conn->sctp, channel, now);
}

/* ---- what it knows ---- */

wr_conn_state wr_conn_get_state(const wr_conn *conn) { return conn->state; }

bool wr_conn_selected_path(const wr_conn *conn, wr_path *path) {
  if (conn->has_path) *path = conn->path;
  return conn->has_path;
}

const wr_agreement *wr_conn_agreement(const wr_conn *conn) { return conn->agreed ? &conn->agreement : NULL; }

void wr_conn_get_stats(const wr_conn *conn, wr_conn_stats *stats) {
  const media *m = &conn->media;
  *stats = conn->stats;
  if (conn->ice) stats->checks_answered = wr_ice_get_stats(conn->ice)->responses_received;
  stats->rtp_lost = m->reorder.n_lost;
  stats->rtp_late = m->reorder.n_late;
  stats->rtp_duplicate = m->reorder.n_duplicate;
  stats->rtp_reordered = m->reorder.n_reordered;
  stats->video_frames = conn->video.queue.n_frames;
  stats->video_key_frames = conn->video.queue.n_key_frames;
  stats->video_frames_dropped = conn->video.queue.n_dropped;
  stats->target_bps = wr_conn_target_bps(conn);
  stats->queue_us = wr_conn_queue_us(conn);
  stats->rtp_delivered = m->reorder.n_delivered;
  stats->rtp_held_us = m->reorder.held_us;
  stats->rtp_asked = m->asker.n_asked;
  stats->rtp_resent = m->sender.resend.n_resent;
  stats->remote_asked = m->sender.resend.n_asked;
  stats->remote_asked_rows = m->sender.resend.n_rows;
  stats->jitter_us = (uint32_t)((uint64_t)(m->source.jitter_q4 >> 4) * 1000000 / 48000);
}
