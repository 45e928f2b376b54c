/* sim/rate_trace.c - the traces. Figures are round, in the range reported for each kind of access. */
#include "sim/rate_trace.h"

#include <math.h>
#include <string.h>

/* Queues of consumer equipment are counted in bytes, so a fall of the rate makes the same queue longer. */
static void wire(sim_link_profile *up, double kbps, double delay_ms, size_t queue_bytes) {
  *up = (sim_link_profile){.delay_us = (wr_time)(delay_ms * 1000),
                           .jitter_us = WR_MS(4),
                           .rate_bps = (uint64_t)(kbps * 1000),
                           .queue_bytes = queue_bytes};
}

static double uniform(sim_rng *rng, double least, double most) {
  return least + (most - least) * (double)sim_rng_upto(rng, 1000000) / 1e6;
}

static double within(double value, double least, double most) {
  return value < least ? least : value > most ? most : value;
}

static void clean(sim_link_profile *up, int second, double *state, sim_rng *rng) {
  (void)second, (void)state, (void)rng;
  wire(up, 20000, 15, 250000);
}

static void step_400_24_400(sim_link_profile *up, int second, double *state, sim_rng *rng) {
  (void)state, (void)rng;
  wire(up, second >= 60 && second < 120 ? 24 : 400, 25, 8000);
}

static void steps(sim_link_profile *up, int second, double *state, sim_rng *rng) {
  static const double kbps[] = {300, 48, 120, 30, 600, 60, 200, 40, 100};
  (void)state, (void)rng;
  wire(up, kbps[second / 20], 25, 10000);
}

/* Somebody in the house sends a photo now and then: six to fourteen seconds of what that leaves. */
static void bursts(sim_link_profile *up, int second, double *state, sim_rng *rng) {
  if (second >= (int)state[1]) {
    state[0] = second + uniform(rng, 15, 25);
    state[1] = state[0] + uniform(rng, 6, 14);
    state[2] = uniform(rng, 25, 100);
  }
  wire(up, second >= (int)state[0] ? state[2] : 900, 20, 12000);
}

static void slow_fade(sim_link_profile *up, int second, double *state, sim_rng *rng) {
  (void)state;
  double phase = 2 * 3.14159265 * second / 120;
  wire(up, 25 * pow(40, (1 + cos(phase)) / 2) * uniform(rng, 0.93, 1.07), 30, 12000);
}

/* In a moving train: capacity walks by tens of per cent a second, handovers stop everything for a moment. */
static void lte(sim_link_profile *up, int second, double *state, sim_rng *rng) {
  if (second == 0) state[0] = 600;
  state[0] = within(state[0] * exp(uniform(rng, -0.45, 0.45)), 20, 4000);
  bool handover = sim_rng_chance(rng, 25000);
  wire(up, handover ? 8 : state[0], 25, 40000);
  up->jitter_us = WR_MS(15);
  up->burst_start_ppm = 500;
  up->burst_end_ppm = 100000;
  up->burst_loss_ppm = 300000;
}

/* Shared air: collisions, reordering, a rate that falls for ten seconds when somebody watches a film. */
static void cafe_wifi(sim_link_profile *up, int second, double *state, sim_rng *rng) {
  if (second % 10 == 0) state[0] = sim_rng_chance(rng, 400000) ? uniform(rng, 30, 90) : uniform(rng, 400, 2500);
  wire(up, state[0] * uniform(rng, 0.7, 1.2), 8, 20000);
  up->jitter_us = WR_MS(20);
  up->loss_ppm = 8000;
  up->burst_start_ppm = 4000;
  up->burst_end_ppm = 200000;
  up->burst_loss_ppm = 500000;
}

/* The radio loses one packet in ten; there is room for anything. */
static void random_loss_10(sim_link_profile *up, int second, double *state, sim_rng *rng) {
  (void)second, (void)state, (void)rng;
  wire(up, 3000, 30, 60000);
  up->loss_ppm = 100000;
}

static void bursty_loss(sim_link_profile *up, int second, double *state, sim_rng *rng) {
  (void)second, (void)state, (void)rng;
  wire(up, 3000, 30, 60000);
  up->burst_start_ppm = 10000;
  up->burst_end_ppm = 200000;
  up->burst_loss_ppm = 700000;
}

/* Two seconds of queue at 150 kbit/s, and a capacity that is less than that for half of the time. */
static void bufferbloat(sim_link_profile *up, int second, double *state, sim_rng *rng) {
  (void)state, (void)rng;
  wire(up, second / 30 % 2 ? 45 : 150, 20, 40000);
}

static void uplink_24k(sim_link_profile *up, int second, double *state, sim_rng *rng) {
  (void)second, (void)state, (void)rng;
  wire(up, 24, 60, 4000);
}

static void uplink_50k(sim_link_profile *up, int second, double *state, sim_rng *rng) {
  (void)second, (void)state, (void)rng;
  wire(up, 50, 30, 8000);
}

/* A token bucket without a queue: loss is the only sign. */
static void policer_50k(sim_link_profile *up, int second, double *state, sim_rng *rng) {
  (void)state, (void)rng;
  wire(up, second < 30 ? 1000 : 50, 20, 1400);
}

/* Somebody's upload keeps 350 ms standing in the queue for a minute; there is room enough for a call. */
static void neighbour(sim_link_profile *up, int second, double *state, sim_rng *rng) {
  (void)state;
  bool busy = second >= 60 && second < 120;
  wire(up, 1500, busy ? uniform(rng, 340, 380) : 20, 60000);
  up->loss_ppm = busy ? 10000 : 0;
}

/* Nothing passes for 1 to 3 s, five times. */
static void outages(sim_link_profile *up, int second, double *state, sim_rng *rng) {
  if (second % 36 == 18) state[0] = second + uniform(rng, 1, 3.99);
  wire(up, 2000, 30, 30000);
  if (second % 36 >= 18 && second < (int)state[0]) up->loss_ppm = 1000000;
}

#define TRACE(id, is_lossy, text) \
  { .name = #id, .about = text, .lossy = is_lossy, .shape = id }
static const sim_rate_trace traces[] = {
    {.name = "clean", .about = "20 Mbit/s, 15 ms", .clean = true, .shape = clean},
    TRACE(step_400_24_400, false, "400 kbit/s, one minute of 24, 400 again"),
    TRACE(steps, false, "another capacity every 20 s, 30 to 600 kbit/s"),
    TRACE(bursts, false, "900 kbit/s; every 20 s 6 to 14 s of 25 to 100"),
    TRACE(slow_fade, false, "from 1000 to 25 kbit/s and back in two minutes"),
    TRACE(lte, true, "capacity walks between 20 and 4000 kbit/s, handovers, bursty loss"),
    TRACE(cafe_wifi, true, "jitter, loss, ten seconds of 30 to 90 kbit/s now and then"),
    TRACE(random_loss_10, true, "one packet in ten is lost, whatever is sent"),
    TRACE(bursty_loss, true, "3 % in bursts of 5 packets, whatever is sent"),
    TRACE(bufferbloat, false, "150 and 45 kbit/s in turn behind a queue of 40 kB"),
    TRACE(uplink_24k, false, "24 kbit/s for good"),
    TRACE(uplink_50k, false, "50 kbit/s for good"),
    TRACE(policer_50k, false, "after 30 s everything above 50 kbit/s is thrown away, no queue"),
    TRACE(neighbour, false, "a minute of 350 ms of somebody else's queue"),
    TRACE(outages, false, "nothing for 1 to 3 s, five times"),
};
#undef TRACE
#define N_TRACES (sizeof traces / sizeof *traces)

const sim_rate_trace *sim_rate_trace_at(size_t index) { return index < N_TRACES ? &traces[index] : NULL; }

const sim_rate_trace *sim_rate_trace_named(const char *name) {
  for (size_t i = 0; i < N_TRACES; i++)
    if (!strcmp(traces[i].name, name)) return &traces[i];
  return NULL;
}

void sim_rate_trace_draw(const sim_rate_trace *trace, uint64_t seed, sim_link_profile up[SIM_RATE_SECONDS]) {
  sim_rng rng = sim_rng_of(seed, 77);
  double state[3] = {0};
  for (int second = 0; second < SIM_RATE_SECONDS; second++) trace->shape(&up[second], second, state, &rng);
}
