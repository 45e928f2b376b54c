/* What a stranger can make us send to somebody else: an offer names the victim's address, and nobody ever answers.
 */
#include <stdlib.h>

#include "check.h"
#include "conn/conn_state.h"
#include "wr/crypto_openssl.h"

typedef struct attack {
  wr_conn *conn;
  wr_time now;
  size_t n_in, n_out; /* bytes: of signalling from the attacker, of datagrams to the victim */
} attack;

static const wr_crypto *crypto;
static wr_sdp scratch;
static char text[8192], answer[8192];

static size_t write_offer(const char *ufrag, unsigned n_candidates) {
  wr_writer w = wr_writer_of((uint8_t *)text, sizeof text);
  wr_write_text(
      &w,
      "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"
      "a=mid:0\r\na=ice-ufrag:");
  wr_write_text(&w, ufrag);
  wr_write_text(
      &w, "\r\na=ice-pwd:0123456789012345678901\r\na=setup:actpass\r\na=sctp-port:5000\r\na=fingerprint:sha-1 ");
  for (int i = 0; i < 20; i++) wr_write_text(&w, i ? ":AA" : "AA");
  wr_write_text(&w, "\r\n");
  for (unsigned i = 0; i < n_candidates; i++) {
    wr_write_text(&w, "a=candidate:1 1 udp 1 203.0.113.7 ");
    wr_write_decimal(&w, 1000 + i);
    wr_write_text(&w, " typ host\r\n");
  }
  CHECK(wr_writer_ok(&w));
  return wr_writer_len(&w);
}

static void run(attack *a, wr_time end) {
  uint8_t bytes[WR_CONN_MTU];
  wr_out out;
  for (;;) {
    wr_conn_poll(a->conn, bytes, sizeof bytes, &out, a->now);
    if (out.kind == WR_OUT_DATAGRAM) a->n_out += out.len;
    if (out.kind != WR_OUT_IDLE) continue;
    wr_time next = wr_conn_deadline(a->conn);
    if (next > end) break;
    if (next > a->now) a->now = next;
    wr_conn_tick(a->conn, a->now);
  }
  a->now = end;
}

static void begin(attack *a, const char *ufrag, unsigned n_candidates) {
  wr_conn_settings settings;
  wr_sdp_error error;
  size_t len;
  *a = (attack){.now = WR_S(1)};
  if (!crypto) CHECK_EQ(wr_crypto_openssl_open(&crypto), WR_OK);
  wr_conn_settings_default(&settings);
  settings.crypto = crypto;
  settings.rng = wr_crypto_openssl_rng();
  static _Alignas(16) uint8_t memory[(WR_CONN_POOL_BLOCK + 16) * 301];
  static uint8_t message[70000];
  settings.pool = wr_pool_init(memory, WR_CONN_POOL_BLOCK, 300);
  settings.message_buffer = message;
  settings.message_buffer_bytes = sizeof message;
  a->conn = wr_conn_init(aligned_alloc(16, (wr_conn_size() + 15) / 16 * 16), &settings, a->now);
  for (uint8_t i = 0; i < 4; i++) {
    wr_addr own = {.family = 4, .ip = {10, 0, i, 1}, .port = 51001};
    CHECK_EQ(wr_conn_add_local(a->conn, &own, &own, a->now), WR_OK);
  }
  a->n_in = write_offer(ufrag, n_candidates);
  CHECK_EQ(wr_conn_accept_offer(a->conn, wr_bytes_of(text, a->n_in), &scratch, &error, answer, sizeof answer, &len,
                                a->now),
           WR_OK);
}

static void finish(attack *a) {
  CHECK(a->n_out * 100 < a->n_in * 300);
  wr_conn_wipe(a->conn);
  free(a->conn);
}

TEST(conn_amplifies_less_than_three_times) {
  char longest[WR_UFRAG_MAX + 1];
  attack a;
  memset(longest, 'u', WR_UFRAG_MAX);
  longest[WR_UFRAG_MAX] = 0;
  for (unsigned n = 1; n <= 24; n += 23) {
    for (int is_long = 0; is_long < 2; is_long++) {
      begin(&a, is_long ? longest : "abcd", n);
      run(&a, WR_S(120));
      CHECK(a.n_out > 500); /* it did try */
      finish(&a);
    }
  }
}

TEST(conn_restarts_do_not_amplify_either) {
  attack a;
  begin(&a, "abcd", 24);
  for (unsigned i = 0; i < 50; i++) {
    wr_sdp_error error;
    size_t len;
    wr_writer w = wr_writer_of((uint8_t *)text, sizeof text);
    wr_write_text(&w, "a=ice-ufrag:abc");
    wr_write_decimal(&w, i);
    wr_write_text(&w,
                  "\r\na=ice-pwd:0123456789012345678901\r\nm=application 9 UDP/DTLS/SCTP 0\r\na=mid:0\r\n"
                  "a=candidate:1 1 udp 1 203.0.113.7 9 typ host\r\n");
    a.n_in += wr_writer_len(&w);
    if (wr_conn_accept_fragment(a.conn, wr_bytes_of(text, wr_writer_len(&w)), &error, answer, sizeof answer, &len,
                                a.now))
      break;
    run(&a, a.now + WR_MS(500));
  }
  run(&a, WR_S(120));
  CHECK(a.n_out > a.n_in);
  finish(&a);
}
