#include "gateway/fifo.h"

#include <stdlib.h>

#include "check.h"

TEST(fifo_gives_back_what_was_put_in) {
  gw_stock stock;
  gw_fifo fifo;
  gw_stock_init(&stock, 8);
  gw_fifo_init(&fifo, &stock, 8);
  check_rng rng = {11};
  uint8_t data[GW_RECORD_MAX];
  uint32_t in = 0, out = 0;
  for (int step = 0; step < 5000; step++) {
    if (check_rng_u32(&rng) % 2) {
      uint16_t len = (uint16_t)(check_rng_u32(&rng) % 600);
      memset(data, (int)(in & 0xff), len);
      in += gw_fifo_push(&fifo, &(gw_record){.kind = 3, .len = len, .value = in}, data);
      continue;
    }
    const uint8_t *bytes;
    const gw_record *record = gw_fifo_front(&fifo, &bytes);
    CHECK_EQ(record != NULL, in != out);
    if (!record) continue;
    CHECK_EQ(record->value, out);
    bool same = true;
    for (uint16_t i = 0; i < record->len; i++) same = same && bytes[i] == (uint8_t)out;
    CHECK(same);
    gw_fifo_pop(&fifo);
    out++;
  }
  gw_fifo_clear(&fifo);
  CHECK_EQ(fifo.n_blocks, 0);
  gw_stock_wipe(&stock);
}

TEST(fifo_is_bounded_by_itself_and_by_the_stock) {
  gw_stock stock;
  gw_fifo a, b;
  uint8_t data[GW_RECORD_MAX] = {0};
  gw_record record = {.len = GW_RECORD_MAX};
  gw_stock_init(&stock, 3);
  gw_fifo_init(&a, &stock, 2);
  gw_fifo_init(&b, &stock, 2);
  CHECK(gw_fifo_push(&a, &record, data) && gw_fifo_push(&a, &record, data));
  CHECK(!gw_fifo_push(&a, &record, data));
  CHECK(gw_fifo_push(&b, &record, data));
  CHECK(!gw_fifo_push(&b, &record, data));
  gw_fifo_pop(&a);
  record.owned = malloc(1);
  CHECK(gw_fifo_push(&b, &record, data));
  gw_fifo_clear(&a);
  gw_fifo_clear(&b);
  gw_stock_wipe(&stock);
}

TEST(fifo_takes_another_before_its_own) {
  gw_stock stock;
  gw_fifo fifo, before;
  uint8_t data[1000] = {0};
  gw_stock_init(&stock, 16);
  gw_fifo_init(&fifo, &stock, 2);
  gw_fifo_init(&before, &stock, 4);
  gw_fifo_prepend(&fifo, &before); /* nothing before nothing */
  CHECK_EQ(fifo.n_records, 0);
  for (uint32_t round = 0; round < 3; round++) {
    uint32_t n = 0, n_own = round == 1 ? 0 : 5;
    for (uint32_t i = 0; i < 12; i++) CHECK(gw_fifo_push(&before, &(gw_record){.len = 900, .value = i}, data));
    gw_fifo_pop(&before);
    for (uint32_t i = 0; i < n_own; i++) CHECK(gw_fifo_push(&fifo, &(gw_record){.len = 9, .value = 12 + i}, data));
    gw_fifo_prepend(&fifo, &before);
    CHECK_EQ(before.n_records + before.n_blocks, 0);
    CHECK_EQ(fifo.n_records, 11 + n_own);
    if (n_own) CHECK(!gw_fifo_push(&fifo, &(gw_record){.len = GW_RECORD_MAX}, (uint8_t[GW_RECORD_MAX]){0}));
    const uint8_t *bytes;
    for (const gw_record *record; (record = gw_fifo_front(&fifo, &bytes)); gw_fifo_pop(&fifo))
      CHECK_EQ(record->value, ++n);
    CHECK_EQ(n, 11 + n_own);
    CHECK_EQ(fifo.n_blocks, 0);
  }
  gw_stock_wipe(&stock);
}
