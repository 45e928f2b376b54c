/* ice/pair.c - pair priorities, measurements and the bounded table.
 *
 * Left out: the Frozen state. With one component and one data stream it only orders checks of equal foundation, and
 * priority does that already (RFC 8445 6.1.2.6). */
#include "ice/pair.h"

uint64_t wr_ice_pair_priority(bool controlling, uint32_t local, uint32_t remote) {
  uint32_t g = controlling ? local : remote, d = controlling ? remote : local;
  uint64_t low = g < d ? g : d, high = g < d ? d : g;
  return (low << 32) + 2 * high + (g > d ? 1 : 0);
}

void wr_ice_pair_measured(wr_ice_pair *pair, uint32_t rtt_us) {
  if (rtt_us == 0) rtt_us = 1; /* 0 says "not measured" */
  pair->rtt_us = pair->rtt_us ? (uint32_t)(((uint64_t)pair->rtt_us * 7 + rtt_us) / 8) : rtt_us;
  if (pair->rtt_us == 0) pair->rtt_us = 1;
}

int wr_ice_pairs_find(const wr_ice_pairs *pairs, size_t local, size_t remote, bool previous) {
  for (int i = 0; i < WR_ICE_MAX_PAIRS; i++) {
    const wr_ice_pair *p = &pairs->slot[i];
    if (p->used && p->local == local && p->remote == remote && p->previous == previous) return i;
  }
  return -1;
}

int wr_ice_pairs_take(wr_ice_pairs *pairs, uint64_t priority, int keep, bool *victim) {
  int lowest = -1;
  *victim = false;
  for (int i = 0; i < WR_ICE_MAX_PAIRS; i++) {
    wr_ice_pair *p = &pairs->slot[i];
    if (!p->used) {
      *p = (wr_ice_pair){.used = true, .priority = priority};
      return i;
    }
    if (p->valid || i == keep) continue;
    if (lowest < 0 || p->priority < pairs->slot[lowest].priority) lowest = i;
  }
  if (lowest < 0 || pairs->slot[lowest].priority >= priority) return -1;
  *victim = true;
  pairs->slot[lowest] = (wr_ice_pair){.used = true, .priority = priority};
  return lowest;
}

int wr_ice_pairs_next_waiting(const wr_ice_pairs *pairs) {
  int best = -1;
  for (int i = 0; i < WR_ICE_MAX_PAIRS; i++) {
    const wr_ice_pair *p = &pairs->slot[i];
    if (!p->used || p->previous || p->triggered || p->state != WR_ICE_PAIR_WAITING) continue;
    if (best < 0 || p->priority > pairs->slot[best].priority) best = i;
  }
  return best;
}
