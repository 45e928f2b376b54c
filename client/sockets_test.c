#include "client/sockets.h"

#include <string.h>
#include <unistd.h>

#include "check.h"

TEST(client_sockets_find_the_way_to_a_host) {
  wr_addr local;
  REQUIRE(sockets_find_local("http://127.0.0.1:51000/offer", &local));
  CHECK_EQ(local.family, 4);
  CHECK_EQ(local.ip[0], 127);
  CHECK_EQ(local.port, 0);
  CHECK(sockets_find_local("http://[::1]:51000", &local) == false || local.family == 6);
  CHECK(!sockets_find_local("http://no.such.host.invalid/", &local));
}

TEST(client_sockets_carry_datagrams_both_ways) {
  wr_addr at[2], from;
  int fd[2];
  uint8_t bytes[8];
  for (int i = 0; i < 2; i++) {
    REQUIRE(sockets_find_local("http://127.0.0.1", &at[i]));
    fd[i] = sockets_open(&at[i]);
    REQUIRE(fd[i] >= 0);
    CHECK(at[i].port != 0);
    CHECK_EQ(sockets_recv(fd[i], &from, bytes, sizeof bytes), -1); /* does not wait */
  }
  for (int i = 0; i < 2; i++) {
    sockets_send(fd[i], &at[1 - i], (const uint8_t *)"hello", 5);
    CHECK_EQ(sockets_recv(fd[1 - i], &from, bytes, sizeof bytes), 5);
    CHECK(wr_addr_equal(&from, &at[i]));
  }
  close(fd[0]);
  close(fd[1]);
}
