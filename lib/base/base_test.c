#include "base/io.h"
#include "base/pool.h"
#include "base/seq.h"
#include "check.h"

TEST(reader_fails_once_and_stays_failed) {
  static const uint8_t bytes[] = {1, 2, 3, 4, 5};
  wr_reader r = wr_reader_of(wr_bytes_of(bytes, sizeof bytes));
  CHECK_EQ(wr_read_u8(&r), 1);
  CHECK_EQ(wr_read_u24(&r), 0x020304);
  CHECK_EQ(wr_read_u16(&r), 0);
  CHECK(!wr_reader_ok(&r));
  CHECK_EQ(wr_read_u8(&r), 0); /* one byte is left, but nothing is read after a failure */
  CHECK_EQ(wr_reader_left(&r), 0);
  CHECK(!wr_reader_done(&r));
}

TEST(reader_block_cannot_leave_its_bytes) {
  static const uint8_t bytes[] = {1, 2, 3, 4};
  wr_reader r = wr_reader_of(wr_bytes_of(bytes, sizeof bytes));
  wr_reader block = wr_read_block(&r, 3);
  CHECK_EQ(wr_read_u32(&block), 0);
  CHECK(!wr_reader_ok(&block));
  CHECK_EQ(wr_read_u8(&r), 4);
  CHECK(wr_reader_done(&r));
  block = wr_read_block(&r, 1);
  CHECK(!wr_reader_ok(&block));
}

TEST(writer_mirrors_the_reader_and_never_overflows) {
  uint8_t out[20];
  wr_writer w = wr_writer_of(out, sizeof out);
  wr_write_u64(&w, 0x0102030405060708u);
  wr_write_text(&w, "abc");
  wr_write_decimal(&w, 65535);
  wr_write_zeros(&w, 4);
  CHECK(wr_writer_ok(&w));
  CHECK_EQ(wr_writer_len(&w), 20);
  wr_write_u8(&w, 1);
  CHECK(!wr_writer_ok(&w));
  CHECK_BYTES(out, 20, "\1\2\3\4\5\6\7\10abc65535\0\0\0\0", 20);
}

TEST(sequence_numbers_wrap) {
  CHECK(wr_seq16_newer(0, 65535));
  CHECK(!wr_seq16_newer(65535, 0));
  CHECK_EQ(wr_seq16_diff(2, 65534), 4);
  CHECK(wr_seq32_newer(3, 0xfffffff0u));
}

TEST(pool_hands_out_each_block_once) {
  _Alignas(16) static uint8_t mem[2048];
  REQUIRE(wr_pool_size(100, 4) <= sizeof mem);
  wr_pool *pool = wr_pool_init(mem, 100, 4);
  void *block[4];
  for (int i = 0; i < 4; i++) {
    block[i] = wr_pool_take(pool);
    REQUIRE(block[i] != NULL);
    memset(block[i], i, 100);
  }
  CHECK(wr_pool_take(pool) == NULL);
  CHECK_EQ(wr_pool_n_low_water(pool), 0);
  CHECK_EQ(((uint8_t *)block[2])[99], 2);
  wr_pool_give(pool, block[2]);
  CHECK(wr_pool_take(pool) == block[2]);
}

TEST(secret_comparison_sees_every_byte) {
  uint8_t a[20] = {0}, b[20] = {0};
  CHECK(wr_equal_secret(a, b, 20));
  b[19] = 1;
  CHECK(!wr_equal_secret(a, b, 20));
  wr_wipe(b, 20);
  CHECK(wr_equal_secret(a, b, 20));
}
