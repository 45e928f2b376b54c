/* xiaozhi/outbox_test.c - the ring of records against a plain list. */
#include "xiaozhi/outbox.h"

#include "base/io.h"
#include "check.h"

TEST(xz_outbox_is_a_queue_for_any_sequence_of_operations) {
  enum { CAP = 300, MODEL = 128 };
  uint8_t memory[CAP];
  for (uint64_t seed = 1; seed <= 60; seed++) {
    struct {
      uint8_t len, kind, mark;
    } model[MODEL];
    size_t first = 0, last = 0;
    check_rng rng = {seed};
    xz_outbox box;
    xz_outbox_init(&box, memory, sizeof memory);
    for (int step = 0; step < 400; step++) {
      uint32_t dice = check_rng_u32(&rng) % 16;
      if (dice < 9) {
        uint8_t body[100], len = (uint8_t)(check_rng_u32(&rng) % sizeof body), mark = (uint8_t)step;
        memset(body, mark, sizeof body);
        xz_send_kind kind = check_rng_u32(&rng) % 2 ? XZ_SEND_TEXT : XZ_SEND_BINARY;
        if (last - first == MODEL || xz_outbox_put(&box, kind, wr_bytes_of(body, len))) continue;
        model[last % MODEL].len = len;
        model[last % MODEL].kind = (uint8_t)kind;
        model[last++ % MODEL].mark = mark;
      } else if (dice < 15) {
        xz_send send;
        CHECK_EQ(xz_outbox_peek(&box, &send), first != last);
        if (first == last) continue;
        CHECK_EQ(send.kind, model[first % MODEL].kind);
        REQUIRE(send.bytes.len == model[first % MODEL].len);
        for (size_t i = 0; i < send.bytes.len; i++) REQUIRE(send.bytes.data[i] == model[first % MODEL].mark);
        xz_outbox_pop(&box);
        first++;
      } else {
        size_t kept = first, dropped = 0;
        for (size_t i = first; i < last; i++) {
          if (model[i % MODEL].kind == XZ_SEND_BINARY)
            dropped++;
          else
            model[kept++ % MODEL] = model[i % MODEL];
        }
        last = kept;
        CHECK_EQ(xz_outbox_drop_binary(&box), dropped);
        CHECK_EQ(box.n_binary, 0);
      }
    }
    CHECK_EQ(box.n_records, last - first);
  }
}

TEST(xz_outbox_refuses_at_its_bound_and_keeps_what_it_has) {
  uint8_t memory[64], body[64] = {0};
  xz_outbox box;
  xz_outbox_init(&box, memory, sizeof memory);
  CHECK_EQ(xz_outbox_put(&box, XZ_SEND_TEXT, wr_bytes_of(body, 61)), WR_ERR_LIMIT);
  CHECK_EQ(xz_outbox_put(&box, XZ_SEND_TEXT, wr_bytes_of(body, 60)), WR_OK);
  CHECK_EQ(xz_outbox_put(&box, XZ_SEND_TEXT, wr_bytes_of(body, 0)), WR_ERR_LIMIT);
  xz_send send;
  CHECK(xz_outbox_peek(&box, &send));
  CHECK_EQ(send.bytes.len, 60);
  xz_outbox_pop(&box);
  CHECK(xz_outbox_empty(&box));
}

TEST(xz_outbox_record_that_outgrows_its_room_is_not_queued) {
  uint8_t memory[64];
  xz_outbox box;
  xz_outbox_init(&box, memory, sizeof memory);
  wr_writer w = xz_outbox_begin(&box, 4);
  wr_write_text(&w, "too long");
  CHECK_EQ(xz_outbox_end(&box, &w, XZ_SEND_TEXT), WR_ERR_LIMIT);
  CHECK(xz_outbox_empty(&box));
}

TEST(xz_outbox_close_carries_code_and_reason) {
  uint8_t memory[64];
  xz_outbox box;
  xz_outbox_init(&box, memory, sizeof memory);
  CHECK_EQ(xz_outbox_put_close(&box, 1000, "idle"), WR_OK);
  xz_send send;
  REQUIRE(xz_outbox_peek(&box, &send));
  CHECK_EQ(send.kind, XZ_SEND_CLOSE);
  CHECK_EQ(send.code, 1000);
  CHECK_BYTES(send.bytes.data, send.bytes.len, "idle", 4);
}
