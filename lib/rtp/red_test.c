#include "rtp/red.h"

#include "check.h"

enum { OPUS = 111, FRAME = 960 };

static wr_red red;
static uint8_t bytes[1200];

static wr_err read_hex(const char *hex) {
  return wr_red_read(&red, wr_bytes_of(bytes, check_hex(bytes, sizeof bytes, hex)));
}

TEST(red_reads_copies_and_the_primary) {
  /* Two copies, 1920 and 960 before: header F=1 PT=111, offset 14 bits, length 10 bits. */
  REQUIRE(read_hex("ef 1e0002 ef 0f0003 6f aaaa bbbbbb cccc") == WR_OK);
  REQUIRE(red.n == 3);
  CHECK_EQ(red.block[0].payload_type, OPUS);
  CHECK_EQ(red.block[0].offset, 1920);
  CHECK_BYTES(red.block[0].data.data, red.block[0].data.len, "\xaa\xaa", 2);
  CHECK_EQ(red.block[1].offset, 960);
  CHECK_EQ(red.block[1].data.len, 3);
  CHECK_EQ(red.block[2].offset, 0);
  CHECK_BYTES(red.block[2].data.data, red.block[2].data.len, "\xcc\xcc", 2);
}

TEST(red_reads_a_primary_alone) {
  REQUIRE(read_hex("6f 0102") == WR_OK);
  CHECK_EQ(red.n, 1);
  CHECK_EQ(red.block[0].data.len, 2);
  REQUIRE(read_hex("6f") == WR_OK); /* an empty frame is the decoder's business */
  CHECK_EQ(red.block[0].data.len, 0);
}

TEST(red_refuses_what_does_not_add_up) {
  CHECK_EQ(read_hex(""), WR_ERR_SYNTAX);
  CHECK_EQ(read_hex("ef"), WR_ERR_SYNTAX);
  CHECK_EQ(read_hex("ef 0f00"), WR_ERR_SYNTAX);
  CHECK_EQ(read_hex("ef 0f0003"), WR_ERR_SYNTAX);         /* no primary */
  CHECK_EQ(read_hex("ef 0f0003 6f aabb"), WR_ERR_SYNTAX); /* a copy of three bytes */
  CHECK_EQ(read_hex("ef0f0000 ef0f0000 ef0f0000 ef0f0000 6f aa"), WR_OK);
  CHECK_EQ(read_hex("ef0f0000 ef0f0000 ef0f0000 ef0f0000 ef0f0000 6f aa"), WR_ERR_LIMIT);
}

/* Frames 0, 1, 2.. of one byte each, 20 ms apart. */
static void remember(wr_red_history *history, uint8_t from, uint8_t to) {
  for (uint8_t i = from; i <= to; i++) wr_red_remember(history, wr_bytes_of(&i, 1), i * (uint32_t)FRAME);
}

static bool writes(const wr_red_history *history, uint8_t copies, uint8_t number, size_t cap) {
  size_t len = wr_red_write(history, copies, OPUS, wr_bytes_of(&number, 1), number * (uint32_t)FRAME, bytes, cap);
  return len && wr_red_read(&red, wr_bytes_of(bytes, len)) == WR_OK;
}

TEST(red_writes_the_copies_asked_for) {
  wr_red_history history = {0};
  remember(&history, 0, 9);
  REQUIRE(writes(&history, 1, 10, sizeof bytes));
  CHECK_EQ(red.n, 2);
  CHECK_EQ(red.block[0].offset, FRAME);
  CHECK_EQ(red.block[0].data.data[0], 9);
  REQUIRE(writes(&history, 5, 10, sizeof bytes)); /* the one before and two earlier */
  CHECK_EQ(red.n, 3);
  CHECK_EQ(red.block[0].offset, 3 * FRAME);
  CHECK_EQ(red.block[0].data.data[0], 7);
  CHECK_EQ(red.block[1].data.data[0], 9);
  CHECK_EQ(red.block[2].data.data[0], 10);
}

TEST(red_leaves_out_what_cannot_be_copied) {
  wr_red_history history = {0};
  CHECK(!writes(&history, 7, 1, sizeof bytes)); /* nothing before */
  remember(&history, 0, 0);
  REQUIRE(writes(&history, 7, 1, sizeof bytes));
  CHECK_EQ(red.n, 2);
  CHECK(!writes(&history, 7, 20, sizeof bytes)); /* 380 ms earlier: 14 bits do not reach */
  CHECK(!writes(&history, 0, 1, sizeof bytes));  /* none asked for */
  static uint8_t large[WR_RED_KEPT_BYTES + 1];
  wr_red_remember(&history, wr_bytes_of(large, sizeof large), 2 * FRAME);
  CHECK(!writes(&history, 1, 3, sizeof bytes));
  remember(&history, 4, 5);
  CHECK(!writes(&history, 3, 6, 6)); /* room for 6 bytes: 1 + 1 of the frame, a copy needs 5 */
  REQUIRE(writes(&history, 3, 6, 7));
  CHECK_EQ(red.n, 2);
  CHECK_EQ(red.block[0].data.data[0], 5); /* the newest goes first */
  CHECK(!writes(&history, 3, 6, 1));
}

static uint32_t samples(const char *hex) {
  return wr_opus_samples(wr_bytes_of(bytes, check_hex(bytes, sizeof bytes, hex)));
}

TEST(opus_samples_from_the_first_bytes) {
  CHECK_EQ(samples(""), 0);
  CHECK_EQ(samples("00"), 480);     /* SILK NB 10 ms */
  CHECK_EQ(samples("18"), 2880);    /* SILK NB 60 ms */
  CHECK_EQ(samples("58"), 2880);    /* SILK WB 60 ms */
  CHECK_EQ(samples("60"), 480);     /* hybrid 10 ms */
  CHECK_EQ(samples("78"), 960);     /* hybrid 20 ms */
  CHECK_EQ(samples("80"), 120);     /* CELT 2.5 ms */
  CHECK_EQ(samples("f8"), 960);     /* CELT FB 20 ms */
  CHECK_EQ(samples("f9"), 1920);    /* two equal ones */
  CHECK_EQ(samples("fa"), 1920);    /* two of different size */
  CHECK_EQ(samples("fb 03"), 2880); /* three */
  CHECK_EQ(samples("fb"), 0);       /* a count that is not there */
  CHECK_EQ(samples("fb 07"), 0);    /* 140 ms: more than a packet may have */
  CHECK_EQ(samples("fb 00"), 0);
}
