/* bench/bench_crypto.c - what a connection costs in cryptography: handshake, memory, and each packet.
 *
 * CPU time of this process, both ends of every handshake in it. Release builds only mean something. */
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "srtp/srtp.h"
#include "wr/crypto_openssl.h"

#define MTU 1200
#define N_HANDSHAKES 500
#define N_SESSIONS 100 /* pairs kept open for the memory figure */
#define N_PACKETS 200000
#define PAYLOAD_BYTES 100

static double cpu_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

typedef struct pair {
  wr_dtls_session *client, *server;
} pair;

static bool move_all(const wr_dtls_engine *dtls, wr_dtls_session *from, wr_dtls_session *to) {
  uint8_t datagram[MTU];
  bool moved = false;
  for (size_t len; (len = dtls->pull(from, datagram, sizeof datagram)) > 0; moved = true)
    if (dtls->recv(to, wr_bytes_of(datagram, len)) != WR_OK) return false;
  return moved;
}

static pair connect_pair(const wr_crypto *crypto) {
  const wr_dtls_engine *dtls = crypto->dtls;
  pair p = {dtls->open(crypto->ctx, true, MTU), dtls->open(crypto->ctx, false, MTU)};
  WR_ASSERT(p.client && p.server && dtls->start(p.client) == WR_OK);
  while (move_all(dtls, p.client, p.server) && move_all(dtls, p.server, p.client)) {
  }
  WR_ASSERT(dtls->status(p.client) == WR_DTLS_CONNECTED && dtls->status(p.server) == WR_DTLS_CONNECTED);
  return p;
}

static void close_pair(const wr_crypto *crypto, pair p) {
  crypto->dtls->close(crypto->ctx, p.client);
  crypto->dtls->close(crypto->ctx, p.server);
}

static void bench_handshakes(const wr_crypto *crypto) {
  close_pair(crypto, connect_pair(crypto));
  double start = cpu_ns();
  for (int i = 0; i < N_HANDSHAKES; i++) close_pair(crypto, connect_pair(crypto));
  double each = (cpu_ns() - start) / N_HANDSHAKES;
  printf("handshake, both ends    %8.0f us CPU  (%.0f per second and core)\n", each / 1e3, 1e9 / each);
}

static void bench_memory(const wr_crypto *crypto) {
  static pair pairs[N_SESSIONS];
  size_t before = mallinfo2().uordblks;
  for (int i = 0; i < N_SESSIONS; i++) pairs[i] = connect_pair(crypto);
  size_t used = mallinfo2().uordblks - before;
  printf("established session     %8.1f KiB\n", (double)used / (2 * N_SESSIONS) / 1024);
  for (int i = 0; i < N_SESSIONS; i++) close_pair(crypto, pairs[i]);
}

static void bench_data(const wr_crypto *crypto) {
  const wr_dtls_engine *dtls = crypto->dtls;
  pair p = connect_pair(crypto);
  uint8_t data[1000] = {0};
  double start = cpu_ns();
  for (int i = 0; i < N_PACKETS / 10; i++) {
    WR_ASSERT(dtls->send(p.client, wr_bytes_of(data, sizeof data)) == WR_OK);
    WR_ASSERT(move_all(dtls, p.client, p.server));
    WR_ASSERT(dtls->read(p.server, data, sizeof data) == sizeof data);
  }
  printf("DTLS record 1000 B      %8.0f ns send + recv\n", (cpu_ns() - start) / (N_PACKETS / 10));
  close_pair(crypto, p);
}

static void bench_srtp(const wr_crypto *crypto, wr_srtp_profile profile, const char *name) {
  wr_srtp_keys keys = {.profile = profile, .key_bytes = 16, .salt_bytes = 12}; /* both directions alike */
  if (profile == WR_SRTP_AEAD_AES_256_GCM) keys.key_bytes = 32;
  if (profile == WR_SRTP_AES128_CM_SHA1_80) keys.salt_bytes = 14;
  static wr_srtp srtp;
  static uint8_t packets[1000][12 + PAYLOAD_BYTES + WR_SRTP_MAX_EXPANSION];
  WR_ASSERT(wr_srtp_init(&srtp, crypto, &keys) == WR_OK);
  double protect = 0, unprotect = 0;
  for (unsigned batch = 0; batch < N_PACKETS / 1000; batch++) {
    size_t len = 0;
    for (unsigned i = 0; i < 1000; i++) {
      unsigned seq = batch * 1000 + i;
      memcpy(packets[i], (const uint8_t[12]){0x80, 111, (uint8_t)(seq >> 8), (uint8_t)seq, [8] = 1}, 12);
    }
    double start = cpu_ns();
    for (unsigned i = 0; i < 1000; i++)
      len = wr_srtp_protect_rtp(&srtp, packets[i], 12 + PAYLOAD_BYTES, sizeof packets[i]);
    double middle = cpu_ns();
    for (unsigned i = 0; i < 1000; i++) {
      size_t n = len;
      WR_ASSERT(wr_srtp_unprotect_rtp(&srtp, packets[i], &n) == WR_SRTP_OK);
    }
    protect += middle - start;
    unprotect += cpu_ns() - middle;
  }
  printf("%-23s %8.0f ns protect, %.0f ns unprotect (%d B payload)\n", name, protect / N_PACKETS,
         unprotect / N_PACKETS, PAYLOAD_BYTES);
  double start = cpu_ns();
  for (int i = 0; i < 1000; i++) {
    wr_srtp_wipe(&srtp);
    WR_ASSERT(wr_srtp_init(&srtp, crypto, &keys) == WR_OK);
  }
  printf("  keying                %8.1f us\n", (cpu_ns() - start) / 1e6);
  wr_srtp_wipe(&srtp);
}

static void bench_stun_mac(const wr_crypto *crypto) {
  uint8_t message[100] = {0}, key[24] = {1};
  wr_bytes part = wr_bytes_of(message, sizeof message);
  double start = cpu_ns();
  for (int i = 0; i < N_PACKETS; i++)
    crypto->hmac_sha1(crypto->ctx, wr_bytes_of(key, sizeof key), &part, 1, message);
  printf("HMAC-SHA1 100 B         %8.0f ns one-shot\n", (cpu_ns() - start) / N_PACKETS);
}

int main(void) {
  const wr_crypto *crypto = NULL;
  double start = cpu_ns();
  if (wr_crypto_openssl_open(&crypto) != WR_OK) return 1;
  printf("open (certificate, SSL) %8.0f us\n", (cpu_ns() - start) / 1e3);
  bench_handshakes(crypto);
  bench_memory(crypto);
  bench_data(crypto);
  bench_srtp(crypto, WR_SRTP_AEAD_AES_128_GCM, "SRTP AEAD_AES_128_GCM");
  bench_srtp(crypto, WR_SRTP_AEAD_AES_256_GCM, "SRTP AEAD_AES_256_GCM");
  bench_srtp(crypto, WR_SRTP_AES128_CM_SHA1_80, "SRTP AES128_CM_SHA1_80");
  bench_stun_mac(crypto);
  wr_crypto_openssl_close(crypto);
  return 0;
}
