#include "sim/gateway.h"

#include <string.h>

#include "check.h"
#include "sim/faults_world.h"
#include "wr/crypto_openssl.h"

static sim_response response;

static int ask(sim_world *w, const char *method, const char *path, const char *body) {
  sim_gateway_request(w->gateway, method, path, wr_bytes_of(body, strlen(body)), &response);
  return response.status;
}

static void talk(sim_world *w, uint64_t seed) {
  sim_world_settings settings = {.crypto = {wr_crypto_null(), wr_crypto_null()}, .seed = seed};
  REQUIRE(sim_world_open(w, &settings));
  sim_world_do(w, MGR_EVENT_START, MGR_MODE_REALTIME);
  sim_world_watch(w);
  REQUIRE(sim_world_run(w, sim_world_now(w) + WR_S(20), sim_world_is_well));
}

TEST(sim_gateway_answers_as_the_real_one_does) {
  static sim_world w;
  talk(&w, 1);
  CHECK_EQ(ask(&w, "GET", "/api/ice", ""), 200);
  CHECK_EQ(ask(&w, "GET", "/nothing", ""), 404);
  CHECK_EQ(ask(&w, "POST", "/api/sessions/0123/offer", "{}"), 404);
  CHECK_EQ(ask(&w, "POST", "/api/offer", "no JSON"), 400);
  CHECK_EQ(ask(&w, "POST", "/api/offer", "{\"sdp\":\"v=1\"}"), 400);
  CHECK_EQ(sim_gateway_n_sessions(w.gateway), 1); /* refused offers leave none */
  CHECK_EQ(ask(&w, "PUT", caller_location(w.caller), "{}"), 405);
  CHECK_EQ(ask(&w, "DELETE", caller_location(w.caller), ""), 204);
  CHECK_EQ(ask(&w, "DELETE", caller_location(w.caller), ""), 404);
  CHECK_EQ(sim_gateway_n_sessions(w.gateway), 0);
  sim_gateway_kill(w.gateway);
  CHECK_EQ(ask(&w, "GET", "/api/ice", ""), 0);
  sim_gateway_start(w.gateway);
  CHECK_EQ(ask(&w, "GET", "/api/ice", ""), 200);
  sim_world_close(&w);
}

/* A session whose peer is gone is kept for half a minute after its loss was noticed, and no longer. */
TEST(sim_gateway_keeps_a_lost_session_and_then_forgets_it) {
  static sim_world w;
  talk(&w, 2);
  w.frozen_until = WR_NEVER;
  sim_world_run(&w, sim_world_now(&w) + WR_S(50), NULL);
  CHECK_EQ(sim_gateway_counts_of(w.gateway)->n_lost, 1);
  CHECK_EQ(sim_gateway_n_sessions(w.gateway), 1);
  sim_world_run(&w, sim_world_now(&w) + WR_S(20), NULL);
  CHECK_EQ(sim_gateway_n_sessions(w.gateway), 0);
  sim_world_close(&w);
}

TEST(sim_gateway_draining_takes_only_those_it_knows) {
  static sim_world w;
  talk(&w, 3);
  sim_gateway_drain(w.gateway, WR_S(10));
  CHECK_EQ(ask(&w, "POST", "/api/offer", "{\"sdp\":\"v=0\"}"), 503);
  CHECK(response.retry_after_ms > 0);
  sim_world_run(&w, sim_world_now(&w) + WR_S(11), NULL);
  CHECK_EQ(ask(&w, "GET", "/api/ice", ""), 0);
  sim_world_close(&w);
}
