#include "check.h"
#include "wr/crypto.h"

TEST(hash_sizes_are_those_of_rfc8122) {
  CHECK_EQ(wr_hash_bytes(WR_HASH_NONE), 0);
  CHECK_EQ(wr_hash_bytes(WR_HASH_SHA1), 20);
  CHECK_EQ(wr_hash_bytes(WR_HASH_SHA256), 32);
  CHECK_EQ(wr_hash_bytes(WR_HASH_SHA384), 48);
  CHECK_EQ(wr_hash_bytes(WR_HASH_SHA512), WR_HASH_MAX_BYTES);
}
