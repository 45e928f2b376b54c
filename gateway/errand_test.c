#include "gateway/errand.h"

#include <stdlib.h>
#include <unistd.h>

#include "check.h"

static void square(void *owned) {
  int *number = owned;
  *number *= *number;
}

static bool send(int number) {
  int *owned = malloc(sizeof(*owned));
  if (!owned) return false;
  *owned = number;
  gw_message message = {.kind = 5, .number = (uint32_t)number, .owned = owned};
  bool sent = gw_errand_send(square, &message);
  if (!sent) free(owned);
  return sent;
}

TEST(errand_comes_home_with_what_it_found) {
  gw_mailbox inbox;
  unsigned n_home = 0;
  REQUIRE(gw_mailbox_open(&inbox, 2, NULL, NULL)); /* smaller than what comes: it waits */
  gw_errands_begin(&inbox);
  for (int i = 1; i <= 5; i++) CHECK(send(i));
  for (unsigned n = 0; n < 10000 && n_home < 5; n++) {
    gw_message *m = gw_mailbox_peek(&inbox);
    if (!m) {
      usleep(1000);
      continue;
    }
    CHECK(m->kind == 5 && *(int *)m->owned == (int)(m->number * m->number));
    free(m->owned);
    gw_mailbox_pop(&inbox);
    n_home++;
  }
  CHECK_EQ(n_home, 5);
  gw_errands_end();
  gw_mailbox_close(&inbox);
}
