/* system/dtls_peer.c - one DTLS connection of ours over loopback UDP, for a test against another implementation's
 * program.
 *
 *   dtls_peer client PORT FINGERPRINT [DROP]   connects to 127.0.0.1:PORT and sends "hello"
 *   dtls_peer server FINGERPRINT [DROP]        prints "port=N", waits, and sends back what it receives
 *
 * FINGERPRINT: SHA-256 of the peer's certificate, hex. DROP: the n-th datagram we send (from 0) is lost. Prints
 * "connected profile=N keys=HEX" with the exported material in the order of RFC 5764 4.2, then "received TEXT",
 * then "ended WHY" (wr_dtls_end). Exit 0: connected, and closed in order. */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "dtls/dtls.h"
#include "wr/crypto_openssl.h"

#define BLOCK_BYTES (WR_DTLS_EARLY_BYTES + 2)
#define LIMIT WR_S(5)

typedef struct peer {
  wr_dtls dtls;
  int socket;
  bool is_client, has_remote, connected;
  int drop, n_sent;
  struct sockaddr_in remote;
} peer;

static wr_time now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (wr_time)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void flush(peer *p) {
  uint8_t datagram[1500];
  for (size_t len; (len = wr_dtls_poll(&p->dtls, datagram, sizeof datagram, now_us())) > 0;) {
    if (p->n_sent++ == p->drop) continue;
    (void)!sendto(p->socket, datagram, len, 0, (struct sockaddr *)&p->remote, sizeof p->remote);
  }
}

static void print_hex(const uint8_t *bytes, size_t len) {
  for (size_t i = 0; i < len; i++) printf("%02X", bytes[i]);
}

static void print_keys(peer *p) {
  wr_srtp_keys k = {0};
  wr_dtls_srtp_keys(&p->dtls, &k);
  printf("connected profile=%d keys=", (int)k.profile);
  print_hex(p->is_client ? k.local_key : k.remote_key, k.key_bytes);
  print_hex(p->is_client ? k.remote_key : k.local_key, k.key_bytes);
  print_hex(p->is_client ? k.local_salt : k.remote_salt, k.salt_bytes);
  print_hex(p->is_client ? k.remote_salt : k.local_salt, k.salt_bytes);
  printf("\n");
}

/* false: the connection ended. */
static bool handle_events(peer *p) {
  for (wr_dtls_event event; (event = wr_dtls_poll_event(&p->dtls)) != WR_DTLS_EVENT_NONE;) {
    if (event == WR_DTLS_EVENT_ENDED) return false;
    p->connected = true;
    print_keys(p);
    if (p->is_client && wr_dtls_send(&p->dtls, WR_BYTES_LITERAL("hello\n")) != WR_OK) return false;
  }
  uint8_t data[1500];
  size_t len = wr_dtls_read(&p->dtls, data, sizeof data);
  if (len == 0) return true;
  printf("received %.*s", (int)len, (const char *)data);
  if (!p->is_client) (void)wr_dtls_send(&p->dtls, wr_bytes_of(data, len));
  wr_dtls_shutdown(&p->dtls);
  return false;
}

static void receive(peer *p) {
  uint8_t datagram[2048];
  socklen_t size = sizeof p->remote;
  ssize_t len = recvfrom(p->socket, datagram, sizeof datagram, 0, (struct sockaddr *)&p->remote, &size);
  if (len <= 0) return;
  p->has_remote = true;
  wr_dtls_recv(&p->dtls, wr_bytes_of(datagram, (size_t)len), now_us());
}

static void run(peer *p) {
  wr_time end = now_us() + LIMIT;
  bool goes_on = true;
  while (goes_on && now_us() < end) {
    if (p->has_remote) flush(p);
    wr_time wake = wr_time_min(wr_dtls_deadline(&p->dtls), end) - now_us();
    struct pollfd readable = {.fd = p->socket, .events = POLLIN};
    if (poll(&readable, 1, wake < 0 ? 0 : (int)(wake / 1000) + 1) > 0) receive(p);
    wr_dtls_tick(&p->dtls, now_us());
    goes_on = handle_events(p);
  }
  flush(p);
}

static bool open_socket(peer *p, int port) {
  p->socket = socket(AF_INET, SOCK_DGRAM, 0);
  p->remote = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  p->remote.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  p->has_remote = p->is_client;
  struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof local;
  if (p->socket < 0 || bind(p->socket, (struct sockaddr *)&local, sizeof local) != 0 ||
      getsockname(p->socket, (struct sockaddr *)&local, &size) != 0)
    return false;
  if (!p->is_client) printf("port=%d\n", ntohs(local.sin_port));
  return true;
}

static wr_fingerprint parse_fingerprint(const char *hex) {
  wr_fingerprint fingerprint = {.hash = WR_HASH_SHA256};
  unsigned byte = 0;
  for (; fingerprint.len < 32 && sscanf(hex, "%2x", &byte) == 1; hex += 2)
    fingerprint.bytes[fingerprint.len++] = (uint8_t)byte;
  return fingerprint;
}

int main(int argc, char **argv) {
  static peer p;
  _Alignas(16) static uint8_t memory[8 * (BLOCK_BYTES + 32)];
  p.is_client = argc > 1 && strcmp(argv[1], "client") == 0;
  int at = p.is_client ? 3 : 2;
  if (argc <= at) return 2;
  setvbuf(stdout, NULL, _IOLBF, 0);
  p.drop = argc > at + 1 ? (int)strtol(argv[at + 1], NULL, 10) : -1;
  wr_fingerprint promised = parse_fingerprint(argv[at]);
  const wr_crypto *crypto = NULL;
  if (!open_socket(&p, p.is_client ? (int)strtol(argv[2], NULL, 10) : 0) ||
      wr_crypto_openssl_open(&crypto) != WR_OK)
    return 2;
  wr_dtls_init(&p.dtls, crypto, wr_pool_init(memory, BLOCK_BYTES, WR_DTLS_N_EARLY), true);
  if (wr_dtls_start(&p.dtls, p.is_client, &promised, 0, now_us()) != WR_OK) return 2;
  run(&p);
  wr_dtls_end why = wr_dtls_why_ended(&p.dtls);
  printf("ended %d\n", (int)why);
  wr_dtls_wipe(&p.dtls);
  wr_crypto_openssl_close(crypto);
  close(p.socket);
  return p.connected && why == WR_DTLS_END_CLOSED ? 0 : 1;
}
