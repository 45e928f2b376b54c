/* gateway/gateway.c - start, mail, drain, stop.
 *
 * Order of start: media sockets, HTTP, workers, the line that says where; whatever cannot be had is one clear line
 * and exit code 2. Order of stop: readiness goes, peers are told, calls may end within the deadline, workers stop,
 * the sockets close. */
#include "gateway/gateway.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <openssl/x509.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "gateway/errand.h"
#include "gateway/folder.h"
#include "gateway/http.h"
#include "gateway/identity.h"
#include "gateway/log.h"
#include "gateway/notify.h"
#include "gateway/roles.h"
#include "gateway/sandbox.h"
#include "wr/crypto_openssl.h"

#define MAILBOX_CELLS 2048
#define DESCRIPTORS_BASE 512

/* ---- mail from workers ---- */

static void on_gone(gw_http *http, gw_message *m) {
  gw_map_key key = gw_key_of_id(m->bytes);
  gw_map_remove(&http->sessions, &key);
  gw_socket_session_gone(http, m->ref);
  if (m->owned) gw_history_take(http, m->owned);
  gw_view_keep(http, m->owned);
  m->owned = NULL;
}

static void on_trouble(gw_http *http, const gw_message *m) {
  gw_trouble trouble;
  memcpy(&trouble, m->bytes, sizeof(trouble));
  gw_errors_note(&http->errors, trouble.kind, trouble.reason, trouble.session, time(NULL));
}

static void on_drained(gw_http *http) {
  if (++http->n_drained == http->n_workers) http->stopping = true;
}

static void trim(lws_sorted_usec_list_t *sul) {
  gw_http *http = lws_container_of(sul, gw_http, trim);
  http->trim_is_due = false;
  malloc_trim(0);
}

/* A handshake allocates some ten kilobytes that the allocator would keep: given back once the rush is over, here,
 * where nobody waits for a packet. */
static void trim_later(gw_http *http) {
  if (http->trim_is_due) return;
  http->trim_is_due = true;
  lws_sul_schedule(http->lws, 0, &http->trim, trim, LWS_US_PER_SEC);
}

static void take(gw_http *http, gw_message *m) {
  switch ((int)m->kind) {
    case GW_REPLY:
      gw_api_reply(http, m->owned, m->ref);
      trim_later(http);
      break;
    case GW_SESSION_GONE: on_gone(http, m); break;
    case GW_PHOTO:
      gw_photo_upload(http, m->owned);
      m->owned = NULL;
      break;
    case GW_TOOL_ASK:
      gw_tool_perform(http, m->owned);
      m->owned = NULL;
      break;
    case GW_ASK:
      gw_ask_server(http, m->owned);
      m->owned = NULL;
      break;
    case GW_SNAPSHOT_TAKEN: gw_api_snapshot(http, m->number, m->owned); break;
    case GW_SEEN: gw_view_seen(http, m->number, m->owned); break;
    case GW_ERRAND_DONE:
      gw_mqtt_errand_done(http, m->owned);
      m->owned = NULL;
      break;
    case GW_REACH_FOUND: gw_ice_reach_found(http, m->owned); break;
    case GW_DRAINED: on_drained(http); break;
    case GW_TROUBLE: on_trouble(http, m); break;
    case GW_SPAN: gw_exporter_take(http, m); break;
    case GW_HISTORY_SAYS: gw_history_says(http, m->owned); break;
    case GW_CALLER_SAY:
    case GW_CALLER_PLAY:
    case GW_CALLER_HUSH:
    case GW_CALLER_CLOSE: gw_caller_obey(http, m); break;
    default: gw_socket_message(http, m); break;
  }
  free(m->owned);
}

void gw_http_take_messages(gw_http *http) {
  gw_mailbox_rearm(&http->inbox);
  for (unsigned i = 0; i < MAILBOX_CELLS; i++) {
    gw_message *m = gw_mailbox_peek(&http->inbox);
    if (!m) break;
    take(http, m);
    gw_mailbox_pop(&http->inbox);
  }
  for (uint16_t i = 0; i < http->n_workers; i++) (void)gw_sender_flush(&http->to[i]);
}

static void wake_lws(void *ctx) {
  gw_http *http = ctx;
  lws_cancel_service(http->lws);
}

/* ---- signals: a descriptor among the others, so nothing of ours runs inside a handler ---- */

int gw_signal_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len) {
  (void)user, (void)in, (void)len;
  if (reason != LWS_CALLBACK_RAW_RX_FILE) return 0;
  gw_http *http = lws_context_user(lws_get_context(wsi));
  struct signalfd_siginfo one;
  while (read(lws_get_socket_fd(wsi), &one, sizeof(one)) == (ssize_t)sizeof(one)) {
    if (one.ssi_signo == SIGHUP)
      http->wants_reload = true;
    else
      http->n_signals++;
  }
  return 0;
}

static bool read_signals(gw_http *http) {
  sigset_t ends;
  signal(SIGPIPE, SIG_IGN);
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &ends, NULL);
  lws_sock_file_fd_type fd = {.filefd = signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK)};
  return fd.filefd >= 0 && lws_adopt_descriptor_vhost(http->vhost, LWS_ADOPT_RAW_FILE_DESC, fd, "xz-signal", NULL);
}

static void tell_workers(gw_http *http, gw_kind kind, uint32_t number) {
  for (uint16_t i = 0; i < http->n_workers; i++)
    gw_tell(&http->to[i], &(gw_message){.kind = (uint16_t)kind, .number = number}, NULL, 0);
}

bool gw_http_drain(gw_http *http, uint32_t seconds) {
  if (http->draining) return false;
  http->draining = true;
  gw_log(GW_INFO, "draining", NULL);
  gw_notify("STOPPING=1");
  tell_workers(http, GW_DRAIN, seconds);
  return true;
}

static void obey_signals(gw_http *http) {
  if (http->wants_reload) gw_http_reload(http);
  http->wants_reload = false;
  if (http->n_signals >= 2) http->stopping = true;
  if (http->n_signals) (void)gw_http_drain(http, (uint32_t)http->config->drain_seconds);
}

/* ---- start ---- */

/* What all sessions can need: an HTTP connection and both ends of a link to an embedded assistant. No more, for
 * libwebsockets makes a table as long as the limit; told a limit of its own it would search that table instead. */
static void set_descriptor_limit(uint32_t n_sessions, uint32_t n_listeners) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit)) return;
  rlim_t wanted = DESCRIPTORS_BASE + 4 * (rlim_t)n_sessions;
  if (n_listeners) wanted += 2 * (rlim_t)n_sessions + n_listeners * (GW_TCP_STRANGERS + 64);
  limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

/* libwebsockets says little about why it cannot listen; a socket of our own knows. */
static bool can_listen(const wr_addr *addr, char *error) {
  int fd = socket(addr->family == 6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
  struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(addr->port)};
  struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(addr->port)};
  memcpy(&in.sin_addr, addr->ip, 4);
  memcpy(&in6.sin6_addr, addr->ip, 16);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
  bool ok = fd >= 0 && (addr->family == 6 ? bind(fd, (struct sockaddr *)&in6, sizeof(in6))
                                          : bind(fd, (struct sockaddr *)&in, sizeof(in))) == 0;
  ok = ok && listen(fd, 1) == 0;
  if (!ok)
    snprintf(error, GW_CONFIG_ERROR_MAX, "listen: cannot use port %u: %s", addr->port,
             errno == EADDRINUSE ? "it is in use by another program" : strerror(errno));
  if (fd >= 0) close(fd);
  return ok;
}

/* Where this system keeps the certificates it trusts: libwebsockets would not look there. */
const char *gw_ca_file(const gw_config *config) {
  static const char bundle[] = "/etc/ssl/certs/ca-certificates.crt";
  const char *named = config->backend_ca[0] ? config->backend_ca : getenv("SSL_CERT_FILE");
  if (named && *named) return named;
  return access(bundle, R_OK) == 0 ? bundle : X509_get_default_cert_file();
}

static bool open_lws(gw_http *http, const wr_addr *addr) {
  static char host[WR_ADDR_TEXT_MAX];
  const gw_config *config = http->config;
  const char *backend = http->backend_url ? http->backend_url : "";
  struct lws_context_creation_info info = {0};
  wr_addr_text(addr, host);
  lws_set_log_level(0, NULL);
  info.port = CONTEXT_PORT_NO_LISTEN;
  info.user = http;
  info.gid = -1;
  info.uid = -1;
  info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
  /* TLS costs megabytes to set up: only where it is used. Photos to https addresses count on it with wss. */
  bool asks =
      strcmp(gw_config_provider(config), "none") != 0 && strncmp(config->turn_provider_url, "http:", 5) != 0;
  bool tls = config->tls_cert[0] || strncmp(backend, "wss:", 4) == 0 || strncmp(config->backend, "ota:", 4) == 0 ||
             asks || strncmp(config->music, "https:", 6) == 0 || strncmp(config->otlp_url, "https:", 6) == 0 ||
             gw_tools_need_tls(&http->tools);
  if (tls) info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
  http->lws = lws_create_context(&info);
  if (!http->lws) return false;
  info.port = addr->port;
  info.iface = gw_addr_is_any(addr) ? NULL : host;
  if (addr->family == 4) info.options |= LWS_SERVER_OPTION_DISABLE_IPV6;
  info.protocols = gw_http_protocols;
  info.keepalive_timeout = 30;
  info.timeout_secs = 10;
  info.connect_timeout_secs = 10;
  info.vhost_name = "xiaozhi-rtc";
  if (config->tls_cert[0]) {
    info.ssl_cert_filepath = config->tls_cert;
    info.ssl_private_key_filepath = config->tls_key;
    info.alpn = "http/1.1";
  }
  info.client_ssl_ca_filepath = gw_ca_file(config);
  http->vhost = lws_create_vhost(http->lws, &info);
  return http->vhost != NULL;
}

static bool open_workers(gw_http *http, const wr_crypto *crypto, const wr_addr *udp, gw_locals *locals,
                         const gw_reach_servers *reach, uint32_t n_slots, char *error) {
  wr_addr bound = *udp;
  const char *why = "no memory";
  size_t bytes = http->n_workers * sizeof(gw_worker);
  void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) return false;
  http->workers = pages;
  /* Shared binding would let a second gateway slip in beside us: first see that nobody is there. */
  int probe = gw_udp_bind(udp, false, &bound, error);
  if (probe < 0) return false;
  close(probe);
  wr_addr tcp = {0};
  bool has_tcp = http->config->tcp[0] && gw_host_port(http->config->tcp, &tcp);
  if (has_tcp && (probe = gw_tcp_bind(&tcp, false, &tcp, error)) < 0) return false;
  if (has_tcp) close(probe);
  for (uint16_t i = 0; i < http->n_workers; i++) {
    int fd = gw_udp_bind(&bound, http->n_workers > 1, &bound, error);
    if (fd < 0) return false;
    if (i == 0) gw_locals_find(locals, &bound, http->config);
    int listener = has_tcp ? gw_tcp_bind(&tcp, http->n_workers > 1, &tcp, error) : -1;
    if (has_tcp && listener < 0) return false;
    if (has_tcp && i == 0) gw_locals_add_tcp(locals, &tcp, http->config);
    gw_worker_settings settings = {.index = i,
                                   .n_workers = http->n_workers,
                                   .n_slots = n_slots,
                                   .config = http->config,
                                   .crypto = crypto,
                                   .rng = wr_crypto_openssl_rng(),
                                   .udp_socket = fd,
                                   .bound = bound,
                                   .tcp_socket = listener,
                                   .tcp_bound = tcp,
                                   .locals = locals,
                                   .reach = reach,
                                   .identity_secret = http->identity_secret,
                                   .tools = &http->tools,
                                   .http = &http->inbox,
                                   .workers = http->workers};
    http->locals = *locals;
    http->udp_bound = bound;
    http->tcp_bound = has_tcp ? tcp : (wr_addr){0};
    http->sockets[i] = calloc(n_slots, sizeof(gw_socket *));
    if (!gw_worker_open(&http->workers[i], &settings, &why) || !http->sockets[i]) {
      snprintf(error, GW_CONFIG_ERROR_MAX, "%s", why);
      return false;
    }
    gw_sender_init(&http->to[i], &http->workers[i].inbox);
  }
  return true;
}

/* Once nothing needs to be opened that strangers do not ask for; the threads that meet them are not there yet. */
static void confine(const gw_config *config) {
  if (strcmp(config->sandbox, "on") != 0) return;
  gw_sandbox_state state = gw_sandbox_enter();
  gw_log(state == GW_SANDBOX_UNKNOWN ? GW_WARN : GW_INFO, "sandbox", "state", gw_sandbox_text(state), NULL);
}

static bool start_workers(gw_http *http) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the HTTP thread's */
  bool ok = true;
  for (uint16_t i = 0; i < http->n_workers && ok; i++) ok = gw_worker_start(&http->workers[i]);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return ok;
}

static void say_ready(const gw_http *http, const wr_addr *listen) {
  char host[WR_ADDR_TEXT_MAX];
  wr_addr_text(listen, host);
  if (gw_addr_is_any(listen)) snprintf(host, sizeof(host), "localhost");
  bool v6 = strchr(host, ':') != NULL;
  printf("xiaozhi-rtc is ready: %s://%s%s%s:%d/\n", http->config->tls_cert[0] ? "https" : "http", v6 ? "[" : "",
         host, v6 ? "]" : "", lws_get_vhost_listen_port(http->vhost));
  fflush(stdout);
}

/* Whoever hung up the last call, or asked for the drain, gets the answer, unless it does not read. The pulse of
 * each second ends the wait. */
static void send_last_words(gw_http *http) {
  for (wr_time until = gw_now() + WR_S(1); http->n_unsent && gw_now() < until;)
    if (lws_service(http->lws, 0) < 0) return;
}

static void serve(gw_http *http) {
  gw_ice_begin(http);
  gw_pulse_begin(http);
  while (!http->stopping) {
    if (lws_service(http->lws, 0) < 0) break;
    gw_http_take_messages(http);
    obey_signals(http);
  }
  if (http->n_signals < 2) {
    send_last_words(http);
    gw_exporter_flush(http);
    gw_ice_end(http);
  }
  tell_workers(http, GW_STOP, 0);
  for (uint16_t i = 0; i < http->n_workers; i++) {
    while (!gw_sender_flush(&http->to[i])) usleep(1000); /* a full mailbox of a busy worker */
    gw_worker_join(&http->workers[i]);
  }
  gw_capture_wait();
}

static void close_all(gw_http *http) {
  gw_history_end(http);
  gw_errands_end();
  if (http->lws) lws_context_destroy(http->lws);
  gw_exporter_close(http);
  for (uint16_t i = 0; i < http->n_workers; i++) {
    gw_sender_wipe(&http->to[i]);
    if (http->workers && http->workers[i].slot_bytes) gw_worker_close(&http->workers[i]);
    free(http->sockets[i]);
  }
  gw_mailbox_close(&http->inbox);
  gw_view_wipe(http);
  gw_map_close(&http->sessions);
  gw_map_close(&http->callers);
  free(http->roles);
  gw_tools_wipe(&http->tools);
  gw_music_wipe(&http->music);
  SSL_CTX_free(http->reach_tls);
}

static const char *backend_url_of(const gw_config *config, const char *embedded_url) {
  if (strcmp(config->backend, "embedded") == 0) return embedded_url;
  if (strcmp(config->backend, "echo") == 0 || strncmp(config->backend, "ota:", 4) == 0) return NULL;
  return strncmp(config->backend, "ws:ws", 5) == 0 ? config->backend + 3 : config->backend;
}

static uint16_t n_workers_of(const gw_config *config) {
  long n = config->workers ? (long)config->workers : sysconf(_SC_NPROCESSORS_ONLN);
  return (uint16_t)(n < 1 ? 1 : n > GW_MAX_WORKERS - 1 ? GW_MAX_WORKERS - 1 : n);
}

static bool has_page(const char *folder, char *error) {
  gw_file file;
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    snprintf(error, GW_CONFIG_ERROR_MAX, "web-dir: cannot open '%.300s': %s", folder, strerror(errno));
    return false;
  }
  close(fd);
  if (!gw_folder_open_page(folder, "chat.html", &file)) {
    snprintf(error, GW_CONFIG_ERROR_MAX, "web-dir: there is no chat.html in '%.300s'", folder);
    return false;
  }
  close(file.fd);
  return true;
}

static bool load_identity(gw_http *http, char *error) {
  static uint8_t secret[GW_SECRET_BYTES];
  const gw_config *config = http->config;
  if (!config->identity[0] && strncmp(config->backend, "ota:", 4) != 0) return true;
  /* The embedded assistant remembers devices: callers without an address must not inherit each other's. */
  if (strcmp(config->backend, "embedded") == 0) return true;
  if (!gw_identity_load(secret, config->identity, error)) return false;
  http->identity_secret = secret;
  return true;
}

/* Everything that can be refused, in the order a person would want to hear of it. */
static bool start(gw_http *http, const wr_crypto **crypto, wr_addr *listen, char *error) {
  static gw_locals locals;
  const gw_config *config = http->config;
  wr_addr udp;
  uint32_t n_slots = ((uint32_t)config->max_sessions + http->n_workers - 1) / http->n_workers;
  snprintf(error, GW_CONFIG_ERROR_MAX, "no memory");
  set_descriptor_limit(http->n_workers * n_slots, config->tcp[0] ? http->n_workers : 0);
  http->on_loopback = gw_host_port(config->listen, listen) && gw_addr_is_loopback(listen);
  if (!gw_host_port(config->listen, listen) || !gw_config_udp(config, &udp)) return false;
  http->roles = gw_roles_load(config->roles, config->avatars, error);
  if (!http->roles || !gw_tools_load(&http->tools, config->tools, config->music[0] != 0, error)) return false;
  if (!gw_capture_folder_is_usable(config->capture_dir)) {
    snprintf(error, GW_CONFIG_ERROR_MAX, "capture-dir: cannot use '%.300s': %s", config->capture_dir,
             strerror(errno));
    return false;
  }
  if (!gw_music_is_source(config->music)) {
    snprintf(error, GW_CONFIG_ERROR_MAX, "music: cannot open '%.300s': %s", config->music, strerror(errno));
    return false;
  }
  if (config->web_dir[0] && !has_page(config->web_dir, error)) return false;
  if (!can_listen(listen, error)) return false;
  if (!gw_mailbox_open(&http->inbox, MAILBOX_CELLS, wake_lws, http)) return false;
  gw_errands_begin(&http->inbox);
  if (!gw_map_open(&http->sessions, 2 * http->n_workers * n_slots, (uint64_t)gw_now())) return false;
  if (!gw_map_open(&http->callers, GW_CALLERS_BEYOND + http->n_workers * n_slots, (uint64_t)gw_now())) return false;
  if (wr_crypto_openssl_open(crypto) != WR_OK) {
    snprintf(error, GW_CONFIG_ERROR_MAX, "cryptography is not available");
    return false;
  }
  http->crypto = *crypto;
  wr_rng rng = wr_crypto_openssl_rng();
  gw_music_init(&http->music, config->music, *crypto, &rng);
  if (!load_identity(http, error) || !gw_exporter_open(http)) return false;
  gw_ice_service_init(&http->ice, config, *crypto, wr_crypto_openssl_rng(), gw_now());
  if (!open_workers(http, *crypto, &udp, &locals, gw_ice_reach(http), n_slots, error)) return false;
  snprintf(error, GW_CONFIG_ERROR_MAX, "%s",
           config->tls_cert[0] ? "tls-cert, tls-key: cannot be used" : "listen: cannot serve on this address");
  if (!open_lws(http, listen)) return false;
  snprintf(error, GW_CONFIG_ERROR_MAX, "cannot start threads");
  if (!read_signals(http)) return false;
  confine(config);
  if (!gw_history_start(http, error)) return false;
  snprintf(error, GW_CONFIG_ERROR_MAX, "cannot start threads");
  return start_workers(http);
}

int gw_serve(const gw_config *given, const char *embedded_url, gw_reload *reload) {
  static gw_config live; /* a copy: others may hold what |given| points to */
  live = *given;
  const gw_config *config = &live;
  static gw_http http; /* large: not for the stack */
  char error[GW_CONFIG_ERROR_MAX];
  const wr_crypto *crypto = NULL;
  wr_addr listen;
  http = (gw_http){.config = config,
                   .started_at = gw_now(),
                   .started_unix_s = time(NULL),
                   .backend_url = backend_url_of(config, embedded_url)};
  http.live = &live;
  http.reload = reload;
  http.n_workers = n_workers_of(config);
  gw_log_setup(config->log_level, config->log_format);
  bool ok = start(&http, &crypto, &listen, error);
  if (ok) {
    say_ready(&http, &listen);
    gw_notify("READY=1");
    gw_log(GW_INFO, "ready", "version", GW_VERSION, NULL);
    serve(&http);
  } else {
    fprintf(stderr, "xiaozhi-rtc: %s\n", error);
  }
  close_all(&http);
  wr_crypto_openssl_close(crypto);
  if (ok) gw_log(GW_INFO, "stopped", NULL);
  return ok ? 0 : 2;
}
