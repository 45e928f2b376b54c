#include "gateway/mailbox.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

#include "check.h"

static bool is_readable(int fd) {
  struct pollfd p = {.fd = fd, .events = POLLIN};
  return poll(&p, 1, 0) == 1;
}

TEST(mailbox_keeps_order_and_refuses_when_full) {
  gw_mailbox box;
  REQUIRE(gw_mailbox_open(&box, 4, NULL, NULL));
  for (uint32_t round = 0; round < 3; round++) {
    for (uint32_t i = 0; i < 4; i++) CHECK(gw_mailbox_put(&box, &(gw_message){.number = i}, "abc", i));
    CHECK(!gw_mailbox_put(&box, &(gw_message){.number = 9}, NULL, 0));
    for (uint32_t i = 0; i < 4; i++) {
      gw_message *m = gw_mailbox_peek(&box);
      REQUIRE(m != NULL);
      CHECK_EQ(m->number, i);
      CHECK_BYTES(m->bytes, m->len, "abc", i);
      gw_mailbox_pop(&box);
    }
    CHECK(gw_mailbox_peek(&box) == NULL);
  }
  gw_mailbox_close(&box);
}

TEST(mailbox_survives_wrap_of_positions) {
  gw_mailbox box;
  REQUIRE(gw_mailbox_open(&box, 4, NULL, NULL));
  uint32_t start = UINT32_MAX - 5; /* two positions before a whole lap */
  start &= ~3u;
  box.head = start;
  box.tail = start;
  for (uint32_t i = 0; i < 4; i++) box.cells[i].turn = 2 * ((start + i) / 4);
  for (uint32_t i = 0; i < 20; i++) {
    REQUIRE(gw_mailbox_put(&box, &(gw_message){.number = i}, NULL, 0));
    gw_message *m = gw_mailbox_peek(&box);
    REQUIRE(m != NULL);
    CHECK_EQ(m->number, i);
    gw_mailbox_pop(&box);
  }
  gw_mailbox_close(&box);
}

TEST(mailbox_announces_once_until_rearmed) {
  gw_mailbox box;
  REQUIRE(gw_mailbox_open(&box, 8, NULL, NULL));
  CHECK(!is_readable(box.event_fd));
  CHECK(gw_mailbox_send(&box, &(gw_message){.number = 1}, NULL, 0));
  CHECK(is_readable(box.event_fd));
  gw_mailbox_rearm(&box);
  CHECK(!is_readable(box.event_fd));
  CHECK(gw_mailbox_send(&box, &(gw_message){.owned = malloc(10)}, NULL, 0));
  CHECK(is_readable(box.event_fd));
  gw_mailbox_close(&box); /* frees what was never received */
}

#define N_SENDERS 3
#define N_EACH 20000

static void *send_many(void *ctx) {
  gw_mailbox *box = ctx;
  for (uint32_t i = 0; i < N_EACH; i++)
    while (!gw_mailbox_send(box, &(gw_message){.number = i}, &i, sizeof(i))) sched_yield();
  return NULL;
}

TEST(mailbox_many_senders_lose_nothing) {
  gw_mailbox box;
  REQUIRE(gw_mailbox_open(&box, 64, NULL, NULL));
  pthread_t thread[N_SENDERS];
  for (int i = 0; i < N_SENDERS; i++) REQUIRE(pthread_create(&thread[i], NULL, send_many, &box) == 0);
  uint64_t sum = 0, n = 0;
  bool intact = true;
  while (n < (uint64_t)N_SENDERS * N_EACH) {
    struct pollfd p = {.fd = box.event_fd, .events = POLLIN};
    if (poll(&p, 1, 10000) != 1) break; /* a lost announcement would hang here */
    gw_mailbox_rearm(&box);
    for (gw_message *m = gw_mailbox_peek(&box); m; m = gw_mailbox_peek(&box)) {
      uint32_t copy;
      memcpy(&copy, m->bytes, sizeof(copy));
      intact = intact && copy == m->number && m->len == sizeof(copy);
      sum += m->number;
      n++;
      gw_mailbox_pop(&box);
    }
  }
  for (int i = 0; i < N_SENDERS; i++) pthread_join(thread[i], NULL);
  CHECK(intact);
  CHECK_EQ(n, N_SENDERS * N_EACH);
  CHECK_EQ(sum, (uint64_t)N_SENDERS * N_EACH * (N_EACH - 1) / 2);
  gw_mailbox_close(&box);
}
