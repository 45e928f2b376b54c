#include "bwe/bwe.h"

#include "bwe/ccfb.h"
#include "bwe/twcc.h"
#include "check.h"

/* A sender that uses its whole target, a path with a queue, a receiver that tells each 100 ms. */
typedef struct world {
  wr_bwe bwe;
  wr_bwe_note notes[1024];
  wr_twcc_arrivals arrivals;
  bool by_ccfb; /* told as in RFC 8888, of the source 7 */
  wr_ccfb_arrivals ccfb;
  wr_time now, free_at, told_at;
  wr_time peer_us; /* the receiver's clock beyond ours */
  double path_bps, most_bps, credit, sent_bits, lost;
  wr_time longest_us; /* in the queue */
  check_rng rng;
} world;

static world *new_world(double path_bps) {
  static world w;
  w = (world){.path_bps = path_bps,
              .most_bps = 1e9,
              .now = WR_S(1),
              .told_at = WR_S(1),
              .peer_us = WR_S(77777),
              .rng = {5}};
  wr_bwe_init(&w.bwe, &(wr_bwe_settings){.start_bps = WR_BWE_START_BPS,
                                         .least_bps = WR_BWE_LEAST_BPS,
                                         .most_bps = 5e6,
                                         .notes = w.notes,
                                         .n_notes = 1024});
  wr_twcc_arrivals_init(&w.arrivals);
  wr_ccfb_arrivals_init(&w.ccfb);
  return &w;
}

static void send_one(world *w) {
  uint16_t seq = wr_bwe_sent(&w->bwe, 972, 0, w->now);
  w->sent_bits += 8000;
  if (w->free_at < w->now) w->free_at = w->now;
  if (w->free_at - w->now > WR_MS(300)) return;
  w->free_at += (wr_time)(8e9 / w->path_bps);
  if (w->free_at - w->now > w->longest_us) w->longest_us = w->free_at - w->now;
  if (check_rng_u32(&w->rng) % 1000 < w->lost * 1000) return;
  wr_time at = w->free_at + WR_MS(50) + w->peer_us;
  if (w->by_ccfb)
    (void)wr_ccfb_arrived(&w->ccfb, 7, (uint16_t)(seq + 1000), at);
  else
    wr_twcc_arrived(&w->arrivals, seq, at);
}

static void tell(world *w) {
  uint8_t out[WR_CCFB_PACKET_MAX];
  wr_writer writer = wr_writer_of(out, sizeof out);
  if (w->by_ccfb) {
    wr_ccfb_write(&w->ccfb, &writer, 1, w->now + WR_MS(350) + w->peer_us); /* all have arrived by then */
    if (wr_writer_len(&writer))
      wr_bwe_feedback_ccfb(&w->bwe, wr_bytes_of(out + 8, wr_writer_len(&writer) - 8), 7, (uint16_t)-1000, w->now);
    return;
  }
  wr_twcc_write(&w->arrivals, &writer, 1, 2);
  if (wr_writer_len(&writer)) wr_bwe_feedback(&w->bwe, wr_bytes_of(out + 12, wr_writer_len(&writer) - 12), w->now);
}

/* |seconds|; the bits sent in them. */
static double run(world *w, int seconds) {
  w->sent_bits = 0;
  w->longest_us = 0;
  for (wr_time end = w->now + WR_S(seconds); w->now < end; w->now += WR_MS(5)) {
    double bps = wr_bwe_target_bps(&w->bwe);
    w->credit += (bps < w->most_bps ? bps : w->most_bps) / 200;
    while (w->credit >= 8000) {
      w->credit -= 8000;
      send_one(w);
    }
    if (w->now - w->told_at < WR_MS(100)) continue;
    w->told_at = w->now;
    tell(w);
  }
  return w->sent_bits / seconds;
}

static void find_and_follow(bool by_ccfb) {
  world *w = new_world(1e6);
  w->by_ccfb = by_ccfb;
  run(w, 30);
  double bps = run(w, 20);
  CHECK(bps > 750000 && bps < 1020000);
  CHECK(w->longest_us < WR_MS(150));
  w->path_bps = 300000;
  run(w, 10);
  bps = run(w, 20);
  CHECK(bps > 210000 && bps < 310000);
  CHECK(w->longest_us < WR_MS(250));
  w->path_bps = 1e6;
  run(w, 25);
  bps = run(w, 20);
  CHECK(bps > 700000 && bps < 1020000);
  CHECK_EQ(w->bwe.n_malformed, 0);
}

TEST(bwe_finds_a_path_and_follows_it_down_and_up) { find_and_follow(false); }

TEST(bwe_finds_and_follows_it_by_feedback_of_rfc_8888) { find_and_follow(true); }

/* A machine that has been up for a week has a clock in the second half of its round: its arrivals lie before
 * nothing. */
TEST(bwe_any_clock_of_the_peer_will_do) {
  static const wr_time day = WR_S(86400);
  for (int i = 0; i < 26; i++) {
    world *w = new_world(1e6);
    w->by_ccfb = i % 2;
    w->peer_us = i / 2 * day + WR_S(12345) * i;
    run(w, 30);
    double bps = run(w, 10);
    CHECK(bps > 750000 && bps < 1020000);
    w->path_bps = 300000;
    run(w, 10);
    bps = run(w, 10);
    CHECK(bps > 200000 && bps < 320000);
  }
}

/* Feedback about somebody else's packets, or without times, moves nothing; what is malformed is counted. */
TEST(bwe_feedback_of_rfc_8888_counts_for_its_source) {
  world *w = new_world(1e6);
  w->by_ccfb = true;
  for (int i = 0; i < 20; i++) send_one(w);
  uint8_t body[32];
  size_t len = check_hex(body, sizeof body, "00000008 03e8 0002 8400 8400 00020000");
  wr_bwe_feedback_ccfb(&w->bwe, wr_bytes_of(body, len), 7, (uint16_t)-1000, w->now);
  CHECK_EQ(w->bwe.n_feedback, 0);
  len = check_hex(body, sizeof body, "00000007 03e8 0002 9fff 9ffe 00020000");
  wr_bwe_feedback_ccfb(&w->bwe, wr_bytes_of(body, len), 7, (uint16_t)-1000, w->now);
  CHECK_EQ(w->bwe.n_feedback, 1);
  CHECK(w->bwe.rtt_us == 0 && wr_bwe_target_bps(&w->bwe) >= WR_BWE_START_BPS);
  wr_bwe_feedback_ccfb(&w->bwe, wr_bytes_of(body, 6), 7, 0, w->now);
  CHECK_EQ(w->bwe.n_malformed, 1);
}

TEST(bwe_a_lossy_path_is_used_all_the_same) {
  world *w = new_world(5e6);
  w->most_bps = 400000;
  w->lost = 0.2;
  run(w, 30);
  CHECK(wr_bwe_target_bps(&w->bwe) >= 300000);
  CHECK(w->bwe.loss.own > 0.1);
}

TEST(bwe_who_sends_little_learns_little) {
  world *w = new_world(5e6);
  w->most_bps = 40000;
  run(w, 30);
  CHECK(w->bwe.limited);
  CHECK_EQ((int)wr_bwe_target_bps(&w->bwe), WR_BWE_START_BPS);
}

TEST(bwe_the_peers_own_estimate_is_a_bound) {
  world *w = new_world(1e6);
  run(w, 5);
  wr_bwe_remb(&w->bwe, 64000);
  CHECK_EQ((int)wr_bwe_target_bps(&w->bwe), 64000);
  wr_bwe_remb(&w->bwe, 0);
  CHECK(wr_bwe_target_bps(&w->bwe) > 64000);
}

TEST(bwe_feedback_about_what_was_never_sent_changes_nothing) {
  world *w = new_world(1e6);
  run(w, 2);
  wr_bwe before = w->bwe;
  uint8_t body[64];
  size_t len = check_hex(body, sizeof body, "f000 0003 000002 07 2003 04 08 10");
  wr_bwe_feedback(&w->bwe, wr_bytes_of(body, len), w->now);
  CHECK_BYTES(&w->bwe, sizeof before, &before, sizeof before);
  wr_bwe_feedback(&w->bwe, wr_bytes_of(body, 9), w->now);
  CHECK_EQ(w->bwe.n_malformed, 1);
}

TEST(bwe_what_is_sent_again_was_lost) {
  static const char *const told[] = {"0000 0001 000000 00 2001 04 00",
                                     "0000 0001 000000 00 0001"}; /* received; not */
  for (size_t i = 0; i < 2; i++) {
    world *w = new_world(1e6);
    CHECK_EQ(wr_bwe_sent(&w->bwe, 100, 0, w->now), 0);
    wr_bwe_resent(&w->bwe, 0);
    wr_bwe_resent(&w->bwe, 0);
    uint8_t body[64];
    size_t len = check_hex(body, sizeof body, told[i]);
    wr_bwe_feedback(&w->bwe, wr_bytes_of(body, len), w->now);
    CHECK_EQ(w->bwe.n_feedback, 1);
    CHECK_EQ(w->bwe.rtt_us, 0); /* nothing arrived that would tell of delay */
    wr_bwe_feedback(&w->bwe, wr_bytes_of(body, len), w->now);
    CHECK_EQ(w->bwe.n_feedback, 1);
  }
}
