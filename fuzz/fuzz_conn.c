/* fuzz/fuzz_conn.c - a connection under a hostile network: the fuzzer drops, changes, repeats and delays the
 * datagrams between two peers on the null crypto backend, injects its own, and chooses what the applications do.
 * Whatever it finds, no invariant may break, no memory may be misused, and every block must come back. */
#include <stdlib.h>
#include <string.h>

#include "wr/conn.h"
#include "wr/crypto_openssl.h"

#define N_BLOCKS 96

typedef struct input {
  const uint8_t *at, *end;
} input;

static uint8_t next(input *in) { return in->at < in->end ? *in->at++ : 0; }

static void fill(void *ctx, uint8_t *out, size_t len) {
  uint32_t *state = ctx;
  for (size_t i = 0; i < len; i++) {
    *state = *state * 1664525u + 1013904223u;
    out[i] = (uint8_t)(*state >> 24);
  }
}

static _Alignas(16) uint8_t pool_memory[(WR_CONN_POOL_BLOCK + 16) * (N_BLOCKS + 1)];
static uint8_t message_buffer[65536];
static wr_sdp scratch;

static wr_conn *make(wr_pool *pool, uint32_t *seed, const wr_addr *local, bool lite) {
  wr_conn_settings settings;
  wr_conn_settings_default(&settings);
  settings.crypto = wr_crypto_null();
  settings.rng = (wr_rng){fill, seed};
  settings.pool = pool;
  settings.message_buffer = message_buffer;
  settings.message_buffer_bytes = sizeof message_buffer;
  settings.ice_lite = lite;
  wr_conn *conn = wr_conn_init(aligned_alloc(16, (wr_conn_size() + 15) / 16 * 16), &settings, 0);
  (void)wr_conn_add_local(conn, local, local, 0);
  return conn;
}

/* One datagram from |from| to |to|, as the fuzzer likes it. */
static void pass(input *in, wr_conn *to, const wr_addr *here, const wr_addr *there, uint8_t *bytes, size_t len,
                 wr_time now) {
  wr_path path = {.local = *here, .remote = *there};
  uint8_t fate = next(in);
  if (fate >= 250) return; /* lost */
  if (fate >= 240) bytes[next(in) % len] ^= next(in);
  if (fate >= 235 && fate < 240) len = next(in) % (len + 1);
  if (fate >= 230 && fate < 235) {
    path.remote.port ^= 1;
    if (wr_conn_may_be_of(to, wr_bytes_of(bytes, len), now)) wr_conn_ask_at(to, &path, now);
  }
  uint8_t copy[WR_CONN_MTU];
  memcpy(copy, bytes, len);
  (void)wr_conn_recv(to, &path, (wr_span){bytes, len}, now);
  if (fate >= 225 && fate < 230) (void)wr_conn_recv(to, &path, (wr_span){copy, len}, now);
}

static void drain(input *in, wr_conn *from, wr_conn *to, const wr_addr *here, const wr_addr *there, wr_time now) {
  uint8_t bytes[WR_CONN_MTU];
  wr_out out;
  for (int i = 0; i < 400; i++) {
    wr_conn_poll(from, bytes, sizeof bytes, &out, now);
    if (out.kind == WR_OUT_IDLE) return;
    if (out.kind == WR_OUT_DATAGRAM) pass(in, to, there, here, bytes, out.len, now);
  }
  __builtin_trap(); /* poll never ends */
}

static void settle(input *in, wr_conn *a, wr_conn *b, const wr_addr *at_a, const wr_addr *at_b, wr_time now) {
  for (int i = 0; i < 6; i++) {
    drain(in, a, b, at_a, at_b, now);
    drain(in, b, a, at_b, at_a, now);
  }
  /* What b's last answers caused in a must be drained before a is used again. */
  uint8_t bytes[WR_CONN_MTU];
  wr_out out;
  do wr_conn_poll(a, bytes, sizeof bytes, &out, now);
  while (out.kind != WR_OUT_IDLE);
}

static void inject(input *in, wr_conn *to, const wr_addr *here, const wr_addr *there, wr_time now) {
  uint8_t bytes[256];
  size_t len = next(in);
  for (size_t i = 0; i < len; i++) bytes[i] = next(in);
  wr_path path = {.local = *here, .remote = *there};
  (void)wr_conn_recv(to, &path, (wr_span){bytes, len}, now);
}

static void act(input *in, wr_conn *conn, wr_time now) {
  uint16_t channel;
  wr_sdp_error error;
  char reply[2048];
  size_t len;
  switch (next(in) % 8) {
    case 0:
      (void)wr_conn_open_channel(conn, &(wr_channel_settings){.label = "x", .unordered = next(in) & 1}, &channel,
                                 now);
      break;
    case 1:
      (void)wr_conn_send_message(conn, next(in) % 4, true, wr_bytes_of(message_buffer, (size_t)next(in) * 64), now);
      break;
    case 2: (void)wr_conn_send_audio(conn, wr_bytes_of(message_buffer, next(in)), (uint32_t)now, false, now); break;
    case 3: (void)wr_conn_close_channel(conn, next(in) % 4, now); break;
    case 4:
      if (next(in) > 200) wr_conn_close(conn, now);
      break;
    case 5: {
      size_t n = next(in);
      if (n > (size_t)(in->end - in->at)) n = (size_t)(in->end - in->at);
      (void)!wr_conn_accept_fragment(conn, wr_bytes_of(in->at, n), &error, reply, sizeof reply, &len, now);
      in->at += n;
      break;
    }
    default: break;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  input in = {data, data + size};
  uint32_t seed = 1;
  wr_addr at_a, at_b;
  wr_sdp_error error;
  char offer[8192], answer[8192];
  size_t offer_len, answer_len;
  wr_time now = WR_S(1);
  (void)wr_addr_parse(&at_a, WR_BYTES_LITERAL("127.0.0.1"), 1000);
  (void)wr_addr_parse(&at_b, WR_BYTES_LITERAL("127.0.0.1"), 2000);
  wr_pool *pool = wr_pool_init(pool_memory, WR_CONN_POOL_BLOCK, N_BLOCKS);
  uint8_t modes = next(&in);
  wr_conn *a = make(pool, &seed, &at_a, modes & 1), *b = make(pool, &seed, &at_b, modes & 2);
  if (wr_conn_create_offer(a, offer, sizeof offer, &offer_len, now) != WR_OK) __builtin_trap();
  if (modes & 4) offer[next(&in) * 8u % offer_len] = (char)next(&in);
  if (wr_conn_accept_offer(b, wr_bytes_of(offer, offer_len), &scratch, &error, answer, sizeof answer, &answer_len,
                           now) == WR_OK &&
      wr_conn_accept_answer(a, wr_bytes_of(answer, answer_len), &scratch, &error, now) == WR_OK) {
    for (int step = 0; step < 200 && in.at < in.end; step++) {
      settle(&in, a, b, &at_a, &at_b, now);
      uint8_t choice = next(&in);
      if (choice & 1)
        act(&in, choice & 2 ? a : b, now);
      else if (choice & 4)
        inject(&in, choice & 2 ? a : b, choice & 2 ? &at_a : &at_b, choice & 2 ? &at_b : &at_a, now);
      settle(&in, a, b, &at_a, &at_b, now);
      now += (wr_time)next(&in) * next(&in) * 16;
      wr_conn_tick(a, now);
      settle(&in, a, b, &at_a, &at_b, now);
      wr_conn_tick(b, now);
    }
  }
  wr_conn_wipe(a);
  wr_conn_wipe(b);
  free(a);
  free(b);
  if (wr_pool_n_free(pool) != N_BLOCKS) __builtin_trap(); /* a block leaked */
  return 0;
}
