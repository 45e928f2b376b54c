/* gateway/reach_way.c - see reach_way.h. OpenSSL's queue of errors belongs to the thread, which the calls' DTLS
 * uses as well: it is emptied before and after. */
#include "gateway/reach_way.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "gateway/udp.h"

SSL_CTX *gw_reach_way_tls(const char *ca_file) {
  SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
  if (tls && SSL_CTX_load_verify_file(tls, ca_file) == 1) {
    SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
    SSL_CTX_set_mode(
        tls, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
    return tls;
  }
  ERR_clear_error();
  SSL_CTX_free(tls);
  return NULL;
}

static bool set_up_tls(gw_reach_way *w, const gw_ice_url *url, SSL_CTX *tls) {
  char host[GW_ICE_HOST_MAX]; /* a macro of OpenSSL wants it writable */
  memcpy(host, url->host, sizeof(host));
  w->ssl = tls ? SSL_new(tls) : NULL;
  if (!w->ssl || SSL_set_fd(w->ssl, w->fd) != 1) return false;
  if (url->literal) return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(w->ssl), host) == 1;
  return SSL_set1_host(w->ssl, host) == 1 && SSL_set_tlsext_host_name(w->ssl, host) == 1;
}

static bool say(gw_reach_way *w, const char *why) {
  snprintf(w->why, sizeof(w->why), "%s", why);
  return false;
}

bool gw_reach_way_open(gw_reach_way *w, const gw_ice_url *url, const wr_addr *to, SSL_CTX *tls, int epoll,
                       wr_addr *base, wr_time now) {
  struct sockaddr_storage name = {0};
  socklen_t len = gw_to_sockaddr(&name, to, to->family == 6);
  int on = 1; /* speech does not wait to fill a segment */
  memset(w, 0, offsetof(gw_reach_way, out));
  w->stream = w->connecting = url->tcp;
  w->shaking = url->secured;
  w->until = now + GW_REACH_CONNECT_US;
  w->fd = socket(name.ss_family, (url->tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (w->fd < 0) return say(w, strerror(errno));
  if (url->tcp) (void)setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (url->secured && !set_up_tls(w, url, tls)) return say(w, "TLS is not available");
  if (connect(w->fd, (struct sockaddr *)&name, len) && errno != EINPROGRESS) return say(w, strerror(errno));
  len = sizeof(name);
  if (getsockname(w->fd, (struct sockaddr *)&name, &len)) return say(w, strerror(errno));
  *base = gw_addr_of(&name);
  struct epoll_event event = {.events = url->tcp ? EPOLLIN | EPOLLOUT | EPOLLET : EPOLLIN, .data.u64 = 0};
  return epoll_ctl(epoll, EPOLL_CTL_ADD, w->fd, &event) == 0 || say(w, strerror(errno));
}

void gw_reach_way_close(gw_reach_way *w) {
  SSL_free(w->ssl);
  if (w->fd >= 0) close(w->fd);
  w->ssl = NULL;
  w->fd = -1;
  w->connecting = w->shaking = false;
  w->n_out = 0;
}

static gw_reach_way_state shake_hands(gw_reach_way *w) {
  ERR_clear_error();
  int result = SSL_connect(w->ssl), error = SSL_get_error(w->ssl, result);
  long verified = SSL_get_verify_result(w->ssl);
  ERR_clear_error();
  if (result == 1) {
    w->shaking = false;
    return GW_REACH_WAY_UP;
  }
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return GW_REACH_WAY_WAITS;
  say(w, verified == X509_V_OK ? "no TLS there" : X509_verify_cert_error_string(verified));
  return GW_REACH_WAY_FAILED;
}

gw_reach_way_state gw_reach_way_follow(gw_reach_way *w, wr_time now) {
  struct sockaddr_storage name;
  socklen_t len = sizeof(name), size = sizeof(int);
  int error = 0;
  if (getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &error, &size) || error) {
    say(w, strerror(error));
    return GW_REACH_WAY_FAILED;
  }
  if (w->connecting && getpeername(w->fd, (struct sockaddr *)&name, &len) == 0) w->connecting = false;
  gw_reach_way_state state = w->connecting ? GW_REACH_WAY_WAITS : w->shaking ? shake_hands(w) : GW_REACH_WAY_UP;
  if (state != GW_REACH_WAY_WAITS || now < w->until) return state;
  say(w, w->connecting ? "no connection in time" : "no TLS in time");
  return GW_REACH_WAY_FAILED;
}

/* How many bytes the socket took. */
static size_t put(gw_reach_way *w, const uint8_t *bytes, size_t len) {
  if (!w->ssl) {
    ssize_t sent = send(w->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent > 0 ? (size_t)sent : 0;
  }
  ERR_clear_error();
  int sent = SSL_write(w->ssl, bytes, (int)len);
  ERR_clear_error();
  return sent > 0 ? (size_t)sent : 0;
}

/* A record that TLS has begun to write is offered again from its beginning, as it must be. */
void gw_reach_way_send(gw_reach_way *w, wr_bytes bytes) {
  size_t sent = w->n_out ? 0 : put(w, bytes.data, bytes.len), left = bytes.len - sent;
  if (!w->stream || !left || left > sizeof(w->out) - w->n_out) return;
  memcpy(w->out + w->n_out, bytes.data + sent, left);
  w->n_out += left;
}

void gw_reach_way_flush(gw_reach_way *w) {
  size_t sent = w->n_out ? put(w, w->out, w->n_out) : 0;
  if (!sent) return;
  w->n_out -= sent;
  memmove(w->out, w->out + sent, w->n_out);
}

static long read_tls(gw_reach_way *w, uint8_t *out, size_t cap) {
  ERR_clear_error();
  int n = SSL_read(w->ssl, out, (int)cap), error = SSL_get_error(w->ssl, n);
  ERR_clear_error();
  if (n > 0) return n;
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return 0;
  say(w, "it closed the connection");
  return -1;
}

long gw_reach_way_recv(gw_reach_way *w, uint8_t *out, size_t cap) {
  if (w->ssl) return read_tls(w, out, cap);
  for (unsigned tries = 0; tries < 2;
       tries++) { /* once more: ECONNREFUSED is told once; TURN has its own patience */
    ssize_t n = recv(w->fd, out, cap, MSG_DONTWAIT);
    if (n > 0) return n;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return 0;
    if (!w->stream) continue;
    say(w, n == 0 ? "it closed the connection" : strerror(errno));
    return -1;
  }
  return 0;
}
