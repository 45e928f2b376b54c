#include "base/crc32.h"
#include "check.h"

TEST(crc32_of_the_check_string) {
  CHECK_EQ(wr_crc32(WR_BYTES_LITERAL("123456789")), 0xcbf43926u);
  CHECK_EQ(wr_crc32(wr_bytes_of(NULL, 0)), 0);
  CHECK_EQ(wr_crc32(WR_BYTES_LITERAL("a")), 0xe8b7be43u);
}
