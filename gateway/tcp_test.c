/* Strangers and slow readers at a real listener on loopback; time is the test's. */
#define _GNU_SOURCE
#include "gateway/tcp.h"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"
#include "check.h"
#include "gateway/udp.h"

#define N_PEERS 600

typedef struct rig {
  gw_tcp tcp;
  gw_metrics metrics;
  int epoll, peer[N_PEERS];
  unsigned n_peers;
  wr_addr bound;
} rig;

static rig r;

static void open_rig(void) {
  char text[GW_CONFIG_ERROR_MAX];
  wr_addr any_port;
  memset(&r, 0, sizeof(r));
  CHECK(wr_addr_parse(&any_port, WR_BYTES_LITERAL("127.0.0.1"), 0));
  int listener = gw_tcp_bind(&any_port, false, &r.bound, text);
  CHECK(listener >= 0 && r.bound.port && r.bound.transport == WR_TCP);
  r.epoll = epoll_create1(EPOLL_CLOEXEC);
  CHECK(gw_tcp_open(&r.tcp, listener, &r.bound, r.epoll, 0, 4, &r.metrics));
}

static void close_rig(void) {
  for (unsigned i = 0; i < r.n_peers; i++) close(r.peer[i]);
  gw_tcp_close(&r.tcp);
  close(r.epoll);
}

/* From 127.0.|net|.1 and up; small receive buffer, so that little goes on its way unread. */
static int connect_from(uint8_t net) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), bytes = 2048;
  struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001u + ((uint32_t)net << 8))};
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(r.bound.port)};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
  CHECK(bind(fd, (struct sockaddr *)&from, sizeof(from)) == 0);
  CHECK(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
  r.peer[r.n_peers++] = fd;
  return fd;
}

/* The number of the newest connection. */
static uint32_t accept_one(uint8_t net, wr_time now) {
  connect_from(net);
  gw_tcp_accept(&r.tcp, now);
  return r.tcp.newest;
}

static uint64_t counted(gw_counter counter) { return r.metrics.counter[counter]; }

static unsigned n_open(void) {
  unsigned n = 0;
  for (uint32_t i = 0; i < r.tcp.n_used; i++) n += r.tcp.conn[i].used;
  return n;
}

static uint64_t n_closed(void) {
  uint64_t n = 0;
  for (int i = GW_TCP_CLOSED_PEER; i <= GW_TCP_CLOSED_CROWDED; i++) n += r.metrics.counter[i];
  return n;
}

TEST(tcp_strangers_are_bounded_by_address_and_in_all) {
  open_rig();
  for (unsigned i = 0; i < GW_TCP_PER_ADDRESS + 6; i++) (void)accept_one(0, 0);
  CHECK_EQ(r.tcp.n_strangers, GW_TCP_PER_ADDRESS);
  CHECK_EQ(counted(GW_TCP_CLOSED_ADDRESS), 6);
  while (r.n_peers < N_PEERS) (void)accept_one((uint8_t)(1 + r.n_peers / 32), (wr_time)r.n_peers);
  CHECK_EQ(r.tcp.n_strangers, GW_TCP_STRANGERS);
  CHECK(counted(GW_TCP_CLOSED_CROWDED) > 0);
  CHECK_EQ(counted(GW_TCP_ACCEPTED), n_open() + n_closed());
  /* The oldest gave way: what is left came last. */
  for (uint32_t i = r.tcp.oldest; i != GW_TCP_NONE; i = r.tcp.conn[i].newer)
    CHECK(r.tcp.conn[i].until > GW_TCP_PROOF_US);
  close_rig();
}

TEST(tcp_strangers_have_their_time_and_those_who_proved_themselves_have_more) {
  open_rig();
  uint32_t a = accept_one(0, 1000), b = accept_one(0, 2000);
  CHECK_EQ(gw_tcp_deadline(&r.tcp), 1000 + GW_TCP_PROOF_US);
  CHECK_EQ(gw_tcp_expired(&r.tcp, GW_TCP_PROOF_US), GW_TCP_NONE);
  gw_tcp_name(&r.tcp, a, 0, 1); /* naming alone proves nothing */
  CHECK_EQ(gw_tcp_expired(&r.tcp, 1000 + GW_TCP_PROOF_US), a);
  gw_tcp_prove(&r.tcp, a);
  CHECK_EQ(gw_tcp_expired(&r.tcp, 1000 + GW_TCP_PROOF_US), GW_TCP_NONE);
  CHECK_EQ(gw_tcp_expired(&r.tcp, 2000 + GW_TCP_PROOF_US), b);
  gw_tcp_end(&r.tcp, b, GW_TCP_CLOSED_SILENT);
  CHECK_EQ(gw_tcp_deadline(&r.tcp), WR_NEVER);
  CHECK(gw_tcp_at(&r.tcp, a) && !gw_tcp_at(&r.tcp, b));
  close_rig();
}

static gw_tcp_look look_after(const void *bytes, size_t len, wr_bytes *ufrag) {
  uint32_t number = accept_one(0, 0);
  CHECK_EQ(send(r.peer[r.n_peers - 1], bytes, len, 0), (ssize_t)len);
  gw_tcp_look look = gw_tcp_look_at(&r.tcp, number, ufrag);
  gw_tcp_end(&r.tcp, number, GW_TCP_CLOSED_RUBBISH);
  return look;
}

TEST(tcp_what_a_stream_begins_with) {
  /* A Binding request with USERNAME "abcd:efgh", as a frame. */
  static const uint8_t request[] = {0,   36,  0,   1,   0,   16,  0x21, 0x12, 0xa4, 0x42, 1, 2, 3,
                                    4,   5,   6,   7,   8,   9,   10,   11,   12,   0,    6, 0, 9,
                                    'a', 'b', 'c', 'd', ':', 'e', 'f',  'g',  'h',  0,    0, 0};
  open_rig();
  wr_bytes ufrag = {0};
  CHECK_EQ(look_after(request, sizeof(request), &ufrag), GW_TCP_LOOK_REQUEST);
  CHECK(wr_bytes_equal(ufrag, WR_BYTES_LITERAL("abcd")));
  for (size_t len = 1; len < sizeof(request); len++) /* half a frame is waited for */
    CHECK_EQ(look_after(request, len, &ufrag), GW_TCP_LOOK_NOTHING);
  CHECK_EQ(look_after("GET / HTTP/1.1\r\n", 16, &ufrag), GW_TCP_LOOK_RUBBISH);
  CHECK_EQ(look_after("\x16\x03\x01\x02", 4, &ufrag), GW_TCP_LOOK_RUBBISH);
  CHECK_EQ(look_after("\0\0", 2, &ufrag), GW_TCP_LOOK_RUBBISH);
  CHECK_EQ(look_after("\0\x40\x80\x6f", 4, &ufrag), GW_TCP_LOOK_RUBBISH); /* media, before anything was proved */
  uint32_t number = accept_one(0, 0);
  CHECK(shutdown(r.peer[r.n_peers - 1], SHUT_WR) == 0);
  CHECK_EQ(gw_tcp_look_at(&r.tcp, number, &ufrag), GW_TCP_LOOK_ENDED);
  close_rig();
}

TEST(tcp_what_waits_for_a_slow_reader_is_bounded_and_stays_whole) {
  open_rig();
  uint32_t number = accept_one(0, 0);
  gw_tcp_name(&r.tcp, number, 0, 1);
  uint8_t media[200] = {0x80}, other[200] = {22};
  unsigned n_sent = 0;
  for (; !counted(GW_TCP_DROPPED_MEDIA) && n_sent < 10000; n_sent++) {
    wr_put_u32(media + 4, n_sent);
    gw_tcp_send(&r.tcp, number, wr_bytes_of(media, sizeof(media)));
  }
  CHECK(counted(GW_TCP_DROPPED_MEDIA) == 1);
  CHECK(r.tcp.conn[number].n_waiting <= GW_TCP_MEDIA_BYTES);
  while (!counted(GW_TCP_DROPPED_OTHER)) gw_tcp_send(&r.tcp, number, wr_bytes_of(other, sizeof(other)));
  CHECK(r.tcp.conn[number].n_waiting <= GW_TCP_QUEUE_BYTES);
  CHECK(r.tcp.conn[number].n_waiting > GW_TCP_QUEUE_BYTES - 202);
  /* All that was taken arrives, in order and in whole frames. */
  static uint8_t bytes[4096];
  wr_frames frames;
  wr_frames_init(&frames);
  uint64_t n_came = 0;
  uint32_t n_media = 0;
  while (n_came < r.tcp.n_sent) {
    gw_tcp_send_waiting(&r.tcp, number);
    ssize_t n = recv(r.peer[0], bytes, sizeof(bytes), 0);
    REQUIRE(n > 0);
    wr_span input = {bytes, (size_t)n}, datagram;
    while (wr_frames_next(&frames, &input, &datagram) == WR_FRAME_DATAGRAM) {
      REQUIRE(datagram.len == 200);
      if (datagram.data[0] == 0x80) CHECK_EQ(wr_get_u32(datagram.data + 4), n_media++);
      n_came++;
    }
  }
  CHECK_EQ(n_media, n_sent - 1);
  gw_tcp_send_waiting(&r.tcp, number);
  CHECK(!r.tcp.conn[number].is_watched);
  close_rig();
}

TEST(tcp_local_addresses_leave_room_for_each_other) {
  gw_locals locals = {0};
  wr_addr base = {.family = 4, .ip = {192, 0, 2, 1}, .port = 51001}, tcp = base;
  for (; locals.n < 12; locals.n++) locals.at[locals.n].base = locals.at[locals.n].shown = base;
  tcp.transport = WR_TCP;
  tcp.port = 443;
  static gw_config config;
  config.public_ip = (gw_list){.item = {"203.0.113.1"}, .n = 1};
  gw_locals_add_tcp(&locals, &tcp, &config);
  CHECK_EQ(locals.n, GW_LOCALS_SHOWN);
  char text[WR_ADDR_TEXT_MAX];
  wr_addr_text(&locals.at[GW_LOCALS_SHOWN - 2].shown, text); /* the public one first */
  CHECK_TEXT(text, "203.0.113.1");
  CHECK(wr_addr_equal(&locals.at[GW_LOCALS_SHOWN - 2].base, &tcp) &&
        wr_addr_equal(&locals.at[GW_LOCALS_SHOWN - 1].shown, &tcp));
}
