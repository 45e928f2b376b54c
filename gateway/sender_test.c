#include "gateway/sender.h"

#include <stdlib.h>

#include "check.h"

/* The next message, after a flush where the mailbox was empty. */
static gw_message *take_next(gw_sender *sender, gw_mailbox *box) {
  gw_message *m = gw_mailbox_peek(box);
  if (m) return m;
  gw_sender_flush(sender);
  return gw_mailbox_peek(box);
}

TEST(sender_keeps_order_over_a_full_mailbox) {
  gw_mailbox box;
  gw_sender sender;
  REQUIRE(gw_mailbox_open(&box, 4, NULL, NULL));
  gw_sender_init(&sender, &box);
  for (uint32_t i = 0; i < 10; i++) gw_tell(&sender, &(gw_message){.number = i, .owned = malloc(4)}, &i, 4);
  CHECK(!gw_try_tell(&sender, &(gw_message){.number = 99}, NULL, 0)); /* must not overtake */
  for (uint32_t i = 0; i < 10; i++) {
    gw_message *m = take_next(&sender, &box);
    REQUIRE(m != NULL);
    CHECK_EQ(m->number, i);
    CHECK_BYTES(m->bytes, m->len, &i, 4);
    free(m->owned);
    gw_mailbox_pop(&box);
  }
  CHECK(gw_sender_flush(&sender));
  for (uint32_t i = 0; i < 6; i++) gw_tell(&sender, &(gw_message){.owned = malloc(4)}, NULL, 0);
  gw_sender_wipe(&sender);
  gw_mailbox_close(&box);
}

/* Small ones travel in the message, larger ones beside it; which is lost when there is no room is the sender's
 * choice. */
TEST(sender_carries_bytes_of_any_length) {
  static const size_t lens[] = {0, 1, GW_MESSAGE_INLINE, GW_MESSAGE_INLINE + 1, 5000};
  enum { N = sizeof(lens) / sizeof(lens[0]), LARGEST = 5000 };
  uint8_t bytes[LARGEST];
  gw_mailbox box;
  gw_sender sender;
  REQUIRE(gw_mailbox_open(&box, 4, NULL, NULL));
  gw_sender_init(&sender, &box);
  for (size_t i = 0; i < LARGEST; i++) bytes[i] = (uint8_t)(i * 7);
  for (uint32_t i = 0; i < N; i++)
    CHECK(gw_tell_bytes(&sender, &(gw_message){.number = i}, wr_bytes_of(bytes, lens[i]), true));
  for (uint32_t i = 0; i < N; i++) /* one waits already: these would overtake, and are dropped */
    CHECK(!gw_tell_bytes(&sender, &(gw_message){.number = 99}, wr_bytes_of(bytes, lens[i]), false));
  for (uint32_t i = 0; i < N; i++) {
    gw_message *m = take_next(&sender, &box);
    REQUIRE(m != NULL);
    CHECK_EQ(m->number, i);
    CHECK_EQ(m->owned != NULL, lens[i] > GW_MESSAGE_INLINE);
    if (m->owned)
      CHECK_BYTES(m->owned, m->owned_len, bytes, lens[i]);
    else
      CHECK_BYTES(m->bytes, m->len, bytes, lens[i]);
    free(m->owned);
    gw_mailbox_pop(&box);
  }
  CHECK(gw_sender_flush(&sender));
  CHECK(gw_tell_bytes(&sender, &(gw_message){0}, wr_bytes_of(bytes, LARGEST), false));
  gw_mailbox_close(&box);
}
