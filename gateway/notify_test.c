#include "gateway/notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "check.h"

TEST(notify_sends_the_state_to_the_manager) {
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  char name[64], got[32] = "";
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  int n = snprintf(name, sizeof(name), "@xiaozhi-notify-test-%ld", (long)getpid());
  memcpy(at.sun_path + 1, name + 1, (size_t)n - 1);
  CHECK(bind(fd, (struct sockaddr *)&at, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n)) == 0);
  CHECK(setenv("NOTIFY_SOCKET", name, 1) == 0);
  gw_notify("READY=1");
  CHECK_EQ(recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT), 7);
  CHECK(strcmp(got, "READY=1") == 0);
  CHECK(setenv("NOTIFY_SOCKET", "nonsense", 1) == 0);
  gw_notify("READY=1");
  CHECK(unsetenv("NOTIFY_SOCKET") == 0);
  gw_notify("READY=1");
  CHECK_EQ(recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT), -1);
  close(fd);
}
