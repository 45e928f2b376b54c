#include "gateway/sender.h"

#include <stdlib.h>

#include "check.h"

TEST(sender_keeps_order_over_a_full_mailbox) {
  gw_mailbox box;
  gw_sender sender;
  REQUIRE(gw_mailbox_open(&box, 4, NULL, NULL));
  gw_sender_init(&sender, &box);
  for (uint32_t i = 0; i < 10; i++) gw_tell(&sender, &(gw_message){.number = i, .owned = malloc(4)}, &i, 4);
  CHECK(!gw_try_tell(&sender, &(gw_message){.number = 99}, NULL, 0)); /* must not overtake */
  for (uint32_t i = 0; i < 10; i++) {
    gw_message *m = gw_mailbox_peek(&box);
    if (!m) {
      gw_sender_flush(&sender);
      m = gw_mailbox_peek(&box);
    }
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
