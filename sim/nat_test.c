#include "sim/nat.h"

#include "check.h"

static wr_addr addr(const char *ip, uint16_t port) {
  wr_addr a = {0};
  CHECK(wr_addr_parse(&a, wr_bytes_of(ip, strlen(ip)), port));
  return a;
}

static sim_nat nat_of(sim_nat_rules rules) {
  sim_nat nat;
  wr_addr ip = addr("198.51.100.1", 0);
  sim_nat_init(&nat, &ip, rules, sim_rng_of(9, 9));
  return nat;
}

/* Who may answer through a mapping made towards 203.0.113.5:3478. */
TEST(sim_nat_filtering_table_of_the_four_kinds) {
  static const struct {
    sim_nat_kind kind;
    bool same, other_port, other_ip;
  } table[] = {
      {SIM_NAT_FULL_CONE, true, true, true},
      {SIM_NAT_RESTRICTED, true, true, false},
      {SIM_NAT_PORT_RESTRICTED, true, false, false},
      {SIM_NAT_SYMMETRIC, true, false, false},
  };
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    sim_nat nat = nat_of(sim_nat_classic(table[i].kind));
    wr_addr inside = addr("10.0.0.2", 5000), back;
    wr_addr remote = addr("203.0.113.5", 3478), port = addr("203.0.113.5", 3479), ip = addr("203.0.113.6", 3478);
    wr_addr outside = sim_nat_out(&nat, &inside, &remote, 0);
    CHECK_EQ(sim_nat_in(&nat, outside.port, &remote, &back, 1), table[i].same);
    CHECK(wr_addr_equal(&back, &inside));
    CHECK_EQ(sim_nat_in(&nat, outside.port, &port, &back, 1), table[i].other_port);
    CHECK_EQ(sim_nat_in(&nat, outside.port, &ip, &back, 1), table[i].other_ip);
  }
}

TEST(sim_nat_mapping_table_of_the_four_kinds) {
  for (int kind = SIM_NAT_FULL_CONE; kind <= SIM_NAT_SYMMETRIC; kind++) {
    sim_nat nat = nat_of(sim_nat_classic((sim_nat_kind)kind));
    wr_addr inside = addr("10.0.0.2", 5000), second = addr("10.0.0.2", 5001);
    wr_addr a = addr("203.0.113.5", 3478), b = addr("203.0.113.6", 3478);
    uint16_t to_a = sim_nat_out(&nat, &inside, &a, 0).port;
    CHECK_EQ(sim_nat_out(&nat, &inside, &a, 0).port, to_a);
    CHECK_EQ(sim_nat_out(&nat, &inside, &b, 0).port == to_a, kind != SIM_NAT_SYMMETRIC);
    CHECK(sim_nat_out(&nat, &second, &a, 0).port != to_a);
  }
}

TEST(sim_nat_address_dependent_mapping_ignores_the_port) {
  sim_nat nat = nat_of((sim_nat_rules){.mapping = SIM_NAT_PER_ADDRESS, .filtering = SIM_NAT_PER_ADDRESS});
  wr_addr inside = addr("10.0.0.2", 5000);
  wr_addr a = addr("203.0.113.5", 3478), b = addr("203.0.113.5", 9), c = addr("203.0.113.6", 3478);
  uint16_t port = sim_nat_out(&nat, &inside, &a, 0).port;
  CHECK_EQ(sim_nat_out(&nat, &inside, &b, 0).port, port);
  CHECK(sim_nat_out(&nat, &inside, &c, 0).port != port);
}

TEST(sim_nat_forgets_when_told) {
  sim_nat nat = nat_of(sim_nat_classic(SIM_NAT_FULL_CONE));
  wr_addr inside = addr("10.0.0.2", 5000), remote = addr("203.0.113.5", 3478), back;
  uint16_t port = sim_nat_out(&nat, &inside, &remote, 0).port;
  sim_nat_forget(&nat);
  CHECK(!sim_nat_in(&nat, port, &remote, &back, 1));
  CHECK(sim_nat_out(&nat, &inside, &remote, 2).port != port);
}

TEST(sim_nat_forgets_idle_mappings_and_only_outbound_traffic_refreshes) {
  sim_nat_rules rules = sim_nat_classic(SIM_NAT_PORT_RESTRICTED);
  rules.idle_us = WR_S(30);
  sim_nat nat = nat_of(rules);
  wr_addr inside = addr("10.0.0.2", 5000), remote = addr("203.0.113.5", 3478), back;
  uint16_t port = sim_nat_out(&nat, &inside, &remote, 0).port;
  CHECK(sim_nat_in(&nat, port, &remote, &back, WR_S(20)));
  CHECK_EQ(sim_nat_out(&nat, &inside, &remote, WR_S(25)).port, port);
  CHECK(sim_nat_in(&nat, port, &remote, &back, WR_S(55)));
  CHECK(!sim_nat_in(&nat, port, &remote, &back, WR_S(55) + 1));
}

TEST(sim_nat_at_its_bounds_the_oldest_gives_way) {
  sim_nat nat = nat_of(sim_nat_classic(SIM_NAT_PORT_RESTRICTED));
  wr_addr remote = addr("203.0.113.5", 3478), back, first = addr("10.0.0.2", 1);
  uint16_t first_port = sim_nat_out(&nat, &first, &remote, 0).port;
  for (uint16_t i = 1; i <= SIM_NAT_MAPPINGS; i++) {
    wr_addr inside = addr("10.0.0.2", (uint16_t)(i + 1));
    sim_nat_out(&nat, &inside, &remote, i);
  }
  CHECK(!sim_nat_in(&nat, first_port, &remote, &back, 1000));
  wr_addr busy = addr("10.0.0.3", 1);
  uint16_t port = 0;
  for (uint16_t i = 0; i <= SIM_NAT_CONTACTS; i++) {
    wr_addr to = addr("203.0.113.9", (uint16_t)(100 + i));
    port = sim_nat_out(&nat, &busy, &to, 2000).port;
  }
  wr_addr oldest = addr("203.0.113.9", 100), newest = addr("203.0.113.9", 100 + SIM_NAT_CONTACTS);
  CHECK(!sim_nat_in(&nat, port, &oldest, &back, 2000));
  CHECK(sim_nat_in(&nat, port, &newest, &back, 2000));
}
