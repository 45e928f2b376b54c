#include "check.h"
#include "wr/types.h"

static void round_trip(const char *in, const char *want) {
  wr_addr addr;
  char text[WR_ADDR_TEXT_MAX];
  CHECK(wr_addr_parse(&addr, wr_bytes_of(in, strlen(in)), 9));
  wr_addr_text(&addr, text);
  CHECK_TEXT(text, want);
}

TEST(addr_text_is_canonical) {
  round_trip("192.0.2.255", "192.0.2.255");
  round_trip("0.0.0.0", "0.0.0.0");
  round_trip("2001:db8::1", "2001:db8::1");
  round_trip("2001:0DB8:0:0:0:0:0:1", "2001:db8::1");
  round_trip("::", "::");
  round_trip("::1", "::1");
  round_trip("fe80::", "fe80::");
  round_trip("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8");
  round_trip("1:0:0:4:5:0:0:8", "1::4:5:0:0:8");
  round_trip("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0");
  round_trip("::ffff:192.0.2.1", "::ffff:c000:201");
}

TEST(addr_refuses_what_is_not_an_address) {
  static const char *const bad[] = {"",
                                    "1.2.3",
                                    "1.2.3.4.5",
                                    "256.1.1.1",
                                    "1.2.3.4 ",
                                    "01234.1.1.1",
                                    ":",
                                    ":::",
                                    "1::2::3",
                                    "1:2:3:4:5:6:7:8:9",
                                    "12345::",
                                    "g::",
                                    "1:2:3:4:5:6:7:",
                                    "abc.local",
                                    "1:2:3:4:5:6:7:1.2.3.4",
                                    "::1.2.3"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    wr_addr addr = {.family = 77};
    CHECK(!wr_addr_parse(&addr, wr_bytes_of(bad[i], strlen(bad[i])), 0));
    CHECK_EQ(addr.family, 77);
  }
}
