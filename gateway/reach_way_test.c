#define _GNU_SOURCE /* mkstemp */
#include "gateway/reach_way.h"

#include <netinet/in.h>
#include <openssl/ec.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "check.h"

/* A server on loopback, in the same thread: nothing here waits for long. */
typedef struct server {
  int listener, fd, epoll;
  wr_addr addr;
  SSL_CTX *tls;
  SSL *ssl;
  gw_reach_way way;
} server;

static char ca_file[] = "/tmp/reach-way-test-XXXXXX";

/* A certificate for relay.test, by itself. */
static SSL_CTX *make_server_tls(void) {
  EVP_PKEY *key = EVP_EC_gen("P-256");
  X509 *cert = X509_new();
  X509_gmtime_adj(X509_getm_notBefore(cert), -60);
  X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
  X509_set_version(cert, 2);
  X509_set_pubkey(cert, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC, (const unsigned char *)"relay", -1,
                             -1, 0);
  X509_set_issuer_name(cert, X509_get_subject_name(cert));
  X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:relay.test");
  X509_add_ext(cert, names, -1);
  X509_EXTENSION_free(names);
  X509_sign(cert, key, EVP_sha256());
  SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
  CHECK(SSL_CTX_use_certificate(tls, cert) == 1 && SSL_CTX_use_PrivateKey(tls, key) == 1);
  int fd = mkstemp(ca_file);
  FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
  CHECK(out && PEM_write_X509(out, cert));
  if (out) fclose(out);
  X509_free(cert);
  EVP_PKEY_free(key);
  return tls;
}

static void begin(server *s) {
  struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof name;
  memset(s, 0, sizeof *s);
  s->fd = -1;
  s->epoll = epoll_create1(EPOLL_CLOEXEC);
  s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(!bind(s->listener, (struct sockaddr *)&name, len) && !listen(s->listener, 4));
  CHECK(!getsockname(s->listener, (struct sockaddr *)&name, &len));
  s->addr = (wr_addr){.family = 4, .ip = {127, 0, 0, 1}, .port = ntohs(name.sin_port)};
}

static bool dial(server *s, const char *host, bool secured, SSL_CTX *tls) {
  gw_ice_url url = {.relays = true, .tcp = true, .secured = secured};
  wr_addr base;
  snprintf(url.host, sizeof url.host, "%s", host);
  if (!gw_reach_way_open(&s->way, &url, &s->addr, tls, s->epoll, &base, WR_S(1))) return false;
  CHECK(base.family == 4 && base.port);
  s->fd = accept(s->listener, NULL, NULL);
  return s->fd >= 0;
}

static void finish(server *s) {
  gw_reach_way_close(&s->way);
  SSL_free(s->ssl);
  if (s->fd >= 0) close(s->fd);
  close(s->listener);
  close(s->epoll);
}

/* Both sides take their turns until the client knows. */
static gw_reach_way_state shake_hands(server *s, SSL_CTX *tls) {
  gw_reach_way_state state = GW_REACH_WAY_WAITS;
  s->ssl = SSL_new(tls);
  SSL_set_fd(s->ssl, s->fd);
  struct timeval brief = {.tv_usec = 1000};
  setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &brief, sizeof brief);
  for (int i = 0; i < 2000 && state == GW_REACH_WAY_WAITS; i++) {
    state = gw_reach_way_follow(&s->way, WR_S(2));
    (void)SSL_accept(s->ssl);
  }
  return state;
}

/* What was counted up byte by byte. */
static bool goes_on(const uint8_t *bytes, size_t len, size_t *at) {
  bool good = true;
  for (size_t i = 0; i < len; i++) good = good && bytes[i] == (uint8_t)((*at)++ * 7 / 5);
  return good;
}

TEST(reach_way_by_tcp_keeps_the_stream_whole_where_the_socket_is_full) {
  server s;
  uint8_t bytes[1200], in[4096];
  size_t sent = 0, got = 0;
  begin(&s);
  REQUIRE(dial(&s, "127.0.0.1", false, NULL));
  CHECK_EQ(gw_reach_way_follow(&s.way, WR_S(1)), GW_REACH_WAY_UP);
  CHECK_EQ(gw_reach_way_recv(&s.way, in, sizeof in), 0);
  while (sent < 50000000 && s.way.n_out < 2 * sizeof bytes) {
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)((sent + i) * 7 / 5);
    gw_reach_way_send(&s.way, wr_bytes_of(bytes, sizeof bytes));
    sent += sizeof bytes;
  }
  CHECK(s.way.n_out > 0);
  while (got < sent) {
    ssize_t n = recv(s.fd, in, sizeof in, 0);
    REQUIRE(n > 0 && goes_on(in, (size_t)n, &got));
    gw_reach_way_flush(&s.way);
  }
  CHECK_EQ(s.way.n_out, 0);
  CHECK(send(s.fd, "x", 1, 0) == 1 && gw_reach_way_recv(&s.way, in, sizeof in) == 1);
  close(s.fd);
  s.fd = -1;
  CHECK(gw_reach_way_recv(&s.way, in, sizeof in) == -1 && strstr(s.way.why, "closed"));
  finish(&s);
}

TEST(reach_way_by_tls_trusts_whom_it_should_alone) {
  server s;
  SSL_CTX *tls = make_server_tls(), *ours = gw_reach_way_tls(ca_file);
  uint8_t bytes[1200], in[4096];
  size_t sent = 0, got = 0;
  REQUIRE(ours != NULL);
  CHECK(!gw_reach_way_tls("/no/such/file"));
  begin(&s);
  REQUIRE(dial(&s, "relay.test", true, ours) && shake_hands(&s, tls) == GW_REACH_WAY_UP);
  while (sent < 50000000 && s.way.n_out < 2 * sizeof bytes) {
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)((sent + i) * 7 / 5);
    gw_reach_way_send(&s.way, wr_bytes_of(bytes, sizeof bytes));
    sent += sizeof bytes;
  }
  while (got < sent) {
    int n = SSL_read(s.ssl, in, sizeof in);
    REQUIRE(n > 0 && goes_on(in, (size_t)n, &got));
    gw_reach_way_flush(&s.way);
  }
  CHECK(SSL_write(s.ssl, "back", 4) == 4 && gw_reach_way_recv(&s.way, in, sizeof in) == 4);
  CHECK_EQ(gw_reach_way_recv(&s.way, in, sizeof in), 0);
  SSL_shutdown(s.ssl);
  long n = 0;
  for (int i = 0; i < 1000 && n == 0; i++, usleep(1000)) n = gw_reach_way_recv(&s.way, in, sizeof in);
  CHECK_EQ(n, -1);
  finish(&s);

  begin(&s);
  REQUIRE(dial(&s, "other.test", true, ours));
  CHECK(shake_hands(&s, tls) == GW_REACH_WAY_FAILED && strstr(s.way.why, "mismatch"));
  finish(&s);

  begin(&s);
  REQUIRE(dial(&s, "relay.test", true, ours) && send(s.fd, "no TLS at all\r\n", 15, 0) == 15);
  gw_reach_way_state state = GW_REACH_WAY_WAITS;
  for (int i = 0; i < 100 && state == GW_REACH_WAY_WAITS; i++) state = gw_reach_way_follow(&s.way, WR_S(2));
  CHECK(state == GW_REACH_WAY_FAILED && strstr(s.way.why, "no TLS there"));
  finish(&s);

  begin(&s);
  REQUIRE(dial(&s, "relay.test", true, ours));
  CHECK_EQ(gw_reach_way_follow(&s.way, WR_S(2)), GW_REACH_WAY_WAITS);
  CHECK(gw_reach_way_follow(&s.way, s.way.until) == GW_REACH_WAY_FAILED && strstr(s.way.why, "in time"));
  finish(&s);
  SSL_CTX_free(tls);
  SSL_CTX_free(ours);
  unlink(ca_file);
}
