/* gateway/said_test.c - numbers, what waits, what is told again, and the bounds. */
#include "gateway/said.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

typedef struct box {
  gw_said said;
  gw_said_row rows[GW_SAID_ROWS];
} box;

static void open_box(box *b) {
  memset(b->rows, 0xa5, sizeof(b->rows)); /* as a slot's cold part is */
  gw_said_init(&b->said, b->rows);
}

/* Tells whatever waits; the numbers must be those from |first| to |last|. */
static bool tells(gw_said *said, uint32_t first, uint32_t last, wr_time now) {
  const gw_said_row *row;
  uint32_t next = first;
  for (; (row = gw_said_next(said, now)) != NULL; next++)
    if (row->number != next || row->len != strlen(row->text)) return false;
  return next == last + 1;
}

static uint32_t say(gw_said *said, unsigned n) {
  uint32_t n_lost = 0;
  while (n--) n_lost += gw_said_add(said, "{\"type\":\"stt\"}");
  return n_lost;
}

TEST(said_numbers_from_one) {
  box b;
  open_box(&b);
  CHECK(gw_said_next(&b.said, 1) == NULL);
  CHECK_EQ(gw_said_add(&b.said, "{\"type\":\"stt\",\"text\":\"}\"}"), 0);
  const gw_said_row *row = gw_said_next(&b.said, 1);
  REQUIRE(row != NULL);
  CHECK_TEXT(row->text, "{\"type\":\"stt\",\"text\":\"}\",\"n\":1}");
  b.said.last = UINT32_MAX - 1; /* the longest number there is */
  CHECK_EQ(say(&b.said, 1), 0);
  row = gw_said_next(&b.said, 1);
  REQUIRE(row != NULL);
  CHECK_TEXT(row->text, "{\"type\":\"stt\",\"n\":4294967295}");
  gw_said_wipe(&b.said);
  CHECK_EQ(b.said.bytes, 0);
}

TEST(said_again_is_what_came_after) {
  box b;
  open_box(&b);
  (void)say(&b.said, 5);
  CHECK(tells(&b.said, 1, 5, WR_S(1)));
  CHECK(gw_said_next(&b.said, WR_S(1)) == NULL);
  CHECK_EQ(gw_said_heard(&b.said, 2), 3);
  (void)say(&b.said, 1); /* meanwhile */
  CHECK(tells(&b.said, 3, 6, WR_S(2)));
  CHECK_EQ(gw_said_heard(&b.said, 2), 4); /* the next connection died at once */
  CHECK(tells(&b.said, 3, 6, WR_S(3)));
  CHECK_EQ(gw_said_heard(&b.said, 6), 0);
  CHECK_EQ(b.said.n_rows, 0);
  CHECK_EQ(gw_said_heard(&b.said, INT64_MAX), 0);
  (void)say(&b.said, 2);
  CHECK(tells(&b.said, 7, 8, WR_S(4)));
  CHECK_EQ(gw_said_heard(&b.said, INT64_MAX), 0); /* whatever he says he has */
  CHECK(gw_said_next(&b.said, WR_S(5)) == NULL);
  gw_said_wipe(&b.said);
}

/* What waits is not what was lost: it is told once, also where the caller says that he has it. */
TEST(said_keeps_what_waits) {
  box b;
  open_box(&b);
  (void)say(&b.said, 2);
  CHECK_EQ(gw_said_heard(&b.said, 9), 0);
  gw_said_arrived(&b.said, WR_NEVER);
  CHECK(tells(&b.said, 1, 2, WR_S(1)));
  gw_said_wipe(&b.said);
}

TEST(said_forgets_what_arrived) {
  box b;
  open_box(&b);
  for (uint32_t i = 1; i <= 4; i++) {
    (void)say(&b.said, 1);
    CHECK(tells(&b.said, i, i, WR_S(i)));
  }
  gw_said_arrived(&b.said, WR_S(2));
  CHECK_EQ(b.said.n_rows, 2);
  CHECK_EQ(gw_said_heard(&b.said, 0), 2);
  CHECK(tells(&b.said, 3, 4, WR_S(5)));
  gw_said_arrived(&b.said, WR_S(4)); /* they were told anew since */
  CHECK_EQ(b.said.n_rows, 2);
  gw_said_wipe(&b.said);
}

TEST(said_has_bounds) {
  box b;
  open_box(&b);
  (void)say(&b.said, GW_SAID_ROWS);
  CHECK(tells(&b.said, 1, GW_SAID_ROWS, WR_S(1)));
  CHECK_EQ(say(&b.said, GW_SAID_ROWS), 0); /* those told before give way first, which is no loss yet */
  CHECK_EQ(say(&b.said, 2), 2);
  CHECK(tells(&b.said, GW_SAID_ROWS + 3, 2 * GW_SAID_ROWS + 2, WR_S(2)));
  char *long_one = malloc(GW_SAID_BYTES + 1);
  REQUIRE(long_one != NULL);
  memset(long_one, 'x', GW_SAID_BYTES);
  long_one[GW_SAID_BYTES] = 0;
  CHECK_EQ(gw_said_add(&b.said, long_one), 1); /* larger than all there is */
  CHECK_EQ(b.said.n_rows, GW_SAID_ROWS);
  long_one[GW_SAID_BYTES - 20] = 0;
  CHECK_EQ(gw_said_add(&b.said, long_one), 0);
  CHECK_EQ(b.said.n_rows, 1);
  CHECK(b.said.bytes <= GW_SAID_BYTES);
  CHECK_EQ(gw_said_add(&b.said, long_one), 1); /* the first had not been told */
  CHECK(tells(&b.said, 2 * GW_SAID_ROWS + 4, 2 * GW_SAID_ROWS + 4, WR_S(3)));
  free(long_one);
  gw_said_wipe(&b.said);
}

/* Any order of calls: a caller who says what he has hears each message once and in order, as long as not more than
 * the bound is under way. */
TEST(said_property_each_once_in_order) {
  check_rng rng = {2};
  box b;
  open_box(&b);
  uint32_t heard = 0, n_messages = 0;
  wr_time now = WR_S(1);
  for (int i = 0; i < 20000; i++) {
    now += WR_MS(check_rng_u32(&rng) % 500);
    switch (check_rng_u32(&rng) % 8) {
      case 0: /* the connection dies: what is told from here on does not arrive */
        for (unsigned n = check_rng_u32(&rng) % 8; n; n--) {
          CHECK_EQ(say(&b.said, 1), 0);
          n_messages++;
          if (n > 3) (void)gw_said_next(&b.said, now);
        }
        (void)gw_said_heard(&b.said, heard);
        break;
      case 1: gw_said_arrived(&b.said, heard == n_messages ? now - WR_S(1) : 0); break;
      default:
        CHECK_EQ(say(&b.said, 1), 0);
        n_messages++;
        break;
    }
    for (const gw_said_row *row; (row = gw_said_next(&b.said, now)) != NULL;) CHECK_EQ(row->number, ++heard);
    CHECK_EQ(heard, n_messages);
  }
  gw_said_wipe(&b.said);
  CHECK_EQ(b.said.bytes, 0);
}
