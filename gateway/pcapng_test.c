#include "gateway/pcapng.h"

#include <string.h>

#include "check.h"

static uint32_t u32(const uint8_t *at) {
  uint32_t v;
  memcpy(&v, at, sizeof v);
  return v;
}

/* Blocks one after the other, each with its length at both ends; how many. */
static unsigned walk(const uint8_t *bytes, size_t len) {
  unsigned n = 0;
  for (size_t at = 0; at < len; n++) {
    uint32_t block = u32(bytes + at + 4);
    CHECK(block % 4 == 0 && block >= 12 && at + block <= len);
    if (block < 12 || at + block > len) return 0;
    CHECK_EQ(u32(bytes + at + block - 4), block);
    at += block;
  }
  return n;
}

TEST(pcapng_begins_with_a_section_and_an_interface) {
  uint8_t out[GW_PCAPNG_BLOCK_MAX];
  char comment[GW_PCAPNG_COMMENT_MAX + 100];
  size_t len = gw_pcapng_begin(out, "five.");
  CHECK_EQ(walk(out, len), 2);
  CHECK_EQ(u32(out), 0x0a0d0d0a);
  memset(comment, 'x', sizeof comment);
  comment[sizeof comment - 1] = 0;
  CHECK_EQ(walk(out, gw_pcapng_begin(out, comment)), 2);
}

TEST(pcapng_puts_media_into_udp_with_made_up_addresses) {
  uint8_t out[GW_PCAPNG_BLOCK_MAX], packet[21];
  memset(packet, 0x80, sizeof packet);
  size_t len = gw_pcapng_packet(out, WR_TAP_RTP, true, wr_bytes_of(packet, sizeof packet), 0x1122334455);
  CHECK_EQ(walk(out, len), 1);
  CHECK_EQ(u32(out), 6);
  CHECK_EQ(u32(out + 12), 0x11);
  CHECK_EQ(u32(out + 16), 0x22334455);
  CHECK_EQ(u32(out + 20), 28 + sizeof packet);
  CHECK_EQ(u32(out + 24), 28 + sizeof packet);
  const uint8_t *ip = out + 28;
  uint8_t udp[8] = {5004 >> 8, 5004 & 255, 5004 >> 8, 5004 & 255, 0, 8 + sizeof packet, 0, 0};
  uint8_t from_to[8] = {192, 0, 2, 2, 192, 0, 2, 1};
  CHECK_BYTES(ip + 12, 8, from_to, 8);
  CHECK_BYTES(ip + 20, 8, udp, 8);
  CHECK_BYTES(ip + 28, sizeof packet, packet, sizeof packet);
  uint32_t sum = 0; /* RFC 1071: all of the header with its checksum is 0xffff */
  for (unsigned i = 0; i < 20; i += 2) sum += (uint32_t)ip[i] << 8 | ip[i + 1];
  CHECK_EQ((sum & 0xffff) + (sum >> 16), 0xffff);
}

TEST(pcapng_puts_sctp_right_into_ip) {
  uint8_t out[GW_PCAPNG_BLOCK_MAX], packet[12] = {1, 2, 3};
  size_t len = gw_pcapng_packet(out, WR_TAP_SCTP, false, wr_bytes_of(packet, sizeof packet), 5);
  CHECK_EQ(walk(out, len), 1);
  CHECK_EQ(u32(out + 20), 20 + sizeof packet);
  CHECK_EQ(out[28 + 9], 132);
  CHECK_EQ(out[28 + 15], 1);
  CHECK_BYTES(out + 48, sizeof packet, packet, sizeof packet);
}

TEST(pcapng_of_any_length_stays_within_its_block) {
  uint8_t out[GW_PCAPNG_BLOCK_MAX];
  static const uint8_t packet[4000];
  for (size_t n = 0; n <= sizeof packet; n += n < 40 ? 1 : 131) {
    size_t len = gw_pcapng_packet(out, WR_TAP_RTCP, false, wr_bytes_of(packet, n), 0);
    CHECK_EQ(walk(out, len), 1);
    CHECK_EQ(u32(out + 24), 28 + n);
    CHECK_EQ(u32(out + 20), 28 + (n < GW_PCAPNG_PACKET_MAX ? n : GW_PCAPNG_PACKET_MAX));
  }
}

TEST(pcapng_ends_with_what_is_missing) {
  uint8_t out[GW_PCAPNG_BLOCK_MAX];
  size_t len = gw_pcapng_end(out, 40, 2, 1, 2);
  CHECK_EQ(walk(out, len), 1);
  uint64_t n;
  memcpy(&n, out + len - 8 - 8 - 12 + 0, sizeof n); /* received, before: option header, dropped, end, length */
  CHECK_EQ(n, 42);
}
