#include "gateway/locals.h"

#include "check.h"

TEST(locals_interfaces_are_chosen_by_name) {
  CHECK(gw_locals_wants("", "eth0"));
  CHECK(gw_locals_wants("eth0,wlan*", "wlan1") && !gw_locals_wants("eth0,wlan*", "eth1"));
  CHECK(!gw_locals_wants("!docker*,!br-*", "docker0") && gw_locals_wants("!docker*,!br-*", "eth0"));
  CHECK(gw_locals_wants("eth*,!eth1", "eth0") && !gw_locals_wants("eth*,!eth1", "eth1"));
  CHECK(!gw_locals_wants("eth*,!eth1", "wlan0"));
}

static wr_addr v6(const char *text) {
  wr_addr addr = {0};
  CHECK(wr_addr_parse(&addr, wr_bytes_of(text, strlen(text)), 1));
  return addr;
}

TEST(locals_ipv6_addresses_that_will_not_last_are_left_out) {
  static const char list[] =
      "20010db8000000000000000000000001 02 40 00 80     eth0\n"
      "20010db800000000aaaaaaaaaaaaaaaa 02 40 00 01     eth0\n"
      "20010db800000001bbbbbbbbbbbbbbbb 02 40 00 01     eth1\n"
      "20010db800000001cccccccccccccccc 02 40 00 20     eth1\n"
      "20010db800000001dddddddddddddddd 02 40 00 c0     eth1\n"
      "00000000000000000000000000000001 01 80 10 80       lo\n";
  struct {
    const char *text;
    bool good;
  } rows[] = {{"2001:db8::1", true},
              {"2001:db8::aaaa:aaaa:aaaa:aaaa", false},    /* temporary, beside a stable one */
              {"2001:db8:0:1:bbbb:bbbb:bbbb:bbbb", true},  /* temporary, and all there is */
              {"2001:db8:0:1:cccc:cccc:cccc:cccc", false}, /* deprecated */
              {"2001:db8:0:1:dddd:dddd:dddd:dddd", false}, /* tentative */
              {"2001:db8:0:2::1", true},                   /* not known of */
              {"::1", true}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    wr_addr addr = v6(rows[i].text);
    CHECK_EQ(gw_locals_v6_is_good(list, &addr), rows[i].good);
    CHECK(gw_locals_v6_is_good("", &addr) && gw_locals_v6_is_good("rubbish", &addr));
  }
}

TEST(locals_are_of_one_address_or_of_the_machine) {
  static gw_config config;
  gw_locals one, all, none;
  wr_addr bound = {.family = 4, .ip = {127, 0, 0, 1}, .port = 7}, any = {.family = 4, .port = 7};
  gw_config_default(&config);
  gw_locals_find(&one, &bound, &config);
  CHECK(one.n == 1 && !one.any && wr_addr_equal(&one.at[0].shown, &bound));
  gw_locals_find(&all, &any, &config);
  CHECK(all.n >= 1 && all.any && !gw_locals_equal(&one, &all) && gw_locals_equal(&all, &all));
  CHECK(wr_addr_equal(&all.at[all.n - 1].base, &bound)); /* loopback: the last */
  memcpy(config.interface, "nothing-is-so-called", 21);
  gw_locals_find(&none, &any, &config);
  CHECK_EQ(none.n, 0);
}
