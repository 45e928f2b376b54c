#include "turn/turn.h"

#include "check.h"
#include "turn/turn_state.h"
#include "wr/crypto_openssl.h"

/* A server that knows one user, as far as a client can tell. */
typedef struct world {
  check_rng dice;
  _Alignas(16) uint8_t mem[8192];
  wr_turn *turn;
  turn_credentials server; /* with the right password */
  wr_time now;
  bool sha256, stream, deaf, without_mac;
  uint16_t fail_method, fail_code; /* the next requests of that method are answered so */
  unsigned n_fail;
  wr_addr relayed, seen_peer;
  uint32_t lifetime_s, asked_lifetime_s, family;
  unsigned n_requests, n_unsigned, n_method[10];
  uint16_t channel;
} world;

static const wr_crypto *crypto(void) {
  static const wr_crypto *opened;
  if (!opened) CHECK_EQ(wr_crypto_openssl_open(&opened), WR_OK);
  return opened;
}

static wr_addr address(const char *text, uint16_t port) {
  wr_addr addr = {0};
  CHECK(wr_addr_parse(&addr, wr_bytes_of(text, strlen(text)), port));
  return addr;
}

static wr_time keep_us; /* of the next client */

static void begin_as(world *w, const char *password, bool stream, uint8_t family) {
  wr_turn_settings settings = {.rng = {check_rng_fill, &w->dice},
                               .crypto = crypto(),
                               .username = "user",
                               .password = password,
                               .stream = stream,
                               .family = family,
                               .keep_us = keep_us};
  bool sha256 = w->sha256;
  memset(w, 0, sizeof *w);
  w->sha256 = sha256;
  w->dice.state = 5;
  settings.rng.ctx = &w->dice;
  w->now = WR_S(1);
  w->stream = stream;
  w->lifetime_s = 600;
  w->relayed = address("192.0.2.9", 50000);
  memcpy(w->server.username, "user", 5);
  memcpy(w->server.password, "right", 6);
  memcpy(w->server.nonce, "nonce-1", 7);
  w->server.nonce_len = 7;
  CHECK(wr_turn_size(0) <= sizeof w->mem);
  w->turn = wr_turn_init(w->mem, &settings, w->now);
}

static void begin(world *w) { begin_as(w, "right", false, 0); }

/* The server's answer to |request| into |out|; 0: none. */
static void write_challenge(world *w, wr_writer *out, uint16_t code) {
  static const uint8_t algorithms[] = {0, 2, 0, 0, 0, 1, 0, 0};
  wr_stun_write_error(out, code, code == 438 ? "Stale Nonce" : "Unauthorized");
  wr_stun_write_bytes(out, WR_STUN_REALM, WR_BYTES_LITERAL("realm"));
  wr_stun_write_bytes(out, WR_STUN_NONCE, wr_bytes_of(w->server.nonce, w->server.nonce_len));
  if (w->sha256) wr_stun_write_bytes(out, WR_STUN_PASSWORD_ALGORITHMS, wr_bytes_of(algorithms, sizeof algorithms));
}

static size_t end_answer(world *w, wr_writer *out, bool keyed) {
  wr_bytes key = wr_bytes_of(w->server.key, keyed && !w->without_mac ? w->server.key_len : 0);
  return w->sha256 && key.len ? wr_stun_end_sha256(out, crypto(), key) : wr_stun_end(out, crypto(), key);
}

static void make_server_key(world *w) {
  uint8_t bytes[400];
  wr_writer out = wr_writer_of(bytes, sizeof bytes);
  wr_stun challenge;
  wr_stun_begin(&out, WR_STUN_ERROR, METHOD_ALLOCATE, (const uint8_t[12]){0});
  write_challenge(w, &out, 401);
  CHECK(wr_stun_parse(&challenge, wr_bytes_of(bytes, end_answer(w, &out, false))) == WR_OK);
  CHECK(wr_turn_challenged(&w->server, &challenge, crypto()));
}

static void note_request(world *w, const wr_stun *request) {
  wr_bytes value = wr_stun_find(request, WR_STUN_LIFETIME);
  w->asked_lifetime_s = value.len == 4 ? wr_get_u32(value.data) : UINT32_MAX;
  value = wr_stun_find(request, WR_STUN_CHANNEL_NUMBER);
  if (value.len == 4) w->channel = wr_get_u16(value.data);
  value = wr_stun_find(request, WR_STUN_REQUESTED_ADDRESS_FAMILY);
  if (value.len == 4) w->family = value.data[0];
  (void)wr_stun_find_address(request, WR_STUN_XOR_PEER_ADDRESS, &w->seen_peer);
  w->n_requests++;
  w->n_method[request->method % 10]++;
}

static size_t answer(world *w, wr_bytes bytes, uint8_t *out) {
  wr_stun request;
  CHECK(wr_stun_parse(&request, bytes) == WR_OK);
  note_request(w, &request);
  make_server_key(w);
  wr_writer writer = wr_writer_of(out, 1400);
  bool failing = w->n_fail && request.method == w->fail_method && (request.mac_at || request.mac256_at);
  bool fresh = wr_bytes_equal(request.nonce, wr_bytes_of(w->server.nonce, w->server.nonce_len));
  bool known = wr_turn_verify(&w->server, &request, crypto());
  if (!request.mac_at && !request.mac256_at) w->n_unsigned++;
  bool good = known && fresh && !failing;
  wr_stun_begin(&writer, good ? WR_STUN_SUCCESS : WR_STUN_ERROR, request.method, request.id);
  if (failing) {
    w->n_fail--;
    if (w->fail_code == 438)
      write_challenge(w, &writer, 438);
    else
      wr_stun_write_error(&writer, w->fail_code, "no");
    if (w->fail_code == 300) {
      static const uint8_t other[] = {0, 1, 0x0d, 0x96, 203, 0, 113, 7};
      wr_stun_write_bytes(&writer, WR_STUN_ALTERNATE_SERVER, wr_bytes_of(other, sizeof other));
    }
    return end_answer(w, &writer, w->fail_code != 438);
  }
  if (!known || !fresh) {
    write_challenge(w, &writer, known ? 438 : 401);
    return end_answer(w, &writer, false);
  }
  if (request.method == METHOD_ALLOCATE) {
    wr_addr mapped = address("198.51.100.4", 4000);
    wr_stun_write_xor(&writer, WR_STUN_XOR_RELAYED_ADDRESS, &w->relayed);
    wr_stun_write_mapped(&writer, &mapped);
  }
  if (request.method == METHOD_ALLOCATE || request.method == METHOD_REFRESH)
    wr_stun_write_u32(&writer, WR_STUN_LIFETIME, w->lifetime_s);
  return end_answer(w, &writer, true);
}

/* Everything the client has to say now, with the server's answers. */
static void exchange(world *w) {
  uint8_t out[1400], back[1400];
  wr_turn_data data;
  size_t len;
  for (unsigned n = 0; (len = wr_turn_poll(w->turn, out, sizeof out, w->now)) > 0; n++) {
    REQUIRE(n < 100);
    if (w->deaf) {
      w->n_requests++;
      continue;
    }
    size_t n_back = answer(w, wr_bytes_of(out, len), back);
    CHECK_EQ(wr_turn_recv(w->turn, wr_bytes_of(back, n_back), &data, w->now), WR_TURN_CONSUMED);
  }
}

static void run_until(world *w, wr_time end) {
  while (wr_turn_deadline(w->turn) <= end) {
    w->now = wr_turn_deadline(w->turn) > w->now ? wr_turn_deadline(w->turn) : w->now;
    exchange(w);
  }
  w->now = end;
}

static void allocate(world *w) {
  CHECK_EQ(wr_turn_allocate(w->turn, w->now), WR_OK);
  exchange(w);
}

static wr_turn_event last_event(world *w) {
  wr_turn_event event = {0}, last = {0};
  while (wr_turn_poll_event(w->turn, &event)) last = event;
  return last;
}

TEST(turn_allocates_with_md5_and_with_sha256) {
  for (int sha256 = 0; sha256 < 2; sha256++) {
    world w = {.sha256 = sha256};
    wr_addr relayed, mapped;
    begin(&w);
    allocate(&w);
    CHECK_EQ(wr_turn_get_state(w.turn), WR_TURN_ALLOCATED);
    CHECK(wr_turn_relayed(w.turn, &relayed, &mapped) && wr_addr_equal(&relayed, &w.relayed));
    CHECK(mapped.port == 4000 && w.n_requests == 2 && w.n_unsigned == 1);
    CHECK_TEXT(wr_turn_realm(w.turn), "realm");
    CHECK_EQ(last_event(&w).state, WR_TURN_ALLOCATED);
    CHECK_EQ(wr_turn_allocate(w.turn, w.now), WR_ERR_STATE);
  }
}

TEST(turn_ipv6_is_asked_for_and_taken) {
  world w = {0};
  wr_addr relayed, mapped;
  begin_as(&w, "right", true, 6);
  w.relayed = address("2001:db8::9", 50000);
  allocate(&w);
  CHECK_EQ(w.family, 2);
  CHECK(wr_turn_relayed(w.turn, &relayed, &mapped) && wr_addr_equal(&relayed, &w.relayed));
}

TEST(turn_wrong_password_is_one_try) {
  world w = {0};
  uint16_t code;
  begin_as(&w, "wrong", false, 0);
  allocate(&w);
  CHECK_EQ(wr_turn_get_state(w.turn), WR_TURN_FAILED);
  CHECK_EQ(wr_turn_failure(w.turn, &code), WR_TURN_UNAUTHORIZED);
  CHECK(code == 401 && w.n_requests == 2);
  CHECK_EQ(wr_turn_deadline(w.turn), WR_NEVER);
}

TEST(turn_every_refusal_has_its_reason) {
  static const struct {
    uint16_t code;
    wr_turn_reason reason;
  } rows[] = {{300, WR_TURN_ALTERNATE},  {400, WR_TURN_REFUSED},      {403, WR_TURN_FORBIDDEN},
              {420, WR_TURN_REFUSED},    {437, WR_TURN_MISMATCH},     {440, WR_TURN_FAMILY},
              {441, WR_TURN_WRONG_USER}, {442, WR_TURN_NO_TRANSPORT}, {486, WR_TURN_QUOTA},
              {500, WR_TURN_REFUSED},    {508, WR_TURN_CAPACITY}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    for (int without_mac = 0; without_mac < 2; without_mac++) {
      world w = {0};
      uint16_t code;
      wr_addr other;
      begin(&w);
      w.fail_method = METHOD_ALLOCATE;
      w.fail_code = rows[i].code;
      w.n_fail = 1;
      w.without_mac = without_mac;
      allocate(&w);
      CHECK_EQ(wr_turn_failure(w.turn, &code), rows[i].reason);
      CHECK_EQ(code, rows[i].code);
      CHECK(wr_turn_reason_text(rows[i].reason)[0]);
      CHECK_EQ(wr_turn_alternate(w.turn, &other), rows[i].code == 300);
      if (rows[i].code == 300) CHECK(other.port == 3478 && other.ip[3] == 7);
    }
  }
}

TEST(turn_stale_nonce_is_renewed_but_not_for_ever) {
  world w = {0};
  begin(&w);
  allocate(&w);
  memcpy(w.server.nonce, "nonce-2", 7);
  run_until(&w, WR_S(700)); /* the refresh at 540 s meets the new nonce */
  CHECK_EQ(wr_turn_get_state(w.turn), WR_TURN_ALLOCATED);
  CHECK_EQ(w.n_method[METHOD_REFRESH], 2);
  w.fail_method = METHOD_REFRESH;
  w.fail_code = 438;
  w.n_fail = 99;
  run_until(&w, WR_S(1300));
  CHECK_EQ(wr_turn_failure(w.turn, NULL), WR_TURN_STALE);
  CHECK_EQ(w.n_fail, 99 - 4);
}

TEST(turn_success_under_another_key_is_no_success) {
  world w = {0};
  uint8_t out[1400], back[1400];
  wr_turn_data data;
  begin(&w);
  CHECK_EQ(wr_turn_allocate(w.turn, w.now), WR_OK);
  size_t len = wr_turn_poll(w.turn, out, sizeof out, w.now);
  len = answer(&w, wr_bytes_of(out, len), back);
  CHECK_EQ(wr_turn_recv(w.turn, wr_bytes_of(back, len), &data, w.now), WR_TURN_CONSUMED);
  CHECK_EQ(wr_turn_recv(w.turn, wr_bytes_of(back, len), &data, w.now), WR_TURN_UNEXPECTED); /* a copy */
  len = wr_turn_poll(w.turn, out, sizeof out, w.now);
  w.without_mac = true;
  len = answer(&w, wr_bytes_of(out, len), back);
  CHECK_EQ(wr_turn_recv(w.turn, wr_bytes_of(back, len), &data, w.now), WR_TURN_BAD_MAC);
  CHECK_EQ(wr_turn_get_state(w.turn), WR_TURN_ALLOCATING);
}

TEST(turn_silence_is_seven_requests_over_udp_and_one_over_tcp) {
  for (int stream = 0; stream < 2; stream++) {
    world w = {0};
    begin_as(&w, "right", stream, 0);
    w.deaf = true;
    allocate(&w);
    run_until(&w, WR_S(60));
    CHECK_EQ(wr_turn_failure(w.turn, NULL), WR_TURN_SILENT);
    CHECK_EQ(w.n_requests, stream ? 1 : 7);
  }
}

TEST(turn_permissions_and_channels_carry_data) {
  world w = {0};
  uint8_t out[1400];
  wr_turn_data data;
  wr_addr a = address("203.0.113.1", 1000), b = address("2001:db8::2", 2000), c = address("203.0.113.1", 1001);
  wr_bytes hello = WR_BYTES_LITERAL("hello");
  begin_as(&w, "right", true, 0);
  CHECK_EQ(wr_turn_permit(w.turn, &a, false, w.now), WR_ERR_STATE);
  allocate(&w);
  CHECK_EQ(wr_turn_send(w.turn, &a, hello, out, sizeof out), 0);
  CHECK_EQ(wr_turn_permit(w.turn, &a, false, w.now), WR_OK);
  CHECK_EQ(wr_turn_send(w.turn, &a, hello, out, sizeof out), 0);
  exchange(&w);
  CHECK(last_event(&w).kind == WR_TURN_EVENT_PERMITTED && wr_addr_equal(&w.seen_peer, &a));
  size_t len = wr_turn_send(w.turn, &a, hello, out, sizeof out);
  CHECK_EQ(len, 20 + 12 + 12);
  out[1] = 0x17; /* what was a Send indication comes back as Data */
  CHECK_EQ(wr_turn_recv(w.turn, wr_bytes_of(out, len), &data, w.now), WR_TURN_DATA);
  CHECK_BYTES(data.bytes.data, data.bytes.len, "hello", 5);
  CHECK(wr_addr_equal(&data.peer, &a));
  CHECK_EQ(wr_turn_permit(w.turn, &b, true, w.now), WR_OK);
  exchange(&w);
  len = wr_turn_send(w.turn, &b, hello, out, sizeof out);
  CHECK(len == 12 && wr_get_u16(out) == w.channel); /* 4 of header, 5, padded: a stream */
  CHECK_EQ(wr_turn_recv(w.turn, wr_bytes_of(out, len), &data, w.now), WR_TURN_DATA);
  CHECK(data.bytes.len == 5 && wr_addr_equal(&data.peer, &b));
  out[1] ^= 1; /* another channel */
  CHECK_EQ(wr_turn_recv(w.turn, wr_bytes_of(out, len), &data, w.now), WR_TURN_UNEXPECTED);
  CHECK_EQ(wr_turn_send(w.turn, &c, hello, out, sizeof out), 0);
  CHECK_EQ(wr_turn_permit(w.turn, &a, true, w.now), WR_OK);
  exchange(&w);
  CHECK_EQ(wr_turn_send(w.turn, &a, hello, out, sizeof out), 12);
}

TEST(turn_a_permission_is_for_all_ports) {
  world w = {0};
  uint8_t out[200];
  static const uint8_t id[WR_STUN_ID_BYTES] = {7};
  wr_turn_data data;
  wr_addr a = address("203.0.113.1", 1000), other = address("203.0.113.1", 7), stranger = address("203.0.113.2", 7);
  begin(&w);
  allocate(&w);
  CHECK_EQ(wr_turn_permit(w.turn, &a, false, w.now), WR_OK);
  exchange(&w);
  for (int i = 0; i < 2; i++) {
    wr_writer writer = wr_writer_of(out, sizeof out);
    wr_stun_begin(&writer, WR_STUN_INDICATION, METHOD_DATA, id);
    wr_stun_write_xor(&writer, WR_STUN_XOR_PEER_ADDRESS, i ? &stranger : &other);
    wr_stun_write_bytes(&writer, WR_STUN_DATA, WR_BYTES_LITERAL("x"));
    size_t len = wr_stun_end(&writer, crypto(), wr_bytes_of(NULL, 0));
    CHECK_EQ(wr_turn_recv(w.turn, wr_bytes_of(out, len), &data, w.now), i ? WR_TURN_UNEXPECTED : WR_TURN_DATA);
  }
}

TEST(turn_keeps_what_it_has_for_hours) {
  world w = {0};
  wr_addr a = address("203.0.113.1", 1000), b = address("203.0.113.2", 1000);
  begin(&w);
  allocate(&w);
  CHECK_EQ(wr_turn_permit(w.turn, &a, false, w.now), WR_OK);
  CHECK_EQ(wr_turn_permit(w.turn, &b, true, w.now), WR_OK);
  run_until(&w, WR_S(2 * 3600));
  CHECK_EQ(wr_turn_get_state(w.turn), WR_TURN_ALLOCATED);
  CHECK(w.n_method[METHOD_REFRESH] >= 13 && w.n_method[METHOD_REFRESH] <= 14);
  CHECK(w.n_method[METHOD_PERMIT] == 30 && w.n_method[METHOD_BIND] == 30);
  w.deaf = true;
  run_until(&w, WR_S(3 * 3600));
  CHECK_EQ(wr_turn_failure(w.turn, NULL), WR_TURN_SILENT);
}

TEST(turn_refreshed_often_notices_a_server_that_has_forgotten_or_gone) {
  for (int gone = 0; gone < 2; gone++) {
    world w = {0};
    keep_us = WR_S(15);
    begin(&w);
    keep_us = 0;
    allocate(&w);
    run_until(&w, WR_S(151));
    CHECK_EQ(w.n_method[METHOD_REFRESH], 10);
    w.deaf = gone;
    w.fail_method = METHOD_REFRESH;
    w.fail_code = 437;
    w.n_fail = 1;
    run_until(&w, gone ? WR_S(151 + 15 + 40) : WR_S(151 + 15));
    CHECK_EQ(wr_turn_failure(w.turn, NULL), gone ? WR_TURN_SILENT : WR_TURN_MISMATCH);
  }
}

TEST(turn_a_refused_peer_is_forgotten_and_the_rest_lives) {
  world w = {0};
  wr_addr a = address("10.0.0.1", 1000);
  begin(&w);
  allocate(&w);
  w.fail_method = METHOD_PERMIT;
  w.fail_code = 403;
  w.n_fail = 1;
  CHECK_EQ(wr_turn_permit(w.turn, &a, false, w.now), WR_OK);
  exchange(&w);
  wr_turn_event event = last_event(&w);
  CHECK(event.kind == WR_TURN_EVENT_REFUSED && event.code == 403 && wr_addr_equal(&event.peer, &a));
  CHECK_EQ(wr_turn_get_state(w.turn), WR_TURN_ALLOCATED);
  for (uint16_t i = 0; i < WR_TURN_PEERS; i++) {
    a.port = i;
    CHECK_EQ(wr_turn_permit(w.turn, &a, false, w.now), WR_OK);
  }
  a.port = 999;
  CHECK_EQ(wr_turn_permit(w.turn, &a, false, w.now), WR_ERR_LIMIT);
  w.fail_code = 437;
  w.n_fail = 1;
  exchange(&w); /* the allocation is gone */
  CHECK_EQ(wr_turn_failure(w.turn, NULL), WR_TURN_MISMATCH);
}

TEST(turn_silent_peer_gives_up_its_place) {
  world w = {0};
  wr_addr a = address("10.0.0.1", 1000), b = address("10.0.0.2", 1000);
  uint8_t out[100];
  begin(&w);
  w.turn->forgets = true;
  allocate(&w);
  CHECK_EQ(wr_turn_permit(w.turn, &a, true, w.now), WR_OK);
  CHECK_EQ(wr_turn_permit(w.turn, &b, true, w.now), WR_OK);
  exchange(&w);
  for (unsigned i = 0; i < 6; i++) { /* minutes in which only |a| is sent to */
    CHECK(wr_turn_send(w.turn, &a, WR_BYTES_LITERAL("x"), out, sizeof out) > 0);
    run_until(&w, w.now + WR_S(60));
  }
  CHECK(wr_turn_send(w.turn, &a, WR_BYTES_LITERAL("x"), out, sizeof out) > 0);
  CHECK_EQ(wr_turn_send(w.turn, &b, WR_BYTES_LITERAL("x"), out, sizeof out), 0);
  wr_addr c = address("10.0.0.3", 1000);
  CHECK_EQ(wr_turn_permit(w.turn, &c, true, w.now), WR_OK);
  exchange(&w);
  CHECK_EQ(w.channel, 0x4002); /* the server still knows 0x4001 as |b|'s, */
  CHECK_EQ(wr_turn_permit(w.turn, &b, true, w.now), WR_OK);
  exchange(&w);
  CHECK_EQ(w.channel, 0x4001); /* who gets it again */
}

TEST(turn_close_gives_the_allocation_back) {
  world w = {0};
  begin(&w);
  allocate(&w);
  CHECK_EQ(wr_turn_permit(w.turn, &w.relayed, false, w.now), WR_OK);
  exchange(&w);
  wr_turn_close(w.turn, w.now);
  w.deaf = true; /* nothing of the peer becomes due any more */
  run_until(&w, w.now + WR_MS(100));
  w.deaf = false;
  run_until(&w, w.now + WR_S(1));
  CHECK_EQ(w.asked_lifetime_s, 0);
  CHECK_EQ(wr_turn_get_state(w.turn), WR_TURN_CLOSED);
  CHECK_EQ(last_event(&w).state, WR_TURN_CLOSED);
  CHECK_EQ(wr_turn_deadline(w.turn), WR_NEVER);
  begin(&w);
  wr_turn_close(w.turn, w.now);
  CHECK_EQ(wr_turn_get_state(w.turn), WR_TURN_CLOSED);
}

TEST(turn_rubbish_changes_nothing) {
  world w = {0};
  uint8_t out[64];
  wr_turn_data data;
  begin(&w);
  CHECK_EQ(wr_turn_allocate(w.turn, w.now), WR_OK);
  for (unsigned i = 0; i < 20000; i++) {
    size_t len = check_rng_u32(&w.dice) % sizeof out;
    check_rng_fill(&w.dice, out, len);
    wr_turn_input input = wr_turn_recv(w.turn, wr_bytes_of(out, len), &data, w.now);
    CHECK(input == WR_TURN_BAD || input == WR_TURN_UNEXPECTED);
  }
  exchange(&w);
  CHECK_EQ(wr_turn_get_state(w.turn), WR_TURN_ALLOCATED);
}
