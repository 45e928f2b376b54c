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
