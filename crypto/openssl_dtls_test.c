#include <sys/time.h>
#include <time.h>

#include "base/io.h"
#include "check.h"
#include "wr/crypto_openssl.h"

/* libssl asks this function for the time of its retransmissions: the test program's definition comes first. */
static int64_t clock_skew_s;
static unsigned n_clock_reads;
__attribute__((visibility("default"))) int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  (void)zone;
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  now->tv_sec = t.tv_sec + clock_skew_s;
  now->tv_usec = t.tv_nsec / 1000;
  n_clock_reads++;
  return 0;
}

#define MTU 1200
#define SMALL_MTU 512 /* makes flights of several datagrams */
#define MAX_FLIGHT 8

typedef struct flight {
  size_t n, len[MAX_FLIGHT];
  uint8_t bytes[MAX_FLIGHT][MTU];
} flight;

typedef struct pair {
  const wr_crypto *crypto;
  const wr_dtls_engine *dtls;
  wr_dtls_session *client, *server;
} pair;

static pair open_pair(size_t mtu) {
  static const wr_crypto *crypto; /* one for all tests: minting is not what they are about */
  if (!crypto) CHECK_EQ(wr_crypto_openssl_open(&crypto), WR_OK);
  pair p = {.crypto = crypto, .dtls = crypto->dtls};
  p.client = p.dtls->open(crypto->ctx, true, mtu);
  p.server = p.dtls->open(crypto->ctx, false, mtu);
  CHECK(p.client && p.server);
  CHECK_EQ(p.dtls->start(p.server), WR_OK);
  CHECK_EQ(p.dtls->start(p.client), WR_OK);
  return p;
}

static void close_pair(pair *p) {
  p->dtls->close(p->crypto->ctx, p->client);
  p->dtls->close(p->crypto->ctx, p->server);
}

static flight pull_flight(pair *p, wr_dtls_session *from) {
  flight f = {0};
  while (f.n < MAX_FLIGHT && (f.len[f.n] = p->dtls->pull(from, f.bytes[f.n], MTU)) > 0) f.n++;
  return f;
}

static void feed(pair *p, wr_dtls_session *to, const flight *f, size_t from, size_t end) {
  for (size_t i = from; i < end && i < f->n; i++)
    CHECK_EQ(p->dtls->recv(to, wr_bytes_of(f->bytes[i], f->len[i])), WR_OK);
}

static void check_connected(pair *p) {
  CHECK_EQ(p->dtls->status(p->client), WR_DTLS_CONNECTED);
  CHECK_EQ(p->dtls->status(p->server), WR_DTLS_CONNECTED);
  CHECK(!p->dtls->awaits_peer(p->client) && !p->dtls->awaits_peer(p->server));
}

/* Goal:   nothing is ever sent again by OpenSSL's own clock, and everything when we say so.
 * Method: each flight arrives in part, OpenSSL's clock jumps an hour, the part arrives again; then the flight is
 *         asked for and must come whole, with new record numbers, and complete the handshake. */
TEST(openssl_dtls_retransmits_only_when_told) {
  pair p = open_pair(SMALL_MTU);
  wr_dtls_session *side[] = {p.client, p.server};
  n_clock_reads = 0;
  unsigned n_split = 0;
  for (int turn = 0; turn < 3; turn++) { /* hello, server's flight, client's flight */
    wr_dtls_session *from = side[turn % 2], *to = side[(turn + 1) % 2];
    flight first = pull_flight(&p, from);
    REQUIRE(first.n > 0);
    CHECK(p.dtls->awaits_peer(from));
    if (first.n > 1) n_split++;
    feed(&p, to, &first, 0, first.n - 1);
    clock_skew_s += 3600;
    feed(&p, to, &first, 0, first.n - 1);
    CHECK_EQ(pull_flight(&p, to).n, 0);
    CHECK_EQ(pull_flight(&p, from).n, 0);
    CHECK_EQ(p.dtls->retransmit(from), WR_OK);
    flight again = pull_flight(&p, from);
    CHECK_EQ(again.n, first.n);
    CHECK(again.n == first.n && memcmp(again.bytes[0] + 3, first.bytes[0] + 3, 8) != 0);
    CHECK_EQ(pull_flight(&p, from).n, 0);
    feed(&p, to, &again, 0, again.n);
  }
  CHECK_EQ(n_split, 2);
  CHECK(n_clock_reads > 0); /* or this test means nothing */
  flight last = pull_flight(&p, p.server);
  feed(&p, p.client, &last, 0, last.n);
  check_connected(&p);
  close_pair(&p);
  clock_skew_s = 0;
}

/* The server sent the last flight and has no timer: it answers the client's repetition (RFC 6347 4.2.4). */
TEST(openssl_dtls_repeats_the_last_flight_when_the_peer_repeats) {
  pair p = open_pair(MTU);
  for (int turn = 0; turn < 3; turn++) {
    flight f = pull_flight(&p, turn % 2 ? p.server : p.client);
    feed(&p, turn % 2 ? p.client : p.server, &f, 0, f.n);
  }
  CHECK_EQ(p.dtls->status(p.server), WR_DTLS_CONNECTED);
  CHECK_EQ(p.dtls->retransmit(p.server), WR_ERR_STATE);
  for (int lost = 0; lost < 5; lost++) {
    CHECK(pull_flight(&p, p.server).n > 0);
    CHECK_EQ(p.dtls->status(p.client), WR_DTLS_HANDSHAKING);
    REQUIRE(p.dtls->retransmit(p.client) == WR_OK);
    flight again = pull_flight(&p, p.client);
    feed(&p, p.server, &again, 0, again.n);
  }
  flight last = pull_flight(&p, p.server);
  CHECK(last.n > 0);
  feed(&p, p.client, &last, 0, last.n);
  check_connected(&p);
  close_pair(&p);
}

TEST(openssl_dtls_takes_handshake_end_and_data_in_one_datagram) {
  pair p = open_pair(MTU);
  for (int turn = 0; turn < 3; turn++) {
    flight f = pull_flight(&p, turn % 2 ? p.server : p.client);
    feed(&p, turn % 2 ? p.client : p.server, &f, 0, f.n);
  }
  CHECK_EQ(p.dtls->send(p.server, WR_BYTES_LITERAL("hello")), WR_OK);
  CHECK_EQ(p.dtls->send(p.server, WR_BYTES_LITERAL("again")), WR_OK);
  flight f = pull_flight(&p, p.server);
  CHECK_EQ(f.n, 3);
  uint8_t joined[3 * MTU], data[MTU];
  size_t len = 0;
  for (size_t i = 0; i < f.n; i++) {
    memcpy(joined + len, f.bytes[i], f.len[i]);
    len += f.len[i];
  }
  CHECK_EQ(p.dtls->recv(p.client, wr_bytes_of(joined, len)), WR_OK);
  check_connected(&p);
  CHECK_BYTES(data, p.dtls->read(p.client, data, sizeof data), "hello", 5);
  CHECK_BYTES(data, p.dtls->read(p.client, data, sizeof data), "again", 5);
  CHECK_EQ(p.dtls->recv(p.client, wr_bytes_of(joined, len)), WR_OK); /* replayed records are dropped */
  CHECK_EQ(p.dtls->read(p.client, data, sizeof data), 0);
  close_pair(&p);
}

TEST(openssl_dtls_queues_are_bounded) {
  pair p = open_pair(MTU);
  for (int turn = 0; turn < 4; turn++) {
    flight f = pull_flight(&p, turn % 2 ? p.server : p.client);
    feed(&p, turn % 2 ? p.client : p.server, &f, 0, f.n);
  }
  check_connected(&p);
  unsigned n = 0;
  while (n < 1000 && p.dtls->send(p.client, WR_BYTES_LITERAL("x")) == WR_OK) n++;
  CHECK_EQ(n, 16);
  CHECK_EQ(p.dtls->send(p.client, WR_BYTES_LITERAL("x")), WR_ERR_LIMIT);
  uint8_t out[MTU];
  CHECK(p.dtls->pull(p.client, out, sizeof out) > 0);
  CHECK_EQ(p.dtls->send(p.client, WR_BYTES_LITERAL("x")), WR_OK);
  CHECK_EQ(p.dtls->pull(p.client, out, 1), 0); /* nothing over cap, ever */
  close_pair(&p);
}

/* Records of the epoch to come are kept by OpenSSL; how many of a stranger's is our bound. */
TEST(openssl_dtls_survives_a_flood_of_future_records) {
  pair p = open_pair(MTU);
  flight hello = pull_flight(&p, p.client);
  feed(&p, p.server, &hello, 0, hello.n);
  uint8_t record[100] = {22, 0xfe, 0xfd, 0, 1};
  wr_put_u16(record + 11, sizeof record - 13);
  for (unsigned i = 0; i < 200; i++) {
    wr_put_u32(record + 7, i);
    CHECK_EQ(p.dtls->recv(p.server, wr_bytes_of(record, sizeof record)), WR_OK);
  }
  CHECK_EQ(p.dtls->status(p.server), WR_DTLS_HANDSHAKING);
  close_pair(&p);
}

TEST(openssl_dtls_fails_on_an_alert_and_stays_failed) {
  pair p = open_pair(MTU);
  static const uint8_t alert[] = {21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40};
  CHECK_EQ(p.dtls->recv(p.client, wr_bytes_of(alert, sizeof alert)), WR_ERR_CRYPTO);
  CHECK_EQ(p.dtls->status(p.client), WR_DTLS_FAILED);
  CHECK(!p.dtls->awaits_peer(p.client));
  CHECK_EQ(p.dtls->recv(p.client, wr_bytes_of(alert, sizeof alert)), WR_OK);
  CHECK_EQ(p.dtls->send(p.client, WR_BYTES_LITERAL("x")), WR_ERR_STATE);
  wr_srtp_keys keys;
  CHECK(!p.dtls->export_srtp(p.client, &keys));
  close_pair(&p);
}
