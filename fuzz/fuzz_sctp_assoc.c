/* fuzz_sctp_assoc.c - a connected association under a script of hostile packets, time and its own use.
 *
 * The input is a row of steps: one byte what to do, one byte how much, then, for a packet, that many bytes of
 * chunks. Tags and initial TSNs are all 0x01010101.., so that the fuzzer can hit them. After every step: outputs
 * drained, no packet over the MTU, deadlines in the future, budgets kept; at the end every block is back. */
#include <string.h>

#include "base/io.h"
#include "sctp/association.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define N_BLOCKS 96

typedef struct world {
  wr_sctp *hostile_target, *honest;
  wr_time now;
} world;

static void fill_constant(void *ctx, uint8_t *out, size_t len) { memset(out, *(uint8_t *)ctx, len); }

static void check(const wr_sctp *s) {
  WR_ASSERT(s->reassembly.store.n_blocks <= s->reassembly.store.max_blocks);
  WR_ASSERT(s->queue.store.n_blocks <= s->queue.store.max_blocks);
}

/* Drains |from|; what it sends reaches |to|, if any. */
static bool drain(wr_sctp *from, wr_sctp *to, wr_time now) {
  uint8_t out[WR_SCTP_MTU];
  wr_sctp_event event;
  bool any = false;
  while (wr_sctp_poll_event(from, &event)) WR_ASSERT(event.message.len <= 20000);
  for (size_t n; (n = wr_sctp_poll(from, out, sizeof out, now)) > 0; any = true) {
    WR_ASSERT(n <= WR_SCTP_MTU);
    if (to) wr_sctp_recv(to, wr_bytes_of(out, n), now);
  }
  check(from);
  return any;
}

static void exchange(world *w) {
  for (int i = 0; i < 20; i++) {
    bool a = drain(w->hostile_target, w->honest, w->now), b = drain(w->honest, w->hostile_target, w->now);
    if (!a && !b) return;
  }
}

static void recv_chunks(world *w, wr_bytes chunks) {
  uint8_t packet[12 + 255] = {0x13, 0x88, 0x13, 0x88};
  bool is_init = chunks.len && chunks.data[0] == WR_SCTP_INIT;
  wr_put_u32(packet + 4, is_init ? 0 : w->hostile_target->local_tag);
  memcpy(packet + 12, chunks.data, chunks.len);
  wr_sctp_recv(w->hostile_target, wr_bytes_of(packet, 12 + chunks.len), w->now);
}

static void tick(world *w, wr_time forward) {
  w->now += forward;
  wr_sctp *ends[2] = {w->hostile_target, w->honest};
  for (int i = 0; i < 2; i++) {
    wr_sctp_tick(ends[i], w->now);
    WR_ASSERT(wr_sctp_deadline(ends[i]) > w->now);
  }
}

static void open_channel(world *w, uint8_t how) {
  uint16_t id;
  wr_sctp_channel_settings settings = {.label = "fuzz",
                                       .unordered = how & 1,
                                       .limited_retransmits = (how & 6) == 2,
                                       .limited_lifetime = (how & 6) == 4,
                                       .reliability = how >> 4};
  (void)!wr_sctp_open_channel(w->hostile_target, &settings, &id, w->now);
}

static void step(world *w, uint8_t what, uint8_t amount) {
  static const uint8_t message[255 * 80];
  wr_sctp *s = w->hostile_target;
  switch (what % 8) {
    case 1: tick(w, (wr_time)amount * amount * 1000); break;
    case 2: open_channel(w, amount); break;
    case 3: (void)!wr_sctp_send(s, amount & 7, what & 8, wr_bytes_of(message, (size_t)amount * 80), w->now); break;
    case 4: (void)!wr_sctp_close_channel(s, amount & 7, w->now); break;
    case 5: exchange(w); break;
    case 6: (void)!wr_sctp_send(w->honest, amount & 7, true, wr_bytes_of(message, amount), w->now); break;
    case 7:
      if (amount == 77) wr_sctp_shutdown(s, w->now);
      break;
    default: break;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  _Alignas(16) static uint8_t pool_memory[N_BLOCKS * 2048 + 64], memory[2][16384];
  static uint8_t buffer[20000];
  static uint8_t constant[2] = {1, 2};
  wr_pool *pool = wr_pool_init(pool_memory, 2048, N_BLOCKS);
  wr_sctp_settings settings;
  wr_sctp_settings_default(&settings);
  settings.pool = pool;
  settings.max_message_bytes = sizeof buffer;
  settings.send_budget_bytes = settings.recv_budget_bytes = 20 * 2048;
  settings.rng = (wr_rng){fill_constant, &constant[0]};
  world w = {.now = WR_S(1)};
  w.hostile_target = wr_sctp_init(memory[0], &settings, buffer, sizeof buffer);
  settings.rng.ctx = &constant[1];
  settings.is_dtls_client = true;
  w.honest = wr_sctp_init(memory[1], &settings, buffer, sizeof buffer);
  wr_sctp_connect(w.hostile_target, w.now);
  exchange(&w);
  wr_reader r = wr_reader_of(wr_bytes_of(data, len));
  while (wr_reader_left(&r) >= 2) {
    uint8_t what = wr_read_u8(&r), amount = wr_read_u8(&r);
    size_t left = wr_reader_left(&r);
    if (what % 8 == 0) {
      recv_chunks(&w, wr_read_bytes(&r, amount < left ? amount : left));
    } else {
      step(&w, what, amount);
    }
    (void)drain(w.hostile_target, NULL, w.now);
  }
  wr_sctp_wipe(w.hostile_target);
  wr_sctp_wipe(w.honest);
  WR_ASSERT(wr_pool_n_free(pool) == N_BLOCKS);
  return 0;
}
