/* cli/check.c - configuration and ports; what needs others to answer is in files of its own. The configuration was
 * read before. */
#include "cli/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/avatars.h"
#include "gateway/roles.h"
#include "gateway/tcp.h"
#include "gateway/udp.h"

static int n_broken;

static void finding(bool ok, const char *what, const char *detail) {
  printf("%-6s %-8s %s\n", ok ? "ok" : "BROKEN", what, detail);
  n_broken += !ok;
}

static void check_udp(const gw_config *config) {
  char text[GW_CONFIG_ERROR_MAX];
  wr_addr addr, bound;
  int fd = gw_config_udp(config, &addr) ? gw_udp_bind(&addr, false, &bound, text) : -1;
  if (fd >= 0) {
    gw_locals locals;
    gw_locals_find(&locals, &bound, config);
    snprintf(text, sizeof(text), "port %u is free; %zu address%s for peers", bound.port, locals.n,
             locals.n == 1 ? "" : "es");
    close(fd);
  }
  finding(fd >= 0, "udp", text);
}

/* Nothing is said of what was not asked for. */
static void check_tcp(const gw_config *config) {
  char text[GW_CONFIG_ERROR_MAX];
  wr_addr addr, bound;
  if (!config->tcp[0]) return;
  int fd = gw_host_port(config->tcp, &addr) ? gw_tcp_bind(&addr, false, &bound, text) : -1;
  if (fd >= 0) {
    bool is_low = bound.port<1024, is_public = config->public_ip.n> 0;
    snprintf(text, sizeof(text), "port %u is free%s", bound.port,
             is_low && !is_public ? "; Chromium connects to it only where the address is a public one" : "");
    close(fd);
  }
  finding(fd >= 0, "tcp", text);
}

static void check_listen(const gw_config *config) {
  char text[GW_CONFIG_ERROR_MAX];
  wr_addr addr;
  struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
  struct sockaddr_in in = {.sin_family = AF_INET};
  int one = 1;
  bool parsed = gw_host_port(config->listen, &addr), v6 = parsed && addr.family == 6;
  if (!parsed) return;
  int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
  in.sin_port = in6.sin6_port = htons(addr.port);
  memcpy(&in.sin_addr, addr.ip, 4);
  memcpy(&in6.sin6_addr, addr.ip, 16);
  bool ok =
      (v6 ? bind(fd, (struct sockaddr *)&in6, sizeof(in6)) : bind(fd, (struct sockaddr *)&in, sizeof(in))) == 0;
  snprintf(text, sizeof(text), "port %u %s", addr.port, ok ? "is free" : strerror(errno));
  finding(ok, "listen", text);
  if (fd >= 0) close(fd);
}

static void check_faces(const gw_config *config) {
  char why[GW_CONFIG_ERROR_MAX] = "readable and complete";
  char *roles = gw_roles_load(config->roles, config->avatars, why);
  finding(roles != NULL, "roles", why);
  free(roles);
  if (!config->avatars[0]) return;
  char *avatars = gw_avatars_list(config->avatars, config->avatar_licence);
  finding(avatars != NULL, "avatars", avatars ? avatars : "no memory");
  free(avatars);
}

int check_run(const gw_config *config) {
  finding(true, "config", "readable and complete");
  check_listen(config);
  check_udp(config);
  check_tcp(config);
  check_faces(config);
  check_backend(config, finding);
#ifdef HAVE_ASSISTANT
  check_stages(config, finding);
#endif
  check_ice(config, finding);
  return n_broken ? 1 : 0;
}
