#include "sim/net.h"

#include "check.h"

static void send_text(sim_net *net, sim_host_id from, uint16_t port, wr_addr to, const char *text) {
  wr_path path = {.local = sim_net_addr(net, from, port), .remote = to};
  sim_net_send(net, from, &path, wr_bytes_of(text, strlen(text)));
}

static uint64_t sum_drops(const sim_net_stats *s) {
  uint64_t sum = 0;
  for (int i = 0; i < SIM_N_DROPS; i++) sum += s->n_dropped[i];
  return sum;
}

static void check_conservation(const sim_net *net) {
  sim_net_stats s = sim_net_stats_of(net);
  CHECK_EQ(s.n_sent + s.n_duplicated, s.n_delivered + sum_drops(&s) + s.n_in_flight);
}

TEST(sim_net_delivers_after_both_links) {
  sim_net *net = sim_net_open(1);
  sim_host_id a = sim_net_add_host(net, "192.0.2.1"), b = sim_net_add_host(net, "192.0.2.2");
  sim_link_profile ten = {.delay_us = WR_MS(10)}, forty = {.delay_us = WR_MS(40)};
  sim_net_set_link(net, a, &ten, &ten);
  sim_net_set_link(net, b, &forty, &forty);
  send_text(net, a, 1000, sim_net_addr(net, b, 2000), "hello");
  sim_delivery d;
  CHECK(!sim_net_recv(net, WR_MS(50) - 1, &d));
  CHECK_EQ(sim_net_now(net), WR_MS(50) - 1);
  CHECK_EQ(sim_net_deadline(net), WR_MS(50));
  CHECK(sim_net_recv(net, WR_S(1), &d));
  CHECK_EQ(d.at, WR_MS(50));
  CHECK_EQ(sim_net_now(net), WR_MS(50));
  CHECK_EQ(d.host, b);
  wr_addr from = sim_net_addr(net, a, 1000), to = sim_net_addr(net, b, 2000);
  CHECK(wr_addr_equal(&d.path.remote, &from) && wr_addr_equal(&d.path.local, &to));
  CHECK_BYTES(d.bytes.data, d.bytes.len, "hello", 5);
  CHECK(!sim_net_recv(net, WR_S(1), &d));
  CHECK_EQ(sim_net_deadline(net), WR_NEVER);
  check_conservation(net);
  sim_net_close(net);
}

/* Two hosts throw numbered datagrams at each other over a bad link; every delivery is answered. */
static uint64_t run_storm(uint64_t seed, sim_net_stats *stats) {
  sim_net *net = sim_net_open(seed);
  sim_host_id a = sim_net_add_host(net, "192.0.2.1"), b = sim_net_add_host(net, "2001:db8::2");
  const sim_profile *wifi = sim_profile_named("cafe_wifi");
  sim_net_set_link(net, a, &wifi->up, &wifi->down);
  sim_delivery d;
  for (int i = 0; i < 500; i++) {
    send_text(net, a, 1000, sim_net_addr(net, b, 2000), "request with some length to fill the queue");
    while (sim_net_recv(net, i * WR_MS(2), &d)) {
      d.bytes.data[0]++;
      if (d.host == b) sim_net_send(net, b, &d.path, wr_span_bytes(d.bytes));
    }
  }
  while (sim_net_recv(net, WR_S(10), &d)) {
  }
  check_conservation(net);
  *stats = sim_net_stats_of(net);
  uint64_t digest = sim_net_digest(net);
  sim_net_close(net);
  return digest;
}

TEST(sim_net_same_seed_same_bytes) {
  uint64_t before = 0;
  for (uint64_t seed = 0; seed < 20; seed++) {
    sim_net_stats once, twice;
    uint64_t digest = run_storm(seed, &once);
    CHECK_EQ(run_storm(seed, &twice), digest);
    CHECK(!memcmp(&once, &twice, sizeof once));
    CHECK(digest != before);
    before = digest;
    CHECK(once.n_dropped[SIM_DROP_LOST] > 0 && once.n_delivered > 700);
    CHECK_EQ(once.n_in_flight, 0);
  }
}

TEST(sim_net_reordering_lets_later_datagrams_pass) {
  sim_net *net = sim_net_open(5);
  sim_host_id a = sim_net_add_host(net, "192.0.2.1"), b = sim_net_add_host(net, "192.0.2.2");
  sim_link_profile up = {.delay_us = WR_MS(10), .reorder_ppm = 200000, .reorder_us = WR_MS(5)}, down = {0};
  sim_net_set_link(net, a, &up, &down);
  uint8_t highest = 0;
  unsigned n_late = 0, n_got = 0;
  sim_delivery d;
  for (int i = 1; i <= 200; i++) {
    char text[2] = {(char)i, 0};
    send_text(net, a, 1000, sim_net_addr(net, b, 2000), text);
    while (sim_net_recv(net, i * WR_MS(1) + (i == 200 ? WR_S(1) : 0), &d)) {
      n_got++;
      if (d.bytes.data[0] < highest) n_late++;
      if (d.bytes.data[0] > highest) highest = d.bytes.data[0];
    }
  }
  CHECK_EQ(n_got, 200);
  CHECK(n_late > 20 && n_late < 60);
  CHECK_EQ(sim_net_stats_of(net).n_reordered, n_late);
  sim_net_close(net);
}

TEST(sim_net_duplicates_are_deliveries) {
  sim_net *net = sim_net_open(6);
  sim_host_id a = sim_net_add_host(net, "192.0.2.1"), b = sim_net_add_host(net, "192.0.2.2");
  sim_link_profile up = {.duplicate_ppm = 1000000}, down = {0};
  sim_net_set_link(net, a, &up, &down);
  send_text(net, a, 1, sim_net_addr(net, b, 2), "twice");
  sim_delivery d;
  int n = 0;
  while (sim_net_recv(net, WR_S(1), &d)) n++;
  CHECK_EQ(n, 2);
  check_conservation(net);
  sim_net_close(net);
}

/* Two hosts behind one NAT each, punching simultaneously: works unless both ends depend on the port and one maps
 * symmetrically (RFC 5128 section 3.3). */
static bool punch(sim_nat_kind kind_a, sim_nat_kind kind_b) {
  sim_net *net = sim_net_open(7);
  sim_host_id server = sim_net_add_host(net, "203.0.113.1");
  sim_host_id host[2] = {sim_net_add_host(net, "10.0.0.2"), sim_net_add_host(net, "10.0.0.2")};
  sim_net_put_behind_nat(net, host[0], sim_net_add_nat(net, "198.51.100.1", sim_nat_classic(kind_a)));
  sim_net_put_behind_nat(net, host[1], sim_net_add_nat(net, "198.51.100.2", sim_nat_classic(kind_b)));
  wr_addr seen[2] = {{{0}, 0, 0, 0}, {{0}, 0, 0, 0}};
  sim_delivery d;
  for (int i = 0; i < 2; i++) { /* the server tells what it sees, as STUN would */
    send_text(net, host[i], 5000, sim_net_addr(net, server, 3478), "who am I");
    if (sim_net_recv(net, i + 1, &d)) seen[i] = d.path.remote;
  }
  bool reached[2] = {false, false};
  wr_addr peer[2] = {seen[1], seen[0]};
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < 2; i++) send_text(net, host[i], 5000, peer[i], "punch");
    while (sim_net_recv(net, 10 + round, &d)) {
      for (int i = 0; i < 2; i++) {
        if (d.host != host[i]) continue;
        reached[i] = true;
        peer[i] = d.path.remote; /* what ICE calls a peer-reflexive candidate */
      }
    }
  }
  check_conservation(net);
  sim_net_close(net);
  return reached[0] && reached[1];
}

TEST(sim_net_hole_punching_matrix) {
  for (int a = SIM_NAT_FULL_CONE; a <= SIM_NAT_SYMMETRIC; a++) {
    for (int b = SIM_NAT_FULL_CONE; b <= SIM_NAT_SYMMETRIC; b++) {
      bool hard_a = a >= SIM_NAT_PORT_RESTRICTED, hard_b = b >= SIM_NAT_PORT_RESTRICTED;
      bool impossible = (a == SIM_NAT_SYMMETRIC && hard_b) || (b == SIM_NAT_SYMMETRIC && hard_a);
      CHECK_EQ(punch((sim_nat_kind)a, (sim_nat_kind)b), !impossible);
    }
  }
}

TEST(sim_net_drops_are_counted_by_reason) {
  sim_net *net = sim_net_open(8);
  sim_host_id a = sim_net_add_host(net, "192.0.2.1"), inside = sim_net_add_host(net, "10.0.0.2");
  sim_nat_id nat = sim_net_add_nat(net, "198.51.100.1", sim_nat_classic(SIM_NAT_PORT_RESTRICTED));
  sim_net_put_behind_nat(net, inside, nat);
  sim_delivery d;
  wr_addr unknown = {.ip = {192, 0, 2, 99}, .port = 1, .family = 4};
  send_text(net, a, 1, unknown, "nobody");
  send_text(net, a, 1, sim_net_addr(net, inside, 5000), "private address from outside");
  wr_addr outside = {.ip = {198, 51, 100, 1}, .port = 40000, .family = 4};
  send_text(net, a, 1, outside, "no mapping");
  CHECK(!sim_net_recv(net, 1, &d));
  CHECK_EQ(sim_net_stats_of(net).n_dropped[SIM_DROP_NO_ROUTE], 2);
  CHECK_EQ(sim_net_stats_of(net).n_dropped[SIM_DROP_FILTERED], 1);

  send_text(net, inside, 5000, sim_net_addr(net, a, 1), "opens");
  REQUIRE(sim_net_recv(net, 2, &d));
  sim_net_send(net, a, &d.path, wr_span_bytes(d.bytes));
  CHECK(sim_net_recv(net, 3, &d));
  CHECK_EQ(d.host, inside);
  send_text(net, inside, 5000, sim_net_addr(net, a, 1), "again");
  REQUIRE(sim_net_recv(net, 4, &d));
  sim_net_forget_mappings(net, nat);
  sim_net_send(net, a, &d.path, wr_span_bytes(d.bytes));
  CHECK(!sim_net_recv(net, 5, &d));
  CHECK_EQ(sim_net_stats_of(net).n_dropped[SIM_DROP_FILTERED], 2);

  sim_net_block_udp(net, inside, true);
  send_text(net, inside, 5000, sim_net_addr(net, a, 1), "blocked");
  CHECK(!sim_net_recv(net, 6, &d));
  CHECK_EQ(sim_net_stats_of(net).n_dropped[SIM_DROP_BLOCKED], 1);
  static const uint8_t jumbo[SIM_DATAGRAM_MAX + 1];
  wr_path path = {.local = sim_net_addr(net, a, 1), .remote = unknown};
  sim_net_send(net, a, &path, wr_bytes_of(jumbo, sizeof jumbo));
  CHECK_EQ(sim_net_stats_of(net).n_dropped[SIM_DROP_TOO_LARGE], 1);
  check_conservation(net);
  sim_net_close(net);
}

TEST(sim_net_neighbours_behind_one_nat) {
  sim_net *net = sim_net_open(9);
  sim_nat_rules rules = sim_nat_classic(SIM_NAT_FULL_CONE);
  for (int hairpin = 0; hairpin < 2; hairpin++) {
    rules.hairpin = hairpin;
    sim_nat_id nat = sim_net_add_nat(net, hairpin ? "198.51.100.2" : "198.51.100.1", rules);
    sim_host_id a = sim_net_add_host(net, "10.0.0.1"), b = sim_net_add_host(net, "10.0.0.2");
    sim_host_id server = sim_net_add_host(net, hairpin ? "203.0.113.2" : "203.0.113.1");
    sim_net_put_behind_nat(net, a, nat);
    sim_net_put_behind_nat(net, b, nat);
    sim_delivery d;
    send_text(net, a, 1, sim_net_addr(net, b, 2), "inside");
    REQUIRE(sim_net_recv(net, sim_net_now(net) + 1, &d));
    CHECK_EQ(d.host, b);
    send_text(net, b, 2, sim_net_addr(net, server, 3), "outside");
    REQUIRE(sim_net_recv(net, sim_net_now(net) + 1, &d));
    CHECK_EQ(d.host, server);
    send_text(net, a, 1, d.path.remote, "by the outside address");
    CHECK_EQ(sim_net_recv(net, sim_net_now(net) + 1, &d), hairpin);
  }
  check_conservation(net);
  sim_net_close(net);
}

TEST(sim_net_full_slab_drops_the_newest_and_recovers) {
  sim_net *net = sim_net_open(10);
  sim_host_id a = sim_net_add_host(net, "192.0.2.1"), b = sim_net_add_host(net, "192.0.2.2");
  sim_link_profile slow = {.delay_us = WR_S(1)}, ideal = {0};
  sim_net_set_link(net, a, &slow, &ideal);
  for (int i = 0; i < SIM_IN_FLIGHT_MAX + 10; i++) send_text(net, a, 1, sim_net_addr(net, b, 2), "x");
  CHECK_EQ(sim_net_stats_of(net).n_dropped[SIM_DROP_NO_MEMORY], 10);
  sim_delivery d;
  unsigned n = 0;
  while (sim_net_recv(net, WR_S(2), &d)) n++;
  CHECK(n >= SIM_IN_FLIGHT_MAX - 1);
  check_conservation(net);
  sim_net_close(net);
}
