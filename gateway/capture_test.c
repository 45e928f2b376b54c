#include "gateway/capture.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "gateway/log.h"

static int ends[2];

static gw_capture *begun(unsigned seconds, uint64_t bytes) {
  if (pipe(ends) || fcntl(ends[0], F_SETFL, O_NONBLOCK) || fcntl(ends[1], F_SETFL, O_NONBLOCK)) return NULL;
  gw_log_setup("off", "text");
  gw_capture *c = gw_capture_new(ends[1], "00112233445566778899aabbccddeeff", seconds, bytes);
  gw_capture_begin(c, WR_S(100));
  return c;
}

/* How many packets the pipe has; closes its other end. */
static unsigned read_packets(void) {
  static uint8_t all[1 << 17];
  size_t len = 0;
  for (ssize_t n; (n = read(ends[0], all + len, sizeof all - len)) > 0;) len += (size_t)n;
  unsigned n_packets = 0;
  uint32_t type = 0, block = 0;
  for (size_t at = 0; at + 8 <= len; at += block) {
    memcpy(&type, all + at, 4);
    memcpy(&block, all + at + 4, 4);
    n_packets += type == 6;
    if (block < 12) break;
  }
  CHECK_EQ(type, 5); /* the last says what is missing */
  close(ends[0]);
  return n_packets;
}

TEST(capture_ends_at_its_time) {
  static const uint8_t packet[50];
  gw_capture *c = begun(2, 100000);
  REQUIRE(c);
  gw_capture_see(c, WR_TAP_RTP, true, wr_bytes_of(packet, sizeof packet), WR_S(101));
  CHECK(!gw_capture_is_over(c, WR_S(102) - 1) && gw_capture_is_over(c, WR_S(102)));
  gw_capture_see(c, WR_TAP_RTP, true, wr_bytes_of(packet, sizeof packet), WR_S(102));
  CHECK_EQ(c->n_packets, 1);
  gw_capture_end(c, "time", WR_S(102));
  CHECK_EQ(read_packets(), 1);
}

TEST(capture_takes_no_more_bytes_than_it_may) {
  static const uint8_t packet[1000];
  gw_capture *c = begun(10, 3500);
  REQUIRE(c);
  for (unsigned i = 0; i < 10; i++)
    gw_capture_see(c, WR_TAP_SCTP, false, wr_bytes_of(packet, sizeof packet), WR_S(101));
  CHECK(gw_capture_is_over(c, WR_S(101)));
  gw_capture_end(c, "time", WR_S(101));
  CHECK_EQ(read_packets(), 3);
}

TEST(capture_counts_what_the_pipe_does_not_take) {
  static const uint8_t packet[1000];
  gw_capture *c = begun(10, GW_CAPTURE_BYTES_MAX);
  REQUIRE(c);
  for (unsigned i = 0; i < 500; i++)
    gw_capture_see(c, WR_TAP_RTP, false, wr_bytes_of(packet, sizeof packet), WR_S(101));
  uint64_t n = c->n_packets;
  CHECK(n > 10 && c->n_refused == 500 - n);
  CHECK(!gw_capture_is_over(c, WR_S(101)));
  gw_capture_end(c, NULL, WR_S(101)); /* says nothing more: the pipe is full */
  static uint8_t all[1 << 17];
  size_t len = 0;
  for (ssize_t got; (got = read(ends[0], all, sizeof all)) > 0;) len += (size_t)got;
  CHECK(len > n * 1000);
  close(ends[0]);
}
