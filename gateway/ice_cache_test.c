#include "gateway/ice_cache.h"

#include "check.h"

static check_rng dice = {7};
static gw_ice_cache cache;
static gw_ice_list servers;

static void begin(void) {
  char why[GW_ICE_WHY_MAX];
  servers.n = 0;
  CHECK(gw_ice_list_add(&servers, "turn:t.example u p", why));
  gw_ice_cache_init(&cache, (wr_rng){check_rng_fill, &dice}, WR_S(1));
  CHECK_EQ(gw_ice_cache_freshness(&cache, WR_S(1)), GW_ICE_NOTHING);
  CHECK_EQ(gw_ice_cache_deadline(&cache), WR_S(1));
}

TEST(ice_cache_one_request_at_a_time) {
  begin();
  CHECK(gw_ice_cache_begin(&cache, WR_S(1)));
  CHECK(!gw_ice_cache_begin(&cache, WR_S(100)));
  CHECK_EQ(gw_ice_cache_deadline(&cache), WR_NEVER);
  gw_ice_cache_good(&cache, &servers, 1000, WR_S(2));
  CHECK(!gw_ice_cache_begin(&cache, WR_S(3)));
  CHECK(gw_ice_cache_deadline(&cache) >= WR_S(2 + 450) && gw_ice_cache_deadline(&cache) <= WR_S(2 + 550));
  CHECK(gw_ice_cache_begin(&cache, WR_S(2 + 550)));
}

TEST(ice_cache_stale_while_valid) {
  begin();
  CHECK(gw_ice_cache_begin(&cache, WR_S(1)));
  gw_ice_cache_good(&cache, &servers, 1000, WR_S(1));
  CHECK_EQ(gw_ice_cache_freshness(&cache, WR_S(400)), GW_ICE_FRESH);
  CHECK(gw_ice_cache_begin(&cache, WR_S(600)));
  CHECK_EQ(gw_ice_cache_freshness(&cache, WR_S(600)), GW_ICE_FRESH); /* being renewed is no failure */
  gw_ice_cache_failed(&cache, GW_ICE_TIMEOUT, 0, WR_S(603));
  CHECK_EQ(gw_ice_cache_freshness(&cache, WR_S(604)), GW_ICE_STALE);
  CHECK_EQ(gw_ice_cache_freshness(&cache, WR_S(900)), GW_ICE_STALE);
  CHECK_EQ(gw_ice_cache_freshness(&cache, WR_S(901)),
           GW_ICE_NOTHING); /* a tenth of its life is left: too little for a call */
  CHECK(gw_ice_cache_begin(&cache, WR_S(902)));
  gw_ice_cache_good(&cache, &servers, 1000, WR_S(902));
  CHECK_EQ(gw_ice_cache_freshness(&cache, WR_S(902)), GW_ICE_FRESH);
}

TEST(ice_cache_a_long_life_keeps_ten_minutes) {
  begin();
  CHECK(gw_ice_cache_begin(&cache, WR_S(1)));
  gw_ice_cache_good(&cache, &servers, 86400, 0);
  CHECK(gw_ice_cache_begin(&cache, WR_S(50000)));
  gw_ice_cache_failed(&cache, GW_ICE_STATUS, 0, WR_S(50000));
  CHECK_EQ(gw_ice_cache_freshness(&cache, WR_S(86400 - 601)), GW_ICE_STALE);
  CHECK_EQ(gw_ice_cache_freshness(&cache, WR_S(86400 - 600)), GW_ICE_NOTHING);
}

TEST(ice_cache_backs_off_and_obeys_retry_after) {
  begin();
  wr_time now = WR_S(1), waited = 0;
  for (int i = 0; i < 9; i++) {
    REQUIRE(gw_ice_cache_begin(&cache, now));
    gw_ice_cache_failed(&cache, GW_ICE_UNREACHABLE, 0, now);
    int64_t want_s = i < 6 ? 1 << i : 60;
    waited = gw_ice_cache_deadline(&cache) - now;
    CHECK(waited >= WR_S(want_s) * 9 / 10 && waited <= WR_S(want_s) * 11 / 10);
    now += waited;
  }
  CHECK_EQ(cache.n_failures[GW_ICE_UNREACHABLE], 9);
  CHECK(gw_ice_cache_begin(&cache, now));
  gw_ice_cache_failed(&cache, GW_ICE_LIMITED, 300, now);
  CHECK_EQ(gw_ice_cache_deadline(&cache), now + WR_S(300));
  now = gw_ice_cache_deadline(&cache);
  CHECK(gw_ice_cache_begin(&cache, now));
  gw_ice_cache_good(&cache, &servers, 1000, now);
  now = gw_ice_cache_deadline(&cache);
  CHECK(gw_ice_cache_begin(&cache, now));
  gw_ice_cache_failed(&cache, GW_ICE_REFUSED, 0, now);
  CHECK(gw_ice_cache_deadline(&cache) >= now + WR_S(54)); /* no hot loop over a wrong key */
}
