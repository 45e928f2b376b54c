/* When and in which order checks leave. */
#include "ice_peer.h"

static peer p;

TEST(ice_first_check_leaves_at_once_and_new_ones_are_paced) {
  peer_init(&p, true, false, 1, true);
  for (uint8_t i = 1; i <= 10; i++) peer_offer_candidate(&p, i, WR_CANDIDATE_HOST);
  peer_drain(&p);
  CHECK_EQ(p.n_sent, 1);
  CHECK(peer_check_to(&p, 1) != NULL); /* highest priority first */
  for (uint8_t i = 2; i <= 10; i++) {
    CHECK_EQ(wr_ice_deadline(p.ice), p.now + WR_ICE_TA_US);
    peer_run(&p, WR_ICE_TA_US);
    CHECK_EQ(p.n_sent, 1);
    CHECK(peer_check_to(&p, i) != NULL);
  }
}

TEST(ice_check_is_repeated_under_new_ids_and_measured_exactly) {
  static const wr_time after_ms[WR_ICE_MAX_TRANSMISSIONS] = {0, 100, 300, 700, 1500, 3100, 6300};
  for (size_t lost = 0; lost < WR_ICE_MAX_TRANSMISSIONS; lost++) {
    peer_init(&p, true, false, 1, true);
    wr_time start = p.now;
    peer_offer_candidate(&p, 1, WR_CANDIDATE_HOST);
    peer_drain(&p);
    peer_sent first = p.sent[0];
    for (size_t i = 1; i <= lost; i++) {
      peer_run(&p, start + WR_MS(after_ms[i]) - p.now);
      REQUIRE(p.n_sent == 1);
      CHECK_EQ(memcmp(first.stun.id, p.sent[0].stun.id, 11), 0);
      CHECK_EQ(p.sent[0].stun.id[11], i);
    }
    p.now += 12345;
    peer_approve(&p, 1);
    wr_path path;
    uint32_t rtt_us;
    REQUIRE(wr_ice_selected(p.ice, &path, &rtt_us));
    CHECK_EQ(rtt_us, 12345);
  }
}

TEST(ice_triggered_check_overtakes_the_queue) {
  peer_init(&p, false, false, 1, true);
  for (uint8_t i = 1; i <= 10; i++) peer_offer_candidate(&p, i, WR_CANDIDATE_HOST);
  peer_drain(&p);
  peer_send(&p, (peer_request){.from = 10, .controlling = true});
  CHECK(peer_check_to(&p, 10) != NULL);
  peer_run(&p, WR_ICE_TA_US);
  CHECK(peer_check_to(&p, 2) != NULL);
}

TEST(ice_consent_checks_carry_the_role_and_the_nomination) {
  peer_init(&p, true, false, 1, true);
  peer_offer_candidate(&p, 1, WR_CANDIDATE_HOST);
  peer_drain(&p);
  peer_approve(&p, 1);
  p.n_sent = 0;
  wr_time start = p.now;
  while (!peer_check_to(&p, 1)) peer_run(&p, WR_MS(10));
  CHECK(p.now - start >= WR_S(4) && p.now - start <= WR_S(6) + WR_MS(10));
  const peer_sent *check = peer_check_to(&p, 1);
  CHECK(check->stun.controlling && check->stun.use_candidate);
  CHECK_EQ(check->stun.id[11], 0);
}

TEST(ice_longest_credentials_fit_a_datagram) {
  char ufrag[WR_UFRAG_MAX + 2], pwd[WR_PWD_MAX + 2];
  memset(ufrag, 'u', sizeof ufrag);
  memset(pwd, 'p', sizeof pwd);
  ufrag[WR_UFRAG_MAX + 1] = pwd[WR_PWD_MAX + 1] = 0;
  peer_init(&p, true, false, 1, false);
  CHECK_EQ(wr_ice_set_remote(p.ice, ufrag, "x", false, p.now), WR_ERR_LIMIT);
  CHECK_EQ(wr_ice_set_remote(p.ice, "x", pwd, false, p.now), WR_ERR_LIMIT);
  CHECK_EQ(wr_ice_set_remote(p.ice, "", "x", false, p.now), WR_ERR_SYNTAX);
  ufrag[WR_UFRAG_MAX] = pwd[WR_PWD_MAX] = 0;
  CHECK_EQ(wr_ice_set_remote(p.ice, ufrag, pwd, false, p.now), WR_OK);
  peer_offer_candidate(&p, 1, WR_CANDIDATE_HOST);
  peer_drain(&p);
  const peer_sent *check = peer_check_to(&p, 1);
  REQUIRE(check);
  CHECK_EQ(check->stun.username.len, WR_UFRAG_MAX + 1 + WR_ICE_UFRAG_BYTES);
  CHECK(wr_stun_verify(&check->stun, p.ice->crypto, wr_bytes_of(pwd, WR_PWD_MAX)));
}
