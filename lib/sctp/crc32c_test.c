#include "sctp/crc32c.h"

#include "check.h"
#include "sctp/crc32c_table.h"

TEST(crc32c_vectors_of_rfc3720_b4) {
  uint8_t bytes[48];
  memset(bytes, 0, 32);
  CHECK_EQ(wr_crc32c(wr_bytes_of(bytes, 32)), 0x8a9136aau);
  memset(bytes, 0xff, 32);
  CHECK_EQ(wr_crc32c(wr_bytes_of(bytes, 32)), 0x62a8ab43u);
  for (size_t i = 0; i < 32; i++) bytes[i] = (uint8_t)i;
  CHECK_EQ(wr_crc32c(wr_bytes_of(bytes, 32)), 0x46dd794eu);
  for (size_t i = 0; i < 32; i++) bytes[i] = (uint8_t)(31 - i);
  CHECK_EQ(wr_crc32c(wr_bytes_of(bytes, 32)), 0x113fdb5cu);
  size_t len = check_hex(bytes, sizeof bytes,
                         "01c00000 00000000 00000000 00000000 14000000 00000400 00000014 00000018"
                         "28000000 00000000 02000000 00000000");
  CHECK_EQ(wr_crc32c(wr_bytes_of(bytes, len)), 0xd9963a56u);
}

TEST(crc32c_table_is_what_the_polynomial_says) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t crc = i;
    for (int k = 0; k < 8; k++) {
      for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
      CHECK_EQ(crc32c_table[k][i], crc);
    }
  }
}

TEST(crc32c_pieces_of_any_length_give_the_same_sum) {
  check_rng rng = {7};
  uint8_t bytes[200];
  check_rng_fill(&rng, bytes, sizeof bytes);
  uint32_t whole = wr_crc32c(wr_bytes_of(bytes, sizeof bytes));
  for (size_t cut = 0; cut <= sizeof bytes; cut++) {
    uint32_t crc = wr_crc32c_update(WR_CRC32C_START, wr_bytes_of(bytes, cut));
    crc = wr_crc32c_update(crc, wr_bytes_of(bytes + cut, sizeof bytes - cut));
    CHECK_EQ(wr_crc32c_end(crc), whole);
  }
}
