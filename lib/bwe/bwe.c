/* bwe/bwe.c - notes, feedback, target; see bwe/bwe.h. Left out: congestion windows, ECN. */
#include "bwe/bwe.h"

#include "base/seq.h"
#include "bwe/ccfb.h"
#include "bwe/twcc.h"

#define TWCC_CLOCK_US ((wr_time)64000 << 24) /* the reference time has 24 bits of 64 ms */

void wr_bwe_init(wr_bwe *bwe, const wr_bwe_settings *s) {
  WR_ASSERT(s->n_notes && (s->n_notes & (s->n_notes - 1)) == 0);
  *bwe = (wr_bwe){.settings = *s};
  for (unsigned i = 0; i < s->n_notes; i++) s->notes[i] = (wr_bwe_note){0};
  wr_delay_init(&bwe->delay);
  wr_aimd_init(&bwe->aimd, s->start_bps, s->least_bps, s->most_bps);
  wr_loss_init(&bwe->loss, s->least_bps, s->most_bps);
  wr_probe_init(&bwe->probe, s->most_bps);
}

double wr_bwe_target_bps(const wr_bwe *bwe) {
  double bps = bwe->aimd.rate_bps;
  if (bwe->loss.bound_bps < bps) bps = bwe->loss.bound_bps;
  if (bwe->told_bps > 0 && bwe->told_bps < bps) bps = bwe->told_bps;
  return bps > bwe->settings.least_bps ? bps : bwe->settings.least_bps;
}

void wr_bwe_remb(wr_bwe *bwe, double bps) { bwe->told_bps = bps; }

static void notice_limited(wr_bwe *bwe, wr_time now) {
  double sent_bps = wr_rate_bps(&bwe->sent, now), target_bps = wr_bwe_target_bps(bwe);
  if (sent_bps < WR_BWE_LIMITED_SHARE * target_bps) bwe->limited = true;
  if (sent_bps > WR_BWE_FULL_SHARE * target_bps) bwe->limited = false;
}

double wr_bwe_probe(wr_bwe *bwe, uint8_t *cluster, wr_time now) {
  if (!bwe->settings.probing) return 0;
  if (bwe->limited && bwe->usage == WR_USAGE_NORMAL && bwe->n_feedback)
    wr_probe_limited(&bwe->probe, wr_bwe_target_bps(bwe), now);
  return wr_probe_rate(&bwe->probe, cluster, now);
}

uint16_t wr_bwe_sent(wr_bwe *bwe, size_t bytes, uint8_t cluster, wr_time now) {
  if (!bwe->started && bwe->settings.probing) wr_probe_start(&bwe->probe, bwe->settings.start_bps);
  bwe->started = true;
  uint16_t seq = bwe->next_seq++;
  size_t whole = bytes + WR_BWE_OVERHEAD_BYTES;
  bwe->settings.notes[seq & (bwe->settings.n_notes - 1)] = (wr_bwe_note){
      .sent_at = now, .seq = seq, .bytes = (uint16_t)whole, .cluster = cluster, .fate = WR_BWE_UNTOLD};
  wr_rate_add(&bwe->sent, whole, now);
  wr_probe_sent(&bwe->probe, cluster, whole);
  return seq;
}

void wr_bwe_resent(wr_bwe *bwe, uint16_t seq) {
  wr_bwe_note *note = &bwe->settings.notes[seq & (bwe->settings.n_notes - 1)];
  if (note->seq != seq || note->fate == WR_BWE_RESENT) return;
  note->fate = note->fate == WR_BWE_UNTOLD ? WR_BWE_RESENT : WR_BWE_UNUSED;
}

/* ---- feedback ---- */

typedef struct batch {
  uint32_t n_arrived, n_missing;
  wr_time shortest_us; /* from sending to being told */
  double probed_bps;
  bool over; /* at any of its packets */
} batch;

static wr_time unwrapped(wr_bwe *bwe, wr_time at, wr_time clock_us) {
  if (bwe->peer_clock_us != clock_us) { /* the first: wherever in its round the clock stands */
    bwe->peer_clock_us = clock_us;
    bwe->peer_at = at + clock_us; /* so that earlier arrivals are not negative */
    return bwe->peer_at;
  }
  wr_time ahead = (at - bwe->peer_at) % bwe->peer_clock_us;
  if (ahead < 0) ahead += bwe->peer_clock_us;
  if (ahead > bwe->peer_clock_us / 2) ahead -= bwe->peer_clock_us;
  at = bwe->peer_at + ahead;
  if (ahead > 0) bwe->peer_at = at;
  return at;
}

/* |clock_us|: after how long the peer's clock begins anew. */
static void take_status(wr_bwe *bwe, batch *b, const wr_twcc_status *status, wr_time clock_us, wr_time now) {
  wr_bwe_note *note = &bwe->settings.notes[status->seq & (bwe->settings.n_notes - 1)];
  if (note->fate == WR_BWE_UNUSED || note->seq != status->seq || note->fate == WR_BWE_ARRIVED) return;
  if (note->fate == WR_BWE_RESENT) {
    b->n_missing++;
    note->fate = WR_BWE_UNUSED;
    return;
  }
  if (!status->received) {
    if (note->fate == WR_BWE_UNTOLD) b->n_missing++;
    note->fate = WR_BWE_MISSING;
    return;
  }
  b->n_arrived++;
  note->fate = WR_BWE_ARRIVED;
  if (status->at == WR_NEVER) return; /* but not when */
  wr_time at = unwrapped(bwe, status->at, clock_us);
  wr_rate_add(&bwe->arrived, note->bytes, at);
  bwe->usage = wr_delay_packet(&bwe->delay, note->sent_at, at);
  b->over = b->over || bwe->usage == WR_USAGE_OVER;
  double probed_bps = wr_probe_arrived(&bwe->probe, note->cluster, note->bytes, note->sent_at, at);
  if (probed_bps > 0) b->probed_bps = probed_bps;
  if (now - note->sent_at < b->shortest_us) b->shortest_us = now - note->sent_at;
}

static void draw_conclusions(wr_bwe *bwe, const batch *b, wr_time now) {
  if (b->n_arrived + b->n_missing == 0) return;
  bwe->n_feedback++;
  if (b->shortest_us != WR_NEVER)
    bwe->rtt_us = bwe->rtt_us ? (7 * bwe->rtt_us + b->shortest_us) / 8 : b->shortest_us;
  double arrived_bps = wr_rate_bps(&bwe->arrived, bwe->peer_at);
  notice_limited(bwe, now);
  if (b->over) wr_probe_cancel(&bwe->probe);
  if (b->probed_bps > 0 && !b->over && (b->probed_bps > bwe->aimd.rate_bps || !bwe->limited))
    wr_aimd_set(&bwe->aimd, b->probed_bps, now);
  else
    wr_aimd_update(&bwe->aimd, b->over ? WR_USAGE_OVER : bwe->usage, arrived_bps, bwe->limited, bwe->rtt_us, now);
  wr_loss_update(&bwe->loss, b->n_arrived + b->n_missing, b->n_missing, wr_rate_bps(&bwe->sent, now),
                 bwe->aimd.rate_bps, now);
}

void wr_bwe_feedback(wr_bwe *bwe, wr_bytes body, wr_time now) {
  wr_twcc_reader reader;
  wr_twcc_status status;
  batch b = {.shortest_us = WR_NEVER};
  if (wr_twcc_open(&reader, body))
    while (wr_twcc_next(&reader, &status)) take_status(bwe, &b, &status, TWCC_CLOCK_US, now);
  if (reader.failed) bwe->n_malformed++;
  draw_conclusions(bwe, &b, now);
}

void wr_bwe_feedback_ccfb(wr_bwe *bwe, wr_bytes body, uint32_t ssrc, uint16_t offset, wr_time now) {
  wr_ccfb_reader reader;
  wr_ccfb_status status;
  batch b = {.shortest_us = WR_NEVER};
  if (wr_ccfb_open(&reader, body))
    while (wr_ccfb_next(&reader, &status)) {
      wr_twcc_status same = {.seq = (uint16_t)(status.seq + offset), .received = status.received, .at = status.at};
      if (status.ssrc == ssrc) take_status(bwe, &b, &same, WR_CCFB_CLOCK_US, now);
    }
  if (reader.failed) bwe->n_malformed++;
  draw_conclusions(bwe, &b, now);
}
