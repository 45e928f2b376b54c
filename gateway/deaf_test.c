#include "gateway/deaf.h"

#include "check.h"

#define RTT 40000u

TEST(deaf_is_who_answers_neither_data_nor_checks) {
  gw_deaf d = {0};
  wr_arrival a = {.proved_at = WR_S(10), .open_at = WR_S(11)};
  wr_time suspect = WR_S(11) + GW_DEAF_SUSPECT_US + 2 * RTT;
  CHECK_EQ(gw_deaf_deadline(&d, &a, RTT), suspect);
  CHECK_EQ(gw_deaf_look(&d, &a, RTT, suspect - 1), GW_DEAF_NOTHING);
  CHECK_EQ(gw_deaf_look(&d, &a, RTT, suspect), GW_DEAF_ASK);
  CHECK_EQ(gw_deaf_look(&d, &a, RTT, suspect + 1), GW_DEAF_NOTHING);
  wr_time deaf = gw_deaf_deadline(&d, &a, RTT);
  CHECK_EQ(deaf, suspect + WR_MS(300));
  CHECK(gw_deaf_look(&d, &a, RTT, deaf) == GW_DEAF_BEGINS && d.is);
  CHECK(gw_deaf_look(&d, &a, RTT, deaf + WR_S(5)) == GW_DEAF_NOTHING && gw_deaf_deadline(&d, &a, RTT) == WR_NEVER);
  a.proved_at = deaf + WR_S(6);
  a.open_at = WR_NEVER;
  CHECK(gw_deaf_look(&d, &a, RTT, deaf + WR_S(6)) == GW_DEAF_ENDS && !d.is);
  CHECK_EQ(d.before_at, WR_S(10));
  CHECK_EQ(gw_deaf_look(&d, &a, RTT, deaf + WR_S(7)), GW_DEAF_NOTHING);
}

TEST(deaf_is_nobody_who_answers_late_or_one_of_the_checks) {
  gw_deaf d = {0};
  wr_arrival a = {.proved_at = WR_S(10), .open_at = WR_S(11)};
  CHECK_EQ(gw_deaf_look(&d, &a, RTT, WR_S(12)), GW_DEAF_ASK);
  a.proved_at = WR_S(12) + 3 * RTT; /* of a check; the data's acknowledgement is lost */
  CHECK_EQ(gw_deaf_look(&d, &a, RTT, a.proved_at), GW_DEAF_NOTHING);
  CHECK_EQ(gw_deaf_look(&d, &a, RTT, a.proved_at + WR_MS(300)), GW_DEAF_NOTHING);
  CHECK_EQ(gw_deaf_look(&d, &a, RTT, a.proved_at + WR_S(1)), GW_DEAF_ASK); /* still: again */
  a.open_at = WR_NEVER;
  a.proved_at = WR_S(14);
  CHECK_EQ(gw_deaf_look(&d, &a, RTT, WR_S(20)), GW_DEAF_NOTHING);
  CHECK_EQ(gw_deaf_deadline(&d, &a, RTT), WR_NEVER);
}

TEST(deaf_was_who_moved_while_he_was_asked) {
  gw_deaf d = {0};
  wr_arrival a = {.proved_at = WR_S(10), .open_at = WR_S(11)};
  gw_deaf_move(&d);
  CHECK(!d.is);
  CHECK_EQ(gw_deaf_look(&d, &a, RTT, WR_S(12)), GW_DEAF_ASK);
  gw_deaf_move(&d);
  a.proved_at = WR_MS(12100);
  CHECK(gw_deaf_look(&d, &a, RTT, WR_MS(12100)) == GW_DEAF_ENDS && d.before_at == WR_S(10));
}

TEST(deaf_is_nobody_who_never_answered) {
  gw_deaf d = {0};
  wr_arrival a = {.open_at = WR_S(1)};
  CHECK(gw_deaf_look(&d, &a, 0, WR_S(100)) == GW_DEAF_NOTHING && gw_deaf_deadline(&d, &a, 0) == WR_NEVER);
}
