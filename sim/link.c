/* sim/link.c - rate, drop-tail queue, random and bursty loss, delay, jitter, reorder and duplication.
 *
 * Leaves out: active queue management, link-layer retransmission, rates that vary with time (change the profile
 * between two datagrams instead). */
#include "sim/link.h"

#include <string.h>

void sim_link_init(sim_link *link, const sim_link_profile *profile, sim_rng rng) {
  *link = (sim_link){.profile = *profile, .rng = rng};
}

/* When the last bit leaves the sender, or WR_NEVER if the queue has no room. */
static wr_time serialise(sim_link *link, size_t wire_bytes, wr_time now) {
  const sim_link_profile *p = &link->profile;
  if (!p->rate_bps) return now;
  wr_time start = link->busy_until > now ? link->busy_until : now;
  uint64_t backlog_bytes = (uint64_t)(start - now) * p->rate_bps / 8000000u;
  if (backlog_bytes && backlog_bytes + wire_bytes > p->queue_bytes) return WR_NEVER;
  link->busy_until = start + (wr_time)(wire_bytes * 8000000u / p->rate_bps);
  return link->busy_until;
}

static bool lose(sim_link *link) {
  const sim_link_profile *p = &link->profile;
  bool turn = sim_rng_chance(&link->rng, link->bursting ? p->burst_end_ppm : p->burst_start_ppm);
  if (turn) link->bursting = !link->bursting;
  bool burst_loss = sim_rng_chance(&link->rng, p->burst_loss_ppm);
  bool random_loss = sim_rng_chance(&link->rng, p->loss_ppm);
  return random_loss || (link->bursting && burst_loss);
}

sim_link_verdict sim_link_carry(sim_link *link, size_t payload_bytes, wr_time now) {
  const sim_link_profile *p = &link->profile;
  size_t wire_bytes = payload_bytes + SIM_IP_UDP_BYTES;
  bool lost = lose(link);
  wr_time jitter = p->jitter_us ? (wr_time)sim_rng_upto(&link->rng, (uint64_t)p->jitter_us) : 0;
  bool reordered = sim_rng_chance(&link->rng, p->reorder_ppm);
  bool doubled = sim_rng_chance(&link->rng, p->duplicate_ppm);

  if (p->mtu_bytes && wire_bytes > p->mtu_bytes) return (sim_link_verdict){.fate = SIM_LINK_TOO_LARGE};
  wr_time sent_at = serialise(link, wire_bytes, now);
  if (sent_at == WR_NEVER) return (sim_link_verdict){.fate = SIM_LINK_QUEUE_FULL};
  if (lost) return (sim_link_verdict){.fate = SIM_LINK_LOST};

  wr_time at = sent_at + p->delay_us + jitter;
  if (at < link->last_arrival) at = link->last_arrival;
  if (!reordered) link->last_arrival = at;
  if (reordered) at += p->reorder_us;
  return (sim_link_verdict){.fate = SIM_LINK_PASSED,
                            .n_copies = doubled ? 2 : 1,
                            .reordered = reordered,
                            .arrive_at = {at, at + p->jitter_us}};
}

#define PROFILE(id, delay, jitter, loss, start, end, burst, reorder, held, twice, up_kbps, down_kbps, queue) \
  {.name = #id,                                                                                              \
   .up = {.delay_us = (delay),                                                                               \
          .jitter_us = (jitter),                                                                             \
          .loss_ppm = (loss),                                                                                \
          .burst_start_ppm = (start),                                                                        \
          .burst_end_ppm = (end),                                                                            \
          .burst_loss_ppm = (burst),                                                                         \
          .reorder_ppm = (reorder),                                                                          \
          .reorder_us = (held),                                                                              \
          .duplicate_ppm = (twice),                                                                          \
          .rate_bps = (up_kbps)*1000ull,                                                                     \
          .queue_bytes = (queue)},                                                                           \
   .down = {.delay_us = (delay),                                                                             \
            .jitter_us = (jitter),                                                                           \
            .loss_ppm = (loss),                                                                              \
            .burst_start_ppm = (start),                                                                      \
            .burst_end_ppm = (end),                                                                          \
            .burst_loss_ppm = (burst),                                                                       \
            .reorder_ppm = (reorder),                                                                        \
            .reorder_us = (held),                                                                            \
            .duplicate_ppm = (twice),                                                                        \
            .rate_bps = (down_kbps)*1000ull,                                                                 \
            .queue_bytes = (queue)}},
static const sim_profile profiles[] = {
#include "sim/profiles.def"
};
#undef PROFILE

const sim_profile *sim_profile_at(size_t index) {
  return index < sizeof profiles / sizeof *profiles ? &profiles[index] : NULL;
}

const sim_profile *sim_profile_named(const char *name) {
  for (size_t i = 0; i < sizeof profiles / sizeof *profiles; i++)
    if (!strcmp(profiles[i].name, name)) return &profiles[i];
  return NULL;
}
