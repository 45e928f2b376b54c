#include "sctp/dcep.h"

#include "check.h"

TEST(dcep_open_of_a_browser) {
  uint8_t bytes[64];
  size_t len = check_hex(bytes, sizeof bytes, "03 82 0100 00000bb8 0004 0003 63686174 616263");
  wr_dcep dcep;
  REQUIRE(wr_dcep_read(wr_bytes_of(bytes, len), &dcep));
  CHECK(dcep.kind == WR_DCEP_OPEN && dcep.unordered && dcep.reliability == WR_DCEP_TIMED);
  CHECK(dcep.parameter == 3000 && dcep.priority == 256);
  CHECK_BYTES(dcep.label.data, dcep.label.len, "chat", 4);
  CHECK_BYTES(dcep.protocol.data, dcep.protocol.len, "abc", 3);
  uint8_t out[64];
  wr_writer w = wr_writer_of(out, sizeof out);
  wr_dcep_write(&w, &dcep);
  CHECK_BYTES(out, wr_writer_len(&w), bytes, len);
}

TEST(dcep_refuses_what_does_not_fit) {
  static const char *const bad[] = {"",
                                    "01",
                                    "03",
                                    "03 03 0000 00000000 0000 0000",
                                    "03 83 0000 00000000 0000 0000",
                                    "03 00 0100 00000000 0005 0000 63686174"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    uint8_t bytes[64];
    wr_dcep dcep;
    CHECK(!wr_dcep_read(wr_bytes_of(bytes, check_hex(bytes, sizeof bytes, bad[i])), &dcep));
  }
  wr_dcep ack;
  CHECK(wr_dcep_read(wr_bytes_of("\2", 1), &ack) && ack.kind == WR_DCEP_ACK);
}
