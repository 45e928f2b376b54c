#include <stdio.h>

#include "base/io.h"
#include "sctp/pair_test.h"

/* Messages carry their number and a pattern grown from it. */
static size_t fill_message(uint8_t *out, uint32_t number, size_t len) {
  if (len < 4) len = 4;
  wr_put_u32(out, number);
  for (size_t i = 4; i < len; i++) out[i] = (uint8_t)(number * 31 + i * 7 + i / 251);
  return len;
}

static bool message_is_intact(wr_bytes message, uint32_t *number) {
  if (message.len < 4) return false;
  *number = wr_get_u32(message.data);
  for (size_t i = 4; i < message.len; i++) {
    if (message.data[i] != (uint8_t)(*number * 31 + i * 7 + i / 251)) return false;
  }
  return true;
}

typedef struct traffic {
  uint32_t n_sent[2], n_got[2], n_bad, n_disordered;
  uint32_t next[2][64]; /* expected number by channel */
  bool ordered;
} traffic;

static void count_traffic(pair *p, int side, const wr_sctp_event *event) {
  traffic *t = p->ctx;
  if (event->kind != WR_SCTP_EVENT_MESSAGE) return;
  uint32_t number = 0;
  if (!message_is_intact(event->message, &number)) t->n_bad++;
  if (number < t->next[side][event->channel]) t->n_disordered++;
  t->next[side][event->channel] = number + 1;
  t->n_got[side]++;
}

static const pair_network perfect = {.delay_us = 0};

TEST(sctp_size_is_under_16_kib) { CHECK(wr_sctp_size() <= 16 * 1024); }

TEST(sctp_connects_and_opens_in_two_round_trips) {
  pair *p = pair_init(1, (pair_network){.delay_us = WR_MS(50)}, NULL);
  uint16_t id = 99;
  wr_sctp_channel_settings chat = {.label = "chat"};
  wr_sctp_connect(p->end[0], p->now);
  CHECK_EQ(wr_sctp_open_channel(p->end[0], &chat, &id, p->now), WR_OK);
  CHECK_EQ(id, 0);
  wr_time start = p->now;
  while (!p->n_opened[1] && pair_step(p)) continue;
  CHECK_EQ(p->now - start, WR_MS(150)); /* INIT, INIT ACK, COOKIE ECHO with OPEN */
  while (!p->n_opened[0] && pair_step(p)) continue;
  CHECK_EQ(p->now - start, WR_MS(200));
  CHECK(p->n_connected[0] == 1 && p->n_connected[1] == 1);
  pair_wipe(p);
}

static void exchange(uint64_t seed, pair_network network, uint32_t n_messages, size_t len, bool unordered) {
  pair *p = pair_init(seed, network, NULL);
  traffic t = {.ordered = !unordered};
  p->ctx = &t;
  p->on_event = count_traffic;
  REQUIRE(pair_connect(p));
  uint16_t id;
  wr_sctp_channel_settings settings = {.label = "chat", .unordered = unordered};
  CHECK_EQ(wr_sctp_open_channel(p->end[0], &settings, &id, p->now), WR_OK);
  while (!p->n_opened[1] && pair_step(p)) continue;
  static uint8_t message[65536];
  wr_time limit = p->now + WR_S(600);
  while ((t.n_got[0] < n_messages || t.n_got[1] < n_messages) && p->now < limit) {
    for (int side = 0; side < 2; side++) {
      while (t.n_sent[side] < n_messages) {
        size_t n = fill_message(message, t.n_sent[side], len);
        if (wr_sctp_send(p->end[side], id, false, wr_bytes_of(message, n), p->now) != WR_OK) break;
        t.n_sent[side]++;
      }
    }
    if (!pair_step(p)) break;
  }
  bool fine =
      t.n_got[0] == n_messages && t.n_got[1] == n_messages && t.n_bad == 0 && (unordered || t.n_disordered == 0);
  if (!fine)
    printf("  seed %llu loss %u: got %u %u bad %u disordered %u at %lld\n", (unsigned long long)seed,
           network.loss_percent, t.n_got[0], t.n_got[1], t.n_bad, t.n_disordered, (long long)p->now);
  CHECK(fine);
  pair_wipe(p);
}

TEST(sctp_messages_of_64_kib_both_ways) { exchange(1, perfect, 20, 65536, false); }

TEST(sctp_messages_survive_loss_reordering_and_duplication) {
  static const uint32_t loss[] = {0, 10, 25};
  for (uint64_t seed = 1; seed <= 200; seed++) {
    pair_network network = {WR_MS(20), WR_MS(30), loss[seed % 3], 5};
    exchange(seed, network, 4, seed % 2 ? 65536 : 5000, seed % 5 == 0);
  }
}

/* What was said into a dead path waits for a timer that has grown; news of a path is worth more than the timer. */
TEST(sctp_a_path_that_works_again_is_used_at_once) {
  pair *p = pair_init(5, (pair_network){.delay_us = WR_MS(10)}, NULL);
  REQUIRE(pair_connect(p));
  uint16_t channel;
  CHECK_EQ(wr_sctp_open_channel(p->end[0], &(wr_sctp_channel_settings){.label = "x"}, &channel, p->now), WR_OK);
  pair_run_for(p, WR_S(1));
  p->deaf[1] = true;
  CHECK_EQ(wr_sctp_send(p->end[0], channel, true, wr_bytes_of("now", 3), p->now), WR_OK);
  for (wr_time end = p->now + WR_S(8); p->now < end;) CHECK(pair_step(p));
  p->deaf[1] = false;
  uint64_t before = wr_sctp_get_stats(p->end[1])->messages_received;
  CHECK(wr_sctp_deadline(p->end[0]) > p->now + WR_MS(500));
  wr_sctp_path_works(p->end[0], p->now);
  CHECK_EQ(wr_sctp_deadline(p->end[0]), p->now);
  wr_time since = p->now;
  while (wr_sctp_get_stats(p->end[1])->messages_received == before && p->now < since + WR_S(1)) CHECK(pair_step(p));
  CHECK_EQ(p->now - since, WR_MS(10));
  wr_sctp_path_works(p->end[0], p->now); /* while all is well it changes nothing */
  pair_wipe(p);
}
