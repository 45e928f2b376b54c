/* sctp/handshake.c - how an association begins and ends (RFC 9260 5 and 9).
 *
 * The state cookie is a nonce: DTLS has authenticated the peer and there is one association, so what RFC 9260
 * 5.1.3 has us seal into the cookie is kept in |promise|, and only a peer that read our INIT ACK can name it. An
 * INIT that repeats the last one gets the same promise, so that the cookie of either INIT ACK is good.
 *
 * Zero checksum (RFC 9653): declared in INIT ACK to a peer that declared it in INIT, never in our INIT, which some
 * peers would reject; used when the peer declared it. */
#include <string.h>

#include "sctp/association.h"

static void start_t1(wr_sctp *s, wr_time now) { s->t1_at = now + s->rto.rto_us; }

void wr_sctp_set_rtt(wr_sctp *s, uint32_t rtt_us) {
  if (rtt_us && !s->rto.srtt_us) wr_sctp_rto_measure(&s->rto, rtt_us);
}

void wr_sctp_connect(wr_sctp *s, wr_time now) {
  if (s->state != WR_SCTP_CLOSED) return;
  s->state = WR_SCTP_COOKIE_WAIT;
  s->init_due = true;
  start_t1(s, now);
}

static wr_sctp_init_chunk our_init(const wr_sctp *s, uint32_t tag, uint32_t tsn) {
  return (wr_sctp_init_chunk){.tag = tag,
                              .a_rwnd = wr_sctp_reassembly_window(&s->reassembly),
                              .n_out = WR_SCTP_MAX_STREAMS,
                              .n_in = WR_SCTP_MAX_STREAMS,
                              .tsn = tsn,
                              .forward_tsn = true,
                              .re_config = true};
}

void wr_sctp_write_init_packet(wr_sctp *s, wr_writer *w) {
  wr_sctp_init_chunk init = our_init(s, s->local_tag, s->local_initial_tsn);
  wr_sctp_write_header(w, WR_SCTP_PORT, 0);
  wr_sctp_write_init(w, WR_SCTP_INIT, &init);
}

void wr_sctp_write_init_ack_packet(wr_sctp *s, wr_writer *w) {
  wr_sctp_init_chunk ack = our_init(s, s->promise.local_tag, s->promise.local_tsn);
  ack.cookie = wr_bytes_of(s->promise.cookie, sizeof s->promise.cookie);
  ack.zero_checksum = s->settings.zero_checksum && s->promise.peer.zero_checksum;
  ack.unrecognized = wr_bytes_of(s->unrecognized, s->unrecognized_len);
  wr_sctp_write_header(w, WR_SCTP_PORT, s->promise.peer.tag);
  wr_sctp_write_init(w, WR_SCTP_INIT_ACK, &ack);
}

static bool is_acceptable(const wr_sctp_init_chunk *init) {
  return init->tag != 0 && init->n_out > 0 && init->n_in > 0 && init->a_rwnd >= 1500;
}

static uint32_t nonzero_random(const wr_sctp *s) {
  uint32_t v = wr_rng_u32(&s->settings.rng);
  return v ? v : 1;
}

void wr_sctp_recv_init(wr_sctp *s, wr_bytes body) {
  wr_sctp_init_chunk init;
  if (!wr_sctp_read_init(body, &init) || !is_acceptable(&init)) {
    s->stats.packets_dropped++;
    return;
  }
  /* RFC 9260 9.2: the peer has not seen our SHUTDOWN COMPLETE or ACK; remind it. */
  if (s->state == WR_SCTP_SHUTDOWN_ACK_SENT) {
    s->shutdown_ack_due = true;
    return;
  }
  s->init_ack_due = true;
  wr_sctp_promise *p = &s->promise;
  if (p->valid && p->peer.tag == init.tag && p->peer.tsn == init.tsn) return;
  bool up = s->state >= WR_SCTP_ESTABLISHED;
  s->unrecognized_len = init.unrecognized.len <= sizeof s->unrecognized ? init.unrecognized.len : 0;
  if (s->unrecognized_len) memcpy(s->unrecognized, init.unrecognized.data, s->unrecognized_len);
  init.cookie = init.unrecognized = wr_bytes_of(NULL, 0);
  /* 5.2.1: while setting up, the same tag and TSN as in our INIT; 5.2.2: when up, a new tag and tie tags. */
  *p = (wr_sctp_promise){.valid = true,
                         .restart = up,
                         .local_tag = up ? nonzero_random(s) : s->local_tag,
                         .local_tsn = up ? wr_rng_u32(&s->settings.rng) : s->local_initial_tsn,
                         .tie_local_tag = s->local_tag,
                         .tie_peer_tag = s->peer_tag,
                         .peer = init};
  wr_rng_fill(&s->settings.rng, p->cookie, sizeof p->cookie);
}

/* Takes over what the peer's INIT or INIT ACK says. */
static void adopt_peer(wr_sctp *s, const wr_sctp_init_chunk *peer) {
  s->peer_tag = peer->tag;
  s->peer_window = peer->a_rwnd;
  s->peer_re_config = peer->re_config;
  s->queue.partial_reliability = peer->forward_tsn;
  s->send_zero_checksum = peer->zero_checksum && s->settings.zero_checksum;
  wr_tsn_set_init(&s->received, peer->tsn);
  wr_sctp_reconfig_init(&s->reconfig, s->local_initial_tsn, peer->tsn);
}

void wr_sctp_recv_init_ack(wr_sctp *s, wr_bytes body, wr_time now) {
  if (s->state != WR_SCTP_COOKIE_WAIT) return; /* 5.2.3 */
  wr_sctp_init_chunk ack;
  if (!wr_sctp_read_init(body, &ack) || ack.cookie.len == 0 || ack.cookie.len > sizeof s->cookie) {
    s->stats.packets_dropped++;
    return;
  }
  if (!is_acceptable(&ack)) {
    s->peer_tag = ack.tag;
    wr_sctp_fail(s, WR_SCTP_CAUSE_INVALID_PARAMETER);
    return;
  }
  if (s->n_errors == 0)
    wr_sctp_rto_measure(&s->rto, now - (s->t1_at - s->rto.rto_us)); /* INIT left when T1 began */
  adopt_peer(s, &ack);
  memcpy(s->cookie, ack.cookie.data, ack.cookie.len);
  s->cookie_len = ack.cookie.len;
  s->state = WR_SCTP_COOKIE_ECHOED;
  s->init_due = false;
  s->cookie_echo_due = true;
  s->n_errors = 0;
  start_t1(s, now);
}

static void enter_established(wr_sctp *s, wr_time now) {
  if (s->state < WR_SCTP_ESTABLISHED) {
    s->state = WR_SCTP_ESTABLISHED;
    s->connected_event = true;
  }
  s->init_due = s->cookie_echo_due = false;
  s->cookie_len = 0;
  s->t1_at = WR_NEVER;
  s->n_errors = 0;
  wr_sctp_rto_recover(&s->rto); /* lost handshake packets must not slow the first data */
  s->heartbeat_at = now + WR_SCTP_HEARTBEAT_INTERVAL;
  if (s->queue.head) s->t3_at = now + s->rto.rto_us;
}

/* RFC 9260 5.2.4.1: the peer lost everything. Nothing of the old association survives here either. */
static void restart(wr_sctp *s, wr_time now) {
  wr_sctp_close_all_channels(s);
  wr_sctp_sendqueue_wipe(&s->queue);
  wr_sctp_drop_ready(s);
  wr_sctp_reassembly_wipe(&s->reassembly);
  s->local_tag = s->promise.local_tag;
  s->local_initial_tsn = s->promise.local_tsn;
  s->limited_tsn = s->local_initial_tsn - 1;
  wr_sctp_reassembly_init(&s->reassembly, s->settings.pool, s->settings.recv_budget_bytes,
                          s->settings.max_message_bytes);
  wr_sctp_sendqueue_init(&s->queue, s->settings.pool, s->settings.send_budget_bytes, s->local_initial_tsn);
  wr_sctp_cwnd_init(&s->cwnd, WR_SCTP_MTU);
  wr_sctp_rto_init(&s->rto);
  s->timed_at = s->t2_at = s->t3_at = s->sack_at = s->reset_at = WR_NEVER;
  s->sack_due = s->forward_due = s->shutdown_due = s->shutdown_ack_due = s->heartbeat_open = false;
  s->replies_len = 0;
  s->state = WR_SCTP_CLOSED;
  adopt_peer(s, &s->promise.peer);
  enter_established(s, now);
}

bool wr_sctp_recv_cookie_echo(wr_sctp *s, uint32_t tag, wr_bytes cookie, wr_time now) {
  wr_sctp_promise *p = &s->promise;
  bool genuine = p->valid && tag == p->local_tag && cookie.len == sizeof p->cookie &&
                 wr_equal_secret(cookie.data, p->cookie, sizeof p->cookie);
  if (!genuine || s->state == WR_SCTP_ENDED) return false;
  if (p->local_tag != s->local_tag) { /* 5.2.4 A or C: only a restart of the association we have */
    if (!p->restart || p->tie_local_tag != s->local_tag || p->tie_peer_tag != s->peer_tag) return false;
    if (s->state == WR_SCTP_SHUTDOWN_ACK_SENT) {
      s->shutdown_ack_due = true;
      return false;
    }
    p->restart = false;
    restart(s, now);
  } else if (s->state < WR_SCTP_ESTABLISHED) {
    /* New, or 5.2.4 B (their tag differs from the one we knew), or D while our COOKIE ECHO is out. */
    if (s->state != WR_SCTP_COOKIE_ECHOED || s->peer_tag != p->peer.tag) adopt_peer(s, &p->peer);
    s->send_zero_checksum = s->settings.zero_checksum && p->peer.zero_checksum;
    wr_sctp_sendqueue_timeout(&s->queue); /* DATA beside our own COOKIE ECHO may have been refused */
    enter_established(s, now);
  } else if (p->peer.tag != s->peer_tag) {
    return false;
  }
  s->cookie_ack_due = true;
  return true;
}

void wr_sctp_recv_cookie_ack(wr_sctp *s, wr_time now) {
  if (s->state == WR_SCTP_COOKIE_ECHOED) enter_established(s, now);
}

void wr_sctp_t1_expired(wr_sctp *s, wr_time now) {
  s->t1_at = WR_NEVER;
  wr_sctp_count_error(s, WR_SCTP_MAX_INIT_RETRANSMITS);
  if (s->state == WR_SCTP_COOKIE_WAIT) s->init_due = true;
  if (s->state == WR_SCTP_COOKIE_ECHOED) {
    s->cookie_echo_due = true;
    wr_sctp_sendqueue_timeout(&s->queue); /* its DATA rides again */
  }
  if (!s->init_due && !s->cookie_echo_due) return;
  wr_sctp_rto_back_off(&s->rto);
  start_t1(s, now);
}

/* ---- the end ---- */

void wr_sctp_fail(wr_sctp *s, uint16_t cause) {
  if (s->state == WR_SCTP_ENDED) return;
  s->abort_due = s->peer_tag != 0;
  s->abort_cause = cause;
  wr_sctp_end_association(s, true);
}

void wr_sctp_abort(wr_sctp *s, wr_time now) {
  (void)now;
  wr_sctp_fail(s, WR_SCTP_CAUSE_USER_ABORT);
}

void wr_sctp_shutdown(wr_sctp *s, wr_time now) {
  if (s->state == WR_SCTP_ENDED || s->state > WR_SCTP_ESTABLISHED) return;
  if (s->state < WR_SCTP_ESTABLISHED) {
    wr_sctp_end_association(s, false);
    return;
  }
  s->state = WR_SCTP_SHUTDOWN_PENDING;
  wr_sctp_advance_shutdown(s, now);
}

void wr_sctp_advance_shutdown(wr_sctp *s, wr_time now) {
  if (s->state != WR_SCTP_SHUTDOWN_PENDING && s->state != WR_SCTP_SHUTDOWN_RECEIVED) return;
  if (!wr_sctp_sendqueue_is_empty(&s->queue)) return;
  if (s->state == WR_SCTP_SHUTDOWN_PENDING) {
    s->state = WR_SCTP_SHUTDOWN_SENT;
    s->shutdown_due = true;
  } else {
    s->state = WR_SCTP_SHUTDOWN_ACK_SENT;
    s->shutdown_ack_due = true;
  }
  s->n_errors = 0;
  s->t2_at = now + s->rto.rto_us;
  s->heartbeat_at = WR_NEVER;
}

void wr_sctp_recv_shutdown(wr_sctp *s, wr_bytes body, wr_time now) {
  if (s->state < WR_SCTP_ESTABLISHED || s->state == WR_SCTP_ENDED || body.len < 4) return;
  wr_sctp_sack_chunk sack = {.cumulative = wr_get_u32(body.data), .a_rwnd = s->peer_window + s->queue.flight_bytes};
  wr_sctp_peer_acked(s, &sack, now);
  if (s->state == WR_SCTP_SHUTDOWN_SENT) { /* 9.2: both at once */
    s->state = WR_SCTP_SHUTDOWN_ACK_SENT;
    s->shutdown_due = false;
    s->shutdown_ack_due = true;
    s->t2_at = now + s->rto.rto_us;
    return;
  }
  if (s->state == WR_SCTP_SHUTDOWN_ACK_SENT) s->shutdown_ack_due = true;
  if (s->state == WR_SCTP_ESTABLISHED || s->state == WR_SCTP_SHUTDOWN_PENDING) s->state = WR_SCTP_SHUTDOWN_RECEIVED;
  wr_sctp_advance_shutdown(s, now);
}

void wr_sctp_recv_shutdown_ack(wr_sctp *s) {
  if (s->state == WR_SCTP_ENDED) s->shutdown_complete_due = !s->was_aborted; /* ours was lost */
  if (s->state != WR_SCTP_SHUTDOWN_SENT && s->state != WR_SCTP_SHUTDOWN_ACK_SENT) return;
  s->shutdown_complete_due = true;
  wr_sctp_end_association(s, false);
}

void wr_sctp_recv_shutdown_complete(wr_sctp *s) {
  if (s->state == WR_SCTP_SHUTDOWN_ACK_SENT) wr_sctp_end_association(s, false);
}

void wr_sctp_t2_expired(wr_sctp *s, wr_time now) {
  s->t2_at = WR_NEVER;
  wr_sctp_count_error(s, WR_SCTP_MAX_RETRANSMITS);
  if (s->state == WR_SCTP_SHUTDOWN_SENT) s->shutdown_due = true;
  if (s->state == WR_SCTP_SHUTDOWN_ACK_SENT) s->shutdown_ack_due = true;
  if (!s->shutdown_due && !s->shutdown_ack_due) return;
  wr_sctp_rto_back_off(&s->rto);
  s->t2_at = now + s->rto.rto_us;
}
