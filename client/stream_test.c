#include "client/stream.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"

static int listen_on_loopback(wr_path *path) {
  struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof(name);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(fd >= 0 && !bind(fd, (struct sockaddr *)&name, len) && !listen(fd, 4));
  CHECK(getsockname(fd, (struct sockaddr *)&name, &len) == 0);
  *path = (wr_path){.local = {.family = 4, .ip = {127, 0, 0, 1}, .transport = WR_TCP},
                    .remote = {.family = 4, .ip = {127, 0, 0, 1}, .transport = WR_TCP}};
  path->remote.port = ntohs(name.sin_port);
  return fd;
}

static void wait_for(int fd, short events) {
  struct pollfd one = {.fd = fd, .events = events};
  CHECK(poll(&one, 1, 10000) == 1);
}

TEST(stream_carries_datagrams_both_ways_from_before_it_is_connected) {
  static client_stream s;
  wr_path path;
  int listener = listen_on_loopback(&path);
  REQUIRE(client_stream_open(&s, &path));
  client_stream_send(&s, WR_BYTES_LITERAL("early"));
  int peer = accept(listener, NULL, NULL);
  REQUIRE(peer >= 0);
  wait_for(s.fd, POLLOUT);
  CHECK(client_stream_flush(&s));
  char bytes[16];
  CHECK_EQ(recv(peer, bytes, 7, MSG_WAITALL), 7);
  CHECK(!memcmp(bytes, "\0\5early", 7));
  wr_span datagram;
  CHECK_EQ(client_stream_next(&s, &datagram), 0);
  CHECK_EQ(send(peer, "\0\3one\0\3tw", 9, 0), 9);
  wait_for(s.fd, POLLIN);
  REQUIRE(client_stream_next(&s, &datagram) == 1);
  CHECK(wr_bytes_equal(wr_span_bytes(datagram), WR_BYTES_LITERAL("one")));
  CHECK_EQ(client_stream_next(&s, &datagram), 0);
  CHECK_EQ(send(peer, "o", 1, 0), 1);
  wait_for(s.fd, POLLIN);
  REQUIRE(client_stream_next(&s, &datagram) == 1);
  CHECK(wr_bytes_equal(wr_span_bytes(datagram), WR_BYTES_LITERAL("two")));
  close(peer);
  wait_for(s.fd, POLLIN);
  CHECK_EQ(client_stream_next(&s, &datagram), -1);
  client_stream_close(&s);
  close(listener);
}

TEST(stream_says_when_nobody_takes_it_and_keeps_no_more_than_it_may) {
  static client_stream s;
  wr_path path;
  int listener = listen_on_loopback(&path);
  close(listener);
  if (client_stream_open(&s, &path)) { /* refused at once, or a moment later */
    wait_for(s.fd, POLLOUT);
    wr_span datagram;
    CHECK_EQ(client_stream_next(&s, &datagram), -1);
  }
  client_stream_close(&s);
  listener = listen_on_loopback(&path);
  REQUIRE(client_stream_open(&s, &path));
  static uint8_t bytes[1000];
  for (int i = 0; i < 20000; i++) client_stream_send(&s, wr_bytes_of(bytes, sizeof(bytes)));
  CHECK(s.n_out <= CLIENT_STREAM_BYTES && s.n_out + 1002 > CLIENT_STREAM_BYTES);
  client_stream_close(&s);
  close(listener);
}
