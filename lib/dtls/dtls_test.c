#include "dtls/dtls.h"

#include "check.h"
#include "wr/crypto_openssl.h"

#define MAX_IN_FLIGHT 64
#define DELAY_US WR_MS(20)
#define RTT_US 40000
#define BLOCK_BYTES (WR_DTLS_EARLY_BYTES + 2)

/* A link that may drop, repeat or hold back the n-th datagram anybody sends, or lose at random. */
typedef enum fault { FAULT_NONE, FAULT_DROP, FAULT_REPEAT, FAULT_LATE } fault;
typedef struct datagram {
  wr_time at;
  int to;
  size_t len;
  uint8_t bytes[1500];
} datagram;
typedef struct pair {
  const wr_crypto *crypto;
  wr_dtls end[2]; /* 0 is the client */
  wr_pool *pool;
  wr_time now;
  datagram in_flight[MAX_IN_FLIGHT];
  size_t n_in_flight;
  unsigned n_sent, fault_at, loss_percent;
  fault fault;
  check_rng rng;
  bool told_connected[2], told_ended[2];
  wr_time connected_at[2];
  _Alignas(16) uint8_t pool_memory[16 * (BLOCK_BYTES + 32)];
} pair;

/* One for all tests: minting is not what they are about. */
static const wr_crypto *openssl(void) {
  static const wr_crypto *crypto;
  if (!crypto) CHECK_EQ(wr_crypto_openssl_open(&crypto), WR_OK);
  return crypto;
}

static void pair_init(pair *p, const wr_crypto *crypto, bool need_srtp) {
  memset(p, 0, sizeof *p);
  p->crypto = crypto;
  p->now = WR_S(100);
  p->rng.state = 1;
  p->pool = wr_pool_init(p->pool_memory, BLOCK_BYTES, 8);
  for (int i = 0; i < 2; i++) wr_dtls_init(&p->end[i], crypto, p->pool, need_srtp);
}

static void pair_wipe(pair *p) {
  for (int i = 0; i < 2; i++) wr_dtls_wipe(&p->end[i]);
  CHECK_EQ(wr_pool_n_free(p->pool), 8);
}

static void put(pair *p, int to, const uint8_t *bytes, size_t len, wr_time delay) {
  if (p->n_in_flight == MAX_IN_FLIGHT) return;
  datagram *d = &p->in_flight[p->n_in_flight++];
  d->at = p->now + delay;
  d->to = to;
  d->len = len;
  memcpy(d->bytes, bytes, len);
}

static void drain(pair *p, int from) {
  uint8_t out[1500];
  for (size_t len; (len = wr_dtls_poll(&p->end[from], out, sizeof out, p->now)) > 0;) {
    CHECK(len <= WR_DTLS_MTU && out[0] >= 20 && out[0] <= 63);
    bool hit = p->n_sent++ == p->fault_at;
    if (hit && p->fault == FAULT_DROP) continue;
    if (p->loss_percent && check_rng_u32(&p->rng) % 100 < p->loss_percent) continue;
    put(p, !from, out, len, hit && p->fault == FAULT_LATE ? 5 * DELAY_US : DELAY_US);
    if (hit && p->fault == FAULT_REPEAT) put(p, !from, out, len, DELAY_US + 100);
  }
  for (wr_dtls_event event; (event = wr_dtls_poll_event(&p->end[from])) != WR_DTLS_EVENT_NONE;) {
    if (event == WR_DTLS_EVENT_CONNECTED) {
      CHECK(!p->told_connected[from]);
      p->told_connected[from] = true;
      p->connected_at[from] = p->now;
    } else {
      CHECK(!p->told_ended[from]);
      p->told_ended[from] = true;
    }
  }
}

/* One step to the next thing that happens; false: nothing ever will. */
static bool step(pair *p) {
  wr_time next = wr_time_min(wr_dtls_deadline(&p->end[0]), wr_dtls_deadline(&p->end[1]));
  size_t first = p->n_in_flight;
  for (size_t i = 0; i < p->n_in_flight; i++) {
    if (p->in_flight[i].at < next || (first == p->n_in_flight && p->in_flight[i].at == next)) {
      next = p->in_flight[i].at;
      first = i;
    }
  }
  if (next == WR_NEVER) return false;
  p->now = next;
  if (first == p->n_in_flight) {
    for (int i = 0; i < 2; i++) wr_dtls_tick(&p->end[i], p->now);
  } else {
    datagram d = p->in_flight[first];
    memmove(&p->in_flight[first], &p->in_flight[first + 1], (--p->n_in_flight - first) * sizeof d);
    wr_dtls_recv(&p->end[d.to], wr_bytes_of(d.bytes, d.len), p->now);
  }
  for (int i = 0; i < 2; i++) drain(p, i);
  return true;
}

static void run(pair *p) {
  for (unsigned i = 0; i < 500 && step(p); i++) {
  }
}

static void start(pair *p) {
  for (int i = 1; i >= 0; i--) {
    CHECK_EQ(wr_dtls_start(&p->end[i], i == 0, &p->crypto->local_fingerprint, RTT_US, p->now), WR_OK);
    drain(p, i);
  }
}

static void check_both_connected(pair *p) {
  for (int i = 0; i < 2; i++) {
    CHECK(p->told_connected[i] && !p->told_ended[i]);
    CHECK_EQ(wr_dtls_why_ended(&p->end[i]), WR_DTLS_END_NONE);
    CHECK_EQ(wr_dtls_deadline(&p->end[i]), WR_NEVER);
  }
  wr_srtp_keys client, server;
  CHECK(wr_dtls_srtp_keys(&p->end[0], &client) && wr_dtls_srtp_keys(&p->end[1], &server));
  CHECK_EQ(client.profile, WR_SRTP_AEAD_AES_128_GCM);
  CHECK_EQ(client.key_bytes, 16);
  CHECK_EQ(client.salt_bytes, 12);
  CHECK_BYTES(client.local_key, 16, server.remote_key, 16);
  CHECK_BYTES(client.remote_key, 16, server.local_key, 16);
  CHECK_BYTES(client.local_salt, 12, server.remote_salt, 12);
  CHECK_BYTES(client.remote_salt, 12, server.local_salt, 12);
  CHECK(memcmp(client.local_key, client.remote_key, 16) != 0);
}

static void check_data_flows(pair *p) {
  for (int from = 0; from < 2; from++) {
    uint8_t data[WR_DTLS_MTU - 64], got[1500];
    memset(data, 0x40 + from, sizeof data);
    CHECK_EQ(wr_dtls_send(&p->end[from], wr_bytes_of(data, sizeof data)), WR_OK);
    CHECK_EQ(wr_dtls_send(&p->end[from], wr_bytes_of(data, 1)), WR_OK);
    drain(p, from);
    run(p);
    size_t len = wr_dtls_read(&p->end[!from], got, sizeof got);
    CHECK_BYTES(got, len, data, sizeof data);
    CHECK_EQ(wr_dtls_read(&p->end[!from], got, sizeof got), 1);
    CHECK_EQ(wr_dtls_read(&p->end[!from], got, sizeof got), 0);
  }
}

static pair the_pair; /* large */

TEST(dtls_connects_in_two_round_trips_and_carries_data) {
  const wr_crypto *backends[] = {openssl(), wr_crypto_null()};
  for (size_t i = 0; i < 2; i++) {
    pair *p = &the_pair;
    pair_init(p, backends[i], true);
    start(p);
    run(p);
    check_both_connected(p);
    CHECK_EQ(p->n_sent, 4);
    CHECK_EQ(p->connected_at[1] - WR_S(100), 3 * DELAY_US);
    CHECK_EQ(p->connected_at[0] - WR_S(100), 4 * DELAY_US);
    check_data_flows(p);
    pair_wipe(p);
  }
}

/* Each datagram of the handshake in turn. A lost one costs one timeout of 2 RTT, never OpenSSL's second. */
TEST(dtls_survives_each_datagram_lost_repeated_or_late) {
  const wr_crypto *backends[] = {openssl(), wr_crypto_null()};
  for (size_t i = 0; i < 2; i++) {
    for (unsigned kind = FAULT_DROP; kind <= FAULT_LATE; kind++) {
      for (unsigned at = 0; at < 6; at++) {
        pair *p = &the_pair;
        pair_init(p, backends[i], true);
        p->fault = (fault)kind;
        p->fault_at = at;
        start(p);
        run(p);
        check_both_connected(p);
        CHECK(p->connected_at[0] - WR_S(100) <= 4 * DELAY_US + 4 * RTT_US);
        p->fault = FAULT_NONE;
        check_data_flows(p);
        pair_wipe(p);
      }
    }
  }
}

TEST(dtls_connects_through_a_third_of_all_datagrams_lost) {
  const wr_crypto *backends[] = {openssl(), wr_crypto_null()};
  const unsigned n_seeds[] = {20, 400};
  for (size_t i = 0; i < 2; i++) {
    for (unsigned seed = 1; seed <= n_seeds[i]; seed++) {
      pair *p = &the_pair;
      pair_init(p, backends[i], true);
      p->rng.state = seed;
      p->loss_percent = 33;
      start(p);
      run(p);
      CHECK(p->told_connected[0] && p->told_connected[1]);
      pair_wipe(p);
    }
  }
}

TEST(dtls_retransmits_from_the_round_trip_doubles_and_gives_up) {
  static const struct {
    uint32_t rtt_us, first_us;
  } cases[] = {{0, 200000}, {1000, 50000}, {40000, 80000}, {5000000, 3000000}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    pair *p = &the_pair;
    pair_init(p, wr_crypto_null(), false);
    p->loss_percent = 100;
    wr_dtls *client = &p->end[0];
    REQUIRE(wr_dtls_start(client, true, &p->crypto->local_fingerprint, cases[i].rtt_us, p->now) == WR_OK);
    drain(p, 0);
    int64_t rto = cases[i].first_us;
    for (unsigned n = 0; n < WR_DTLS_N_RETRANSMITS; n++) {
      CHECK_EQ(wr_dtls_deadline(client) - p->now, rto);
      wr_dtls_tick(client, wr_dtls_deadline(client) - 1); /* too early: nothing */
      CHECK_EQ(p->n_sent, n + 1);
      CHECK(step(p));
      CHECK_EQ(p->n_sent, n + 2);
      rto = 2 * rto < WR_DTLS_RTO_MAX_US ? 2 * rto : WR_DTLS_RTO_MAX_US;
    }
    CHECK(!p->told_ended[0]);
    CHECK(step(p));
    CHECK(p->told_ended[0]);
    CHECK_EQ(wr_dtls_why_ended(client), WR_DTLS_END_TIMEOUT);
    CHECK_EQ(wr_dtls_deadline(client), WR_NEVER);
    pair_wipe(p);
  }
}

TEST(dtls_openssl_gives_up_after_as_many_tries) {
  pair *p = &the_pair;
  pair_init(p, openssl(), false);
  p->loss_percent = 100;
  REQUIRE(wr_dtls_start(&p->end[0], true, &p->crypto->local_fingerprint, RTT_US, p->now) == WR_OK);
  drain(p, 0);
  run(p);
  CHECK_EQ(p->n_sent, 1 + WR_DTLS_N_RETRANSMITS);
  CHECK_EQ(wr_dtls_why_ended(&p->end[0]), WR_DTLS_END_TIMEOUT);
  pair_wipe(p);
}

TEST(dtls_keeps_an_early_client_hello) {
  const wr_crypto *backends[] = {openssl(), wr_crypto_null()};
  for (size_t i = 0; i < 2; i++) {
    pair *p = &the_pair;
    pair_init(p, backends[i], true);
    REQUIRE(wr_dtls_start(&p->end[0], true, &p->crypto->local_fingerprint, RTT_US, p->now) == WR_OK);
    drain(p, 0);
    REQUIRE(step(p)); /* the hello arrives at a server that has not started */
    CHECK_EQ(wr_pool_n_free(p->pool), 7);
    REQUIRE(wr_dtls_start(&p->end[1], false, &p->crypto->local_fingerprint, RTT_US, p->now) == WR_OK);
    CHECK_EQ(wr_pool_n_free(p->pool), 8);
    drain(p, 1);
    run(p);
    check_both_connected(p);
    CHECK_EQ(p->n_sent, 4);
    pair_wipe(p);
  }
}

TEST(dtls_keeps_no_more_than_its_bound) {
  pair *p = &the_pair;
  pair_init(p, wr_crypto_null(), true);
  static const uint8_t bytes[WR_DTLS_EARLY_BYTES + 1] = {22};
  wr_dtls_recv(&p->end[0], wr_bytes_of(bytes, sizeof bytes), p->now); /* too long */
  CHECK_EQ(wr_pool_n_free(p->pool), 8);
  for (unsigned i = 0; i < 10; i++) wr_dtls_recv(&p->end[0], wr_bytes_of(bytes, 100), p->now);
  CHECK_EQ(wr_pool_n_free(p->pool), 8 - WR_DTLS_N_EARLY);
  for (unsigned i = 0; i < 10; i++) wr_dtls_recv(&p->end[1], wr_bytes_of(bytes, 100), p->now);
  CHECK_EQ(wr_pool_n_free(p->pool), 0);
  pair_wipe(p);
}

static void check_refused(pair *p, wr_fingerprint promised) {
  REQUIRE(wr_dtls_start(&p->end[1], false, &p->crypto->local_fingerprint, RTT_US, p->now) == WR_OK);
  REQUIRE(wr_dtls_start(&p->end[0], true, &promised, RTT_US, p->now) == WR_OK);
  drain(p, 0);
  run(p);
  wr_srtp_keys keys;
  CHECK(!p->told_connected[0] && p->told_ended[0]);
  CHECK_EQ(wr_dtls_why_ended(&p->end[0]), WR_DTLS_END_FINGERPRINT);
  CHECK(!wr_dtls_srtp_keys(&p->end[0], &keys));
  CHECK_EQ(wr_dtls_send(&p->end[0], WR_BYTES_LITERAL("x")), WR_ERR_STATE);
  CHECK_EQ(wr_dtls_why_ended(&p->end[1]), WR_DTLS_END_CLOSED); /* it was told */
  pair_wipe(p);
}

TEST(dtls_refuses_a_certificate_that_was_not_promised) {
  const wr_crypto *backends[] = {openssl(), wr_crypto_null()};
  for (size_t i = 0; i < 2; i++) {
    pair *p = &the_pair;
    wr_fingerprint promised = backends[i]->local_fingerprint;
    promised.bytes[31] ^= 1;
    pair_init(p, backends[i], true);
    check_refused(p, promised);
    promised = backends[i]->local_fingerprint;
    promised.len = 31; /* a prefix is no fingerprint */
    pair_init(p, backends[i], true);
    check_refused(p, promised);
    promised = (wr_fingerprint){0};
    pair_init(p, backends[i], true);
    check_refused(p, promised);
  }
}

TEST(dtls_compares_every_hash_a_description_may_use) {
  static const wr_hash hashes[] = {WR_HASH_SHA1, WR_HASH_SHA256, WR_HASH_SHA384, WR_HASH_SHA512};
  for (size_t i = 0; i < 4; i++) {
    pair *p = &the_pair;
    pair_init(p, openssl(), true);
    start(p);
    run(p);
    wr_fingerprint shown;
    REQUIRE(p->crypto->dtls->peer_fingerprint(p->end[0].session, hashes[i], &shown));
    CHECK_EQ(shown.len, wr_hash_bytes(hashes[i]));
    pair_wipe(p);
    pair_init(p, openssl(), true);
    REQUIRE(wr_dtls_start(&p->end[1], false, &p->crypto->local_fingerprint, RTT_US, p->now) == WR_OK);
    REQUIRE(wr_dtls_start(&p->end[0], true, &shown, RTT_US, p->now) == WR_OK);
    drain(p, 0);
    run(p);
    check_both_connected(p);
    pair_wipe(p);
  }
}

TEST(dtls_close_notify_ends_the_other_side) {
  const wr_crypto *backends[] = {openssl(), wr_crypto_null()};
  for (size_t i = 0; i < 2; i++) {
    for (int from = 0; from < 2; from++) {
      pair *p = &the_pair;
      pair_init(p, backends[i], true);
      start(p);
      run(p);
      wr_dtls_shutdown(&p->end[from]);
      drain(p, from);
      run(p);
      CHECK(!p->told_ended[from] && p->told_ended[!from]);
      CHECK_EQ(wr_dtls_why_ended(&p->end[!from]), WR_DTLS_END_CLOSED);
      CHECK_EQ(wr_dtls_send(&p->end[from], WR_BYTES_LITERAL("x")), WR_ERR_STATE);
      pair_wipe(p);
    }
  }
}

TEST(dtls_ends_on_an_alert_and_tells_the_peer_of_its_own) {
  pair *p = &the_pair;
  pair_init(p, openssl(), true);
  start(p);
  static const uint8_t alert[] = {21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40}; /* handshake_failure */
  wr_dtls_recv(&p->end[0], wr_bytes_of(alert, sizeof alert), p->now);
  drain(p, 0);
  CHECK(p->told_ended[0] && !p->told_connected[0]);
  CHECK_EQ(wr_dtls_why_ended(&p->end[0]), WR_DTLS_END_HANDSHAKE);
  CHECK_EQ(wr_dtls_deadline(&p->end[0]), WR_NEVER);
  pair_wipe(p);

  /* A ClientHello that ends in the middle of its random: the server refuses it with an alert of its own. */
  pair_init(p, openssl(), true);
  REQUIRE(wr_dtls_start(&p->end[1], false, &p->crypto->local_fingerprint, RTT_US, p->now) == WR_OK);
  static const uint8_t hello[13 + 12 + 4] = {22, 0xfe, 0xfd, [12] = 16, [13] = 1, [16] = 4, [24] = 4, 0xfe, 0xfd};
  wr_dtls_recv(&p->end[1], wr_bytes_of(hello, sizeof hello), p->now);
  CHECK_EQ(wr_dtls_why_ended(&p->end[1]), WR_DTLS_END_HANDSHAKE);
  uint8_t out[1500];
  CHECK_EQ(wr_dtls_poll(&p->end[1], out, sizeof out, p->now), 15);
  CHECK_EQ(out[0], 21);
  pair_wipe(p);
}

TEST(dtls_ignores_garbage_before_within_and_after_the_handshake) {
  const wr_crypto *backends[] = {openssl(), wr_crypto_null()};
  for (size_t i = 0; i < 2; i++) {
    pair *p = &the_pair;
    pair_init(p, backends[i], true);
    start(p);
    bool more = true;
    for (unsigned n = 0; n < 200; n++) {
      uint8_t garbage[300];
      size_t len = check_rng_u32(&p->rng) % sizeof garbage;
      check_rng_fill(&p->rng, garbage, len);
      if (len) garbage[0] = (uint8_t)(20 + garbage[0] % 44);
      for (int to = 0; to < 2; to++) {
        wr_dtls_recv(&p->end[to], wr_bytes_of(garbage, len), p->now);
        drain(p, to);
      }
      if (more) more = step(p);
    }
    check_both_connected(p);
    check_data_flows(p);
    pair_wipe(p);
  }
}

static bool agrees_to_nothing(wr_dtls_session *session, wr_srtp_keys *out) {
  (void)session;
  memset(out, 0, sizeof *out);
  return false;
}

TEST(dtls_needs_srtp_only_where_media_was_negotiated) {
  wr_dtls_engine engine = *wr_crypto_null()->dtls; /* as if the peer knew no profile of ours */
  engine.export_srtp = agrees_to_nothing;
  wr_crypto crypto = *wr_crypto_null();
  crypto.dtls = &engine;
  pair *p = &the_pair;
  pair_init(p, &crypto, true);
  start(p);
  run(p);
  CHECK(!p->told_connected[0] && !p->told_connected[1]);
  CHECK_EQ(wr_dtls_why_ended(&p->end[1]), WR_DTLS_END_NO_SRTP);
  pair_wipe(p);
  pair_init(p, &crypto, false);
  start(p);
  run(p);
  CHECK(p->told_connected[0] && p->told_connected[1]);
  check_data_flows(p);
  pair_wipe(p);
}
