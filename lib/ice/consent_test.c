#include "ice/consent.h"

#include "check.h"
#include "ice/ice.h"

static check_rng random_state;
static const wr_rng rng = {check_rng_fill, &random_state};

TEST(ice_consent_interval_is_randomised_within_a_fifth) {
  wr_time least = WR_NEVER, most = 0;
  for (int i = 0; i < 1000; i++) {
    wr_ice_consent c;
    wr_ice_consent_begin(&c, false, &rng, WR_S(i));
    wr_time interval = c.next_at - WR_S(i);
    if (interval < least) least = interval;
    if (interval > most) most = interval;
  }
  CHECK(least >= WR_S(4) && least < WR_MS(4100));
  CHECK(most < WR_S(6) && most > WR_MS(5900));
}

/* Asks whenever it is due and never gets an answer. */
static wr_time silence(wr_ice_consent *c, uint32_t rtt_us, bool (*until)(const wr_ice_consent *, wr_time)) {
  wr_time now = c->alive_at;
  bool lost = false;
  while (!until(c, now)) {
    now = wr_ice_consent_deadline(c, lost);
    lost = wr_ice_consent_is_lost(c, now);
    if (!until(c, now) && c->next_at <= now) wr_ice_consent_asked(c, rtt_us, now);
  }
  return now;
}

TEST(ice_consent_silence_is_shaky_then_lost_then_expired) {
  for (uint32_t rtt_us = 0; rtt_us < 400000; rtt_us += 30000) {
    wr_ice_consent c;
    wr_ice_consent_begin(&c, false, &rng, WR_S(7));
    wr_time asked = c.next_at, wait = 2 * (wr_time)(rtt_us ? rtt_us : 100000);
    CHECK_EQ(silence(&c, rtt_us, wr_ice_consent_is_shaky),
             asked + WR_ICE_CONSENT_SHAKY * (wait < 100000 ? 100000 : wait));
    CHECK_EQ(silence(&c, rtt_us, wr_ice_consent_is_lost), asked + WR_ICE_DISCONNECTED_US);
    CHECK_EQ(silence(&c, rtt_us, wr_ice_consent_is_expired), WR_S(37));
    wr_ice_consent_granted(&c, &rng, WR_S(36));
    CHECK(!wr_ice_consent_is_shaky(&c, WR_S(37)) && !wr_ice_consent_is_lost(&c, WR_S(37)));
    CHECK(!wr_ice_consent_is_expired(&c, WR_S(65)));
  }
}

TEST(ice_consent_counts_checks_of_the_peer_as_signs_of_life) {
  wr_ice_consent c;
  wr_ice_consent_begin(&c, false, &rng, 0);
  for (wr_time now = 0; now < WR_S(100); now += WR_MS(2500)) {
    while (c.next_at <= now) wr_ice_consent_asked(&c, 20000, now);
    wr_ice_consent_heard(&c, now);
    CHECK(!wr_ice_consent_is_lost(&c, now) && !wr_ice_consent_is_expired(&c, now));
  }
  CHECK(wr_ice_consent_is_shaky(&c, WR_S(100))); /* another pair that does answer would be preferred */
}

TEST(ice_consent_of_a_lite_agent_only_listens) {
  wr_ice_consent c;
  wr_ice_consent_begin(&c, true, &rng, 0);
  wr_ice_consent_ask_now(&c, WR_S(1));
  CHECK_EQ(c.next_at, WR_NEVER);
  CHECK_EQ(wr_ice_consent_deadline(&c, false), WR_ICE_SILENT_US);
  CHECK(wr_ice_consent_is_lost(&c, WR_ICE_SILENT_US));
  wr_ice_consent_heard(&c, WR_S(20));
  CHECK(!wr_ice_consent_is_lost(&c, WR_S(21)));
  CHECK(wr_ice_consent_is_expired(&c, WR_S(50)));
}
