/* Two agents over a virtual wire. Side 0 offers and controls unless a test says otherwise. */
#include "ice/ice.h"

#include <stdio.h>

#include "ice_wire.h"

static wire w;

/* One address each, the offer is known to the answerer at once and the answer takes one delay. */
static void open_simple(uint64_t seed, wr_time delay_us) {
  wire_init(&w, seed);
  w.delay_us = delay_us;
  wire_open(&w, 0, true, false);
  wire_open(&w, 1, false, false);
  wire_add_local(&w, 0, 4);
  wire_add_local(&w, 1, 4);
}

static void connect_simple(uint64_t seed, wr_time delay_us) {
  open_simple(seed, delay_us);
  wire_signal(&w, 1);
  wire_run(&w, delay_us);
  wire_signal(&w, 0);
  wire_run(&w, WR_S(1));
}

TEST(ice_one_way_delays_to_selection_are_two_and_three) {
  for (wr_time delay = 1000; delay <= 400000; delay *= 3) {
    open_simple(1, delay);
    wr_time start = w.now;
    wire_signal(&w, 1); /* the offer arrives; checks leave together with the answer */
    CHECK_EQ(w.side[1].first_check_at - start, 0);
    wire_run(&w, delay);
    wire_signal(&w, 0);
    wire_run(&w, WR_S(3));
    CHECK_EQ(w.side[1].selected_at - start, 2 * delay);
    CHECK_EQ(w.side[0].selected_at - start, 3 * delay);
    CHECK_EQ(w.side[0].rtt_us, 2 * delay);
    CHECK_EQ(w.side[1].rtt_us, 2 * delay);
    CHECK_EQ(w.side[0].n_selected, 1);
    CHECK_EQ(w.side[1].n_selected, 1);
    CHECK(wire_is_connected(&w) && !w.broken);
    CHECK(wr_addr_equal(&w.side[0].path.remote, &w.side[1].path.local));
    if (delay < 50000) CHECK_EQ(w.side[0].n_sent, 2); /* one check, one answer */
  }
}

TEST(ice_check_before_the_answer_is_answered_and_used) {
  open_simple(2, 10000);
  wr_time start = w.now;
  wire_signal(&w, 1);
  wire_run(&w, WR_MS(60)); /* the answer is slow: three times the round trip */
  CHECK_EQ(w.side[1].selected_at - start, 20000);
  CHECK_EQ(w.side[0].selected_at, WR_NEVER);
  wire_signal_credentials(&w, 0); /* not even a candidate is signalled */
  wire_run(&w, WR_MS(20));
  CHECK_EQ(w.side[0].selected_at - start, 80000);
  wire_signal(&w, 0);
  wire_run(&w, WR_S(1));
  CHECK(wire_is_connected(&w) && !w.broken);
  CHECK_EQ(w.side[0].n_selected, 1);
}

TEST(ice_keeps_consent_and_stays_connected) {
  connect_simple(3, 5000);
  REQUIRE(wire_is_connected(&w));
  uint32_t before = wr_ice_get_stats(w.side[0].ice)->checks_sent;
  wire_run(&w, WR_S(600));
  uint32_t sent = wr_ice_get_stats(w.side[0].ice)->checks_sent - before;
  CHECK(sent >= 100 && sent <= 150); /* 600 s at 4 to 6 s */
  CHECK(wire_is_connected(&w) && !w.broken);
  CHECK_EQ(w.side[0].n_selected, 1);
}

/* ---- many seeds ---- */

/* Both directions trickle in random order and time; addresses of both families, some dead; loss and jitter. */
static void connect_random(uint64_t seed, bool controlling0, bool controlling1) {
  wire_init(&w, seed);
  w.delay_us = 500 + check_rng_u32(&w.rng) % 150000;
  w.jitter_us = check_rng_u32(&w.rng) % 20000;
  w.loss_percent = (unsigned)(seed % 7) * 5;
  wire_open(&w, 0, controlling0, false);
  wire_open(&w, 1, controlling1, false);
  if (check_rng_u32(&w.rng) % 3 == 0) w.side[1].behind_nat = true;
  size_t told[2] = {0, 0}, n[2];
  bool knows[2] = {false, false};
  for (int i = 0; i < 2; i++) {
    n[i] = 1 + check_rng_u32(&w.rng) % 3;
    wire_add_local(&w, i, 4); /* the first one works */
  }
  for (int step = 0; step < 40; step++) {
    int to = (int)(check_rng_u32(&w.rng) % 2), from = 1 - to;
    wire_side *s = &w.side[from];
    switch (check_rng_u32(&w.rng) % 4) {
      case 0:
        if (s->n_addresses == n[from]) break;
        if (!w.side[1].behind_nat) s->silent[s->n_addresses] = check_rng_u32(&w.rng) % 2 == 0;
        wire_add_local(&w, from, check_rng_u32(&w.rng) % 2 && !w.side[1].behind_nat ? 6 : 4);
        break;
      case 1:
        if (!knows[to]) wire_signal_credentials(&w, to);
        knows[to] = true;
        break;
      case 2:
        if (told[to] < s->n_addresses) wire_signal_candidate(&w, to, told[to]++);
        break;
      case 3: wire_run(&w, check_rng_u32(&w.rng) % 50000); break;
    }
  }
  for (int to = 0; to < 2; to++) {
    if (!knows[to]) wire_signal_credentials(&w, to);
    while (told[to] < w.side[1 - to].n_addresses) wire_signal_candidate(&w, to, told[to]++);
  }
}

static bool selected_same_path(void) {
  wr_path a, b;
  uint32_t rtt_us;
  if (!wr_ice_selected(w.side[0].ice, &a, &rtt_us) || !wr_ice_selected(w.side[1].ice, &b, &rtt_us)) return false;
  if (w.side[1].behind_nat) return a.remote.port >= w.side[1].nat_port && wr_addr_equal(&a.local, &b.remote);
  return wr_addr_equal(&a.remote, &b.local) && wr_addr_equal(&a.local, &b.remote);
}

TEST(ice_connects_over_any_order_of_signalling_and_loss) {
  for (uint64_t seed = 1; seed <= 400; seed++) {
    connect_random(seed, true, false);
    wire_run(&w, WR_S(13));
    bool good = wire_is_connected(&w) && !w.broken && (w.loss_percent > 10 || selected_same_path());
    good &= w.n_inputs[WR_ICE_INPUT_MALFORMED] == 0 && w.n_inputs[WR_ICE_INPUT_BAD_INTEGRITY] == 0;
    CHECK(good);
    if (!good) printf("    seed %llu\n", (unsigned long long)seed);
  }
}

TEST(ice_settles_role_conflicts) {
  for (uint64_t seed = 1; seed <= 200; seed++) {
    bool role = seed % 2 == 0;
    connect_random(1000 + seed, role, role);
    wire_run(&w, WR_S(13));
    bool good = wire_is_connected(&w) && !w.broken && (w.loss_percent > 10 || selected_same_path()) &&
                w.side[0].ice->controlling != w.side[1].ice->controlling &&
                w.side[0].ice->controlling == (w.side[0].ice->tie_breaker > w.side[1].ice->tie_breaker);
    CHECK(good);
    if (!good) printf("    seed %llu\n", (unsigned long long)seed);
  }
}

/* ---- lite ---- */

TEST(ice_lite_and_full_connect_whoever_offers) {
  for (int lite = 0; lite < 2; lite++) {
    for (int full_controls = 0; full_controls < 2; full_controls++) {
      wire_init(&w, 7);
      wire_open(&w, lite, false, true);
      wire_open(&w, 1 - lite, full_controls, false);
      wire_add_local(&w, 0, 4);
      wire_add_local(&w, 1, 4);
      wire_add_local(&w, 1, 6);
      wr_time start = w.now;
      wire_signal(&w, lite);
      wire_signal(&w, 1 - lite);
      wire_run(&w, WR_S(2));
      CHECK(wire_is_connected(&w) && !w.broken && selected_same_path());
      CHECK(w.side[1 - lite].ice->controlling); /* a full agent controls a lite one, whatever it began as */
      CHECK_EQ(w.side[lite].selected_at - start, w.delay_us);
      CHECK_EQ(w.side[1 - lite].selected_at - start, 2 * w.delay_us);
      CHECK_EQ(wr_ice_get_stats(w.side[lite].ice)->checks_sent, 0);
      CHECK(w.side[lite].ice->pairs.slot[w.side[lite].ice->selected].nominated);
      w.cut = true;
      wire_run(&w, WR_S(20));
      CHECK_EQ(w.side[lite].state, WR_ICE_DISCONNECTED);
      w.cut = false;
      wire_run(&w, WR_S(2));
      CHECK(wire_is_connected(&w));
      w.cut = true;
      wire_run(&w, WR_S(40));
      CHECK(w.side[0].state == WR_ICE_FAILED && w.side[1].state == WR_ICE_FAILED && !w.broken);
    }
  }
}

TEST(ice_lite_with_loss) {
  for (uint64_t seed = 1; seed <= 60; seed++) {
    wire_init(&w, seed);
    w.loss_percent = 30;
    wire_open(&w, 0, true, false);
    wire_open(&w, 1, false, true);
    wire_add_local(&w, 0, 4);
    wire_add_local(&w, 1, 4);
    wire_signal(&w, 1);
    wire_signal(&w, 0);
    wire_run(&w, WR_S(13));
    CHECK(wire_is_connected(&w) && !w.broken);
    CHECK(w.side[1].ice->selected >= 0 && w.side[1].ice->pairs.slot[w.side[1].ice->selected].nominated);
  }
}

/* ---- consent ---- */

TEST(ice_consent_is_lost_noticed_and_regained) {
  connect_simple(11, 20000);
  REQUIRE(wire_is_connected(&w));
  w.cut = true;
  wr_time cut_at = w.now;
  wire_run(&w, WR_S(12));
  for (int i = 0; i < 2; i++) {
    CHECK_EQ(w.side[i].state, WR_ICE_DISCONNECTED);
    CHECK(w.side[i].state_at - cut_at >= WR_S(5) && w.side[i].state_at - cut_at <= WR_S(11) + WR_MS(100));
  }
  w.cut = false;
  wr_time back_at = w.now;
  wire_run(&w, WR_S(2));
  for (int i = 0; i < 2; i++) {
    CHECK_EQ(w.side[i].state, WR_ICE_CONNECTED);
    CHECK(w.side[i].state_at - back_at <= WR_MS(550)); /* asked every half second while nobody answers */
    CHECK_EQ(w.side[i].n_selected, 1);
  }
  CHECK(!w.broken);
}

TEST(ice_consent_expires_and_only_a_restart_helps) {
  connect_simple(12, 20000);
  wr_time cut_at = w.now;
  w.cut = true;
  wire_run(&w, WR_S(40));
  for (int i = 0; i < 2; i++) {
    CHECK_EQ(w.side[i].state, WR_ICE_FAILED);
    CHECK(w.side[i].state_at - cut_at <= WR_S(30) && w.side[i].state_at - cut_at >= WR_S(24));
    CHECK_EQ(wr_ice_get_stats(w.side[i].ice)->consent_failures, 1);
    CHECK_EQ(wr_ice_deadline(w.side[i].ice), WR_NEVER);
    CHECK(!wr_ice_is_valid_path(w.side[i].ice, &w.side[i].path));
  }
  w.cut = false;
  unsigned n_sent = w.side[0].n_sent;
  wire_run(&w, WR_S(60));
  CHECK_EQ(w.side[0].n_sent, n_sent); /* RFC 7675 5.1: not a byte without consent */
  wr_ice_restart(w.side[0].ice, w.now);
  wr_ice_restart(w.side[1].ice, w.now);
  wire_signal(&w, 1);
  wire_signal(&w, 0);
  wire_run(&w, WR_S(1));
  CHECK(wire_is_connected(&w) && !w.broken);
}

TEST(ice_survives_heavy_loss_for_an_hour) {
  connect_simple(13, 40000);
  w.loss_percent = 25;
  wire_run(&w, WR_S(3600));
  CHECK(wire_is_connected(&w) && !w.broken);
}

/* ---- giving up ---- */

TEST(ice_fails_in_time_and_within_the_bound_on_unverified_checks) {
  for (int ended = 0; ended < 2; ended++) {
    wire_init(&w, 21);
    wire_open(&w, 0, true, false);
    wire_open(&w, 1, false, false);
    for (int i = 0; i < WIRE_ADDRESSES; i++) wire_add_local(&w, 0, 4);
    wr_time start = w.now;
    for (int i = 0; i < WR_ICE_MAX_REMOTE + 5; i++) { /* a description full of somebody else's addresses */
      wr_candidate c = {.addr = {.ip = {203, 0, 113, (uint8_t)(i + 1)}, .port = 9, .family = 4}, .component = 1};
      c.priority = (uint32_t)(1000 - i);
      CHECK_EQ(wr_ice_add_remote(w.side[0].ice, &c, w.now), i < WR_ICE_MAX_REMOTE ? WR_OK : WR_ERR_LIMIT);
    }
    CHECK_EQ(wr_ice_set_remote(w.side[0].ice, "victim", "password-of-22-letters", false, w.now), WR_OK);
    if (ended) wr_ice_end_of_remote(w.side[0].ice, w.now);
    wire_drain(&w, 0);
    wire_run(&w, WR_S(60));
    CHECK_EQ(w.side[0].state, WR_ICE_FAILED);
    CHECK_EQ(w.side[0].state_at - start, ended ? WR_ICE_EXHAUSTED_US : WR_ICE_CONNECT_TIMEOUT_US);
    CHECK_EQ(w.side[0].n_sent, WR_ICE_MAX_UNVERIFIED);
    CHECK(!w.broken);
  }
}

TEST(ice_waits_for_candidates_that_come_late) {
  open_simple(22, 20000);
  wire_signal_credentials(&w, 0);
  wire_signal_credentials(&w, 1);
  CHECK_EQ(w.side[0].state, WR_ICE_NEW); /* nothing to check yet */
  wire_run(&w, WR_S(20));
  wr_time start = w.now;
  wire_signal_candidate(&w, 0, 0); /* only one side learns a candidate: the other finds it peer-reflexive */
  CHECK_EQ(w.side[0].state, WR_ICE_CHECKING);
  wire_run(&w, WR_S(1));
  CHECK(wire_is_connected(&w) && !w.broken);
  CHECK_EQ(w.side[0].selected_at - start, 2 * w.delay_us);
  CHECK_EQ(w.side[1].selected_at - start, 3 * w.delay_us);
}

/* ---- restart ---- */

static bool both_have_a_path(void) {
  wr_path path;
  uint32_t rtt_us;
  return wr_ice_selected(w.side[0].ice, &path, &rtt_us) && wr_ice_selected(w.side[1].ice, &path, &rtt_us);
}

TEST(ice_restart_keeps_the_path_until_the_new_one_is_there) {
  for (int who = 0; who < 2; who++) {
    for (int order = 0; order < 2; order++) {
      connect_simple(30, 30000);
      wr_path old = w.side[0].path;
      char ufrag[20];
      memcpy(ufrag, wr_ice_local_ufrag(w.side[who].ice), WR_ICE_UFRAG_BYTES + 1);
      wr_ice_restart(w.side[who].ice, w.now);
      wire_drain(&w, who);
      CHECK(strcmp(ufrag, wr_ice_local_ufrag(w.side[who].ice)) != 0);
      wire_run(&w, WR_S(20)); /* the offer takes long: consent goes on under the old credentials */
      CHECK(wire_is_connected(&w) && both_have_a_path());
      CHECK_EQ(w.n_inputs[WR_ICE_INPUT_UNKNOWN_USER] + w.n_inputs[WR_ICE_INPUT_BAD_INTEGRITY], 0);
      if (order) wr_ice_restart(w.side[1 - who].ice, w.now);
      wire_signal(&w, 1 - who);
      if (!order) wr_ice_restart(w.side[1 - who].ice, w.now);
      wire_drain(&w, 1 - who);
      wire_run(&w, w.delay_us);
      CHECK(both_have_a_path());
      CHECK(wr_ice_is_valid_path(w.side[0].ice, &old));
      wire_signal(&w, who);
      wire_run(&w, WR_S(20));
      CHECK(wire_is_connected(&w) && selected_same_path() && !w.broken);
      CHECK_EQ(w.n_inputs[WR_ICE_INPUT_BAD_INTEGRITY], 0);
      for (int i = 0; i < 2; i++) {
        CHECK_EQ(w.side[i].n_selected, 2);
        CHECK(!w.side[i].ice->has_previous);
        CHECK(!w.side[i].ice->pairs.slot[w.side[i].ice->selected].previous);
      }
      wire_run(&w, WR_S(60));
      CHECK(wire_is_connected(&w));
    }
  }
}

TEST(ice_restart_moves_to_a_new_address) {
  connect_simple(31, 20000);
  w.side[1].silent[0] = true; /* the answerer's interface is gone */
  wire_run(&w, WR_S(2));
  wire_add_local(&w, 1, 4);
  wr_ice_restart(w.side[1].ice, w.now);
  wr_ice_restart(w.side[0].ice, w.now);
  wr_time start = w.now;
  w.side[0].selected_at = w.side[1].selected_at = WR_NEVER;
  wire_signal(&w, 0);
  wire_run(&w, w.delay_us);
  wire_signal(&w, 1);
  wire_run(&w, WR_S(1));
  CHECK(wire_is_connected(&w) && selected_same_path() && !w.broken);
  CHECK_EQ(w.side[0].path.remote.port, 4001);
  CHECK(w.side[0].selected_at - start <= 4 * w.delay_us + WR_ICE_TA_US);
}

TEST(ice_restarts_under_loss_any_number_of_times) {
  for (uint64_t seed = 1; seed <= 100; seed++) {
    connect_random(3000 + seed, seed % 3 != 0, seed % 3 == 2);
    wire_run(&w, WR_S(13));
    bool good = wire_is_connected(&w);
    for (int round = 0; round < 3; round++) {
      int who = (int)(check_rng_u32(&w.rng) % 2);
      wr_ice_restart(w.side[who].ice, w.now);
      wire_drain(&w, who);
      wire_run(&w, check_rng_u32(&w.rng) % 3000000);
      wr_ice_restart(w.side[1 - who].ice, w.now);
      wire_signal(&w, 1 - who);
      wire_run(&w, check_rng_u32(&w.rng) % 300000);
      good &= both_have_a_path();
      wire_signal(&w, who);
      wire_run(&w, check_rng_u32(&w.rng) % 2 ? WR_S(13) : WR_MS(150));
    }
    wire_run(&w, WR_S(13));
    good &= wire_is_connected(&w) && !w.broken && (w.loss_percent > 10 || selected_same_path());
    CHECK(good);
    if (!good) printf("    seed %llu\n", (unsigned long long)seed);
  }
}

/* ---- paths that change ---- */

TEST(ice_moves_to_another_pair_when_the_selected_one_dies) {
  for (int controlling_moves = 0; controlling_moves < 2; controlling_moves++) {
    wire_init(&w, 40);
    wire_open(&w, 0, true, false);
    wire_open(&w, 1, false, false);
    wire_add_local(&w, 0, 4);
    wire_add_local(&w, 1, 4);
    wire_add_local(&w, controlling_moves ? 0 : 1, 4);
    wire_signal(&w, 1);
    wire_signal(&w, 0);
    wire_run(&w, WR_S(1));
    REQUIRE(wire_is_connected(&w));
    wire_side *mover = &w.side[controlling_moves ? 0 : 1];
    mover->silent[mover->path.local.port - 4000] = true;
    uint16_t dead = mover->path.local.port;
    wire_run(&w, WR_S(8));
    CHECK(wire_is_connected(&w) && selected_same_path() && !w.broken);
    CHECK(mover->path.local.port != dead);
    wire_run(&w, WR_S(60));
    CHECK(wire_is_connected(&w) && selected_same_path());
  }
}

TEST(ice_follows_a_nat_that_forgets) {
  for (uint64_t seed = 1; seed <= 50; seed++) {
    open_simple(50 + seed, 20000);
    int rebinding = (int)(seed % 2);
    w.side[rebinding].behind_nat = true;
    wire_signal(&w, 1);
    wire_signal(&w, 0);
    wire_run(&w, WR_S(1));
    REQUIRE(wire_is_connected(&w));
    for (int again = 0; again < 30; again++) { /* more often than there is room for remote candidates */
      wire_run(&w, check_rng_u32(&w.rng) % 3000000);
      w.side[rebinding].nat_port = (uint16_t)(w.side[rebinding].nat_port + 7);
      w.side[rebinding].n_permits = 0;
      wire_run(&w, WR_S(8)); /* the next consent check of either side and the second it takes to be sure */
      CHECK(wire_is_connected(&w));
      CHECK_EQ(w.side[1 - rebinding].path.remote.port, w.side[rebinding].nat_port);
    }
    CHECK(!w.broken);
  }
}

TEST(ice_works_without_knowing_the_local_address) {
  open_simple(60, 20000);
  w.side[0].hide_local = w.side[1].hide_local = true;
  wire_signal(&w, 1);
  wire_run(&w, w.delay_us);
  wire_signal(&w, 0);
  wire_run(&w, WR_S(30));
  CHECK(wire_is_connected(&w) && selected_same_path() && !w.broken);
  wr_path path = w.side[0].path;
  path.local = (wr_addr){0};
  CHECK(wr_ice_is_valid_path(w.side[0].ice, &path));
  path.remote.port++;
  CHECK(!wr_ice_is_valid_path(w.side[0].ice, &path));
}

TEST(ice_public_address_of_a_one_to_one_nat_is_shown_and_its_base_sends) {
  wire_init(&w, 61);
  wire_open(&w, 0, true, false);
  wire_open(&w, 1, false, false);
  wire_side *s = &w.side[1];
  s->behind_nat = true;
  s->address[s->n_addresses++] = wire_address(1, 0, 4);
  wr_addr shown = wire_nat_address(&w, 1, 0);
  CHECK_EQ(wr_ice_add_local(s->ice, &s->address[0], &shown, WR_CANDIDATE_SRFLX, w.now), WR_OK);
  wire_add_local(&w, 0, 4);
  wire_signal(&w, 1);
  wire_signal(&w, 0);
  wire_run(&w, WR_S(1));
  CHECK(wire_is_connected(&w) && selected_same_path() && !w.broken);
  CHECK_EQ(w.side[0].ice->remotes.slot[w.side[0].ice->pairs.slot[w.side[0].ice->selected].remote].type,
           WR_CANDIDATE_SRFLX);
}

TEST(ice_fits_its_promise_and_names_itself) {
  CHECK(wr_ice_size() < 12 * 1024);
  wire_init(&w, 62);
  static _Alignas(16) uint8_t mem[24 * 1024];
  wr_ice_settings settings = {.rng = {check_rng_fill, &w.rng}, .crypto = wire_crypto(), .ufrag_prefix = "w07+"};
  wr_ice *ice = wr_ice_init(mem, &settings, 0);
  CHECK_EQ(strlen(wr_ice_local_ufrag(ice)), 4 + WR_ICE_UFRAG_BYTES);
  CHECK(!memcmp(wr_ice_local_ufrag(ice), "w07+", 4));
  CHECK_EQ(strlen(wr_ice_local_pwd(ice)), WR_ICE_PWD_BYTES);
  CHECK_EQ(wr_ice_deadline(ice), WR_NEVER);
  wr_ice_wipe(ice);
  uint8_t sum = 0;
  for (size_t i = 0; i < wr_ice_size(); i++) sum |= mem[i];
  CHECK_EQ(sum, 0);
}

TEST(ice_restart_of_the_peer_may_be_known_before_our_half_of_it) {
  connect_simple(33, 20000);
  wr_ice_restart(w.side[0].ice, w.now);
  wire_signal_credentials(&w, 1); /* offer: credentials, then candidates, and only then our own restart */
  wire_signal_candidate(&w, 1, 0);
  wire_run(&w, WR_MS(5));
  wr_ice_restart(w.side[1].ice, w.now);
  wire_drain(&w, 1);
  wire_run(&w, w.delay_us);
  wire_signal_credentials(&w, 0);
  wire_run(&w, WR_S(30));
  CHECK(wire_is_connected(&w) && selected_same_path() && !w.broken);
  CHECK(!w.side[0].ice->has_previous && !w.side[1].ice->has_previous);
}

TEST(ice_restart_without_an_answer_ends_with_the_old_path) {
  connect_simple(34, 20000);
  wr_ice_restart(w.side[0].ice, w.now);
  wire_drain(&w, 0);
  w.cut = true;
  wire_run(&w, WR_S(31));
  CHECK_EQ(w.side[0].state, WR_ICE_CHECKING); /* the path is gone, the restart may still succeed */
  CHECK_EQ(w.side[1].state, WR_ICE_FAILED);
  wr_time lost_at = w.side[0].state_at;
  wire_run(&w, WR_S(60));
  CHECK_EQ(w.side[0].state, WR_ICE_FAILED);
  CHECK_EQ(w.side[0].state_at - lost_at, WR_ICE_CONNECT_TIMEOUT_US);
  CHECK(!w.broken);
}
