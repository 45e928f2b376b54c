/* Congestion control of whole calls: two peers of the simulator on a link with a queue. */
#include "check.h"
#include "conn/conn_state.h"
#include "sim/peer.h"
#include "wr/crypto_openssl.h"

static sim_peer caller, callee;
static sim_net *net;

static void step(wr_time until) {
  wr_time next = wr_time_min(wr_time_min(sim_peer_deadline(&caller), sim_peer_deadline(&callee)), until);
  if (next < sim_net_now(net)) next = sim_net_now(net);
  sim_delivery d;
  while (sim_net_recv(net, next, &d)) sim_peer_recv(d.host == caller.host ? &caller : &callee, &d);
  sim_peer_tick(&caller);
  sim_peer_tick(&callee);
}

static void run_for(wr_time us) {
  wr_time end = sim_net_now(net) + us;
  while (sim_net_now(net) < end) step(end);
  CHECK(!caller.fault && !callee.fault);
}

/* A call that stands; the caller's way out carries |rate_bps|, 0: anything. */
static bool begin(uint64_t rate_bps) {
  static char offer[8192], answer[8192];
  net = sim_net_open(1);
  sim_host_id a = sim_net_add_host(net, "192.0.2.1"), b = sim_net_add_host(net, "192.0.2.2");
  sim_link_profile up = {.delay_us = WR_MS(30)}, down = {.delay_us = WR_MS(1)};
  sim_net_set_link(net, a, &up, &down);
  const wr_crypto *crypto = wr_crypto_null();
  if (!sim_peer_open(&caller, net, a, &(sim_peer_settings){.crypto = crypto, .seed = 1, .is_caller = true}) ||
      !sim_peer_open(&callee, net, b, &(sim_peer_settings){.crypto = crypto, .seed = 2}))
    return false;
  if (!sim_peer_offer(&caller, offer, sizeof offer) || !sim_peer_answer(&callee, offer, answer, sizeof answer) ||
      !sim_peer_accept(&caller, answer))
    return false;
  run_for(WR_S(5));
  up.rate_bps = rate_bps;
  up.queue_bytes = 20000;
  sim_net_set_link(net, a, &up, &down);
  return caller.media_at && callee.media_at;
}

static void end(void) {
  sim_peer_close(&caller);
  sim_peer_close(&callee);
  sim_net_close(net);
}

static wr_conn_stats stats_of(const sim_peer *peer) {
  wr_conn_stats stats;
  wr_conn_get_stats(peer->conn, &stats);
  return stats;
}

TEST(conn_feedback_goes_both_ways_and_costs_little) {
  REQUIRE(begin(0));
  run_for(WR_S(10));
  wr_conn_stats a = stats_of(&caller), b = stats_of(&callee);
  CHECK(a.feedback_in >= 55 && a.feedback_in <= 70); /* 4 a second, of 15 s */
  CHECK(b.feedback_in >= 55 && b.feedback_in <= 70);
  CHECK(b.feedback_out >= a.feedback_in && a.feedback_out >= b.feedback_in);
  CHECK_EQ(a.target_bps, 300000); /* voice alone proves no more */
  CHECK(a.queue_us < 5000);
  CHECK_EQ(a.breaks + b.breaks, 0);
  end();
}

static void agree_to_ccfb(void) {
  wr_conn *conns[2] = {caller.conn, callee.conn};
  for (unsigned i = 0; i < 2; i++) {
    conns[i]->agreement.ccfb = true;
    conns[i]->agreement.transport_cc = false;
    conns[i]->agreement.twcc_extension = 0;
    wr_feedback_path_changed(conns[i]); /* two clocks in one call: that never is */
  }
}

/* The same by RFC 8888, and a narrow way is seen as well. */
TEST(conn_feedback_of_rfc_8888_goes_both_ways) {
  REQUIRE(begin(0));
  agree_to_ccfb();
  wr_conn_stats a = stats_of(&caller), b = stats_of(&callee);
  run_for(WR_S(10));
  wr_conn_stats later_a = stats_of(&caller), later_b = stats_of(&callee);
  uint32_t told_a = later_a.feedback_in - a.feedback_in, told_b = later_b.feedback_in - b.feedback_in;
  CHECK(told_a >= 37 && told_a <= 47 && told_b >= 37 && told_b <= 47);
  CHECK_EQ(later_a.target_bps, 300000);
  CHECK(later_a.queue_us < 5000);
  CHECK_EQ(later_a.drop[WR_DROP_RTCP_MALFORMED] + later_b.drop[WR_DROP_RTCP_MALFORMED], 0);
  end();
  REQUIRE(begin(45000));
  agree_to_ccfb();
  run_for(WR_S(10));
  CHECK(stats_of(&caller).target_bps < 50000);
  end();
}

/* Voice fills a way of 45 kbit/s; what is told of the other direction then takes less of it. */
TEST(conn_feedback_is_rarer_where_the_way_out_is_narrow) {
  REQUIRE(begin(45000));
  run_for(WR_S(10));
  wr_conn_stats before = stats_of(&caller);
  CHECK(before.target_bps < 50000);
  run_for(WR_S(10));
  uint64_t told = stats_of(&caller).feedback_out - before.feedback_out;
  CHECK(told >= 22 && told <= 36); /* not 40 */
  CHECK(wr_conn_queue_now_us(caller.conn) > 0);
  end();
}

/* Two copies make 110 kbit/s of 53: a way of 90 carries it not, and the voice alone. */
TEST(conn_copies_go_first_when_the_way_is_full) {
  REQUIRE(begin(90000));
  wr_conn_set_audio_copies(caller.conn, 5);
  run_for(WR_S(20));
  uint32_t least_us = UINT32_MAX, most_us = 0;
  for (int i = 0; i < 200; i++) {
    run_for(WR_MS(100));
    wr_conn_stats stats = stats_of(&caller);
    if (stats.queue_us < least_us) least_us = stats.queue_us;
    if (stats.queue_us > most_us) most_us = stats.queue_us;
  }
  CHECK(least_us < 20000); /* it empties again and again */
  CHECK(most_us < 600000); /* unlike with copies all the time: 1.7 s, as much as the queue holds */
  wr_conn_stats a = stats_of(&caller), b = stats_of(&callee);
  CHECK(a.target_bps < 110000);
  CHECK_EQ(b.rtp_lost, 0);
  end();
}

TEST(conn_remb_of_a_peer_is_a_bound) {
  REQUIRE(begin(0));
  uint8_t packet[64];
  size_t len = check_hex(packet, sizeof packet, "8fce0005 00000001 00000000 52454d42 0104fa00 00000002");
  wr_reader r = wr_reader_of(wr_bytes_of(packet, len));
  wr_rtcp_packet remb;
  REQUIRE(wr_rtcp_read(&remb, &r));
  wr_feedback_heard(caller.conn, &remb, sim_net_now(net));
  CHECK_EQ(wr_conn_target_bps(caller.conn), 0xfa00 * 2);
  end();
}

/* RFC 8083: nobody tells of what is sent any more; and then somebody does. */
TEST(conn_a_stream_into_silence_is_stopped_and_goes_on) {
  REQUIRE(begin(0));
  sim_net_block_udp(net, callee.host, true);
  run_for(WR_S(14));
  CHECK_EQ(stats_of(&caller).breaks, 0);
  run_for(WR_S(4));
  wr_conn_stats stopped = stats_of(&caller);
  CHECK(stopped.breaks >= 1);
  run_for(WR_S(1));
  CHECK_EQ(stats_of(&caller).rtp_packets_out, stopped.rtp_packets_out);
  sim_net_block_udp(net, callee.host, false);
  unsigned n_came = callee.n_audio_came;
  run_for(WR_S(4));
  CHECK(callee.n_audio_came - n_came >= 45);
  end();
}

/* Reports come each five seconds. One that a busy browser delayed tells of half a second, over which nothing is
 * asked for; the checks know better, and speech is mended until the next one comes. */
TEST(conn_one_late_report_does_not_end_asking) {
  REQUIRE(begin(0));
  sim_link_profile up = {.delay_us = WR_MS(30), .loss_ppm = 100000}, down = {.delay_us = WR_MS(1)};
  sim_net_set_link(net, caller.host, &up, &down);
  for (int i = 0; i < 500; i++) {
    callee.conn->stats.rtt_us = 500000; /* also where one came in time meanwhile */
    run_for(WR_MS(10));
  }
  wr_conn_stats stats = stats_of(&callee);
  CHECK(stats.rtp_asked >= 10 && stats.rtp_recovered >= 10);
  CHECK(stats.rtp_lost <= 1);
  end();
}
