/* tests/system/call_peer.c - a caller on a string: one libwr connection driven by lines, for tests/system/run.
 *
 * Prints "offer HEX" first. Takes:  answer HEX · say TEXT · bytes N · fill N · binary HEX · opus HEX (every 20 ms;
 * empty: stop)
 * · restart (ICE: prints "offer HEX") · cut, mend (nothing leaves or arrives) · deafen, hear (nothing arrives, the
 * rest goes on) · rebind (another port, which the connection does not know of, as behind a NAT) · move (another
 * port, which it knows; the old one is dead) · hush, reopen (the channel) · close · quit. Prints: state NAME · open
 * · shut · text TEXT · binary N · audio MS HEX (MS since the program's start). Left out: signalling, which the
 * script does. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "wr/conn.h"
#include "wr/crypto_openssl.h"

#define POOL_BLOCKS 256
#define LINE_MAX_BYTES 65536
#define MAX_SOCKETS 4

static wr_conn *conn;

typedef struct socket_of {
  int fd;
  wr_addr local; /* as the connection knows it */
  bool dead;
} socket_of;
static socket_of sockets[MAX_SOCKETS];
static size_t n_sockets;
static bool is_cut, is_deaf, was_answered;

static uint16_t channel;
static uint8_t opus[256];
static size_t opus_len;
static uint32_t timestamp;
static wr_time next_audio = WR_NEVER, started_at;
static bool ended;
static wr_sdp scratch;

static wr_time now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return WR_S(t.tv_sec) + t.tv_nsec / 1000;
}

static void print_hex(const uint8_t *bytes, size_t len) {
  for (size_t i = 0; i < len; i++) printf("%02x", bytes[i]);
  putchar('\n');
}

static size_t read_hex(uint8_t *out, size_t cap, const char *text) {
  size_t n = 0;
  unsigned byte;
  while (n < cap && sscanf(text + 2 * n, "%2x", &byte) == 1) out[n++] = (uint8_t)byte;
  return n;
}

static void on_event(const wr_event *e, wr_time now) {
  switch (e->kind) {
    case WR_EVENT_STATE:
      if (e->state == WR_CONN_CONNECTED) puts("state connected");
      if (e->state == WR_CONN_CLOSED) puts("state closed");
      return;
    case WR_EVENT_CHANNEL_OPEN: puts("open"); return;
    case WR_EVENT_MESSAGE:
      if (e->is_text)
        printf("text %.*s\n", (int)e->message.len, (const char *)e->message.data);
      else
        printf("binary %zu\n", e->message.len);
      return;
    case WR_EVENT_AUDIO:
      printf("audio %lld ", (long long)((now - started_at) / 1000));
      print_hex(e->audio.payload.data, e->audio.payload.len);
      return;
    case WR_EVENT_PATH:
    case WR_EVENT_AUDIO_ENDED:
    case WR_EVENT_DATA_READY:
    case WR_EVENT_MESSAGE_TOO_BIG:
    case WR_EVENT_CANDIDATE:
    case WR_EVENT_VIDEO:
    case WR_EVENT_BUFFERED_LOW: return;
    case WR_EVENT_CHANNEL_CLOSED: puts("shut"); return;
  }
}

static const socket_of *socket_at(const wr_addr *from) {
  for (size_t i = 0; i < n_sockets; i++)
    if (wr_addr_equal(&sockets[i].local, from)) return &sockets[i];
  return NULL;
}

static void drain(wr_time now) {
  uint8_t buffer[WR_CONN_MTU];
  wr_out out;
  for (;;) {
    wr_conn_poll(conn, buffer, sizeof(buffer), &out, now);
    if (out.kind == WR_OUT_IDLE) break;
    if (out.kind == WR_OUT_EVENT) {
      on_event(&out.event, now);
      continue;
    }
    const socket_of *from = socket_at(&out.path.local);
    if (!from || from->dead || is_cut) continue;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(out.path.remote.port)};
    memcpy(&to.sin_addr, out.path.remote.ip, 4);
    if (sendto(from->fd, buffer, out.len, 0, (struct sockaddr *)&to, sizeof(to)) < 0) continue; /* as if lost */
  }
  fflush(stdout);
}

static wr_addr open_socket(int *fd) {
  struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof(name);
  *fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  if (bind(*fd, (struct sockaddr *)&name, len) || getsockname(*fd, (struct sockaddr *)&name, &len)) exit(1);
  return (wr_addr){.family = 4, .ip = {127, 0, 0, 1}, .port = ntohs(name.sin_port)};
}

static void add_socket(wr_time now) {
  socket_of *s = &sockets[n_sockets++];
  s->local = open_socket(&s->fd);
  wr_conn_add_local(conn, &s->local, &s->local, now);
}

static void print_offer(const char *offer, size_t len) {
  printf("offer ");
  print_hex((const uint8_t *)offer, len);
}

static void take_answer(wr_bytes answer, wr_time now) {
  wr_sdp_error error;
  wr_err err = wr_conn_accept_answer(conn, answer, &scratch, &error, now);
  wr_channel_settings settings = {.label = "chat"};
  if (!err && !was_answered) err = wr_conn_open_channel(conn, &settings, &channel, now);
  was_answered = was_answered || !err;
  if (err) printf("state refused %s\n", wr_err_text(err));
}

/* Trouble on purpose. */
static void disturb(const char *line, wr_time now) {
  static char offer[8192];
  wr_channel_settings settings = {.label = "chat"};
  size_t len;
  if (strcmp(line, "restart") == 0) {
    if (wr_conn_restart_offer(conn, offer, sizeof(offer), &len, now)) exit(1);
    print_offer(offer, len);
  } else if (strcmp(line, "cut") == 0 || strcmp(line, "mend") == 0) {
    is_cut = line[0] == 'c';
  } else if (strcmp(line, "deafen") == 0 || strcmp(line, "hear") == 0) {
    is_deaf = line[0] == 'd';
  } else if (strcmp(line, "rebind") == 0) {
    close(sockets[n_sockets - 1].fd);
    (void)open_socket(&sockets[n_sockets - 1].fd);
  } else if (strcmp(line, "move") == 0 && n_sockets < MAX_SOCKETS) {
    sockets[n_sockets - 1].dead = true;
    add_socket(now);
  } else if (strcmp(line, "hush") == 0) {
    (void)wr_conn_close_channel(conn, channel, now);
  } else if (strcmp(line, "reopen") == 0) {
    if (wr_conn_open_channel(conn, &settings, &channel, now)) puts("state unsent");
  }
}

static void obey(char *line, wr_time now) {
  static uint8_t bytes[LINE_MAX_BYTES * 2];
  char *rest = strchr(line, ' ');
  rest = rest ? rest + 1 : line + strlen(line);
  size_t n = (size_t)strtoul(rest, NULL, 10);
  if (n > sizeof(bytes)) n = sizeof(bytes);
  if (strncmp(line, "answer", 6) == 0) {
    take_answer(wr_bytes_of(bytes, read_hex(bytes, sizeof(bytes), rest)), now);
  } else if (strncmp(line, "say", 3) == 0) {
    (void)wr_conn_send_message(conn, channel, true, wr_bytes_of(rest, strlen(rest)), now);
  } else if (strncmp(line, "bytes", 5) == 0 || strncmp(line, "fill", 4) == 0) {
    memset(bytes, 'x', n);
    if (wr_conn_send_message(conn, channel, line[0] == 'f', wr_bytes_of(bytes, n), now)) puts("state unsent");
  } else if (strncmp(line, "binary", 6) == 0) {
    n = read_hex(bytes, sizeof(bytes), rest);
    if (wr_conn_send_message(conn, channel, false, wr_bytes_of(bytes, n), now)) puts("state unsent");
  } else if (strncmp(line, "opus", 4) == 0) {
    opus_len = read_hex(opus, sizeof(opus), rest);
    next_audio = opus_len ? now : WR_NEVER;
  } else if (strncmp(line, "close", 5) == 0) {
    wr_conn_close(conn, now);
  } else if (strncmp(line, "quit", 4) == 0) {
    ended = true;
  } else {
    disturb(line, now);
  }
}

static void read_lines(wr_time now) {
  static char text[LINE_MAX_BYTES];
  static size_t len;
  ssize_t n = read(STDIN_FILENO, text + len, sizeof(text) - 1 - len);
  if (n <= 0) {
    ended = true;
    return;
  }
  len += (size_t)n;
  text[len] = 0;
  char *at = text;
  for (char *end = strchr(at, '\n'); end; end = strchr(at, '\n')) {
    *end = 0;
    obey(at, now);
    at = end + 1;
    drain(now);
  }
  len -= (size_t)(at - text);
  memmove(text, at, len + 1);
}

static void open_conn(wr_time now) {
  static uint8_t messages[65536];
  static char offer[8192];
  const wr_crypto *crypto;
  size_t len, bytes = wr_pool_size(WR_CONN_POOL_BLOCK, POOL_BLOCKS);
  if (wr_crypto_openssl_open(&crypto)) exit(1);
  wr_conn_settings settings;
  wr_conn_settings_default(&settings);
  settings.crypto = crypto;
  settings.rng = wr_crypto_openssl_rng();
  settings.pool = wr_pool_init(aligned_alloc(64, (bytes + 63) / 64 * 64), WR_CONN_POOL_BLOCK, POOL_BLOCKS);
  settings.message_buffer = messages;
  settings.message_buffer_bytes = sizeof(messages);
  conn = wr_conn_init(aligned_alloc(64, (wr_conn_size() + 63) / 64 * 64), &settings, now);
  add_socket(now);
  if (wr_conn_create_offer(conn, offer, sizeof(offer), &len, now)) exit(1);
  print_offer(offer, len);
  fflush(stdout);
}

static void read_datagrams(const socket_of *s, wr_time now) {
  uint8_t datagram[1500];
  struct sockaddr_in from;
  socklen_t len = sizeof(from);
  ssize_t n;
  while ((n = recvfrom(s->fd, datagram, sizeof(datagram), 0, (struct sockaddr *)&from, &len)) >= 0) {
    wr_path path = {.local = s->local, .remote = {.family = 4, .port = ntohs(from.sin_port)}};
    if (s->dead || is_cut || is_deaf) continue;
    memcpy(path.remote.ip, &from.sin_addr, 4);
    wr_conn_recv(conn, &path, (wr_span){datagram, (size_t)n}, now);
    drain(now);
    len = sizeof(from);
  }
}

int main(void) {
  started_at = now_us();
  open_conn(started_at);
  while (!ended) {
    wr_time now = now_us(), at = wr_time_min(wr_conn_deadline(conn), next_audio);
    struct pollfd fds[1 + MAX_SOCKETS] = {{.fd = STDIN_FILENO, .events = POLLIN}};
    for (size_t i = 0; i < n_sockets; i++) fds[1 + i] = (struct pollfd){.fd = sockets[i].fd, .events = POLLIN};
    wr_time wait = at == WR_NEVER ? WR_S(1) : at > now ? at - now : 0;
    poll(fds, (nfds_t)(1 + n_sockets), (int)(wait / 1000));
    now = now_us();
    if (fds[0].revents) read_lines(now);
    for (size_t i = 0; i < n_sockets; i++) read_datagrams(&sockets[i], now);
    if (now >= wr_conn_deadline(conn)) wr_conn_tick(conn, now);
    if (now >= next_audio) {
      (void)wr_conn_send_audio(conn, wr_bytes_of(opus, opus_len), timestamp, timestamp == 0, now);
      timestamp += 960;
      next_audio += WR_MS(20);
    }
    drain(now);
  }
  return 0;
}
