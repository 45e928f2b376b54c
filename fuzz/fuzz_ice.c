/* fuzz_ice.c - an agent under any sequence of calls: the input chooses datagrams (raw, or requests and answers that
 * are signed properly), time steps, candidates, restarts. Whatever happens, polling ends, deadlines move when they
 * are served, no more unverified checks leave than promised, and data is only selected onto a valid path. */
#include "ice/ice_agent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define MAX_SEEN 8

typedef struct fuzz {
  wr_ice *ice;
  wr_reader input;
  wr_time now;
  uint64_t random;
  wr_stun seen[MAX_SEEN]; /* checks the agent has sent; only ids are used */
  wr_path seen_path[MAX_SEEN];
  unsigned n_seen;
} fuzz;

static void null_hmac(void *ctx, wr_bytes key, const wr_bytes *parts, size_t n_parts, uint8_t mac[20]) {
  (void)ctx;
  uint32_t sum = 2166136261u;
  for (size_t i = 0; i < key.len; i++) sum = (sum ^ key.data[i]) * 16777619u;
  for (size_t i = 0; i < n_parts; i++) {
    for (size_t j = 0; j < parts[i].len; j++) sum = (sum ^ parts[i].data[j]) * 16777619u;
  }
  for (size_t i = 0; i < 20; i++) mac[i] = (uint8_t)(sum >> i % 4 * 8);
}

static const wr_crypto crypto = {.hmac_sha1 = null_hmac};

static void fill(void *ctx, uint8_t *out, size_t len) {
  uint64_t *state = ctx;
  for (size_t i = 0; i < len; i++) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    out[i] = (uint8_t)(*state >> 56);
  }
}

static wr_addr address(uint8_t choice) {
  wr_addr a = {.family = choice & 32 ? 6 : 4, .ip = {10, 0, 0, (uint8_t)(choice & 15)}, .port = 5000};
  if (choice == 255) a.ip[0] = 224;
  if (choice == 254) a.port = 0;
  if (choice == 253) a = (wr_addr){0};
  if (choice & 64) a.port = (uint16_t)(5000 + (choice & 31));
  if ((choice & 192) == 128) a.transport = WR_TCP;
  return a;
}

static wr_addr own_address(uint8_t choice) {
  wr_addr a = {.family = choice & 4 ? 6 : 4, .ip = {192, 168, 0, (uint8_t)(choice & 3)}, .port = 6000};
  if (choice & 8) a.transport = WR_TCP;
  if ((choice & 24) == 24) a.port = 0; /* connections go out from there */
  return a;
}

static void drain(fuzz *f) {
  uint8_t out[600];
  wr_path path;
  wr_ice_event event;
  size_t len;
  for (int n = 0; (len = wr_ice_poll(f->ice, &path, out, sizeof out, f->now)) > 0; n++) {
    WR_ASSERT(n < WR_ICE_MAX_ANSWERS + WR_ICE_MAX_CHECKS + WR_ICE_MAX_PAIRS + 1);
    unsigned slot = f->n_seen++ % MAX_SEEN;
    WR_ASSERT(wr_stun_parse(&f->seen[slot], wr_bytes_of(out, len)) == WR_OK);
    WR_ASSERT(path.remote.family && path.remote.port);
    f->seen_path[slot] = path;
  }
  for (int n = 0; wr_ice_poll_event(f->ice, &event); n++) {
    WR_ASSERT(n < 4);
    if (event.kind == WR_ICE_EVENT_SELECTED) WR_ASSERT(wr_ice_is_valid_path(f->ice, &event.path));
  }
  wr_path selected;
  uint32_t rtt_us;
  if (wr_ice_selected(f->ice, &selected, &rtt_us)) WR_ASSERT(wr_ice_is_valid_path(f->ice, &selected));
  wr_time kept = wr_ice_deadline(f->ice);
  wr_ice_schedule(f->ice);
  WR_ASSERT(kept == wr_ice_deadline(f->ice));
  WR_ASSERT(f->ice->n_unverified <= WR_ICE_MAX_UNVERIFIED);
}

static void tick(fuzz *f) {
  wr_ice_tick(f->ice, f->now);
  drain(f);
  if (f->ice->n_unverified ==
      WR_ICE_MAX_UNVERIFIED) { /* sending the last check allowed may have failed all pairs */
    wr_ice_tick(f->ice, f->now);
    drain(f);
  }
  WR_ASSERT(wr_ice_deadline(f->ice) > f->now);
}

/* A request of somebody who knows the password, unless |flags| spoil it. */
static void send_request(fuzz *f, uint8_t flags, uint8_t from) {
  const wr_ice_session *s = &f->ice->session[flags & 1 && f->ice->has_previous ? 1 : 0];
  uint8_t out[600], id[WR_STUN_ID_BYTES] = {flags, from};
  wr_path path = {own_address(wr_read_u8(&f->input)), address(from)};
  if (flags & 128) path.local = (wr_addr){0};
  wr_writer w = wr_writer_of(out, sizeof out);
  wr_stun_begin(&w, WR_STUN_REQUEST, WR_STUN_BINDING, id);
  uint8_t name[32];
  wr_writer user = wr_writer_of(name, sizeof name);
  wr_write_text(&user, s->local_ufrag);
  wr_write_text(&user, ":peer");
  wr_stun_write_bytes(&w, WR_STUN_USERNAME, wr_bytes_of(name, wr_writer_len(&user)));
  if (flags & 2) wr_stun_write_flag(&w, WR_STUN_USE_CANDIDATE);
  if (flags & 4) wr_stun_write_u64(&w, WR_STUN_ICE_CONTROLLING, flags & 8 ? UINT64_MAX : 0);
  if (flags & 16) wr_stun_write_u64(&w, WR_STUN_ICE_CONTROLLED, flags & 8 ? UINT64_MAX : 0);
  if (flags & 32) wr_stun_write_u32(&w, WR_STUN_PRIORITY, 0x6e000000u + from);
  if (flags & 64) wr_stun_write_flag(&w, (wr_stun_attribute)0x7777);
  size_t len = wr_stun_end(&w, &crypto, wr_bytes_of(s->local_pwd, strlen(s->local_pwd)));
  (void)wr_ice_recv(f->ice, &path, wr_bytes_of(out, len), f->now);
}

/* An answer to one of the last datagrams of the agent, if that was a check. */
static void send_answer(fuzz *f, uint8_t which, uint8_t flags) {
  if (!f->n_seen) return;
  const wr_stun *seen = &f->seen[which % MAX_SEEN];
  const wr_ice_session *s = &f->ice->session[flags & 1 && f->ice->has_previous ? 1 : 0];
  uint8_t out[600];
  wr_path path = f->seen_path[which % MAX_SEEN];
  wr_writer w = wr_writer_of(out, sizeof out);
  wr_stun_begin(&w, flags & 6 ? WR_STUN_ERROR : WR_STUN_SUCCESS, WR_STUN_BINDING, seen->id);
  if (path.local.family) wr_stun_write_mapped(&w, &path.local);
  if (flags & 2) wr_stun_write_error(&w, WR_STUN_ROLE_CONFLICT, "");
  if (flags & 4) wr_stun_write_error(&w, 400, "");
  if (flags & 8) path.remote.port++;
  size_t len = wr_stun_end(&w, &crypto, wr_bytes_of(s->remote_pwd, strlen(s->remote_pwd)));
  if (len) (void)wr_ice_recv(f->ice, &path, wr_bytes_of(out, len), f->now);
}

static void send_raw(fuzz *f, uint8_t from) {
  wr_path path = {own_address(0), address(from)};
  wr_bytes raw = wr_read_bytes(&f->input, wr_reader_left(&f->input) < from ? wr_reader_left(&f->input) : from);
  (void)wr_ice_recv(f->ice, &path, raw, f->now);
}

static void step(fuzz *f) {
  uint8_t verb = wr_read_u8(&f->input), a = wr_read_u8(&f->input), b = wr_read_u8(&f->input);
  wr_addr own = own_address(a), public = address(b);
  wr_candidate candidate = {.addr = address(a), .component = 1, .priority = (uint32_t)b << 23};
  if (candidate.addr.transport) candidate.tcp = b & 2 ? WR_TCP_PASSIVE : WR_TCP_ACTIVE;
  switch (verb < 250 ? verb % 12 : 12) {
    case 0: (void)wr_ice_add_local(f->ice, &own, b & 1 ? &public : &own, (wr_candidate_type)(b % 4), f->now); break;
    case 1: (void)wr_ice_add_remote(f->ice, &candidate, f->now); break;
    case 2: (void)wr_ice_set_remote(f->ice, a & 1 ? "peer" : "peeR", b & 1 ? "pwd" : "pwD", a == 2, f->now); break;
    case 3: wr_ice_end_of_remote(f->ice, f->now); break;
    case 4:
      if (a < 40) wr_ice_restart(f->ice, f->now);
      break;
    case 5:
    case 6: send_request(f, a, b); break;
    case 7:
    case 8: send_answer(f, a, b); break;
    case 9: send_raw(f, a); break;
    case 10: f->now += (wr_time)a * a * b * 4; break; /* up to a minute */
    case 11: {
      wr_time deadline = wr_ice_deadline(f->ice);
      if (deadline != WR_NEVER && deadline > f->now) f->now = deadline;
      break;
    }
    case 12: {
      wr_path path = {own, public};
      if (public.transport == WR_TCP) wr_ice_path_closed(f->ice, &path, f->now);
      break;
    }
    default: break;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  static _Alignas(16) uint8_t mem[24 * 1024];
  fuzz f = {.input = wr_reader_of(wr_bytes_of(data, len)), .random = 1};
  uint8_t kind = wr_read_u8(&f.input);
  wr_ice_settings settings = {
      .rng = {fill, &f.random}, .crypto = &crypto, .controlling = kind & 1, .lite = (kind & 6) == 6};
  f.now = kind & 8 ? WR_S(100000) : 0;
  f.ice = wr_ice_init(mem, &settings, f.now);
  while (wr_reader_left(&f.input)) {
    step(&f);
    drain(&f);
    tick(&f);
  }
  return 0;
}
