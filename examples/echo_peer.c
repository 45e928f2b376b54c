/* examples/echo_peer.c - answers one WebRTC offer and sends back whatever it hears and reads.
 *
 *   echo_peer 127.0.0.1 4000 < offer.sdp > answer.sdp
 *
 * Everything an embedder needs to see: one socket, one clock, one conn, and the loop between them. */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "wr/conn.h"
#include "wr/crypto_openssl.h"

#define N_BLOCKS 128

static wr_time clock_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return WR_S(t.tv_sec) + t.tv_nsec / 1000;
}

static void send_datagram(int fd, const wr_path *path, const uint8_t *bytes, size_t len) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(path->remote.port)};
  memcpy(&to.sin_addr, path->remote.ip, 4);
  (void)!sendto(fd, bytes, len, 0, (struct sockaddr *)&to, sizeof to);
}

/* One event; false ends the program. */
static bool on_event(wr_conn *conn, const wr_event *event, wr_time now) {
  switch (event->kind) {
    case WR_EVENT_STATE:
      if (event->state == WR_CONN_CLOSED) fprintf(stderr, "closed: %s\n", wr_end_text(event->end));
      return event->state != WR_CONN_CLOSED;
    case WR_EVENT_AUDIO:
      (void)wr_conn_send_audio(conn, event->audio.payload, event->audio.timestamp, false, now);
      break;
    case WR_EVENT_MESSAGE:
      (void)wr_conn_send_message(conn, event->channel, event->is_text, event->message, now);
      break;
    case WR_EVENT_PATH:
    case WR_EVENT_AUDIO_ENDED:
    case WR_EVENT_DATA_READY:
    case WR_EVENT_CHANNEL_OPEN:
    case WR_EVENT_MESSAGE_TOO_BIG:
    case WR_EVENT_CANDIDATE:
    case WR_EVENT_VIDEO:
    case WR_EVENT_BUFFERED_LOW:
    case WR_EVENT_CHANNEL_CLOSED: break;
  }
  return true;
}

/* The drain rule: after everything that may have changed the conn, poll until it is idle. */
static bool drain(wr_conn *conn, int fd, wr_time now) {
  uint8_t datagram[WR_CONN_MTU];
  wr_out out;
  for (;;) {
    wr_conn_poll(conn, datagram, sizeof datagram, &out, now);
    if (out.kind == WR_OUT_IDLE) return true;
    if (out.kind == WR_OUT_DATAGRAM)
      send_datagram(fd, &out.path, datagram, out.len);
    else if (!on_event(conn, &out.event, now))
      return false;
  }
}

static void run(wr_conn *conn, int fd, const wr_addr *local) {
  while (drain(conn, fd, clock_now())) {
    wr_time wait = wr_conn_deadline(conn) - clock_now();
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    poll(&readable, 1, wait <= 0 ? 0 : wait > WR_S(1) ? 1000 : (int)(wait / 1000 + 1));
    uint8_t bytes[2048];
    struct sockaddr_in from;
    socklen_t from_len = sizeof from;
    ssize_t len = recvfrom(fd, bytes, sizeof bytes, MSG_DONTWAIT, (struct sockaddr *)&from, &from_len);
    wr_time now = clock_now();
    if (len > 0) {
      wr_path path = {.local = *local, .remote = {.family = 4, .port = ntohs(from.sin_port)}};
      memcpy(path.remote.ip, &from.sin_addr, 4);
      (void)wr_conn_recv(conn, &path, (wr_span){bytes, (size_t)len}, now);
    }
    if (now >= wr_conn_deadline(conn)) wr_conn_tick(conn, now);
  }
}

static int fail(const char *what) {
  fprintf(stderr, "echo_peer: %s\n", what);
  return 1;
}

int main(int argc, char **argv) {
  static uint8_t offer[WR_SDP_MAX_BYTES], message[65536];
  static char answer[16384];
  static wr_sdp scratch;
  wr_addr local;
  if (argc != 3 ||
      !wr_addr_parse(&local, wr_bytes_of(argv[1], strlen(argv[1])), (uint16_t)strtoul(argv[2], NULL, 10)))
    return fail("usage: echo_peer IPV4 PORT < offer.sdp > answer.sdp");
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(local.port)};
  memcpy(&here.sin_addr, local.ip, 4);
  if (fd < 0 || bind(fd, (struct sockaddr *)&here, sizeof here)) return fail("cannot bind that address");

  wr_conn_settings settings;
  wr_conn_settings_default(&settings);
  if (wr_crypto_openssl_open(&settings.crypto)) return fail("OpenSSL refused");
  settings.rng = wr_crypto_openssl_rng();
  settings.pool =
      wr_pool_init(aligned_alloc(16, wr_pool_size(WR_CONN_POOL_BLOCK, N_BLOCKS)), WR_CONN_POOL_BLOCK, N_BLOCKS);
  settings.message_buffer = message;
  settings.message_buffer_bytes = sizeof message;
  wr_conn *conn = wr_conn_init(aligned_alloc(16, (wr_conn_size() + 15) / 16 * 16), &settings, clock_now());
  (void)wr_conn_add_local(conn, &local, &local, clock_now());

  wr_sdp_error error;
  size_t answer_len, offer_len = fread(offer, 1, sizeof offer, stdin);
  if (wr_conn_accept_offer(conn, wr_bytes_of(offer, offer_len), &scratch, &error, answer, sizeof answer,
                           &answer_len, clock_now()))
    return fail(error.what);
  fwrite(answer, 1, answer_len, stdout);
  fclose(stdout); /* the reader of the answer sees its end */
  run(conn, fd, &local);
  wr_conn_wipe(conn);
  wr_crypto_openssl_close(settings.crypto);
  return 0;
}
