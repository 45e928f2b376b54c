/* sctp/sendqueue.c - fragmentation, order of sending, acknowledgement, loss, abandonment; see the header.
 *
 * SSNs are given when the first fragment leaves: a message abandoned before that never existed for the peer. One
 * abandoned after that must have all its TSNs skipped; if fragments are still unsent, the first of them takes one
 * TSN as the end of the abandoned row, so that the next message's TSN never touches the torso at the receiver. */
#include "sctp/sendqueue.h"

#include "base/seq.h"

#define MISSES_TO_LOSE 3

void wr_sctp_sendqueue_init(wr_sctp_sendqueue *q, wr_pool *pool, uint32_t budget_bytes, uint32_t initial_tsn) {
  *q = (wr_sctp_sendqueue){.open_lane = -1,
                           .next_tsn = initial_tsn,
                           .acked_tsn = initial_tsn - 1,
                           .advanced_tsn = initial_tsn - 1,
                           .partial_reliability = true};
  wr_store_init(&q->store, pool, budget_bytes);
  for (size_t i = 0; i < WR_SCTP_LANES; i++) q->lanes[i].priority = 256;
}

static void give_frag(wr_sctp_sendqueue *q, wr_sctp_frag *frag) {
  wr_rope_wipe(&frag->bytes, &q->store);
  wr_store_give(&q->store, frag);
}

static wr_sctp_frag *pop_waiting(wr_sctp_lane *lane) {
  wr_sctp_frag *frag = lane->head;
  lane->head = frag->next;
  if (!lane->head) lane->tail = NULL;
  lane->buffered_bytes -= frag->bytes.len;
  frag->next = NULL;
  return frag;
}

static wr_sctp_frag *pop_outstanding(wr_sctp_sendqueue *q) {
  wr_sctp_frag *frag = q->head;
  q->head = frag->next;
  if (!q->head) q->tail = NULL;
  return frag;
}

void wr_sctp_sendqueue_wipe(wr_sctp_sendqueue *q) {
  for (size_t i = 0; i < WR_SCTP_LANES; i++) {
    while (q->lanes[i].head) give_frag(q, pop_waiting(&q->lanes[i]));
  }
  while (q->head) give_frag(q, pop_outstanding(q));
  q->open_lane = -1;
  q->flight_bytes = q->n_lost = 0;
}

bool wr_sctp_sendqueue_is_empty(const wr_sctp_sendqueue *q) {
  if (q->head) return false;
  for (size_t i = 0; i < WR_SCTP_LANES; i++) {
    if (q->lanes[i].head) return false;
  }
  return true;
}

static void push_fragment(wr_sctp_sendqueue *q, const wr_sctp_message *m, wr_bytes part, uint8_t flags) {
  wr_sctp_lane *lane = &q->lanes[m->lane];
  wr_sctp_frag *frag = wr_store_take(&q->store, sizeof *frag);
  *frag = (wr_sctp_frag){.expires_at = m->expires_at,
                         .ppid = m->ppid,
                         .message_id = q->next_message_id,
                         .max_retransmits = m->max_retransmits,
                         .stream = m->stream,
                         .flags = flags,
                         .lane = m->lane};
  wr_rope_append(&frag->bytes, &q->store, part);
  *(lane->tail ? &lane->tail->next : &lane->head) = frag;
  lane->tail = frag;
  lane->buffered_bytes += frag->bytes.len;
}

bool wr_sctp_sendqueue_has_room(const wr_sctp_sendqueue *q, size_t message_bytes) {
  wr_store_plan plan = wr_store_plan_begin(&q->store);
  for (size_t at = 0; at < message_bytes; at += WR_SCTP_FRAGMENT_BYTES) {
    size_t left = message_bytes - at;
    wr_store_plan_record(&plan, sizeof(wr_sctp_frag));
    wr_store_plan_append(&plan, left < WR_SCTP_FRAGMENT_BYTES ? left : WR_SCTP_FRAGMENT_BYTES);
  }
  return wr_store_fits(&q->store, &plan);
}

wr_err wr_sctp_sendqueue_push(wr_sctp_sendqueue *q, const wr_sctp_message *m) {
  WR_ASSERT(m->bytes.len > 0 && m->lane < WR_SCTP_LANES && m->stream < WR_SCTP_MAX_STREAMS);
  if (!wr_sctp_sendqueue_has_room(q, m->bytes.len)) return WR_ERR_LIMIT;
  wr_sctp_lane *lane = &q->lanes[m->lane];
  if (!lane->head && lane->pass < q->pass) lane->pass = q->pass; /* no credit for silence */
  for (size_t at = 0; at < m->bytes.len; at += WR_SCTP_FRAGMENT_BYTES) {
    size_t left = m->bytes.len - at, len = left < WR_SCTP_FRAGMENT_BYTES ? left : WR_SCTP_FRAGMENT_BYTES;
    uint8_t flags = m->unordered ? WR_SCTP_FLAG_UNORDERED : 0;
    if (at == 0) flags |= WR_SCTP_FLAG_BEGIN;
    if (len == left) flags |= WR_SCTP_FLAG_END;
    push_fragment(q, m, wr_bytes_of(m->bytes.data + at, len), flags);
  }
  q->next_message_id++;
  return WR_OK;
}

/* ---- partial reliability ---- */

static bool is_over(const wr_sctp_sendqueue *q, const wr_sctp_frag *frag, wr_time now) {
  if (!q->partial_reliability) return false;
  return now >= frag->expires_at || (frag->n_sent > 0 && frag->n_sent - 1 >= frag->max_retransmits);
}

static void set_state(wr_sctp_sendqueue *q, wr_sctp_frag *frag, wr_sctp_frag_state state) {
  if (frag->state == WR_SCTP_FRAG_IN_FLIGHT) q->flight_bytes -= frag->bytes.len;
  if (frag->state == WR_SCTP_FRAG_LOST) q->n_lost--;
  frag->state = (uint8_t)state;
  if (state == WR_SCTP_FRAG_IN_FLIGHT) q->flight_bytes += frag->bytes.len;
  if (state == WR_SCTP_FRAG_LOST) q->n_lost++;
}

static void assign_tsn(wr_sctp_sendqueue *q, wr_sctp_frag *frag) {
  frag->tsn = q->next_tsn++;
  bool ordered = !(frag->flags & WR_SCTP_FLAG_UNORDERED);
  frag->ssn = ordered ? q->next_ssn[frag->stream] : 0;
  if (ordered && frag->flags & WR_SCTP_FLAG_END) q->next_ssn[frag->stream]++;
  *(q->tail ? &q->tail->next : &q->head) = frag;
  q->tail = frag;
}

/* What has not left of a message of which something has. */
static void abandon_waiting(wr_sctp_sendqueue *q, wr_sctp_lane *lane, uint32_t message_id) {
  bool first = true;
  while (lane->head && lane->head->message_id == message_id) {
    wr_sctp_frag *frag = pop_waiting(lane);
    if (!first) {
      give_frag(q, frag);
      continue;
    }
    first = false;
    frag->flags |= WR_SCTP_FLAG_END;
    assign_tsn(q, frag);
    wr_rope_wipe(&frag->bytes, &q->store);
    set_state(q, frag, WR_SCTP_FRAG_ABANDONED);
  }
  q->open_lane = -1;
}

static void abandon(wr_sctp_sendqueue *q, uint32_t message_id, uint8_t lane) {
  for (wr_sctp_frag *frag = q->head; frag; frag = frag->next) {
    if (frag->message_id != message_id) continue;
    set_state(q, frag, WR_SCTP_FRAG_ABANDONED);
    wr_rope_wipe(&frag->bytes, &q->store);
  }
  if (q->lanes[lane].head && q->lanes[lane].head->message_id == message_id)
    abandon_waiting(q, &q->lanes[lane], message_id);
}

bool wr_sctp_sendqueue_must_forward(wr_sctp_sendqueue *q) {
  if (wr_seq32_newer(q->acked_tsn, q->advanced_tsn)) q->advanced_tsn = q->acked_tsn;
  for (wr_sctp_frag *frag = q->head; frag && frag->state == WR_SCTP_FRAG_ABANDONED; frag = frag->next) {
    if (wr_seq32_newer(frag->tsn, q->advanced_tsn)) q->advanced_tsn = frag->tsn;
  }
  return wr_seq32_newer(q->advanced_tsn, q->acked_tsn);
}

void wr_sctp_sendqueue_write_forward(const wr_sctp_sendqueue *q, wr_writer *w) {
  const wr_sctp_frag *last[WR_SCTP_LANES] = {0}; /* a lane serves one stream: its highest SSN is enough */
  for (const wr_sctp_frag *frag = q->head; frag && !wr_seq32_newer(frag->tsn, q->advanced_tsn); frag = frag->next) {
    if (!(frag->flags & WR_SCTP_FLAG_UNORDERED)) last[frag->lane] = frag;
  }
  size_t start = wr_sctp_begin_chunk(w, WR_SCTP_FORWARD_TSN, 0);
  wr_write_u32(w, q->advanced_tsn);
  for (size_t i = 0; i < WR_SCTP_LANES; i++) {
    if (!last[i]) continue;
    wr_write_u16(w, last[i]->stream);
    wr_write_u16(w, last[i]->ssn);
  }
  wr_sctp_end(w, start);
}

/* ---- sending ---- */

wr_sctp_frag *wr_sctp_sendqueue_lost(wr_sctp_sendqueue *q, wr_time now) {
  for (wr_sctp_frag *frag = q->head; frag && q->n_lost; frag = frag->next) {
    if (frag->state != WR_SCTP_FRAG_LOST) continue;
    if (!is_over(q, frag, now)) return frag;
    abandon(q, frag->message_id, frag->lane);
  }
  return NULL;
}

static int pick_lane(const wr_sctp_sendqueue *q) {
  if (q->open_lane >= 0) return q->open_lane;
  int best = -1;
  for (int i = 0; i < WR_SCTP_LANES; i++) {
    if (q->lanes[i].head && (best < 0 || q->lanes[i].pass < q->lanes[best].pass)) best = i;
  }
  return best;
}

/* A message of which nothing has left: the peer will never know of it. */
static void drop_unsent(wr_sctp_sendqueue *q, wr_sctp_lane *lane) {
  uint32_t message_id = lane->head->message_id;
  while (lane->head && lane->head->message_id == message_id) give_frag(q, pop_waiting(lane));
}

wr_sctp_frag *wr_sctp_sendqueue_fresh(wr_sctp_sendqueue *q, wr_time now) {
  for (int lane; (lane = pick_lane(q)) >= 0;) {
    wr_sctp_frag *frag = q->lanes[lane].head;
    WR_ASSERT(frag != NULL);
    if (!is_over(q, frag, now)) return frag;
    if (frag->flags & WR_SCTP_FLAG_BEGIN) {
      drop_unsent(q, &q->lanes[lane]);
    } else {
      abandon(q, frag->message_id, (uint8_t)lane);
    }
  }
  return NULL;
}

void wr_sctp_sendqueue_sent(wr_sctp_sendqueue *q, wr_sctp_frag *frag) {
  if (frag->state == WR_SCTP_FRAG_WAITING) {
    wr_sctp_lane *lane = &q->lanes[frag->lane];
    WR_ASSERT(lane->head == frag);
    (void)pop_waiting(lane);
    assign_tsn(q, frag);
    q->pass = lane->pass;
    lane->pass += ((uint64_t)frag->bytes.len + 64) * 1024 / lane->priority;
    q->open_lane = frag->flags & WR_SCTP_FLAG_END ? -1 : frag->lane;
  }
  frag->n_sent++;
  frag->n_misses = 0;
  set_state(q, frag, WR_SCTP_FRAG_IN_FLIGHT);
}

/* ---- acknowledgement ---- */

static void note_acked(wr_sctp_acked *acked, const wr_sctp_frag *frag, uint32_t timed_tsn) {
  acked->bytes += frag->bytes.len;
  if (frag->tsn == timed_tsn && frag->n_sent == 1) acked->timed = true;
}

static void ack_cumulative(wr_sctp_sendqueue *q, uint32_t cumulative, uint32_t timed_tsn, wr_sctp_acked *acked) {
  acked->advanced = cumulative != q->acked_tsn;
  q->acked_tsn = cumulative;
  while (q->head && !wr_seq32_newer(q->head->tsn, cumulative)) {
    wr_sctp_frag *frag = pop_outstanding(q);
    if (frag->state == WR_SCTP_FRAG_IN_FLIGHT || frag->state == WR_SCTP_FRAG_LOST)
      note_acked(acked, frag, timed_tsn);
    set_state(q, frag, WR_SCTP_FRAG_ACKED);
    give_frag(q, frag);
  }
}

/* Walks the outstanding list and the ascending gap blocks side by side. Returns the highest newly acked TSN. */
static uint32_t ack_gaps(wr_sctp_sendqueue *q, const wr_sctp_sack_chunk *sack, uint32_t timed_tsn,
                         wr_sctp_acked *acked) {
  uint32_t highest = sack->cumulative;
  uint16_t start = 0, end = 0;
  size_t i = 0;
  for (wr_sctp_frag *frag = q->head; frag; frag = frag->next) {
    uint32_t offset = frag->tsn - sack->cumulative;
    while (offset > end && i < sack->n_gaps) wr_sctp_sack_gap(sack, i++, &start, &end);
    bool in_gap = offset >= start && offset <= end;
    if (in_gap && (frag->state == WR_SCTP_FRAG_IN_FLIGHT || frag->state == WR_SCTP_FRAG_LOST)) {
      note_acked(acked, frag, timed_tsn);
      set_state(q, frag, WR_SCTP_FRAG_ACKED);
      highest = frag->tsn;
    } else if (!in_gap && frag->state == WR_SCTP_FRAG_ACKED) {
      set_state(q, frag, WR_SCTP_FRAG_IN_FLIGHT); /* the peer reneged: as if just sent (6.2.1 D iii) */
    }
  }
  return highest;
}

/* 7.2.4: one miss for each SACK that newly acknowledges something later (HTNA). */
static void count_misses(wr_sctp_sendqueue *q, uint32_t highest_newly_acked, wr_sctp_acked *acked) {
  for (wr_sctp_frag *frag = q->head; frag && wr_seq32_newer(highest_newly_acked, frag->tsn); frag = frag->next) {
    if (frag->state != WR_SCTP_FRAG_IN_FLIGHT || frag->fast_retransmit) continue;
    if (++frag->n_misses < MISSES_TO_LOSE) continue;
    frag->fast_retransmit = true;
    set_state(q, frag, WR_SCTP_FRAG_LOST);
    acked->lost = true;
  }
}

wr_sctp_acked wr_sctp_sendqueue_ack(wr_sctp_sendqueue *q, const wr_sctp_sack_chunk *sack, bool in_recovery,
                                    uint32_t timed_tsn) {
  wr_sctp_acked acked = {0};
  if (wr_seq32_newer(q->acked_tsn, sack->cumulative)) return acked;
  if (wr_seq32_newer(sack->cumulative, q->next_tsn - 1)) return acked;
  acked.valid = true;
  ack_cumulative(q, sack->cumulative, timed_tsn, &acked);
  uint32_t highest = ack_gaps(q, sack, timed_tsn, &acked);
  /* In recovery every SACK that moves the cumulative point counts against all that the gaps show missing. */
  if (in_recovery && acked.advanced && sack->n_gaps > 0) {
    uint16_t start, end;
    wr_sctp_sack_gap(sack, (size_t)sack->n_gaps - 1, &start, &end);
    if (wr_seq32_newer(q->next_tsn, sack->cumulative + end)) highest = sack->cumulative + end;
  }
  if (sack->n_gaps > 0) count_misses(q, highest, &acked);
  return acked;
}

void wr_sctp_sendqueue_timeout(wr_sctp_sendqueue *q) {
  for (wr_sctp_frag *frag = q->head; frag; frag = frag->next) {
    if (frag->state == WR_SCTP_FRAG_IN_FLIGHT) set_state(q, frag, WR_SCTP_FRAG_LOST);
    frag->fast_retransmit = false;
    frag->n_misses = 0;
  }
}
