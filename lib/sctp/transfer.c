/* sctp/transfer.c - DATA both ways: receiving and acknowledging (RFC 9260 6.2), congestion-controlled sending
 * (6.1, 7.2), T3-rtx (6.3.3), FORWARD-TSN (RFC 3758), and the assembly of packets (6.10 bundling).
 *
 * A SACK goes out with every second packet, 20 ms after a single one, and at once when there is a gap, a
 * duplicate, the I bit, or something was dropped for want of memory. */
#include <string.h>

#include "base/seq.h"
#include "sctp/association.h"

/* ---- receiving ---- */

static void report_bad_stream(wr_sctp *s, uint16_t stream) {
  uint8_t cause[8] = {0, WR_SCTP_CAUSE_INVALID_STREAM, 0, 8};
  wr_put_u16(cause + 4, stream);
  wr_sctp_reply(s, WR_SCTP_ERROR, wr_bytes_of(cause, sizeof cause));
}

/* Makes room for the chunk everything else waits for by giving up the newest ones beyond it (6.2 allows it). */
static wr_sctp_insert insert_or_renege(wr_sctp *s, const wr_sctp_data_chunk *data) {
  wr_sctp_insert result = wr_sctp_reassembly_insert(&s->reassembly, data);
  uint32_t first, last;
  while (result == WR_SCTP_INSERT_FULL && data->tsn == s->received.cumulative + 1 &&
         wr_sctp_reassembly_renege(&s->reassembly, data->tsn, &first, &last)) {
    wr_tsn_set_remove(&s->received, first, last);
    result = wr_sctp_reassembly_insert(&s->reassembly, data);
  }
  return result;
}

static void take_runs(wr_sctp *s) {
  wr_sctp_run *run;
  while ((run = wr_sctp_reassembly_take(&s->reassembly)) != NULL) wr_sctp_recv_run(s, run);
}

static void accept_data(wr_sctp *s, const wr_sctp_data_chunk *data) {
  if (data->stream >= WR_SCTP_MAX_STREAMS) { /* 6.5: acknowledged, reported, dropped */
    report_bad_stream(s, data->stream);
    wr_tsn_set_add(&s->received, data->tsn);
    return;
  }
  if (insert_or_renege(s, data) != WR_SCTP_INSERTED) {
    s->sack_due = true;
    return;
  }
  wr_tsn_set_add(&s->received, data->tsn);
  s->stats.bytes_received += data->payload.len;
  take_runs(s);
}

void wr_sctp_recv_data(wr_sctp *s, const wr_sctp_chunk *chunk) {
  bool receives =
      s->state == WR_SCTP_ESTABLISHED || s->state == WR_SCTP_SHUTDOWN_PENDING || s->state == WR_SCTP_SHUTDOWN_SENT;
  wr_sctp_data_chunk data;
  if (!receives || !wr_sctp_read_data(chunk, &data)) return;
  if (data.payload.len == 0) {
    wr_sctp_fail(s, WR_SCTP_CAUSE_NO_USER_DATA); /* 6.2: MUST abort */
    return;
  }
  switch (wr_tsn_set_status(&s->received, data.tsn)) {
    case WR_TSN_OUTSIDE: s->sack_due = true; return;
    case WR_TSN_DUPLICATE:
      wr_tsn_set_note_duplicate(&s->received, data.tsn);
      s->sack_due = true;
      return;
    case WR_TSN_NEW: break;
  }
  if (data.flags & WR_SCTP_FLAG_IMMEDIATE) s->sack_due = true;
  accept_data(s, &data);
}

void wr_sctp_data_packet_ended(wr_sctp *s, wr_time now) {
  wr_sctp_take_deferred_resets(s);
  take_runs(s);
  if (s->state == WR_SCTP_SHUTDOWN_SENT) { /* 9.2: every DATA is answered with SHUTDOWN and SACK */
    s->shutdown_due = s->sack_due = true;
    s->t2_at = now + s->rto.rto_us;
  }
  if (s->received.n_held || ++s->n_unacked_packets >= 2) s->sack_due = true;
  if (!s->sack_due && s->sack_at == WR_NEVER) s->sack_at = now + WR_SCTP_SACK_DELAY;
}

void wr_sctp_recv_forward_tsn(wr_sctp *s, wr_bytes body) {
  wr_sctp_forward_tsn_chunk forward;
  if (s->state < WR_SCTP_ESTABLISHED || s->state > WR_SCTP_SHUTDOWN_SENT ||
      !wr_sctp_read_forward_tsn(body, &forward))
    return;
  s->sack_due = true;
  if (!wr_seq32_newer(forward.cumulative, s->received.cumulative)) return;
  wr_tsn_set_forward(&s->received, forward.cumulative);
  wr_sctp_reassembly_prune(&s->reassembly, s->received.cumulative);
  for (size_t i = 0; i < forward.streams.len; i += 4) {
    uint16_t stream = wr_get_u16(forward.streams.data + i), ssn = wr_get_u16(forward.streams.data + i + 2);
    if (stream < WR_SCTP_MAX_STREAMS) wr_sctp_reassembly_skip(&s->reassembly, stream, ssn);
  }
  take_runs(s);
  wr_sctp_take_deferred_resets(s);
}

void wr_sctp_window_opened(wr_sctp *s) {
  if (s->state < WR_SCTP_ESTABLISHED || s->state > WR_SCTP_SHUTDOWN_SENT) return;
  /* A window update only where the sender may be waiting for one (RFC 9260 6.2: no silly windows). */
  uint32_t half = s->settings.recv_budget_bytes / 2;
  if (s->advertised_window < half / 2 && wr_sctp_reassembly_window(&s->reassembly) >= half) s->sack_due = true;
}

/* ---- being acknowledged ---- */

static void measure(wr_sctp *s, const wr_sctp_acked *acked, wr_time now) {
  if (!acked->timed || s->timed_at == WR_NEVER) return;
  wr_sctp_rto_measure(&s->rto, now - s->timed_at);
  s->timed_at = WR_NEVER;
}

void wr_sctp_peer_acked(wr_sctp *s, const wr_sctp_sack_chunk *sack, wr_time now) {
  bool window_used = !wr_seq32_newer(s->queue.acked_tsn + 1, s->limited_tsn);
  wr_sctp_acked acked = wr_sctp_sendqueue_ack(&s->queue, sack, s->cwnd.in_recovery, s->timed_tsn);
  if (!acked.valid) return;
  if (acked.advanced) wr_sctp_rto_recover(&s->rto);
  measure(s, &acked, now);
  wr_sctp_cwnd_ack(&s->cwnd, acked.advanced, sack->cumulative, acked.bytes, window_used);
  if (acked.lost && wr_sctp_cwnd_loss(&s->cwnd, s->queue.next_tsn - 1)) s->burst_allowed = true;
  uint32_t in_flight = s->queue.flight_bytes;
  s->peer_window = sack->a_rwnd > in_flight ? sack->a_rwnd - in_flight : 0;
  /* 8.1; a closed window that is answered is a slow peer, not a dead one. */
  if (acked.bytes || acked.advanced || sack->a_rwnd < WR_SCTP_MTU) s->n_errors = 0;
  if (acked.bytes || acked.advanced) s->acked_at = s->open_at = now;
  if (wr_sctp_sendqueue_must_forward(&s->queue)) s->forward_due = true;
  if (!s->queue.head) {
    s->t3_at = WR_NEVER;
  } else if (acked.advanced || s->t3_at == WR_NEVER) {
    s->t3_at = now + s->rto.rto_us; /* 6.3.2 R3 */
  }
}

void wr_sctp_recv_sack(wr_sctp *s, wr_bytes body, wr_time now) {
  wr_sctp_sack_chunk sack;
  if (s->state < WR_SCTP_ESTABLISHED || s->state == WR_SCTP_ENDED || !wr_sctp_read_sack(body, &sack)) return;
  wr_sctp_peer_acked(s, &sack, now);
  wr_sctp_note_room(s, now);
  wr_sctp_advance_shutdown(s, now);
}

void wr_sctp_t3_expired(wr_sctp *s, wr_time now) {
  s->t3_at = WR_NEVER;
  if (!s->queue.head) return;
  wr_sctp_count_error(s, WR_SCTP_MAX_RETRANSMITS);
  if (s->state == WR_SCTP_ENDED) return;
  wr_sctp_cwnd_timeout(&s->cwnd);
  wr_sctp_rto_back_off(&s->rto);
  s->timed_at = WR_NEVER; /* Karn */
  wr_sctp_sendqueue_timeout(&s->queue);
  (void)wr_sctp_sendqueue_lost(&s->queue, now); /* abandons what is over */
  if (wr_sctp_sendqueue_must_forward(&s->queue)) s->forward_due = true;
  s->t3_at = now + s->rto.rto_us;
}

/* ---- packets out ---- */

void wr_sctp_reply(wr_sctp *s, wr_sctp_chunk_type type, wr_bytes body) {
  size_t padded = (body.len + 3) / 4 * 4;
  if (s->replies_len + 4 + padded > sizeof s->replies) return;
  wr_writer w = wr_writer_of(s->replies + s->replies_len, sizeof s->replies - s->replies_len);
  size_t start = wr_sctp_begin_chunk(&w, type, 0);
  wr_write_bytes(&w, body);
  wr_sctp_end(&w, start);
  s->replies_len += wr_writer_len(&w);
}

static void write_empty(wr_writer *w, wr_sctp_chunk_type type, uint8_t flags) {
  wr_sctp_end(w, wr_sctp_begin_chunk(w, type, flags));
}

static void write_sack(wr_sctp *s, wr_writer *w) {
  wr_tsn_set *set = &s->received;
  s->advertised_window = wr_sctp_reassembly_window(&s->reassembly);
  size_t start = wr_sctp_begin_chunk(w, WR_SCTP_SACK, 0);
  wr_write_u32(w, set->cumulative);
  wr_write_u32(w, s->advertised_window);
  wr_write_u16(w, 0);
  wr_write_u16(w, set->n_duplicates);
  uint16_t n_gaps = 0, gap_start = 0, gap_end = 0;
  size_t reserved = 4u * set->n_duplicates + 12; /* and what may follow: SHUTDOWN, SHUTDOWN ACK */
  while (wr_writer_left(w) >= 4 + reserved &&
         wr_tsn_set_gap(set, n_gaps ? gap_end + 1u : 1, &gap_start, &gap_end)) {
    wr_write_u16(w, gap_start);
    wr_write_u16(w, gap_end);
    n_gaps++;
  }
  for (size_t i = 0; i < set->n_duplicates; i++) wr_write_u32(w, set->duplicates[i]);
  wr_put_u16(w->start + start + 12, n_gaps);
  wr_sctp_end(w, start);
  wr_tsn_set_clear_duplicates(set);
  s->sack_due = false;
  s->sack_at = WR_NEVER;
  s->n_unacked_packets = 0;
}

static void write_heartbeat(wr_sctp *s, wr_writer *w, wr_time now) {
  s->heartbeat_due = false;
  s->heartbeat_open = true;
  s->heartbeat_sent_at = now;
  s->heartbeat_nonce = wr_rng_u64(&s->settings.rng);
  size_t start = wr_sctp_begin_chunk(w, WR_SCTP_HEARTBEAT, 0), param = wr_sctp_begin_param(w, 1);
  wr_write_u64(w, s->heartbeat_nonce);
  wr_sctp_end_param(w, param);
  wr_sctp_end(w, start);
}

static bool sends_data(const wr_sctp *s) {
  return s->state == WR_SCTP_ESTABLISHED || s->state == WR_SCTP_SHUTDOWN_PENDING ||
         s->state == WR_SCTP_SHUTDOWN_RECEIVED || s->state == WR_SCTP_COOKIE_ECHOED;
}

/* 6.1 A and B. With nothing in flight one chunk may always go: it probes a closed window. */
static bool may_send(wr_sctp *s, const wr_sctp_frag *frag) {
  if (s->queue.flight_bytes == 0) return true;
  if (frag->bytes.len > s->peer_window) return false;
  if (s->queue.flight_bytes < s->cwnd.cwnd) return true;
  s->limited_tsn = s->queue.next_tsn - 1;
  return false;
}

/* The fragment to send next, lost ones first; NULL: none, or not now. */
static wr_sctp_frag *next_frag(wr_sctp *s, wr_time now) {
  if (!sends_data(s)) return NULL;
  wr_sctp_frag *frag = wr_sctp_sendqueue_lost(&s->queue, now);
  if (frag && s->burst_allowed) return frag;
  if (!frag) frag = wr_sctp_sendqueue_fresh(&s->queue, now);
  return frag && may_send(s, frag) ? frag : NULL;
}

static void note_sent(wr_sctp *s, wr_sctp_frag *frag, wr_time now) {
  bool fresh = frag->state == WR_SCTP_FRAG_WAITING;
  uint32_t buffered = s->queue.lanes[frag->lane].buffered_bytes, len = frag->bytes.len;
  wr_sctp_sendqueue_sent(&s->queue, frag);
  s->stats.bytes_sent += len;
  s->peer_window -= len < s->peer_window ? len : s->peer_window;
  if (!fresh) {
    s->stats.chunks_retransmitted++;
    if (s->timed_at != WR_NEVER && frag->tsn == s->timed_tsn) s->timed_at = WR_NEVER;
  } else {
    wr_sctp_note_sent(s, frag, buffered);
    if (s->timed_at == WR_NEVER) {
      s->timed_tsn = frag->tsn;
      s->timed_at = now;
    }
  }
  if (s->t3_at != WR_NEVER || s->state == WR_SCTP_COOKIE_ECHOED) return;
  s->t3_at = now + s->rto.rto_us;
  s->open_at = now;
}

wr_time wr_sctp_acked_at(const wr_sctp *s) { return s->acked_at; }

wr_time wr_sctp_open_at(const wr_sctp *s) {
  return s->acked_at && s->queue.head && s->t3_at != WR_NEVER ? s->open_at : WR_NEVER;
}

static void write_data(wr_sctp *s, wr_writer *w, wr_time now) {
  for (wr_sctp_frag *frag; (frag = next_frag(s, now)) != NULL;) {
    if (wr_writer_left(w) < WR_SCTP_DATA_HEADER_BYTES + (frag->bytes.len + 3) / 4 * 4) break;
    note_sent(s, frag, now);
    wr_sctp_data_chunk data = {
        .tsn = frag->tsn, .ppid = frag->ppid, .stream = frag->stream, .ssn = frag->ssn, .flags = frag->flags};
    size_t start = wr_sctp_begin_data(w, &data);
    if (wr_write_need(w, frag->bytes.len)) w->at += wr_rope_copy(&frag->bytes, w->at);
    wr_sctp_end(w, start);
  }
  s->burst_allowed = false;
}

static void write_control(wr_sctp *s, wr_writer *w, wr_time now) {
  if (s->cookie_ack_due) write_empty(w, WR_SCTP_COOKIE_ACK, 0);
  s->cookie_ack_due = false;
  wr_write_bytes(w, wr_bytes_of(s->replies, s->replies_len));
  s->replies_len = 0;
  if (s->reconfig.request_due) s->reset_at = now + s->rto.rto_us;
  wr_sctp_reconfig_write(&s->reconfig, w);
  if (s->heartbeat_due) write_heartbeat(s, w, now);
  if (s->forward_due && wr_sctp_sendqueue_must_forward(&s->queue)) {
    wr_sctp_sendqueue_write_forward(&s->queue, w);
    if (s->t3_at == WR_NEVER) s->t3_at = now + s->rto.rto_us;
  }
  s->forward_due = false;
  if (s->sack_due || (s->sack_at != WR_NEVER && next_frag(s, now))) write_sack(s, w);
  if (s->shutdown_due) {
    size_t start = wr_sctp_begin_chunk(w, WR_SCTP_SHUTDOWN, 0);
    wr_write_u32(w, s->received.cumulative);
    wr_sctp_end(w, start);
  }
  if (s->shutdown_ack_due) write_empty(w, WR_SCTP_SHUTDOWN_ACK, 0);
  s->shutdown_due = s->shutdown_ack_due = false;
}

static void write_abort(wr_sctp *s, wr_writer *w) {
  size_t start = wr_sctp_begin_chunk(w, WR_SCTP_ABORT, 0);
  wr_write_u16(w, s->abort_cause);
  wr_write_u16(w, 4);
  wr_sctp_end(w, start);
  s->abort_due = false;
}

/* 7.2.1: a window that was not used for a while says nothing about the path any more. */
static void note_idle(wr_sctp *s, wr_time now) {
  if (s->queue.head || s->last_sent_at + s->rto.rto_us > now) return;
  wr_sctp_cwnd_idle(&s->cwnd);
}

/* Writes the next packet; |sealed|: it needs its checksum whatever was agreed. */
static void write_packet(wr_sctp *s, wr_writer *w, bool *sealed, wr_time now) {
  if (s->init_ack_due) {
    s->init_ack_due = false;
    *sealed = true;
    wr_sctp_write_init_ack_packet(s, w);
    return;
  }
  if (s->init_due) {
    s->init_due = false;
    *sealed = true;
    wr_sctp_write_init_packet(s, w);
    return;
  }
  wr_sctp_write_header(w, WR_SCTP_PORT, s->peer_tag);
  if (s->abort_due) {
    write_abort(s, w);
    return;
  }
  if (s->shutdown_complete_due) {
    s->shutdown_complete_due = false;
    write_empty(w, WR_SCTP_SHUTDOWN_COMPLETE, 0);
    return;
  }
  if (s->state == WR_SCTP_COOKIE_ECHOED && s->cookie_echo_due) {
    s->cookie_echo_due = false;
    *sealed = true;
    size_t start = wr_sctp_begin_chunk(w, WR_SCTP_COOKIE_ECHO, 0);
    wr_write_bytes(w, wr_bytes_of(s->cookie, s->cookie_len));
    wr_sctp_end(w, start);
    write_data(s, w, now);
    return;
  }
  if (s->state < WR_SCTP_ESTABLISHED || s->state == WR_SCTP_ENDED) return;
  wr_sctp_serve_channels(s, now);
  note_idle(s, now);
  write_control(s, w, now);
  write_data(s, w, now);
}

static void show_state(wr_sctp *s) {
  s->stats.srtt_us = (uint32_t)s->rto.srtt_us; /* at most a minute */
  s->stats.cwnd_bytes = s->cwnd.cwnd;
  s->stats.peer_window_bytes = s->peer_window;
}

size_t wr_sctp_poll(wr_sctp *s, uint8_t *out, size_t cap, wr_time now) {
  WR_ASSERT(cap >= WR_SCTP_MTU);
  wr_writer w = wr_writer_of(out, WR_SCTP_MTU);
  bool sealed = !s->send_zero_checksum;
  write_packet(s, &w, &sealed, now);
  WR_ASSERT(wr_writer_ok(&w));
  show_state(s);
  size_t len = wr_writer_len(&w);
  if (len <= WR_SCTP_HEADER_BYTES) return 0;
  if (sealed) wr_sctp_seal(out, len);
  s->stats.packets_sent++;
  s->last_sent_at = now;
  return len;
}
