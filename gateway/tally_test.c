#include "gateway/tally.h"

#include "check.h"

static gw_figures figures(double mos, double rtt) {
  return (gw_figures){.mos = mos, .rtt_ms = rtt, .loss_up = MGR_ABSENT, .loss_down = 0.5, .concealed = MGR_ABSENT};
}

TEST(tally_of_a_call_that_went_well) {
  gw_tally t;
  gw_call call;
  gw_tally_init(&t, (gw_browser){"Chrome", 131});
  const wr_stats_candidate_pair pair = {.present = true, .path.remote = {.family = 6}};
  t.is_connected = true;
  gw_tally_second(
      &t, &(gw_figures){.mos = MGR_ABSENT, .rtt_ms = MGR_ABSENT, .loss_up = MGR_ABSENT, .loss_down = MGR_ABSENT});
  const gw_figures good = figures(4.4, 20), bad = figures(2.0, 40);
  gw_tally_second(&t, &good);
  gw_tally_second(&t, &bad);
  gw_tally_way(&t, &pair);
  gw_tally_keep(&t, &(gw_timeline){WR_S(1), WR_S(1) + 500, WR_S(1) + WR_MS(4), WR_S(1) + WR_MS(9), 0, WR_S(2)});
  gw_tally_keep(&t, &(gw_timeline){WR_S(5), WR_S(6), WR_S(7), WR_S(8), 0, 0}); /* it came back: another time */
  gw_tally_read(&t, &call, "remote", true, WR_S(12));
  CHECK_TEXT(call.result, "connected");
  CHECK_TEXT(call.reason, "remote");
  CHECK_TEXT(call.way, "direct");
  CHECK_TEXT(call.browser, "Chrome");
  CHECK_TEXT(call.network, "");
  CHECK(call.family == 6 && call.browser_major == 131 && call.n == 1);
  CHECK(call.connect_ms == 9 && call.dtls_ms == 9 && call.ice_ms == 4 && call.signalling_ms == 0.5);
  CHECK(call.data_ms < 0 && call.media_ms == 1000);
  CHECK(call.mos_mean > 3.19 && call.mos_mean < 3.21 && call.mos_min == 2.0);
  CHECK(call.rtt_ms == 30 && call.loss_down == 0.5 && call.loss_up < 0);
  CHECK(call.duration_s == 12);
}

TEST(tally_of_calls_that_never_were) {
  gw_tally t;
  gw_call call;
  gw_tally_init(&t, (gw_browser){NULL, 0});
  gw_tally_keep(&t, &(gw_timeline){.offered_at = WR_S(1), .answered_at = WR_S(2)});
  gw_tally_read(&t, &call, "ice_failed", false, WR_S(30));
  CHECK_TEXT(call.result, "failed");
  CHECK_TEXT(call.browser, "unknown");
  CHECK(call.connect_ms < 0 && call.signalling_ms < 0 && call.mos_mean < 0 && call.mos_min < 0);
  gw_tally_read(&t, &call, "hangup", true, WR_S(3));
  CHECK_TEXT(call.result, "abandoned");
}

TEST(tally_ways) {
  gw_tally t;
  gw_tally_init(&t, (gw_browser){"Chrome", 1});
  gw_tally_way(&t, &(wr_stats_candidate_pair){.is_relayed = true}); /* not there: nothing is known */
  CHECK_TEXT(t.way, "");
  gw_tally_way(&t, &(wr_stats_candidate_pair){.present = true, .path.remote = {.family = 4, .transport = WR_TCP}});
  CHECK_TEXT(t.way, "tcp");
  gw_tally_way(&t, &(wr_stats_candidate_pair){.present = true, .is_relayed = true, .path.remote = {.family = 4}});
  CHECK_TEXT(t.way, "relay");
  CHECK_EQ(t.family, 4);
}

TEST(tally_keeps_no_word_of_a_page) {
  char told[] = "wifi";
  CHECK_TEXT(gw_tally_network(told), "wifi");
  CHECK(gw_tally_network(told) != told);
  CHECK_TEXT(gw_tally_network("=HYPERLINK(1)"), "");
  CHECK_TEXT(gw_tally_network(""), "");
}
