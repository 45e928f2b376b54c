/* tests/interop/video_peer.c - answers an offer with video and takes the frames, on a string:
 * tests/interop/video_test.mjs holds it.
 *
 * Takes lines:  offer HEX · lose N (of 100 datagrams that come in, from now on) · key (asks for a key frame, and
 * prints the next one) · stats · quit. Prints: answer HEX · first CODEC (its first frame came) · key MS HEX (MS
 * since it was asked for) · stats and numbers. */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "wr/conn.h"
#include "wr/crypto_openssl.h"

#define N_BLOCKS 1024
#define FRAME_MAX (512 * 1024)
#define LINE_MAX_BYTES (128 * 1024)

static wr_conn *conn;
static wr_addr local;
static int fd;
static unsigned lose_percent, n_lost;
static wr_time asked_at;
static bool wants_key, ended, had_first;
static uint64_t n_not_decodable; /* must stay 0 */

static wr_time now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return WR_S(t.tv_sec) + t.tv_nsec / 1000;
}

static void print_hex(wr_bytes bytes) {
  for (size_t i = 0; i < bytes.len; i++) printf("%02x", bytes.data[i]);
  putchar('\n');
}

static size_t read_hex(uint8_t *out, size_t cap, const char *text) {
  size_t n = 0;
  unsigned byte;
  while (n < cap && sscanf(text + 2 * n, "%2x", &byte) == 1) out[n++] = (uint8_t)byte;
  return n;
}

static void on_video(const wr_video *video, wr_time now) {
  static const char *const codec[] = {"none", "VP8", "H264", "VP9"};
  if (!had_first) {
    had_first = true;
    if (!video->is_key) n_not_decodable++;
    printf("first %s\n", codec[video->codec]);
  }
  if (!wants_key || !video->is_key) return;
  wants_key = false;
  printf("key %.1f ", (double)(now - asked_at) / 1000);
  print_hex(video->frame);
}

static void drain(wr_time now) {
  uint8_t datagram[WR_CONN_MTU];
  wr_out out;
  while (wr_conn_poll(conn, datagram, sizeof datagram, &out, now), out.kind != WR_OUT_IDLE) {
    if (out.kind == WR_OUT_EVENT && out.event.kind == WR_EVENT_VIDEO) on_video(&out.event.video, now);
    if (out.kind == WR_OUT_EVENT && out.event.kind == WR_EVENT_STATE && out.event.state == WR_CONN_CLOSED)
      ended = true;
    if (out.kind != WR_OUT_DATAGRAM) continue;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(out.path.remote.port)};
    memcpy(&to.sin_addr, out.path.remote.ip, 4);
    (void)!sendto(fd, datagram, out.len, 0, (struct sockaddr *)&to, sizeof to);
  }
  fflush(stdout);
}

static void take_offer(const char *hex, wr_time now) {
  static uint8_t offer[WR_SDP_MAX_BYTES];
  static char answer[16384];
  static wr_sdp scratch;
  wr_sdp_error error;
  size_t len;
  wr_bytes text = wr_bytes_of(offer, read_hex(offer, sizeof offer, hex));
  if (wr_conn_accept_offer(conn, text, &scratch, &error, answer, sizeof answer, &len, now)) {
    printf("refused %s\n", error.what);
    return;
  }
  printf("answer ");
  print_hex(wr_bytes_of(answer, len));
}

static void print_stats(void) {
  wr_conn_stats s;
  wr_conn_get_stats(conn, &s);
  printf(
      "stats {\"frames\":%llu,\"keyFrames\":%llu,\"dropped\":%llu,\"packets\":%llu,\"repaired\":%llu,"
      "\"nacks\":%u,\"keyRequests\":%u,\"lost\":%u,\"notDecodable\":%llu}\n",
      (unsigned long long)s.video_frames, (unsigned long long)s.video_key_frames,
      (unsigned long long)s.video_frames_dropped, (unsigned long long)s.video_packets_in,
      (unsigned long long)s.video_packets_repaired, s.video_nacks, s.video_key_requests, n_lost,
      (unsigned long long)n_not_decodable);
}

static void obey(const char *line, wr_time now) {
  if (strncmp(line, "offer ", 6) == 0) take_offer(line + 6, now);
  if (strncmp(line, "lose ", 5) == 0) lose_percent = (unsigned)strtoul(line + 5, NULL, 10);
  if (strcmp(line, "stats") == 0) print_stats();
  if (strcmp(line, "quit") == 0) ended = true;
  if (strcmp(line, "key") != 0) return;
  wants_key = true;
  asked_at = now;
  (void)wr_conn_request_key_frame(conn, now);
}

static void read_lines(wr_time now) {
  static char text[LINE_MAX_BYTES];
  static size_t len;
  ssize_t n = read(STDIN_FILENO, text + len, sizeof text - 1 - len);
  if (n <= 0) ended = true;
  if (n > 0) len += (size_t)n;
  text[len] = 0;
  char *at = text;
  for (char *end = strchr(at, '\n'); end; end = strchr(at, '\n')) {
    *end = 0;
    obey(at, now);
    at = end + 1;
  }
  len -= (size_t)(at - text);
  memmove(text, at, len + 1);
}

static void read_datagrams(wr_time now) {
  static uint32_t dice = 1;
  uint8_t bytes[2048];
  struct sockaddr_in from;
  socklen_t from_len = sizeof from;
  ssize_t n;
  while ((n = recvfrom(fd, bytes, sizeof bytes, MSG_DONTWAIT, (struct sockaddr *)&from, &from_len)) > 0) {
    wr_path path = {.local = local, .remote = {.family = 4, .port = ntohs(from.sin_port)}};
    memcpy(path.remote.ip, &from.sin_addr, 4);
    dice = dice * 1664525u + 1013904223u;
    bool lost = bytes[0] >= 128 && (dice >> 16) % 100 < lose_percent;
    n_lost += lost;
    if (!lost) (void)wr_conn_recv(conn, &path, (wr_span){bytes, (size_t)n}, now);
    drain(now);
  }
}

static void open_conn(void) {
  static uint8_t messages[65536], frames[FRAME_MAX];
  struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof name;
  wr_conn_settings settings;
  wr_conn_settings_default(&settings);
  fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&name, len) || getsockname(fd, (struct sockaddr *)&name, &len)) exit(1);
  local = (wr_addr){.family = 4, .ip = {127, 0, 0, 1}, .port = ntohs(name.sin_port)};
  if (wr_crypto_openssl_open(&settings.crypto)) exit(1);
  settings.rng = wr_crypto_openssl_rng();
  settings.pool =
      wr_pool_init(aligned_alloc(16, wr_pool_size(WR_CONN_POOL_BLOCK, N_BLOCKS)), WR_CONN_POOL_BLOCK, N_BLOCKS);
  settings.message_buffer = messages;
  settings.message_buffer_bytes = sizeof messages;
  settings.video = true;
  settings.video_buffer = frames;
  settings.video_buffer_bytes = sizeof frames;
  conn = wr_conn_init(aligned_alloc(16, (wr_conn_size() + 15) / 16 * 16), &settings, now_us());
  (void)wr_conn_add_local(conn, &local, &local, now_us());
}

int main(void) {
  open_conn();
  while (!ended) {
    wr_time wait = wr_conn_deadline(conn) - now_us();
    struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    poll(fds, 2, wait <= 0 ? 0 : wait > WR_S(1) ? 1000 : (int)(wait / 1000 + 1));
    wr_time now = now_us();
    if (fds[0].revents) read_lines(now);
    read_datagrams(now);
    if (now >= wr_conn_deadline(conn)) wr_conn_tick(conn, now);
    drain(now);
  }
  wr_conn_wipe(conn);
  return 0;
}
