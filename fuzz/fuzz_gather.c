/* fuzz_gather.c - a gathering under any sequence of calls: the input chooses answers (raw, or to the last request
 * and signed properly), data, stream bytes, time steps, peers. Whatever happens, polling ends, deadlines move when
 * they are served, and what comes out of a relay was in the datagram and is addressed to a relayed address of ours.
 */
#include "stun/stun.h"
#include "wr/crypto_openssl.h"
#include "wr/gather.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void fill(void *ctx, uint8_t *out, size_t len) {
  uint64_t *state = ctx;
  for (size_t i = 0; i < len; i++) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    out[i] = (uint8_t)(*state >> 56);
  }
}

enum { STUN, TURN, STREAM, N_SERVERS };

typedef struct fuzz {
  wr_gather *gather;
  wr_reader input;
  wr_time now;
  uint64_t random;
  wr_gather_server server[N_SERVERS];
  struct {
    uint16_t method;
    uint8_t id[WR_STUN_ID_BYTES];
  } asked[N_SERVERS]; /* the last request */
  wr_addr relayed[4]; /* told as candidates, the last ones */
  unsigned n_relayed;
} fuzz;

static wr_addr peer_of(uint8_t choice) {
  return (wr_addr){.family = choice & 64 ? 6 : 4, .ip = {10, 0, 0, choice & 31}, .port = choice & 32 ? 1 : 2};
}

static int server_of(const wr_gather_way *way, const fuzz *f) {
  if (way->stream >= 0) return way->stream;
  return wr_addr_equal(&way->path.remote, &f->server[STUN].addr) ? STUN : TURN;
}

static void drain(fuzz *f) {
  uint8_t out[WR_GATHER_OUT_MAX];
  wr_gather_way way;
  wr_gather_event event;
  wr_stun stun;
  size_t len;
  for (int n = 0; (len = wr_gather_poll(f->gather, &way, out, sizeof out, f->now)) > 0; n++) {
    WR_ASSERT(n < 400 && len <= sizeof out && way.stream < N_SERVERS);
    if (wr_stun_parse(&stun, wr_bytes_of(out, len)) != WR_OK || stun.class_ != WR_STUN_REQUEST) continue;
    int i = server_of(&way, f);
    f->asked[i].method = stun.method;
    memcpy(f->asked[i].id, stun.id, sizeof stun.id);
  }
  WR_ASSERT(wr_gather_deadline(f->gather) > f->now);
  for (int n = 0; wr_gather_poll_event(f->gather, &event); n++) {
    WR_ASSERT(n < 100 && event.server < N_SERVERS);
    if (event.kind == WR_GATHER_EVENT_FAILED || event.kind == WR_GATHER_EVENT_LOST) WR_ASSERT(event.why);
    if (event.kind == WR_GATHER_EVENT_CANDIDATE && event.type == WR_CANDIDATE_RELAY)
      f->relayed[f->n_relayed++ % 4] = event.shown;
  }
  (void)wr_gather_is_done(f->gather);
}

static void check_inner(const fuzz *f, const uint8_t *in, size_t len, const wr_path *path, wr_span inner) {
  if (in) WR_ASSERT(inner.data >= in && inner.data + inner.len <= in + len);
  WR_ASSERT(wr_gather_is_relayed(f->gather, &path->local) && path->remote.family);
}

static void recv_bytes(fuzz *f, int server, uint8_t *bytes, size_t len) {
  wr_path path = {f->server[server].base, f->server[server].addr}, inner_path;
  wr_span inner;
  if (server == STREAM) {
    while (len) {
      size_t taken;
      wr_gather_input got =
          wr_gather_recv_stream(f->gather, STREAM, wr_bytes_of(bytes, len), &taken, &inner_path, &inner, f->now);
      if (got == WR_GATHER_RELAYED) check_inner(f, NULL, 0, &inner_path, inner);
      if (taken == SIZE_MAX) return;
      WR_ASSERT(taken > 0 && taken <= len);
      bytes += taken;
      len -= taken;
    }
    return;
  }
  wr_gather_input got = wr_gather_recv(f->gather, &path, (wr_span){bytes, len}, &inner_path, &inner, f->now);
  if (got == WR_GATHER_RELAYED) check_inner(f, bytes, len, &inner_path, inner);
}

static void answer(fuzz *f, int server, bool success, bool keyed) {
  const wr_crypto *crypto = wr_crypto_null();
  uint8_t out[600], key[16];
  wr_writer w = wr_writer_of(out, sizeof out);
  const wr_bytes parts[] = {WR_BYTES_LITERAL("u:r:p")};
  crypto->md5(crypto->ctx, parts, 1, key);
  static const uint16_t codes[] = {401, 438, 300, 437, 486, 403, 440, 401};
  uint8_t hint = wr_read_u8(&f->input);
  wr_stun_begin(&w, success ? WR_STUN_SUCCESS : WR_STUN_ERROR, f->asked[server].method, f->asked[server].id);
  if (!success) wr_stun_write_error(&w, codes[hint & 7], "");
  if (hint & 16) wr_stun_write_bytes(&w, WR_STUN_REALM, WR_BYTES_LITERAL("r"));
  if (hint & 32) wr_stun_write_bytes(&w, WR_STUN_NONCE, wr_read_bytes(&f->input, wr_read_u8(&f->input) & 31));
  wr_addr addr = peer_of(hint);
  if (hint & 64) wr_stun_write_xor(&w, WR_STUN_XOR_RELAYED_ADDRESS, &addr);
  if (hint & 128) wr_stun_write_mapped(&w, &addr);
  size_t len = wr_stun_end(&w, crypto, wr_bytes_of(key, keyed ? sizeof key : 0));
  recv_bytes(f, server, out, len);
}

static void raw(fuzz *f, int server) {
  uint8_t bytes[256];
  wr_bytes in = wr_read_bytes(&f->input, wr_read_u8(&f->input));
  if (in.len) memcpy(bytes, in.data, in.len);
  recv_bytes(f, server, bytes, in.len);
}

static void send(fuzz *f) {
  uint8_t out[WR_GATHER_OUT_MAX];
  wr_gather_way way;
  uint8_t choice = wr_read_u8(&f->input);
  wr_path path = {f->relayed[choice >> 6], peer_of(wr_read_u8(&f->input))};
  wr_bytes bytes = wr_read_bytes(&f->input, wr_read_u8(&f->input));
  size_t len = wr_gather_send(f->gather, &path, bytes, &way, out, sizeof out, f->now);
  WR_ASSERT(len == 0 || (len >= bytes.len + 4 && wr_gather_is_relayed(f->gather, &path.local)));
}

static void step(fuzz *f) {
  uint8_t choice = wr_read_u8(&f->input);
  int server = (choice >> 3) % N_SERVERS;
  wr_addr base = {.family = choice & 64 ? 6 : 4, .ip = {10, 1, 1, choice >> 5}, .port = 7};
  switch (choice & 7) {
    case 0: raw(f, server); break;
    case 1: answer(f, server, true, choice & 64); break;
    case 2: answer(f, server, false, choice & 64); break;
    case 3: f->now += (wr_time)wr_read_u16(&f->input) * (choice & 64 ? 100000 : 100); break;
    case 4:
    case 5: send(f); break;
    case 6:
      if (choice & 64)
        wr_gather_stream_up(f->gather, STREAM, f->now);
      else if (choice & 32)
        wr_gather_stream_down(f->gather, STREAM, f->now);
      break;
    case 7: (void)wr_gather_add_base(f->gather, &base, f->now); break;
  }
  drain(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  static _Alignas(16) uint8_t mem[64 * 1024];
  fuzz f = {.input = wr_reader_of(wr_bytes_of(data, len)), .random = 1, .now = WR_S(1)};
  for (int i = 0; i < N_SERVERS; i++)
    f.server[i] = (wr_gather_server){.addr = {.family = 4, .ip = {192, 0, 2, (uint8_t)i}, .port = 3478},
                                     .base = {.family = 4, .ip = {10, 1, 1, 0}, .port = 7},
                                     .relay = i != STUN,
                                     .stream = i == STREAM,
                                     .username = "u",
                                     .password = "p"};
  uint8_t flags = wr_read_u8(&f.input);
  wr_gather_settings settings = {.rng = {fill, &f.random},
                                 .crypto = wr_crypto_null(),
                                 .servers = f.server,
                                 .n_servers = N_SERVERS,
                                 .n_peers = flags & 2 ? 2 : 0,
                                 .keep_us = flags & 1 ? WR_S(20) : 0};
  WR_ASSERT(wr_gather_size(&settings) <= sizeof mem);
  f.gather = wr_gather_init(mem, &settings, f.now);
  (void)wr_gather_add_base(f.gather, &f.server[STUN].base, f.now);
  drain(&f);
  while (wr_reader_left(&f.input)) step(&f);
  wr_gather_wipe(f.gather);
  return 0;
}
