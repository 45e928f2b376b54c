#include "sim/call.h"

#include "check.h"
#include "wr/crypto_openssl.h"

static sim_call_settings lossless(uint64_t seed) {
  const wr_crypto *crypto = wr_crypto_null();
  return (sim_call_settings){.crypto = {crypto, crypto}, .seed = seed, .rtt_us = WR_MS(100)};
}

/* The number of the whole design: how long a person waits, counted in round trips from sending the offer until
 * both ends have heard and read each other. ARCHITECTURE.md explains each of them. */
TEST(sim_call_round_trips_to_media_and_data) {
  sim_call_settings s = lossless(1);
  sim_call_result r = sim_call_run(&s);
  REQUIRE(!r.fault);
  CHECK_EQ(r.media_us[1], 7 * r.rtt_us / 2);
  CHECK_EQ(r.media_us[0], 4 * r.rtt_us);
  CHECK_EQ(r.data_us[1], 9 * r.rtt_us / 2);
  CHECK_EQ(r.data_us[0], 5 * r.rtt_us);
  CHECK(r.n_audio_came[0] >= 45 && r.n_audio_came[1] >= 45); /* the last ones are on the way */
}

/* A callee that is DTLS server waits half a round trip for the ClientHello. */
TEST(sim_call_round_trips_with_a_passive_callee) {
  sim_call_settings s = lossless(1);
  s.callee_passive = true;
  sim_call_result r = sim_call_run(&s);
  REQUIRE(!r.fault);
  CHECK_EQ(r.media_us[0], 4 * r.rtt_us);
  CHECK_EQ(r.media_us[1], 9 * r.rtt_us / 2);
}

TEST(sim_call_same_seed_same_bytes) {
  sim_call_settings s = lossless(2);
  s.loss_ppm = 100000;
  sim_call_result once = sim_call_run(&s), twice = sim_call_run(&s);
  CHECK(!once.fault);
  CHECK(once.digest == twice.digest && once.net.n_sent == twice.net.n_sent);
  s.seed = 3;
  CHECK(sim_call_run(&s).digest != once.digest);
}

TEST(sim_call_connects_through_loss_and_every_nat) {
  for (uint64_t seed = 0; seed < 10; seed++) {
    sim_call_settings s = lossless(seed);
    s.loss_ppm = 100000;
    CHECK(!sim_call_run(&s).fault);
    s.behind_nat = true;
    for (int kind = SIM_NAT_FULL_CONE; kind <= SIM_NAT_SYMMETRIC; kind++) {
      s.nat = (sim_nat_kind)kind;
      CHECK(!sim_call_run(&s).fault);
    }
  }
}

TEST(sim_call_a_silent_network_is_a_failure_not_a_hang) {
  sim_call_settings s = lossless(4);
  s.loss_ppm = 1000000;
  CHECK(sim_call_run(&s).fault != NULL);
}
