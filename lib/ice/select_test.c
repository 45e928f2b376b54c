/* What the peer's USE-CANDIDATE and our own checks do to the selection. */
#include "ice_peer.h"

static peer p;

/* Controlled, with peer addresses 1 and 2 valid; 1 was first. */
static void two_valid_pairs(void) {
  peer_init(&p, false, false, 1, true);
  peer_send(&p, (peer_request){.from = 1, .controlling = true});
  peer_approve(&p, 1);
  CHECK_EQ(peer_selected(&p), 1);
  peer_send(&p, (peer_request){.from = 2, .controlling = true});
  peer_approve(&p, 2);
  CHECK_EQ(peer_selected(&p), 1);
}

TEST(ice_controlled_selects_the_first_valid_pair_before_nomination) {
  two_valid_pairs();
  CHECK_EQ(p.n_events, 1);
  CHECK_EQ(wr_ice_get_state(p.ice), WR_ICE_CONNECTED);
}

TEST(ice_controlled_follows_a_regular_nomination) {
  two_valid_pairs();
  peer_send(&p, (peer_request){.from = 2, .controlling = true, .use_candidate = true});
  CHECK_EQ(peer_selected(&p), 2);
  peer_send(&p, (peer_request){.from = 1, .controlling = true, .use_candidate = true}); /* renominated */
  CHECK_EQ(peer_selected(&p), 1);
  peer_send(&p, (peer_request){.from = 1, .controlling = true}); /* keepalives need not repeat it */
  peer_send(&p, (peer_request){.from = 1, .controlling = true, .use_candidate = true});
  CHECK_EQ(peer_selected(&p), 1);
  CHECK_EQ(p.n_events, 3);
}

TEST(ice_controlled_takes_the_highest_of_aggressive_nominations) {
  for (uint8_t first = 1; first <= 2; first++) { /* address 1 has the higher priority */
    peer_init(&p, false, false, 1, true);
    for (uint8_t i = 0; i < 2; i++) {
      uint8_t from = (uint8_t)(i ? 3 - first : first);
      peer_send(&p, (peer_request){.from = from, .controlling = true, .use_candidate = true});
      peer_approve(&p, from);
    }
    CHECK_EQ(peer_selected(&p), 1);
    for (int i = 0; i < 4; i++) {
      uint8_t from = (uint8_t)(1 + i % 2);
      peer_send(&p, (peer_request){.from = from, .controlling = true, .use_candidate = true});
      CHECK_EQ(peer_selected(&p), 1);
    }
  }
}

TEST(ice_controlled_waits_for_its_own_check_before_it_follows) {
  two_valid_pairs();
  peer_send(&p, (peer_request){.from = 3, .controlling = true});
  peer_send(&p, (peer_request){.from = 3, .controlling = true, .use_candidate = true});
  CHECK_EQ(peer_selected(&p), 1);
  wr_ice_tick(p.ice, p.now += WR_ICE_TRIGGER_US);
  peer_drain(&p);
  peer_approve(&p, 3);
  CHECK_EQ(peer_selected(&p), 3);
}

TEST(ice_controlled_leaves_a_pair_the_peer_has_left) {
  two_valid_pairs();
  peer_send(&p, (peer_request){.from = 3, .controlling = true, .use_candidate = true}); /* lower than 1 */
  peer_approve(&p, 3);
  peer_send(&p, (peer_request){.from = 1, .controlling = true, .use_candidate = true});
  CHECK_EQ(peer_selected(&p), 1);
  for (int second = 0; second < 14; second += 2) {
    for (wr_time end = p.now + WR_S(2); p.now < end;) { /* our consent checks on 1 are answered all the time */
      peer_run(&p, WR_MS(100));
      if (peer_check_to(&p, 1)) peer_approve(&p, 1);
      p.n_sent = 0;
    }
    peer_send(&p, (peer_request){.from = 3, .controlling = true, .use_candidate = true});
  }
  CHECK_EQ(peer_selected(&p), 3);
}

/* The peer's NAT forgets: its next check, whatever it carries, comes from elsewhere. */
static void rebind(bool nominated, bool use_candidate) {
  peer_init(&p, false, false, 1, true);
  peer_send(&p, (peer_request){.from = 1, .controlling = true, .use_candidate = nominated});
  peer_approve(&p, 1);
  peer_run(&p, WR_S(1));
  peer_send(&p, (peer_request){.from = 7, .socket = 1, .controlling = true, .use_candidate = use_candidate});
}

TEST(ice_controlled_follows_a_rebound_peer_within_a_round_trip) {
  for (int use_candidate = 0; use_candidate < 2; use_candidate++) {
    rebind(true, use_candidate);
    CHECK_EQ(peer_selected(&p), 1); /* not before it has answered: the check may be a copy from somewhere else */
    p.now += WR_MS(30);
    peer_approve(&p, 7);
    CHECK_EQ(peer_selected(&p), 7);
    CHECK_EQ(p.n_events, 2);
    wr_path old = {p.own[0], peer_addr(1)}, new = {p.own[0], peer_addr(7)};
    CHECK(wr_ice_is_valid_path(p.ice, &new) && wr_ice_is_valid_path(p.ice, &old)); /* what is late is still read */
  }
}

TEST(ice_controlled_follows_a_rebound_peer_again_and_back) {
  rebind(true, true);
  peer_approve(&p, 7);
  peer_run(&p, WR_S(1));
  peer_send(&p, (peer_request){.from = 8, .socket = 1, .controlling = true, .use_candidate = true});
  peer_approve(&p, 8);
  CHECK_EQ(peer_selected(&p), 8);
  peer_send(&p, (peer_request){.from = 7, .socket = 1, .controlling = true, .use_candidate = true});
  CHECK_EQ(peer_selected(&p), 8); /* two mappings at a time: no flapping */
}

TEST(ice_controlled_waits_for_proof_of_a_rebound_peer) {
  rebind(true, true);
  for (int i = 0; i < 10; i++) {
    peer_run(&p, WR_MS(100));
    if (peer_check_to(&p, 1)) peer_approve(&p, 1);
    p.n_sent = 0;
    CHECK_EQ(peer_selected(&p), 1);
  }
}

TEST(ice_controlled_does_not_take_another_socket_for_a_rebound_peer) {
  peer_init(&p, false, false, 1, true);
  peer_send(&p, (peer_request){.from = 1, .controlling = true, .use_candidate = true});
  peer_approve(&p, 1);
  peer_send(&p, (peer_request){.from = 7, .controlling = true, .use_candidate = true});
  peer_approve(&p, 7);
  CHECK_EQ(peer_selected(&p), 1);
}

TEST(ice_controlling_nominates_with_its_first_check) {
  peer_init(&p, true, false, 1, true);
  peer_offer_candidate(&p, 1, WR_CANDIDATE_HOST);
  peer_drain(&p);
  const peer_sent *check = peer_check_to(&p, 1);
  REQUIRE(check && check->stun.use_candidate && check->stun.controlling);
  p.now += WR_MS(30);
  peer_approve(&p, 1);
  CHECK_EQ(peer_selected(&p), 1);
  CHECK_EQ(p.n_sent, 0);
  wr_path path;
  uint32_t rtt_us;
  CHECK(wr_ice_selected(p.ice, &path, &rtt_us) && rtt_us == 30000);
  CHECK_EQ(wr_ice_get_stats(p.ice)->last_rtt_us, 30000);
  p.now += WR_S(6); /* consent is asked for */
  peer_drain(&p);
  p.now += WR_MS(10);
  peer_approve(&p, 1);
  CHECK(wr_ice_selected(p.ice, &path, &rtt_us) && rtt_us == 27500);
  CHECK_EQ(wr_ice_get_stats(p.ice)->last_rtt_us, 10000);
}

TEST(ice_controlling_nominates_to_a_lite_peer_with_a_second_check) {
  peer_init(&p, true, false, 1, false);
  CHECK_EQ(wr_ice_set_remote(p.ice, PEER_UFRAG, PEER_PWD, true, p.now), WR_OK);
  peer_offer_candidate(&p, 1, WR_CANDIDATE_HOST);
  peer_drain(&p);
  const peer_sent *check = peer_check_to(&p, 1);
  REQUIRE(check && !check->stun.use_candidate);
  peer_approve(&p, 1);
  CHECK_EQ(peer_selected(&p), 1); /* media at once */
  check = peer_check_to(&p, 1);
  REQUIRE(check && check->stun.use_candidate); /* and the peer's orders in the same instant */
  peer_run(&p, WR_MS(200));
  check = peer_check_to(&p, 1);
  REQUIRE(check && check->stun.use_candidate); /* repeated until answered */
  peer_approve(&p, 1);
  peer_run(&p, WR_S(2));
  CHECK_EQ(p.n_events, 1);
}

/* Controlling, relayed (slow) path selected; |rtt| of the second address. */
static void second_answers_after(wr_time rtt, wr_candidate_type type) {
  peer_init(&p, true, false, 1, true);
  peer_offer_candidate(&p, 1, WR_CANDIDATE_RELAY);
  peer_drain(&p);
  p.now += WR_MS(80);
  peer_approve(&p, 1);
  CHECK_EQ(peer_selected(&p), 1);
  CHECK(wr_ice_selected_is_relayed(p.ice));
  peer_offer_candidate(&p, 2, type);
  peer_drain(&p);
  const peer_sent *check = peer_check_to(&p, 2);
  CHECK(check && !check->stun.use_candidate);
  p.now += rtt;
  peer_approve(&p, 2);
  CHECK_EQ(peer_selected(&p), 1);
}

TEST(ice_controlling_moves_to_a_clearly_better_pair_once_it_is_nominated) {
  second_answers_after(WR_MS(80), WR_CANDIDATE_HOST); /* not slower, and direct */
  const peer_sent *check = peer_check_to(&p, 2);
  REQUIRE(check && check->stun.use_candidate);
  peer_approve(&p, 2);
  CHECK_EQ(peer_selected(&p), 2);
  second_answers_after(WR_MS(30), WR_CANDIDATE_RELAY); /* less than half the time */
  REQUIRE(peer_check_to(&p, 2) != NULL);
  peer_approve(&p, 2);
  CHECK_EQ(peer_selected(&p), 2);
  second_answers_after(WR_MS(60), WR_CANDIDATE_RELAY); /* a little better is not worth a change */
  CHECK(peer_check_to(&p, 2) == NULL);
  second_answers_after(WR_MS(95), WR_CANDIDATE_HOST); /* direct but slower */
  CHECK(peer_check_to(&p, 2) == NULL);
}

TEST(ice_controlling_falls_back_within_a_second_to_a_pair_that_answers) {
  peer_init(&p, true, false, 1, true);
  peer_offer_candidate(&p, 1, WR_CANDIDATE_HOST);
  peer_offer_candidate(&p, 2, WR_CANDIDATE_HOST);
  peer_drain(&p);
  p.now += WR_MS(10);
  peer_approve(&p, 1);
  peer_approve(&p, 2); /* its check has left meanwhile */
  CHECK_EQ(peer_selected(&p), 1);
  wr_time silent_since = 0; /* 1 answers nothing any more */
  while (peer_selected(&p) == 1 && p.now < WR_S(60)) {
    peer_run(&p, WR_MS(1));
    if (!silent_since && peer_check_to(&p, 1)) silent_since = p.now;
    if (peer_check_to(&p, 2)) peer_approve(&p, 2);
    p.n_sent = 0;
  }
  CHECK_EQ(peer_selected(&p), 2);
  CHECK(p.now - silent_since < WR_S(1));
  CHECK_EQ(wr_ice_get_state(p.ice), WR_ICE_CONNECTED);
}

/* Loss made it fall back to a relay; the direct path is tried again, and taken when it answers. */
TEST(ice_controlling_returns_from_a_relay) {
  peer_init(&p, true, false, 1, true);
  peer_offer_candidate(&p, 1, WR_CANDIDATE_HOST);
  peer_offer_candidate(&p, 2, WR_CANDIDATE_RELAY);
  peer_drain(&p);
  p.now += WR_MS(10);
  peer_approve(&p, 1);
  peer_approve(&p, 2);
  CHECK_EQ(peer_selected(&p), 1);
  wr_time fell_back_at = 0;
  bool tried = false;
  while (!tried && p.now < WR_S(60)) {
    p.n_sent = 0;
    peer_run(&p, WR_MS(1));
    if (peer_check_to(&p, 2)) peer_approve(&p, 2);
    if (!fell_back_at && peer_selected(&p) == 2) fell_back_at = p.now;
    tried = fell_back_at && p.now > fell_back_at + WR_S(10) && peer_check_to(&p, 1);
  }
  REQUIRE(tried && peer_selected(&p) == 2);
  CHECK(p.now - fell_back_at <= WR_ICE_UPGRADE_US + WR_MS(10));
  peer_approve(&p, 1);
  CHECK_EQ(peer_selected(&p), 1); /* it was nominated before */
}

TEST(ice_unanswered_nomination_leaves_the_verdict_to_consent) {
  peer_init(&p, true, false, 1, false);
  CHECK_EQ(wr_ice_set_remote(p.ice, PEER_UFRAG, PEER_PWD, true, p.now), WR_OK);
  peer_offer_candidate(&p, 1, WR_CANDIDATE_HOST);
  peer_drain(&p);
  peer_approve(&p, 1);
  peer_run(&p, WR_S(20)); /* all transmissions are lost, as are the consent checks */
  CHECK_EQ(peer_selected(&p), 1);
  CHECK_EQ(wr_ice_get_state(p.ice), WR_ICE_DISCONNECTED);
  p.n_sent = 0;
  peer_run(&p, WR_S(1));
  REQUIRE(peer_check_to(&p, 1) && peer_check_to(&p, 1)->stun.use_candidate); /* consent checks nominate, too */
  peer_approve(&p, 1);
  CHECK_EQ(wr_ice_get_state(p.ice), WR_ICE_CONNECTED);
}
