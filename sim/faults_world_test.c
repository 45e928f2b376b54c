#include "sim/faults_world.h"

#include "check.h"
#include "wr/crypto_openssl.h"

static void begin(sim_world *w, uint64_t seed) {
  sim_world_settings settings = {.crypto = {wr_crypto_null(), wr_crypto_null()}, .seed = seed};
  REQUIRE(sim_world_open(w, &settings));
  sim_world_do(w, MGR_EVENT_START, MGR_MODE_REALTIME);
  sim_world_watch(w);
  REQUIRE(sim_world_run(w, sim_world_now(w) + WR_S(20), sim_world_is_well));
}

/* The judge must be able to say no. */
TEST(sim_world_is_not_well_without_the_path_or_the_gateway) {
  static sim_world w;
  begin(&w, 1);
  sim_world_watch(&w);
  CHECK(!sim_world_is_well(&w));
  sim_world_block_udp(&w, true);
  CHECK(!sim_world_run(&w, sim_world_now(&w) + WR_S(20), sim_world_is_well));
  sim_world_block_udp(&w, false);
  CHECK(sim_world_run(&w, sim_world_now(&w) + WR_S(15), sim_world_is_well));
  sim_gateway_kill(w.gateway);
  sim_world_watch(&w);
  CHECK(!sim_world_run(&w, sim_world_now(&w) + WR_S(100), sim_world_is_well));
  CHECK_EQ(w.told.state, MGR_STATE_FAILED);
  CHECK(w.told.reason != MGR_REASON_NONE);
  CHECK(sim_world_is_final(&w));
  CHECK(!w.fault);
  sim_world_close(&w);
}

TEST(sim_world_http_faults_reach_the_caller) {
  static const sim_world_http kinds[] = {HTTP_STATUS,  HTTP_NO_ANSWER,  HTTP_ANSWER_LOST,
                                         HTTP_GARBAGE, HTTP_BAD_ANSWER, HTTP_FINGERPRINT};
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    static sim_world w;
    sim_world_settings settings = {.crypto = {wr_crypto_null(), wr_crypto_null()}, .seed = i};
    REQUIRE(sim_world_open(&w, &settings));
    w.http = kinds[i];
    w.http_status = 500;
    w.http_budget = 1000;
    sim_world_do(&w, MGR_EVENT_START, MGR_MODE_REALTIME);
    sim_world_watch(&w);
    CHECK(!sim_world_run(&w, sim_world_now(&w) + WR_S(100), sim_world_is_well));
    CHECK_EQ(w.told.state, MGR_STATE_FAILED);
    sim_world_close(&w);
  }
}

TEST(sim_world_moves_and_leaves_the_old_address_dead) {
  static sim_world w;
  begin(&w, 3);
  sim_world_move(&w);
  sim_world_watch(&w);
  CHECK(sim_world_run(&w, sim_world_now(&w) + WR_S(10), sim_world_is_well));
  CHECK(sim_gateway_counts_of(w.gateway)->n_restarted + sim_gateway_counts_of(w.gateway)->n_resumed > 0);
  sim_world_close(&w);
}
