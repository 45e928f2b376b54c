#include "check.h"
#include "wr/sdp.h"

static wr_candidate candidate;

static wr_err read_text(const char *line) { return wr_candidate_read(&candidate, wr_bytes_of(line, strlen(line))); }

static void check_address(const char *ip, uint16_t port) {
  char text[WR_ADDR_TEXT_MAX];
  wr_addr_text(&candidate.addr, text);
  CHECK_TEXT(text, ip);
  CHECK_EQ(candidate.addr.port, port);
}

TEST(candidate_examples_of_rfc_8839) {
  REQUIRE(read_text("a=candidate:1 1 UDP 2130706431 203.0.113.141 8998 typ host") == WR_OK);
  CHECK_TEXT(candidate.foundation, "1");
  CHECK_EQ(candidate.component, 1);
  CHECK(!candidate.tcp);
  CHECK_EQ(candidate.priority, 2130706431);
  CHECK_EQ(candidate.type, WR_CANDIDATE_HOST);
  check_address("203.0.113.141", 8998);
  REQUIRE(read_text("candidate:2 1 UDP 1694498815 192.0.2.3 45664 typ srflx raddr 203.0.113.141 rport 8998") ==
          WR_OK);
  CHECK_EQ(candidate.type, WR_CANDIDATE_SRFLX);
  check_address("192.0.2.3", 45664);
  REQUIRE(read_text("a=candidate:1 1 UDP 2130706431 fe80::6676:baff:fe9c:ee4a 8998 typ host\r\n") == WR_OK);
  check_address("fe80::6676:baff:fe9c:ee4a", 8998);
}

TEST(candidate_forms_of_browsers) {
  REQUIRE(read_text(
              "candidate:1139397659 1 udp 2122194687 192.0.2.2 43290 typ host generation 0 ufrag xilj network-id 1 "
              "network-cost 999") == WR_OK);
  check_address("192.0.2.2", 43290);
  REQUIRE(read_text("candidate:0 2 TCP 2105458942 192.0.2.2 9 typ host tcptype active") == WR_OK);
  CHECK_EQ(candidate.tcp, WR_TCP_ACTIVE);
  CHECK_EQ(candidate.addr.transport, WR_TCP);
  CHECK_EQ(candidate.component, 2);
  REQUIRE(
      read_text("candidate:0 1 tcp 1 192.0.2.2 443 typ srflx raddr 0.0.0.0 rport 9 generation 0 tcptype passive") ==
      WR_OK);
  CHECK_EQ(candidate.tcp, WR_TCP_PASSIVE);
  REQUIRE(read_text("candidate:842163049 1 udp 1677729535 2001:db8::7 40000 typ prflx raddr :: rport 0") == WR_OK);
  CHECK_EQ(candidate.type, WR_CANDIDATE_PRFLX);
  REQUIRE(read_text("candidate:7 1 udp 41885439 198.51.100.9 50005 typ relay raddr 0.0.0.0 rport 0 generation 0") ==
          WR_OK);
  CHECK_EQ(candidate.type, WR_CANDIDATE_RELAY);
}

TEST(candidate_with_a_name_is_known_but_has_no_address) {
  REQUIRE(read_text("candidate:0 1 UDP 2122187007 8a6317ed-4d54-464a-a090-e6cb9d36c4c7.local 51024 typ host") ==
          WR_OK);
  CHECK_EQ(candidate.addr.family, 0);
  CHECK_EQ(candidate.addr.port, 51024);
  char text[160];
  CHECK_EQ(wr_candidate_write(&candidate, text, sizeof text), 0);
}

TEST(candidate_refuses_what_is_none) {
  static const char *const bad[] = {
      "",
      "candidate",
      "candidate:",
      "a=mid:0",
      "candidate:1 1 UDP 2130706431 203.0.113.141 8998",
      "candidate:1 1 UDP 2130706431 203.0.113.141 8998 typ",
      "candidate:1 1 UDP 2130706431 203.0.113.141 8998 typ token",
      "candidate:1 1 UDP 2130706431 203.0.113.141 8998 type host",
      "candidate:1 1 UDP 2130706431 203.0.113.141 65536 typ host",
      "candidate:1 1 UDP 2130706431 203.0.113.141 0 typ host",
      "candidate:1 1 UDP -1 203.0.113.141 8998 typ host",
      "candidate:1 1 UDP 4294967296 203.0.113.141 8998 typ host",
      "candidate:1 0 UDP 2130706431 203.0.113.141 8998 typ host",
      "candidate:1 256 UDP 2130706431 203.0.113.141 8998 typ host",
      "candidate:1 1 SCTP 2130706431 203.0.113.141 8998 typ host",
      "candidate:1 1 TCP 2130706431 203.0.113.141 8998 typ host",
      "candidate:1 1 TCP 2130706431 203.0.113.141 8998 typ host tcptype both",
      "candidate:1 1 TCP 2130706431 203.0.113.141 8998 typ host generation tcptype active",
      "candidate:123456789012345678901234567890123 1 UDP 1 203.0.113.141 8998 typ host",
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    candidate.priority = 77;
    CHECK_EQ(read_text(bad[i]), WR_ERR_SYNTAX);
    CHECK_EQ(candidate.priority, 77); /* nothing changed */
  }
}

TEST(candidate_is_written_as_browsers_read_it) {
  char text[160];
  wr_candidate c = {.type = WR_CANDIDATE_HOST, .priority = 2130706431, .component = 1, .foundation = "1"};
  CHECK(wr_addr_parse(&c.addr, WR_BYTES_LITERAL("2001:db8::1"), 51001));
  wr_candidate_write(&c, text, sizeof text);
  CHECK_TEXT(text, "candidate:1 1 udp 2130706431 2001:db8::1 51001 typ host");
  c.type = WR_CANDIDATE_SRFLX;
  wr_candidate_write(&c, text, sizeof text);
  CHECK_TEXT(text, "candidate:1 1 udp 2130706431 2001:db8::1 51001 typ srflx raddr :: rport 9");
  size_t len = strlen(text);
  CHECK_EQ(wr_candidate_write(&c, text, len), 0);
  CHECK_EQ(wr_candidate_write(&c, text, len + 1), len);
  CHECK_EQ(wr_candidate_write(&c, text, 0), 0);
}

static wr_candidate random_candidate(check_rng *rng) {
  wr_candidate c = {.type = (wr_candidate_type)(check_rng_u32(rng) % 4),
                    .priority = check_rng_u32(rng),
                    .component = (uint8_t)(1 + check_rng_u32(rng) % 255),
                    .tcp = (wr_tcp_type)(check_rng_u32(rng) % 4)};
  c.addr.transport = c.tcp ? WR_TCP : WR_UDP;
  size_t n = 1 + check_rng_u32(rng) % 32;
  for (size_t i = 0; i < n; i++) c.foundation[i] = (char)('!' + check_rng_u32(rng) % 94);
  c.addr.family = check_rng_u32(rng) & 1 ? 4 : 6;
  c.addr.port = (uint16_t)(1 + check_rng_u32(rng) % 65535);
  check_rng_fill(rng, c.addr.ip, c.addr.family == 4 ? 4 : 16);
  for (size_t i = 0; c.addr.family == 6 && i < 16; i++)
    if (check_rng_u32(rng) & 1) c.addr.ip[i] = 0;
  return c;
}

TEST(candidate_reads_back_what_it_writes) {
  check_rng rng = {.state = 2};
  for (int round = 0; round < 20000; round++) {
    wr_candidate c = random_candidate(&rng);
    char text[160];
    REQUIRE(wr_candidate_write(&c, text, sizeof text) > 0);
    REQUIRE(read_text(text) == WR_OK);
    bool same = wr_addr_equal(&c.addr, &candidate.addr) && c.type == candidate.type && c.tcp == candidate.tcp &&
                c.priority == candidate.priority && c.component == candidate.component &&
                !strcmp(c.foundation, candidate.foundation);
    if (!same) CHECK_TEXT(text, "reads back as another");
  }
  CHECK(rng.state != 2);
}
