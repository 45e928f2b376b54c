/* Requests and answers as an honest, a wrong and a hostile peer sends them. */
#include <stdio.h>

#include "ice_peer.h"

static peer p;

TEST(ice_strangers_get_no_answer) {
  peer_init(&p, false, false, 1, true);
  CHECK_EQ(peer_send(&p, (peer_request){.from = 1, .username = "nobody:peer"}), WR_ICE_INPUT_UNKNOWN_USER);
  CHECK_EQ(peer_send(&p, (peer_request){.from = 1, .username = "no-colon"}), WR_ICE_INPUT_UNKNOWN_USER);
  CHECK_EQ(peer_send(&p, (peer_request){.from = 1, .username = ""}), WR_ICE_INPUT_UNKNOWN_USER);
  CHECK_EQ(peer_send(&p, (peer_request){.from = 1, .wrong_key = true}), WR_ICE_INPUT_BAD_INTEGRITY);
  CHECK_EQ(peer_send(&p, (peer_request){.from = 1, .no_integrity = true}), WR_ICE_INPUT_BAD_INTEGRITY);
  wr_path path = {p.own[0], peer_addr(1)};
  CHECK_EQ(wr_ice_recv(p.ice, &path, WR_BYTES_LITERAL("\0\1\0\0"), p.now), WR_ICE_INPUT_MALFORMED);
  peer_drain(&p);
  CHECK_EQ(p.n_sent, 0);
  CHECK_EQ(wr_ice_get_stats(p.ice)->checks_received, 0);
  CHECK(!wr_ice_is_valid_path(p.ice, &path));
  CHECK_EQ(wr_ice_get_state(p.ice), WR_ICE_NEW);
}

TEST(ice_request_is_answered_and_checked_back_at_once) {
  peer_init(&p, false, false, 1, true);
  CHECK_EQ(peer_send(&p, (peer_request){.from = 9, .controlling = true}), WR_ICE_INPUT_CONSUMED);
  REQUIRE(p.n_sent == 2);
  CHECK_EQ(p.sent[0].stun.class_, WR_STUN_SUCCESS);
  wr_addr from = peer_addr(9);
  CHECK(wr_addr_equal(&p.sent[0].stun.mapped, &from));
  CHECK(wr_stun_verify(&p.sent[0].stun, p.ice->crypto, wr_bytes_of(wr_ice_local_pwd(p.ice), WR_ICE_PWD_BYTES)));
  const wr_stun *check = &p.sent[1].stun;
  CHECK_EQ(check->class_, WR_STUN_REQUEST);
  CHECK(check->controlled && !check->controlling && !check->use_candidate && check->has_fingerprint);
  CHECK_EQ(check->priority, wr_ice_priority(WR_CANDIDATE_PRFLX, WR_TCP_NONE, UINT16_MAX));
  CHECK(wr_stun_verify(check, p.ice->crypto, WR_BYTES_LITERAL(PEER_PWD)));
  CHECK(check->username.len == 5 + WR_ICE_UFRAG_BYTES && !memcmp(check->username.data, PEER_UFRAG ":", 5));
  CHECK(wr_ice_is_valid_path(p.ice, &(wr_path){p.own[0], from})); /* data may follow the check at once */
}

TEST(ice_early_request_is_answered_and_checked_when_credentials_come) {
  peer_init(&p, true, false, 1, false);
  CHECK_EQ(peer_send(&p, (peer_request){.from = 9, .controlled = true}), WR_ICE_INPUT_CONSUMED);
  REQUIRE(p.n_sent == 1);
  CHECK_EQ(p.sent[0].stun.class_, WR_STUN_SUCCESS);
  CHECK_EQ(wr_ice_get_state(p.ice), WR_ICE_NEW);
  p.now += WR_S(3);
  CHECK_EQ(wr_ice_set_remote(p.ice, PEER_UFRAG, PEER_PWD, false, p.now), WR_OK);
  peer_drain(&p);
  CHECK(peer_check_to(&p, 9) != NULL);
  CHECK_EQ(wr_ice_get_state(p.ice), WR_ICE_CHECKING);
}

/* A peer that restarts goes on with a new socket, under its new name and our old one, until our answer reaches it.
 */
TEST(ice_checks_of_a_peer_that_has_restarted_count_when_its_offer_comes) {
  char name[64];
  peer_init(&p, false, false, 1, true);
  snprintf(name, sizeof name, "%s:fresh", wr_ice_local_ufrag(p.ice));
  CHECK_EQ(peer_send(&p, (peer_request){.from = 1, .controlling = true}), WR_ICE_INPUT_CONSUMED);
  CHECK_EQ(peer_send(&p, (peer_request){.from = 9, .controlling = true, .username = name}), WR_ICE_INPUT_CONSUMED);
  CHECK_EQ(p.sent[p.n_sent - 1].stun.class_, WR_STUN_SUCCESS);
  CHECK(peer_check_to(&p, 9) == NULL); /* under which password? */
  p.now += WR_S(2);
  wr_ice_restart(p.ice, p.now);
  CHECK_EQ(wr_ice_set_remote(p.ice, "fresh", PEER_PWD, false, p.now), WR_OK);
  peer_drain(&p);
  CHECK(peer_check_to(&p, 9) != NULL);
  wr_addr from = peer_addr(9);
  CHECK(wr_ice_is_valid_path(p.ice, &(wr_path){p.own[0], from})); /* it was told so: its data comes from there */
  p.now += WR_S(1);                                               /* our answer is still on its way */
  peer_request late = {.from = 7, .controlling = true, .username = name, .previous = true};
  CHECK_EQ(peer_send(&p, late), WR_ICE_INPUT_CONSUMED);
  CHECK(peer_check_to(&p, 7) != NULL);
}

TEST(ice_unknown_required_attribute_is_refused_by_name) {
  peer_init(&p, false, false, 1, true);
  CHECK_EQ(peer_send(&p, (peer_request){.from = 1, .unknown_attribute = true}), WR_ICE_INPUT_CONSUMED);
  REQUIRE(p.n_sent == 1);
  CHECK_EQ(p.sent[0].stun.error_code, 420);
  bool named = false;
  for (size_t i = 0; i + 6 <= p.sent[0].stun.datagram.len; i++)
    named |= !memcmp(p.sent[0].bytes + i, "\0\x0a\0\2\x7a\xbc", 6);
  CHECK(named);
}

TEST(ice_role_conflict_follows_the_larger_tie_breaker) {
  for (int controlling = 0; controlling < 2; controlling++) {
    for (int peer_wins = 0; peer_wins < 2; peer_wins++) {
      peer_init(&p, controlling, false, 1, true);
      peer_request r = {.from = 1, .controlling = controlling, .controlled = !controlling};
      r.tie_breaker = peer_wins ? UINT64_MAX : 0;
      peer_send(&p, r);
      bool peer_controls = peer_wins;
      CHECK_EQ(p.ice->controlling, !peer_controls);
      /* 487 exactly if it is the peer who has to switch */
      bool peer_switches = controlling != peer_controls;
      CHECK_EQ(p.sent[0].stun.error_code, peer_switches ? 487 : 0);
      CHECK_EQ(wr_ice_get_stats(p.ice)->role_conflicts, 1);
    }
  }
}

TEST(ice_487_switches_the_role_and_asks_again) {
  peer_init(&p, true, false, 1, true);
  peer_offer_candidate(&p, 1, WR_CANDIDATE_HOST);
  peer_drain(&p);
  REQUIRE(p.n_sent == 1);
  peer_sent check = p.sent[0];
  p.now += WR_MS(20);
  CHECK_EQ(peer_answer(&p, &check, 487, 0, "wrong"), WR_ICE_INPUT_BAD_INTEGRITY); /* anybody could say that */
  CHECK(p.ice->controlling);
  CHECK_EQ(peer_answer(&p, &check, 487, 0, PEER_PWD), WR_ICE_INPUT_CONSUMED);
  CHECK(!p.ice->controlling);
  REQUIRE(p.n_sent == 1);
  CHECK(p.sent[0].stun.controlled && !p.sent[0].stun.use_candidate);
  peer_approve(&p, 1);
  CHECK_EQ(peer_selected(&p), 1);
}

TEST(ice_answers_count_once_and_only_from_where_they_were_asked) {
  peer_init(&p, true, false, 1, true);
  peer_offer_candidate(&p, 1, WR_CANDIDATE_HOST);
  peer_drain(&p);
  REQUIRE(p.n_sent == 1);
  peer_sent check = p.sent[0];
  peer_sent forged = check;
  forged.stun.id[0] ^= 1;
  CHECK_EQ(peer_answer(&p, &forged, 0, 0, PEER_PWD), WR_ICE_INPUT_UNEXPECTED);
  forged = check;
  forged.stun.id[11]++; /* a transmission that never was */
  CHECK_EQ(peer_answer(&p, &forged, 0, 0, PEER_PWD), WR_ICE_INPUT_UNEXPECTED);
  CHECK_EQ(peer_answer(&p, &check, 0, 0, "wrong"), WR_ICE_INPUT_BAD_INTEGRITY);
  CHECK_EQ(peer_selected(&p), 0);
  CHECK_EQ(peer_answer(&p, &check, 0, 0, PEER_PWD), WR_ICE_INPUT_CONSUMED);
  CHECK_EQ(peer_selected(&p), 1);
  CHECK_EQ(peer_answer(&p, &check, 0, 0, PEER_PWD), WR_ICE_INPUT_UNEXPECTED);
  peer_init(&p, true, false, 1, true);
  peer_offer_candidate(&p, 1, WR_CANDIDATE_HOST);
  peer_drain(&p);
  check = p.sent[0];
  CHECK_EQ(peer_answer(&p, &check, 0, 2, PEER_PWD), WR_ICE_INPUT_UNEXPECTED); /* RFC 8445 7.2.5.2.1 */
  CHECK_EQ(peer_selected(&p), 0);
  peer_run(&p, WR_S(4));
  CHECK_EQ(wr_ice_get_stats(p.ice)->checks_sent, 1);            /* the pair has failed */
  peer_send(&p, (peer_request){.from = 1, .controlled = true}); /* until the peer shows that it works */
  peer_approve(&p, 1);
  CHECK_EQ(peer_selected(&p), 1);
}

TEST(ice_another_error_fails_the_pair) {
  peer_init(&p, true, false, 1, true);
  peer_offer_candidate(&p, 1, WR_CANDIDATE_HOST);
  peer_drain(&p);
  peer_sent check = p.sent[0];
  CHECK_EQ(peer_answer(&p, &check, 400, 0, PEER_PWD), WR_ICE_INPUT_CONSUMED);
  peer_run(&p, WR_S(5));
  CHECK_EQ(wr_ice_get_stats(p.ice)->checks_sent, 1);
}

TEST(ice_floods_of_requests_stay_bounded) {
  peer_init(&p, false, false, 1, true);
  for (int i = 0; i < 500; i++) { /* one peer, all source addresses, nothing ever answered */
    peer_send(&p, (peer_request){.from = (uint8_t)(i % 250 + 1), .controlling = true});
    CHECK(p.n_sent <= 2); /* never more than what came in, and the answer */
    p.now += 100;
  }
  for (int i = 0; i < 20; i++) { /* and without being polled */
    wr_path path = {p.own[0], peer_addr(1)};
    uint8_t out[200], id[WR_STUN_ID_BYTES] = {(uint8_t)i};
    wr_writer w = wr_writer_of(out, sizeof out);
    wr_stun_begin(&w, WR_STUN_REQUEST, WR_STUN_BINDING, id);
    uint8_t name[WR_ICE_UFRAG_BYTES + 2] = {0};
    memcpy(name, wr_ice_local_ufrag(p.ice), WR_ICE_UFRAG_BYTES);
    name[WR_ICE_UFRAG_BYTES] = ':';
    wr_stun_write_bytes(&w, WR_STUN_USERNAME, wr_bytes_of(name, sizeof name));
    size_t len = wr_stun_end(&w, p.ice->crypto, wr_bytes_of(wr_ice_local_pwd(p.ice), WR_ICE_PWD_BYTES));
    CHECK_EQ(wr_ice_recv(p.ice, &path, wr_bytes_of(out, len), p.now), WR_ICE_INPUT_CONSUMED);
  }
  size_t n_answers = 0;
  peer_drain(&p);
  for (size_t i = 0; i < p.n_sent; i++) n_answers += p.sent[i].stun.class_ == WR_STUN_SUCCESS;
  CHECK_EQ(n_answers, WR_ICE_MAX_ANSWERS);
  CHECK(p.ice->n_unverified <= WR_ICE_MAX_UNVERIFIED);
}

TEST(ice_sources_nobody_can_answer_are_dropped) {
  peer_init(&p, false, false, 1, true);
  uint8_t out[64], id[WR_STUN_ID_BYTES] = {0};
  wr_writer w = wr_writer_of(out, sizeof out);
  wr_stun_begin(&w, WR_STUN_REQUEST, WR_STUN_BINDING, id);
  size_t len = wr_stun_end(&w, p.ice->crypto, wr_bytes_of(NULL, 0));
  wr_path path = {p.own[0], peer_addr(1)};
  path.remote.port = 0;
  CHECK_EQ(wr_ice_recv(p.ice, &path, wr_bytes_of(out, len), p.now), WR_ICE_INPUT_UNEXPECTED);
  path.remote = (wr_addr){.family = 4, .ip = {224, 0, 0, 1}, .port = 5};
  CHECK_EQ(wr_ice_recv(p.ice, &path, wr_bytes_of(out, len), p.now), WR_ICE_INPUT_UNEXPECTED);
}

TEST(ice_indications_are_keepalives) {
  peer_init(&p, false, false, 1, true);
  uint8_t out[64], id[WR_STUN_ID_BYTES] = {0};
  wr_writer w = wr_writer_of(out, sizeof out);
  wr_stun_begin(&w, WR_STUN_INDICATION, WR_STUN_BINDING, id);
  size_t len = wr_stun_end(&w, p.ice->crypto, wr_bytes_of(NULL, 0));
  wr_path path = {p.own[0], peer_addr(1)};
  CHECK_EQ(wr_ice_recv(p.ice, &path, wr_bytes_of(out, len), p.now), WR_ICE_INPUT_UNPROVEN);
  w = wr_writer_of(out, sizeof out);
  wr_stun_begin(&w, WR_STUN_REQUEST, 0x003, id); /* Allocate: we are no relay */
  len = wr_stun_end(&w, p.ice->crypto, wr_bytes_of(NULL, 0));
  CHECK_EQ(wr_ice_recv(p.ice, &path, wr_bytes_of(out, len), p.now), WR_ICE_INPUT_MALFORMED);
  peer_drain(&p);
  CHECK_EQ(p.n_sent, 0);
}
