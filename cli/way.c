/* cli/way.c - sockets for one probe at a time; nothing else waits meanwhile. */
#include "cli/way.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

wr_time way_now(void) {
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (wr_time)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* false: |at| or the way's own end came first. */
static bool wait_for(const way *w, short events, wr_time at) {
  struct pollfd poller = {.fd = w->fd, .events = events};
  wr_time left = wr_time_min(at, w->until) - way_now();
  int ms = left <= 0 ? 0 : left > WR_S(60) ? 60000 : (int)((left + 999) / 1000);
  return poll(&poller, 1, ms) > 0;
}

static way_end end_of(way *w, int error) {
  snprintf(w->why, sizeof(w->why), "%s", strerror(error));
  return error == ECONNREFUSED ? WAY_NOBODY : error == ETIMEDOUT ? WAY_SILENT : WAY_NO_ROUTE;
}

static way_end connect_to(way *w, const gw_ice_url *url) {
  char port[8];
  struct addrinfo *found = NULL, hints = {.ai_socktype = url->tcp ? SOCK_STREAM : SOCK_DGRAM};
  snprintf(port, sizeof(port), "%u", url->port);
  hints.ai_flags = url->literal ? AI_NUMERICHOST : 0;
  if (getaddrinfo(url->host, port, &hints, &found) || !found) return WAY_NO_NAME;
  w->fd = socket(found->ai_family, found->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  int result = w->fd < 0 ? -1 : connect(w->fd, found->ai_addr, found->ai_addrlen), error = errno;
  freeaddrinfo(found);
  if (result == 0) return WAY_FINE;
  if (error != EINPROGRESS) return end_of(w, error);
  socklen_t len = sizeof(error);
  if (!wait_for(w, POLLOUT, w->until)) return WAY_SILENT;
  getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &error, &len);
  return error ? end_of(w, error) : WAY_FINE;
}

/* Notes whose certificate it is while OpenSSL still has it: what it is for helps to find out why it is wrong. */
static int on_verify(int ok, X509_STORE_CTX *store) {
  SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
  way *w = SSL_get_app_data(ssl);
  X509 *certificate = X509_STORE_CTX_get_current_cert(store);
  if (!ok && certificate)
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, w->name, sizeof(w->name));
  return ok;
}

static void explain_certificate(way *w, const char *host, long result) {
  if (result == X509_V_ERR_HOSTNAME_MISMATCH || result == X509_V_ERR_IP_ADDRESS_MISMATCH)
    snprintf(w->why, sizeof(w->why), "it is for '%.40s', not for '%.40s'", w->name, host);
  else if (result == X509_V_ERR_CERT_HAS_EXPIRED)
    snprintf(w->why, sizeof(w->why), "that of '%.40s' has expired", w->name);
  else
    snprintf(w->why, sizeof(w->why), "%.100s", X509_verify_cert_error_string(result));
}

static way_end shake_hands(way *w, const gw_ice_url *url) {
  w->tls = SSL_CTX_new(TLS_client_method());
  if (!w->tls || SSL_CTX_set_default_verify_paths(w->tls) != 1) return WAY_NO_TLS;
  SSL_CTX_set_verify(w->tls, SSL_VERIFY_PEER, on_verify);
  w->ssl = SSL_new(w->tls);
  if (!w->ssl || SSL_set_fd(w->ssl, w->fd) != 1 || SSL_set_app_data(w->ssl, w) != 1) return WAY_NO_TLS;
  X509_VERIFY_PARAM *wanted = SSL_get0_param(w->ssl);
  char host[GW_ICE_HOST_MAX]; /* a macro of OpenSSL wants it writable */
  memcpy(host, url->host, sizeof(host));
  if (url->literal)
    X509_VERIFY_PARAM_set1_ip_asc(wanted, host);
  else if (SSL_set1_host(w->ssl, host) != 1 || SSL_set_tlsext_host_name(w->ssl, host) != 1)
    return WAY_NO_TLS;
  for (int result; (result = SSL_connect(w->ssl)) != 1;) {
    int error = SSL_get_error(w->ssl, result);
    bool reads = error == SSL_ERROR_WANT_READ;
    if (reads || error == SSL_ERROR_WANT_WRITE) {
      if (!wait_for(w, reads ? POLLIN : POLLOUT, w->until)) return WAY_SILENT;
      continue;
    }
    long verified = SSL_get_verify_result(w->ssl);
    if (verified == X509_V_OK) return WAY_NO_TLS;
    explain_certificate(w, url->host, verified);
    return WAY_CERTIFICATE;
  }
  return WAY_FINE;
}

way_end way_open(way *w, const gw_ice_url *url, wr_time patience) {
  memset(w, 0, sizeof(*w));
  w->fd = -1;
  w->is_stream = url->tcp;
  w->until = way_now() + patience;
  wr_turn_stream_init(&w->stream);
  way_end end = connect_to(w, url);
  return end == WAY_FINE && url->secured ? shake_hands(w, url) : end;
}

void way_close(way *w) {
  SSL_free(w->ssl);
  SSL_CTX_free(w->tls);
  if (w->fd >= 0) close(w->fd);
}

void way_explain(char *out, size_t cap, const gw_ice_url *url, bool own_ca, const char *otherwise,
                 wr_time patience) {
  way w;
  gw_ice_url tried = *url;
  if (own_ca) tried.secured = false;
  switch (way_open(&w, &tried, patience)) {
    case WAY_NO_NAME: snprintf(out, cap, "the name %s has no address", url->host); break;
    case WAY_NO_ROUTE: snprintf(out, cap, "it cannot be reached from here: %s", w.why); break;
    case WAY_NOBODY: snprintf(out, cap, "nobody listens on port %u there", url->port); break;
    case WAY_SILENT:
      snprintf(out, cap, "no answer on port %u: a firewall drops it, or the server is down", url->port);
      break;
    case WAY_CERTIFICATE: snprintf(out, cap, "its TLS certificate is not to be trusted: %s", w.why); break;
    case WAY_NO_TLS: snprintf(out, cap, "what listens on port %u does not speak TLS", url->port); break;
    case WAY_ENDED:
    case WAY_FINE:
      if (url->secured && own_ca)
        snprintf(out, cap, "its TLS certificate is not one that --backend-ca vouches for, or it speaks no TLS");
      else
        snprintf(out, cap, "%s", otherwise);
      break;
  }
  way_close(&w);
}

way_end way_send(way *w, wr_bytes bytes) {
  for (;;) {
    int error;
    if (w->ssl) {
      int result = SSL_write(w->ssl, bytes.data, (int)bytes.len);
      if (result > 0) return WAY_FINE;
      error = SSL_get_error(w->ssl, result) == SSL_ERROR_WANT_WRITE ? EAGAIN : ECONNRESET;
    } else {
      if (send(w->fd, bytes.data, bytes.len, MSG_NOSIGNAL) == (ssize_t)bytes.len) return WAY_FINE;
      error = errno;
    }
    if (error != EAGAIN) return error == ECONNREFUSED ? WAY_NOBODY : w->is_stream ? WAY_ENDED : end_of(w, error);
    if (!wait_for(w, POLLOUT, w->until)) return WAY_SILENT;
  }
}

/* How many bytes came; 0: none now. */
static way_end read_some(way *w, uint8_t *out, size_t cap, size_t *n) {
  *n = 0;
  if (w->ssl) {
    int result = SSL_read(w->ssl, out, (int)cap);
    if (result <= 0) return SSL_get_error(w->ssl, result) == SSL_ERROR_WANT_READ ? WAY_FINE : WAY_ENDED;
    *n = (size_t)result;
    return WAY_FINE;
  }
  ssize_t result = recv(w->fd, out, cap, 0);
  if (result < 0 && errno == EAGAIN) return WAY_FINE;
  if (result < 0 && !w->is_stream) return end_of(w, errno);
  if (result < 0 || (result == 0 && w->is_stream)) return WAY_ENDED;
  *n = (size_t)result;
  return WAY_FINE;
}

way_end way_recv(way *w, wr_bytes *frame, uint8_t *datagram, size_t cap, wr_time at) {
  *frame = wr_bytes_of(NULL, 0);
  for (;;) {
    size_t n;
    while (w->n_left) {
      size_t taken = wr_turn_stream_push(&w->stream, wr_bytes_of(w->bytes + w->at, w->n_left), frame);
      if (taken == SIZE_MAX) return WAY_ENDED;
      w->at += taken;
      w->n_left -= taken;
      if (frame->len) return WAY_FINE;
    }
    way_end end = w->is_stream ? read_some(w, w->bytes, sizeof(w->bytes), &n) : read_some(w, datagram, cap, &n);
    if (end != WAY_FINE) return end;
    if (n && !w->is_stream) {
      *frame = wr_bytes_of(datagram, n);
      return WAY_FINE;
    }
    w->at = 0;
    w->n_left = n;
    if (!n && !wait_for(w, POLLIN, at)) return WAY_FINE;
  }
}
