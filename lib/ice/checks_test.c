#include "ice/checks.h"

#include "check.h"

static wr_ice_checks checks;
static check_rng random_state;
static const wr_rng rng = {check_rng_fill, &random_state};

TEST(ice_checks_find_each_transmission) {
  memset(&checks, 0, sizeof checks);
  wr_ice_check *c = wr_ice_checks_begin(&checks, 3, &rng, 1000);
  uint8_t id[WR_ICE_MAX_TRANSMISSIONS][WR_STUN_ID_BYTES];
  uint32_t rtt_us;
  wr_time now = 1000;
  for (size_t i = 0; i < WR_ICE_MAX_TRANSMISSIONS; i++) {
    CHECK(wr_ice_checks_due(&checks, now) == (i ? c : NULL));
    wr_ice_check_send(c, 50000, now);
    memcpy(id[i], c->id, sizeof id[i]);
    CHECK_EQ(c->next_at - now, 50000 << i);
    CHECK_EQ(wr_ice_checks_deadline(&checks), c->next_at);
    CHECK(wr_ice_checks_due(&checks, c->next_at - 1) == NULL);
    now = c->next_at;
  }
  CHECK(wr_ice_checks_due(&checks, now) == NULL);
  CHECK(wr_ice_checks_spent(&checks, now) == c);
  for (size_t i = 0; i < WR_ICE_MAX_TRANSMISSIONS; i++) {
    CHECK(wr_ice_checks_find(&checks, id[i], &rtt_us, now) == c);
    CHECK_EQ(rtt_us, now - 1000 - (50000 * ((1 << i) - 1)));
  }
  wr_ice_checks_stop(&checks, 3);
  CHECK_EQ(wr_ice_checks_deadline(&checks), WR_NEVER);
  CHECK(wr_ice_checks_find(&checks, id[0], &rtt_us, now) == c);
  wr_ice_checks_drop(&checks, 3);
  CHECK(wr_ice_checks_find(&checks, id[0], &rtt_us, now) == NULL);
}

TEST(ice_checks_never_run_out_and_prefer_to_forget_what_is_not_repeated) {
  memset(&checks, 0, sizeof checks);
  wr_ice_check *first = wr_ice_checks_begin(&checks, 0, &rng, 0);
  wr_ice_check_send(first, 100000, 0);
  for (size_t i = 1; i < WR_ICE_MAX_CHECKS; i++) {
    wr_ice_check *c = wr_ice_checks_begin(&checks, i, &rng, (wr_time)i);
    c->is_consent = i == 7;
    wr_ice_check_send(c, 100000, (wr_time)i);
  }
  wr_ice_check *c = wr_ice_checks_begin(&checks, 200, &rng, 100);
  CHECK(c == &checks.slot[7]);
  wr_ice_check_send(c, 100000, 100);
  CHECK(wr_ice_checks_begin(&checks, 201, &rng, 101) == first); /* then the oldest */
}
