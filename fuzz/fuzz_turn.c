/* fuzz_turn.c - a TURN client under any sequence of calls: the input chooses answers (raw, or to the last request
 * and signed properly), data, stream bytes, time steps, peers. Whatever happens, polling ends, deadlines move when
 * they are served, data comes only from permitted peers, and what is relayed out names a permitted peer. */
#include "turn/turn.h"
#include "turn/turn_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void mix(const wr_bytes *parts, size_t n_parts, uint32_t sum, uint8_t *out, size_t len) {
  for (size_t i = 0; i < n_parts; i++)
    for (size_t j = 0; j < parts[i].len; j++) sum = (sum ^ parts[i].data[j]) * 16777619u;
  for (size_t i = 0; i < len; i++) out[i] = (uint8_t)(sum >> i % 4 * 8);
}

static void md5(void *ctx, const wr_bytes *parts, size_t n, uint8_t out[16]) {
  (void)ctx, mix(parts, n, 1, out, 16);
}
static void sha256(void *ctx, const wr_bytes *parts, size_t n, uint8_t out[32]) {
  (void)ctx, mix(parts, n, 2, out, 32);
}
static void hmac_sha1(void *ctx, wr_bytes key, const wr_bytes *parts, size_t n, uint8_t out[20]) {
  (void)ctx, mix(parts, n, key.len ? key.data[0] : 0, out, 20);
}
static void hmac_sha256(void *ctx, wr_bytes key, const wr_bytes *parts, size_t n, uint8_t out[32]) {
  (void)ctx, mix(parts, n, key.len ? key.data[0] : 0, out, 32);
}
static const wr_crypto crypto = {.md5 = md5, .sha256 = sha256, .hmac_sha1 = hmac_sha1, .hmac_sha256 = hmac_sha256};

static void fill(void *ctx, uint8_t *out, size_t len) {
  uint64_t *state = ctx;
  for (size_t i = 0; i < len; i++) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    out[i] = (uint8_t)(*state >> 56);
  }
}

typedef struct fuzz {
  wr_turn *turn;
  wr_reader input;
  wr_time now;
  uint64_t random;
  wr_stun asked; /* the last request; only method and id are used */
  bool has_asked;
  wr_turn_stream stream;
} fuzz;

static wr_addr peer_of(uint8_t choice) {
  return (wr_addr){.family = choice & 64 ? 6 : 4, .ip = {10, 0, 0, choice & 31}, .port = choice & 32 ? 1 : 2};
}

static void drain(fuzz *f) {
  uint8_t out[WR_TURN_OUT_MAX];
  wr_turn_event event;
  size_t len;
  for (int n = 0; (len = wr_turn_poll(f->turn, out, sizeof out, f->now)) > 0; n++) {
    WR_ASSERT(n < 2 * WR_TURN_PEERS + 4);
    WR_ASSERT(wr_stun_parse(&f->asked, wr_bytes_of(out, len)) == WR_OK);
    f->has_asked = true;
  }
  WR_ASSERT(wr_turn_deadline(f->turn) > f->now);
  while (wr_turn_poll_event(f->turn, &event)) WR_ASSERT(event.kind != WR_TURN_EVENT_NONE);
}

static void receive(fuzz *f, wr_bytes datagram) {
  wr_turn_data data;
  if (wr_turn_recv(f->turn, datagram, &data, f->now) != WR_TURN_DATA) return;
  WR_ASSERT(data.bytes.len <= datagram.len && (data.peer.family == 4 || data.peer.family == 6));
  bool permitted = false;
  for (size_t i = 0; i < WR_TURN_PEERS; i++)
    permitted |= f->turn->peer[i].permitted && memcmp(f->turn->peer[i].addr.ip, data.peer.ip, 16) == 0;
  WR_ASSERT(permitted);
}

/* An answer to the last request: success or an error with a code, attributes from the input, signed if wished. */
static void answer(fuzz *f, bool success, bool keyed) {
  uint8_t out[600];
  wr_writer w = wr_writer_of(out, sizeof out);
  if (!f->has_asked) return;
  wr_stun_begin(&w, success ? WR_STUN_SUCCESS : WR_STUN_ERROR, f->asked.method, f->asked.id);
  uint8_t hint = wr_read_u8(&f->input);
  static const uint16_t codes[] = {401, 438, 300, 437, 441, 442, 486, 508, 403, 440, 400, 500, 420, 443, 699, 300};
  if (!success) wr_stun_write_error(&w, codes[hint & 15], "");
  if (hint & 16) wr_stun_write_bytes(&w, WR_STUN_REALM, WR_BYTES_LITERAL("r"));
  if (hint & 32) wr_stun_write_bytes(&w, WR_STUN_NONCE, wr_read_bytes(&f->input, wr_read_u8(&f->input) & 31));
  if (hint & 64) {
    wr_addr relayed = peer_of(hint);
    wr_stun_write_xor(&w, WR_STUN_XOR_RELAYED_ADDRESS, &relayed);
  }
  if (hint & 128) {
    uint16_t type = wr_read_u16(&f->input);
    wr_stun_write_bytes(&w, (wr_stun_attribute)type, wr_read_bytes(&f->input, wr_read_u8(&f->input) & 63));
  }
  const turn_credentials *c = &f->turn->credentials;
  wr_bytes key = wr_bytes_of(c->key, keyed ? c->key_len : 0);
  size_t len = key.len && c->algorithm ? wr_stun_end_sha256(&w, &crypto, key) : wr_stun_end(&w, &crypto, key);
  receive(f, wr_bytes_of(out, len));
}

static void send(fuzz *f) {
  uint8_t out[256 + WR_TURN_OVERHEAD];
  wr_addr peer = peer_of(wr_read_u8(&f->input));
  wr_bytes bytes = wr_read_bytes(&f->input, wr_read_u8(&f->input));
  size_t len = wr_turn_send(f->turn, &peer, bytes, out, bytes.len + WR_TURN_OVERHEAD);
  WR_ASSERT(len <= bytes.len + WR_TURN_OVERHEAD && (len == 0 || len >= bytes.len + 4));
}

static void stream(fuzz *f) {
  wr_bytes bytes = wr_read_bytes(&f->input, wr_read_u8(&f->input));
  while (bytes.len) {
    wr_bytes frame;
    size_t taken = wr_turn_stream_push(&f->stream, bytes, &frame);
    if (taken == SIZE_MAX) {
      wr_turn_stream_init(&f->stream);
      return;
    }
    WR_ASSERT(taken > 0 && taken <= bytes.len && frame.len <= WR_TURN_FRAME_MAX);
    bytes.data += taken;
    bytes.len -= taken;
    if (frame.len) receive(f, frame);
  }
}

static void step(fuzz *f) {
  uint8_t choice = wr_read_u8(&f->input);
  wr_addr peer;
  switch (choice % 8) {
    case 0: receive(f, wr_read_bytes(&f->input, wr_read_u8(&f->input))); break;
    case 1: answer(f, true, choice & 16); break;
    case 2: answer(f, false, choice & 16); break;
    case 3: f->now += (wr_time)wr_read_u16(&f->input) * (choice & 16 ? 1000000 : 1000); break;
    case 4:
      peer = peer_of(wr_read_u8(&f->input));
      if (wr_turn_permit(f->turn, &peer, choice & 16, f->now) == WR_ERR_STATE)
        WR_ASSERT(wr_turn_get_state(f->turn) != WR_TURN_ALLOCATED);
      break;
    case 5: send(f); break;
    case 6: stream(f); break;
    case 7:
      if (choice & 16)
        wr_turn_close(f->turn, f->now);
      else
        WR_ASSERT(wr_turn_allocate(f->turn, f->now) == WR_OK || wr_turn_get_state(f->turn) != WR_TURN_NEW);
      break;
  }
  drain(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  static _Alignas(16) uint8_t mem[8192];
  fuzz f = {.input = wr_reader_of(wr_bytes_of(data, len)), .random = 1, .now = WR_S(1)};
  uint8_t flags = wr_read_u8(&f.input);
  wr_turn_settings settings = {
      .rng = {fill, &f.random}, .crypto = &crypto, .stream = flags & 1, .username = "u", .password = "p"};
  settings.family = flags & 2 ? 6 : 0;
  settings.forgets = flags & 4;
  WR_ASSERT(wr_turn_size(0) <= sizeof mem);
  f.turn = wr_turn_init(mem, &settings, f.now);
  wr_turn_stream_init(&f.stream);
  while (wr_reader_left(&f.input)) step(&f);
  return 0;
}
