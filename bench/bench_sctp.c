/* bench_sctp.c - two associations on one core: messages of 64 KiB with no delay (how much CPU a bit costs), and
 * over a simulated 50 ms round trip (does the window fill). Virtual time for the second, CPU time for the first. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sctp/sctp.h"

#define N_BLOCKS 4096
#define MESSAGE_BYTES 65536
#define N_PACKETS 8192

typedef struct packet {
  wr_time at;
  size_t len;
  uint8_t bytes[WR_SCTP_MTU];
} packet;

typedef struct line { /* one direction, in order */
  packet packets[N_PACKETS];
  size_t head, tail;
} line;

static wr_sctp *ends[2];
static line *lines; /* lines[i] leads to ends[i] */
static uint64_t n_received_bytes;
static uint8_t buffer[MESSAGE_BYTES], message[MESSAGE_BYTES];

static void fill_random(void *ctx, uint8_t *out, size_t len) {
  (void)ctx;
  for (size_t i = 0; i < len; i++) out[i] = (uint8_t)rand();
}

static void start(uint32_t budget_bytes) {
  static void *pool_memory, *memory[2];
  wr_sctp_settings settings;
  wr_sctp_settings_default(&settings);
  settings.send_budget_bytes = settings.recv_budget_bytes = budget_bytes;
  settings.rng.fill = fill_random;
  free(pool_memory);
  pool_memory = aligned_alloc(16, (wr_pool_size(WR_SCTP_POOL_BLOCK, N_BLOCKS) + 15) / 16 * 16);
  settings.pool = wr_pool_init(pool_memory, WR_SCTP_POOL_BLOCK, N_BLOCKS);
  for (int i = 0; i < 2; i++) {
    free(memory[i]);
    memory[i] = aligned_alloc(16, (wr_sctp_size() + 15) / 16 * 16);
    settings.is_dtls_client = i == 0;
    ends[i] = wr_sctp_init(memory[i], &settings, buffer, sizeof buffer);
    lines[i].head = lines[i].tail = 0;
  }
  n_received_bytes = 0;
}

static bool drain(wr_time now, wr_time delay_us) {
  bool any = false;
  for (int i = 0; i < 2; i++) {
    wr_sctp_event event;
    while (wr_sctp_poll_event(ends[i], &event)) n_received_bytes += event.message.len;
    for (line *to = &lines[1 - i]; to->tail - to->head < N_PACKETS; any = true) {
      packet *p = &to->packets[to->tail % N_PACKETS];
      p->len = wr_sctp_poll(ends[i], p->bytes, sizeof p->bytes, now);
      if (p->len == 0) break;
      p->at = now + delay_us;
      to->tail++;
    }
    wr_sctp_tick(ends[i], now);
  }
  return any;
}

static bool deliver(wr_time now) {
  bool any = false;
  for (int i = 0; i < 2; i++) {
    for (line *l = &lines[i]; l->head != l->tail && l->packets[l->head % N_PACKETS].at <= now; any = true) {
      packet *p = &l->packets[l->head++ % N_PACKETS];
      wr_sctp_recv(ends[i], wr_bytes_of(p->bytes, p->len), now);
    }
  }
  return any;
}

static wr_time next_time(wr_time now) {
  wr_time next = wr_time_min(wr_sctp_deadline(ends[0]), wr_sctp_deadline(ends[1]));
  for (int i = 0; i < 2; i++) {
    line *l = &lines[i];
    if (l->head != l->tail) next = wr_time_min(next, l->packets[l->head % N_PACKETS].at);
  }
  return next > now ? next : now;
}

/* Returns the virtual time it took. */
static wr_time run(uint64_t total_bytes, wr_time delay_us) {
  wr_time now = WR_S(1), begun = now;
  uint16_t id = 0;
  wr_sctp_channel_settings settings = {.label = "bench"};
  wr_sctp_connect(ends[0], now);
  if (wr_sctp_open_channel(ends[0], &settings, &id, now) != WR_OK) exit(1);
  for (uint64_t n_sent = 0; n_received_bytes < total_bytes;) {
    while (n_sent < total_bytes &&
           wr_sctp_send(ends[0], id, false, wr_bytes_of(message, sizeof message), now) == WR_OK)
      n_sent += sizeof message;
    bool sent = drain(now, delay_us);
    if (!deliver(now) && !sent) now = next_time(now);
  }
  return now - begun;
}

int main(void) {
  lines = calloc(2, sizeof *lines);
  if (!lines) return 1;
  const uint32_t budgets[] = {256 * 1024, 1024 * 1024};
  for (size_t i = 0; i < 2; i++) {
    start(budgets[i]);
    const uint64_t total = 1024ull << 20;
    clock_t begun = clock();
    run(total, 0);
    double seconds = (double)(clock() - begun) / CLOCKS_PER_SEC;
    printf("rtt 0 ms, budget %4u KiB: %6.0f Mbit/s of CPU for both ends, %.2f us per packet\n", budgets[i] / 1024,
           (double)total * 8 / seconds / 1e6, seconds * 1e6 / (double)wr_sctp_get_stats(ends[0])->packets_sent);
    start(budgets[i]);
    wr_time took = run(64 << 20, WR_MS(25));
    printf("rtt 50 ms, budget %4u KiB: %6.1f Mbit/s, the window would allow %.1f\n", budgets[i] / 1024,
           (double)(64 << 20) * 8 / (double)took, (double)budgets[i] * 8 / 50000.0);
  }
  return 0;
}
