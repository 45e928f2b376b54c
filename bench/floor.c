/* bench/floor.c - the least an echo of voice packets can cost here: epoll, recvmmsg, AES-128-GCM open and seal,
 * sendmmsg; no protocol at all. What a gateway takes beyond this is its own.
 *
 *   floor serve PORT                echoes until killed
 *   floor load PORT FLOWS SECONDS   one socket per flow, 50 packets/s each of 90 bytes; prints one JSON line */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64
#define PAYLOAD 90
#define TAG 16
#define HEADER 12
#define PACKET (HEADER + PAYLOAD + TAG)

static int64_t clock_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static EVP_CIPHER_CTX *cipher(int encrypt) {
  static const uint8_t key[16] = "floor benchmark";
  EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
  if (!ctx || !EVP_CipherInit_ex(ctx, EVP_aes_128_gcm(), NULL, key, NULL, encrypt)) exit(2);
  return ctx;
}

static int transform(EVP_CIPHER_CTX *ctx, int encrypt, uint8_t *packet) {
  int n;
  uint8_t *tag = packet + HEADER + PAYLOAD;
  if (!EVP_CipherInit_ex(ctx, NULL, NULL, NULL, packet, encrypt)) return 0;
  if (!encrypt) EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG, tag);
  if (!EVP_CipherUpdate(ctx, NULL, &n, packet, HEADER)) return 0;
  if (!EVP_CipherUpdate(ctx, packet + HEADER, &n, packet + HEADER, PAYLOAD)) return 0;
  if (!EVP_CipherFinal_ex(ctx, tag, &n)) return 0;
  if (encrypt) EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG, tag);
  return 1;
}

static int bound_socket(uint16_t port) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), size = 4 << 20;
  struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  if (fd < 0 || bind(fd, (struct sockaddr *)&here, sizeof here)) {
    perror("floor: bind");
    exit(2);
  }
  return fd;
}

static void serve(uint16_t port) {
  static uint8_t bytes[BATCH][2048];
  static struct mmsghdr message[BATCH];
  static struct iovec vector[BATCH];
  static struct sockaddr_in from[BATCH];
  int fd = bound_socket(port), epoll = epoll_create1(0);
  EVP_CIPHER_CTX *open = cipher(0), *seal = cipher(1);
  struct epoll_event event = {.events = EPOLLIN};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event)) exit(2);
  for (;;) {
    (void)!epoll_wait(epoll, &event, 1, -1);
    for (int i = 0; i < BATCH; i++) {
      vector[i] = (struct iovec){bytes[i], sizeof bytes[i]};
      message[i].msg_hdr = (struct msghdr){
          .msg_name = &from[i], .msg_namelen = sizeof from[i], .msg_iov = &vector[i], .msg_iovlen = 1};
    }
    int n = recvmmsg(fd, message, BATCH, MSG_DONTWAIT, NULL), n_out = 0;
    for (int i = 0; i < n; i++) {
      if (message[i].msg_len != PACKET || !transform(open, 0, bytes[i]) || !transform(seal, 1, bytes[i])) continue;
      vector[i].iov_len = PACKET;
      message[n_out++].msg_hdr = message[i].msg_hdr;
    }
    for (int at = 0; at < n_out;) {
      int sent = sendmmsg(fd, message + at, (unsigned)(n_out - at), 0);
      if (sent <= 0) break;
      at += sent;
    }
  }
}

static int compare(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

static void take_echoes(int fd, EVP_CIPHER_CTX *open, int64_t *delay, size_t *n_delays) {
  uint8_t packet[2048];
  while (recv(fd, packet, sizeof packet, 0) == PACKET) {
    int64_t sent_at;
    if (!transform(open, 0, packet)) continue;
    memcpy(&sent_at, packet + HEADER, sizeof sent_at);
    delay[(*n_delays)++] = clock_us() - sent_at;
  }
}

static void load(uint16_t port, int n_flows, int seconds) {
  struct rlimit limit = {65536, 65536};
  (void)setrlimit(RLIMIT_NOFILE, &limit);
  int epoll = epoll_create1(0), *fds = calloc((size_t)n_flows, sizeof *fds);
  int64_t *next_at = calloc((size_t)n_flows, sizeof *next_at);
  int64_t *delay = malloc((size_t)n_flows * 51 * (size_t)(seconds + 1) * sizeof *delay);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  if (!fds || !next_at || !delay) exit(2);
  int64_t start = clock_us(), end = start + (int64_t)seconds * 1000000;
  for (int i = 0; i < n_flows; i++) {
    fds[i] = bound_socket(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fds[i]};
    if (connect(fds[i], (struct sockaddr *)&to, sizeof to) || epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], &event))
      exit(2);
    next_at[i] = start + 20000LL * i / n_flows;
  }
  EVP_CIPHER_CTX *open = cipher(0), *seal = cipher(1);
  size_t n_sent = 0, n_delays = 0;
  struct epoll_event events[256];
  uint32_t seq = 0;
  for (int64_t now = start; now < end + 500000; now = clock_us()) {
    for (int i = 0; i < n_flows && now < end; i++) {
      if (now < next_at[i]) continue;
      uint8_t packet[PACKET] = {0};
      memcpy(packet, &seq, sizeof seq);
      seq++;
      int64_t sent_at = clock_us();
      memcpy(packet + HEADER, &sent_at, sizeof sent_at);
      if (transform(seal, 1, packet) && send(fds[i], packet, PACKET, 0) == PACKET) n_sent++;
      next_at[i] += 20000;
    }
    int n = epoll_wait(epoll, events, 256, 1);
    for (int i = 0; i < n; i++) take_echoes(events[i].data.fd, open, delay, &n_delays);
  }
  qsort(delay, n_delays, sizeof *delay, compare);
  printf("{\"flows\":%d,\"packets_sent\":%zu,\"loss_percent\":%.3f,\"echo_ms_p50\":%.2f,\"echo_ms_p95\":%.2f}\n",
         n_flows, n_sent, n_sent ? 100.0 * (double)(n_sent - n_delays) / (double)n_sent : 100.0,
         n_delays ? (double)delay[n_delays / 2] / 1000 : 0.0,
         n_delays ? (double)delay[n_delays * 95 / 100] / 1000 : 0.0);
}

static int number(const char *text) { return (int)strtol(text, NULL, 10); }

int main(int argc, char **argv) {
  if (argc == 3 && !strcmp(argv[1], "serve")) serve((uint16_t)number(argv[2]));
  if (argc == 5 && !strcmp(argv[1], "load")) {
    load((uint16_t)number(argv[2]), number(argv[3]), number(argv[4]));
    return 0;
  }
  fputs("usage: floor serve PORT | floor load PORT FLOWS SECONDS\n", stderr);
  return 2;
}
