/* cli/check.c - configuration, ports, and whether the backend answers hello. The configuration was read before. */
#include "cli/check.h"

#include <errno.h>
#include <libwebsockets.h>
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
    gw_locals_find(&locals, &bound, &config->public_ip);
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

/* ---- the backend's hello, with a socket of its own ---- */

typedef struct probe {
  bool done, answered;
  char why[160];
} probe;

static void end_probe(probe *p, bool answered, const char *why) {
  if (p->done) return;
  p->done = true;
  p->answered = answered;
  snprintf(p->why, sizeof(p->why), "%s", why);
}

static int on_probe(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len) {
  static const char hello[] =
      "{\"type\":\"hello\",\"version\":1,\"transport\":\"websocket\",\"features\":{},\"audio_params\":{\"format\":"
      "\"opus\","
      "\"sample_rate\":16000,\"channels\":1,\"frame_duration\":60}}";
  probe *p = user;
  uint8_t buffer[LWS_PRE + sizeof(hello)];
  switch ((int)reason) {
    case LWS_CALLBACK_CLIENT_ESTABLISHED: lws_callback_on_writable(wsi); return 0;
    case LWS_CALLBACK_CLIENT_WRITEABLE:
      memcpy(buffer + LWS_PRE, hello, sizeof(hello) - 1);
      return lws_write(wsi, buffer + LWS_PRE, sizeof(hello) - 1, LWS_WRITE_TEXT) < 0 ? -1 : 0;
    case LWS_CALLBACK_CLIENT_RECEIVE:
      if (memmem(in, len, "hello", 5)) end_probe(p, true, "answers hello");
      return p->done ? -1 : 0;
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR: end_probe(p, false, in && len ? in : "cannot connect"); return 0;
    case LWS_CALLBACK_CLIENT_CLOSED: end_probe(p, false, "closed without an answer to hello"); return 0;
  }
  return 0;
}

static void check_backend(const gw_config *config) {
  static const struct lws_protocols protocols[] = {{"probe", on_probe, 0, 4096, 0, NULL, 0},
                                                   {NULL, NULL, 0, 0, 0, NULL, 0}};
  const char *scheme, *host, *path;
  char url[GW_TEXT_MAX], full_path[GW_TEXT_MAX + 1];
  int port = 0;
  probe p = {.why = "no answer to hello within 10 s"};
  if (strncmp(config->backend, "ws", 2) != 0) {
    bool asks = strncmp(config->backend, "ota:", 4) == 0; /* to ask would make a device known there */
    finding(true, "backend", asks ? "its address can be read; it is not asked" : config->backend);
    return;
  }
  snprintf(url, sizeof(url), "%s",
           strncmp(config->backend, "ws:ws", 5) == 0 ? config->backend + 3 : config->backend);
  lws_set_log_level(0, NULL);
  struct lws_context_creation_info info = {.port = CONTEXT_PORT_NO_LISTEN,
                                           .protocols = protocols,
                                           .options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT,
                                           .gid = -1,
                                           .uid = -1};
  struct lws_context *lws = lws_create_context(&info);
  if (!lws || lws_parse_uri(url, &scheme, &host, &port, &path)) {
    finding(false, "backend", "its address cannot be read");
    return;
  }
  snprintf(full_path, sizeof(full_path), "/%s", path);
  struct lws_client_connect_info connect = {.context = lws,
                                            .address = host,
                                            .host = host,
                                            .port = port,
                                            .path = full_path,
                                            .userdata = &p,
                                            .local_protocol_name = "probe",
                                            .ssl_connection = strcmp(scheme, "wss") == 0 ? LCCSCF_USE_SSL : 0};
  lws_usec_t until = lws_now_usecs() + 10 * LWS_US_PER_SEC;
  if (!lws_client_connect_via_info(&connect)) end_probe(&p, false, "cannot connect");
  while (!p.done && lws_now_usecs() < until) lws_service(lws, 0);
  finding(p.answered, "backend", p.why);
  lws_context_destroy(lws);
}

int check_run(const gw_config *config) {
  finding(true, "config", "readable and complete");
  check_listen(config);
  check_udp(config);
  check_tcp(config);
  check_faces(config);
  check_backend(config);
#ifdef HAVE_ASSISTANT
  check_stages(config, finding);
#endif
  check_ice(config, finding);
  return n_broken ? 1 : 0;
}
