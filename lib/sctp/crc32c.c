/* sctp/crc32c.c - CRC32c, eight bytes a step ("slicing-by-8"): no intrinsics, so the same code runs everywhere.
 * Where both peers agree on zero checksums (RFC 9653) it is not run at all. */
#include "sctp/crc32c.h"

#include "sctp/crc32c_table.h"

static uint32_t load_le32(const uint8_t *at) {
  return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

uint32_t wr_crc32c_update(uint32_t crc, wr_bytes data) {
  const uint8_t *at = data.data;
  size_t left = data.len;
  for (; left >= 8; at += 8, left -= 8) {
    uint32_t low = crc ^ load_le32(at), high = load_le32(at + 4);
    crc = crc32c_table[7][low & 255] ^ crc32c_table[6][low >> 8 & 255] ^ crc32c_table[5][low >> 16 & 255] ^
          crc32c_table[4][low >> 24] ^ crc32c_table[3][high & 255] ^ crc32c_table[2][high >> 8 & 255] ^
          crc32c_table[1][high >> 16 & 255] ^ crc32c_table[0][high >> 24];
  }
  for (; left; at++, left--) crc = crc >> 8 ^ crc32c_table[0][(crc ^ *at) & 255];
  return crc;
}

uint32_t wr_crc32c(wr_bytes data) { return wr_crc32c_end(wr_crc32c_update(WR_CRC32C_START, data)); }
