/* ice/checks.c - the bounded table of checks under way.
 *
 * Retransmission: after RTO, then doubling up to WR_ICE_RTO_MAX_US, at most WR_ICE_MAX_TRANSMISSIONS in all. RFC
 * 8489 repeats a request under one id; here each transmission is a transaction of its own (as RFC 7675 5.1 does for
 * consent), because an RTT of unknown transmission is useless to the DTLS timer that is derived from it. */
#include "ice/checks.h"

static wr_time last_sent_at(const wr_ice_check *check) {
  return check->first_at + (check->n_sent ? (wr_time)check->after_us[check->n_sent - 1] : 0);
}

static wr_ice_check *free_slot(wr_ice_checks *checks, wr_time now) {
  wr_ice_check *oldest = &checks->slot[0];
  for (size_t i = 0; i < checks->n; i++) {
    wr_ice_check *c = &checks->slot[i];
    if (!c->used || (c->next_at == WR_NEVER && now - last_sent_at(c) > WR_ICE_ANSWERABLE_US)) return c;
    /* What is still repeated is worth more than what only waits for a late answer. */
    bool idle = c->next_at == WR_NEVER, oldest_idle = oldest->next_at == WR_NEVER;
    if (idle != oldest_idle ? idle : last_sent_at(c) < last_sent_at(oldest)) oldest = c;
  }
  return checks->n < WR_ICE_MAX_CHECKS ? &checks->slot[checks->n++] : oldest;
}

wr_ice_check *wr_ice_checks_begin(wr_ice_checks *checks, size_t pair, const wr_rng *rng, wr_time now) {
  wr_ice_check *c = free_slot(checks, now);
  *c = (wr_ice_check){.first_at = now, .next_at = WR_NEVER, .pair = (uint8_t)pair, .used = true};
  wr_rng_fill(rng, c->id, sizeof c->id - 1);
  return c;
}

void wr_ice_check_send(wr_ice_check *check, uint32_t first_rto_us, wr_time now) {
  WR_ASSERT(check->n_sent < WR_ICE_MAX_TRANSMISSIONS);
  WR_ASSERT(!check->once || !check->n_sent);
  if (check->once) first_rto_us = WR_ICE_STREAM_WAIT_US;
  uint32_t doubled = check->rto_us < WR_ICE_RTO_MAX_US / 2 ? check->rto_us * 2 : WR_ICE_RTO_MAX_US;
  check->rto_us = check->n_sent ? doubled : first_rto_us;
  check->next_at = check->is_consent ? WR_NEVER : now + (wr_time)check->rto_us;
  check->after_us[check->n_sent] = (uint32_t)(now - check->first_at);
  check->id[WR_STUN_ID_BYTES - 1] = check->n_sent++;
}

wr_ice_check *wr_ice_checks_find(wr_ice_checks *checks, const uint8_t id[WR_STUN_ID_BYTES], uint32_t *rtt_us,
                                 wr_time now) {
  for (size_t i = 0; i < checks->n; i++) {
    wr_ice_check *c = &checks->slot[i];
    unsigned transmission = id[WR_STUN_ID_BYTES - 1];
    if (!c->used || transmission >= c->n_sent || memcmp(c->id, id, WR_STUN_ID_BYTES - 1) != 0) continue;
    wr_time rtt = now - c->first_at - (wr_time)c->after_us[transmission];
    if (rtt < 0 || rtt > WR_ICE_ANSWERABLE_US * 4) return NULL;
    *rtt_us = (uint32_t)rtt;
    return c;
  }
  return NULL;
}

void wr_ice_checks_stop(wr_ice_checks *checks, size_t pair) {
  for (size_t i = 0; i < checks->n; i++) {
    if (checks->slot[i].used && checks->slot[i].pair == pair) checks->slot[i].next_at = WR_NEVER;
  }
}

void wr_ice_checks_drop(wr_ice_checks *checks, size_t pair) {
  for (size_t i = 0; i < checks->n; i++) {
    if (checks->slot[i].used && checks->slot[i].pair == pair) checks->slot[i].used = false;
  }
}

static wr_ice_check *due(wr_ice_checks *checks, bool spent, wr_time now) {
  for (size_t i = 0; i < checks->n; i++) {
    wr_ice_check *c = &checks->slot[i];
    bool was_last = c->n_sent == (c->once ? 1 : WR_ICE_MAX_TRANSMISSIONS);
    if (c->used && c->next_at <= now && was_last == spent) return c;
  }
  return NULL;
}

wr_ice_check *wr_ice_checks_due(wr_ice_checks *checks, wr_time now) { return due(checks, false, now); }

wr_ice_check *wr_ice_checks_spent(wr_ice_checks *checks, wr_time now) { return due(checks, true, now); }

wr_time wr_ice_checks_deadline(const wr_ice_checks *checks) {
  wr_time deadline = WR_NEVER;
  for (size_t i = 0; i < checks->n; i++) {
    if (checks->slot[i].used) deadline = wr_time_min(deadline, checks->slot[i].next_at);
  }
  return deadline;
}
