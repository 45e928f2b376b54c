/* crypto/openssl_dtls.c - DTLS 1.2 (RFC 6347) by OpenSSL, turned into an engine without sockets and clock.
 *
 * Datagrams: a BIO of our own keeps their boundaries. In: the one datagram being received, borrowed. Out: a bounded
 * list; beyond it a datagram is lost as it would be on a full link, and the handshake's retransmission heals it.
 *
 * Time: OpenSSL wants to retransmit by the wall clock, one second at first. It tells the read BIO each deadline as
 * a pointer to its own field (BIO_CTRL_DGRAM_SET_NEXT_TIMEOUT; zero = no timer). We move every deadline to the far
 * future, so that nothing is ever sent by itself, and into the past when the caller says retransmit. The same field
 * tells whether a flight of ours waits for its answer.
 *
 * Memory: OpenSSL keeps a 16 KiB record buffer per DTLS session whatever SSL_MODE_RELEASE_BUFFERS says; it is given
 * back whenever an established session is idle. Memory an unauthenticated peer can claim is bounded by
 * MAX_CERTIFICATE_BYTES and MAX_FUTURE (records of the next epoch, which OpenSSL keeps with a whole buffer each).
 *
 * Left out: DTLS 1.0 and 1.3, cookies (ICE has proven the path), tickets, resumption, renegotiation. */
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/srtp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "base/io.h"
#include "crypto/openssl_backend.h"

#define MAX_DATAGRAM_BYTES 2048 /* larger ones come from no peer: 1200 is usual, 1500 the wire */
#define MAX_QUEUED 16           /* datagrams out, records in */
#define MAX_FUTURE 24           /* twice what a peer's retransmissions can need */
#define MAX_CERTIFICATE_BYTES 8192
#define RECORD_HEADER_BYTES 13
#define FAR_FUTURE ((time_t)1 << 40)
#define CERTIFICATE_DAYS 30
#define SRTP_LABEL "EXTRACTOR-dtls_srtp"

/* RSA variants and CBC are for peers with an RSA certificate or an old library. */
#define CIPHERS                                                                                \
  "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384:" \
  "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-CHACHA20-POLY1305:ECDHE-RSA-AES256-GCM-SHA384:"       \
  "ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA"
#define GROUPS "X25519:P-256:P-384" /* P-384: in TLS 1.2 it also permits the peer's certificate to be on it */
#define SRTP_PROFILES "SRTP_AEAD_AES_128_GCM:SRTP_AEAD_AES_256_GCM:SRTP_AES128_CM_SHA1_80"

typedef struct packet {
  struct packet *next;
  size_t len;
  uint8_t bytes[];
} packet;

typedef struct packet_queue {
  packet *head, **tail;
  unsigned n;
} packet_queue;

struct wr_dtls_session {
  SSL *ssl;
  openssl_backend *backend;
  wr_bytes incoming;     /* borrowed while recv runs */
  struct timeval *timer; /* inside |ssl|; NULL before the first flight */
  packet_queue out, in;
  packet *open_packet; /* last of |out| if this call made it: more may join it */
  size_t mtu;
  wr_dtls_status status;
  unsigned n_future;
};

/* ---- queue of packets ---- */

static void queue_init(packet_queue *queue) {
  *queue = (packet_queue){0};
  queue->tail = &queue->head;
}

/* |cap| >= |len|: room that may be filled later. NULL: full; it is lost, as on a full link. */
static packet *queue_push(packet_queue *queue, const void *bytes, size_t len, size_t cap) {
  packet *p = queue->n < MAX_QUEUED ? malloc(sizeof *p + cap) : NULL;
  if (!p) return NULL;
  p->next = NULL;
  p->len = len;
  memcpy(p->bytes, bytes, len);
  *queue->tail = p;
  queue->tail = &p->next;
  queue->n++;
  return p;
}

/* The first packet that fits; larger ones are lost. */
static size_t queue_pop(packet_queue *queue, uint8_t *out, size_t cap) {
  size_t len = 0;
  while (queue->head && !len) {
    packet *p = queue->head;
    queue->head = p->next;
    if (!queue->head) queue->tail = &queue->head;
    queue->n--;
    if (p->len <= cap) {
      len = p->len;
      memcpy(out, p->bytes, len);
    }
    free(p);
  }
  return len;
}

static void queue_wipe(packet_queue *queue) {
  while (queue->head) {
    packet *p = queue->head;
    queue->head = p->next;
    wr_wipe(p->bytes, p->len);
    free(p);
  }
  queue_init(queue);
}

/* ---- the BIO ---- */

static int bio_read(BIO *bio, char *out, int cap) {
  wr_dtls_session *session = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  size_t len = session->incoming.len;
  if (len == 0 || cap < 0 || len > (size_t)cap) {
    session->incoming.len = 0;
    BIO_set_retry_read(bio);
    return -1;
  }
  memcpy(out, session->incoming.data, len);
  session->incoming.len = 0;
  return (int)len;
}

/* What one call produces is packed into as few datagrams as possible: OpenSSL packs a flight the first time, but
 * repeats it message by message. */
static int bio_write(BIO *bio, const char *bytes, int len) {
  wr_dtls_session *session = BIO_get_data(bio);
  if (len <= 0) return len;
  size_t n = (size_t)len;
  packet *open = session->open_packet;
  if (open && open->len + n <= session->mtu) {
    memcpy(open->bytes + open->len, bytes, n);
    open->len += n;
  } else {
    session->open_packet = queue_push(&session->out, bytes, n, n < session->mtu ? session->mtu : n);
  }
  return len;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer) {
  (void)number;
  wr_dtls_session *session = BIO_get_data(bio);
  if (command == BIO_CTRL_FLUSH) return 1;
  if (command != BIO_CTRL_DGRAM_SET_NEXT_TIMEOUT) return 0;
  session->timer = pointer;
  if (session->timer->tv_sec || session->timer->tv_usec) session->timer->tv_sec = FAR_FUTURE;
  return 1;
}

static int bio_create(BIO *bio) {
  BIO_set_init(bio, 1);
  return 1;
}

static BIO_METHOD *make_bio_method(void) {
  BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "wr datagrams");
  if (!method) return NULL;
  BIO_meth_set_create(method, bio_create);
  BIO_meth_set_read(method, bio_read);
  BIO_meth_set_write(method, bio_write);
  BIO_meth_set_ctrl(method, bio_ctrl);
  return method;
}

/* ---- certificate and context ---- */

static bool name_certificate(X509 *certificate) {
  uint8_t random[16];
  char name[17];
  if (RAND_bytes(random, sizeof random) != 1) return false;
  for (size_t i = 0; i < 8; i++) snprintf(name + 2 * i, 3, "%02x", random[8 + i]);
  uint64_t serial = 0;
  memcpy(&serial, random, sizeof serial);
  serial = serial >> 1 | 1; /* positive and not zero (RFC 5280 4.1.2.2) */
  X509_NAME *subject = X509_get_subject_name(certificate);
  return ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial) == 1 &&
         X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const uint8_t *)name, 16, -1, 0) == 1 &&
         X509_set_issuer_name(certificate, subject) == 1;
}

static bool fill_certificate(openssl_backend *backend, X509 *certificate, EVP_PKEY *key) {
  const long day = 24 * 60 * 60;
  return X509_set_version(certificate, X509_VERSION_3) == 1 && name_certificate(certificate) &&
         X509_gmtime_adj(X509_getm_notBefore(certificate), -day) && /* for peers whose clock is behind */
         X509_gmtime_adj(X509_getm_notAfter(certificate), CERTIFICATE_DAYS * day) &&
         X509_set_pubkey(certificate, key) == 1 && X509_sign(certificate, key, backend->sha256) > 0;
}

static bool digest_certificate(const openssl_backend *backend, X509 *certificate, wr_hash hash,
                               wr_fingerprint *out) {
  const EVP_MD *digest = NULL;
  switch (hash) {
    case WR_HASH_NONE: return false;
    case WR_HASH_SHA1: digest = backend->sha1; break;
    case WR_HASH_SHA256: digest = backend->sha256; break;
    case WR_HASH_SHA384: digest = backend->sha384; break;
    case WR_HASH_SHA512: digest = backend->sha512; break;
  }
  unsigned len = 0;
  *out = (wr_fingerprint){.hash = hash};
  if (!digest || X509_digest(certificate, digest, out->bytes, &len) != 1) return false;
  out->len = (uint8_t)len;
  return true;
}

static bool mint_certificate(openssl_backend *backend) {
  EVP_PKEY *key = EVP_PKEY_Q_keygen(backend->library, NULL, "EC", "P-256");
  X509 *certificate = X509_new_ex(backend->library, NULL);
  bool minted = key && certificate && fill_certificate(backend, certificate, key) &&
                digest_certificate(backend, certificate, WR_HASH_SHA256, &backend->table.local_fingerprint) &&
                SSL_CTX_use_certificate(backend->dtls, certificate) == 1 &&
                SSL_CTX_use_PrivateKey(backend->dtls, key) == 1;
  X509_free(certificate);
  EVP_PKEY_free(key);
  return minted;
}

/* Identity is the fingerprint in the SDP (RFC 5763 5), which lib/dtls compares; chains and dates mean nothing. */
static int accept_certificate(X509_STORE_CTX *store, void *arg) {
  (void)store;
  (void)arg;
  return 1;
}

bool openssl_dtls_open(openssl_backend *backend) {
  backend->datagrams = make_bio_method();
  SSL_CTX *dtls = backend->dtls = SSL_CTX_new_ex(backend->library, NULL, DTLS_method());
  if (!backend->datagrams || !dtls) return false;
  SSL_CTX_set_options(dtls, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_session_cache_mode(dtls, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_max_cert_list(dtls, MAX_CERTIFICATE_BYTES);
  SSL_CTX_set_security_level(dtls, 2);
  SSL_CTX_set_verify(dtls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
  SSL_CTX_set_cert_verify_callback(dtls, accept_certificate, NULL);
  return SSL_CTX_set_min_proto_version(dtls, DTLS1_2_VERSION) == 1 &&
         SSL_CTX_set_max_proto_version(dtls, DTLS1_2_VERSION) == 1 && SSL_CTX_set_cipher_list(dtls, CIPHERS) == 1 &&
         SSL_CTX_set1_groups_list(dtls, GROUPS) == 1 &&
         SSL_CTX_set_tlsext_use_srtp(dtls, SRTP_PROFILES) == 0 && /* this one returns 0 for success */
         mint_certificate(backend);
}

void openssl_dtls_close(openssl_backend *backend) {
  SSL_CTX_free(backend->dtls);
  BIO_meth_free(backend->datagrams);
}

/* ---- the engine ---- */

static void session_close(void *ctx, wr_dtls_session *session) {
  (void)ctx;
  if (!session) return;
  SSL_free(session->ssl); /* and the BIO */
  queue_wipe(&session->out);
  queue_wipe(&session->in);
  free(session);
}

static bool make_ssl(wr_dtls_session *session, bool is_client, size_t mtu) {
  session->ssl = SSL_new(session->backend->dtls);
  BIO *bio = session->ssl ? BIO_new(session->backend->datagrams) : NULL;
  if (!bio) return false;
  BIO_set_data(bio, session);
  SSL_set_bio(session->ssl, bio, bio);
  if (is_client) {
    SSL_set_connect_state(session->ssl);
  } else {
    SSL_set_accept_state(session->ssl);
  }
  /* The fragment limit also sizes the write buffer. */
  return SSL_set_mtu(session->ssl, (long)mtu) > 0 && SSL_set_max_send_fragment(session->ssl, (long)mtu) == 1;
}

static wr_dtls_session *session_open(void *ctx, bool is_client, size_t mtu) {
  WR_ASSERT(mtu >= 512 && mtu <= MAX_DATAGRAM_BYTES);
  wr_dtls_session *session = calloc(1, sizeof *session);
  if (!session) return NULL;
  session->backend = ctx;
  session->mtu = mtu;
  queue_init(&session->out);
  queue_init(&session->in);
  ERR_clear_error();
  if (make_ssl(session, is_client, mtu)) return session;
  session_close(ctx, session);
  return NULL;
}

/* Before every call into OpenSSL: its error queue is the thread's and may hold a stranger's. */
static void enter(wr_dtls_session *session) {
  ERR_clear_error();
  session->open_packet = NULL;
}

static wr_err fail(wr_dtls_session *session) {
  session->status = WR_DTLS_FAILED;
  return WR_ERR_CRYPTO;
}

static wr_err handshake(wr_dtls_session *session) {
  int result = SSL_do_handshake(session->ssl);
  if (result == 1) {
    session->status = WR_DTLS_CONNECTED;
    return WR_OK;
  }
  return SSL_get_error(session->ssl, result) == SSL_ERROR_WANT_READ ? WR_OK : fail(session);
}

/* Also where a repeated last flight of the peer is answered with ours, inside SSL_read (RFC 6347 4.2.4). */
static wr_err read_records(wr_dtls_session *session) {
  uint8_t record[MAX_DATAGRAM_BYTES];
  int n = 0;
  while ((n = SSL_read(session->ssl, record, sizeof record)) > 0)
    queue_push(&session->in, record, (size_t)n, (size_t)n);
  int error = SSL_get_error(session->ssl, n);
  if (error == SSL_ERROR_ZERO_RETURN) session->status = WR_DTLS_CLOSED;
  if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_ZERO_RETURN) return fail(session);
  SSL_free_buffers(session->ssl);
  return WR_OK;
}

static wr_err session_start(wr_dtls_session *session) {
  if (SSL_is_server(session->ssl)) return WR_OK;
  enter(session);
  return handshake(session);
}

/* Has records OpenSSL would keep for the epoch after the handshake. */
static bool is_of_next_epoch(wr_bytes datagram) {
  for (size_t at = 0; at + RECORD_HEADER_BYTES <= datagram.len;) {
    const uint8_t *record = datagram.data + at;
    if ((record[0] == SSL3_RT_HANDSHAKE || record[0] == SSL3_RT_ALERT) && wr_get_u16(record + 3) > 0) return true;
    at += RECORD_HEADER_BYTES + (size_t)wr_get_u16(record + 11);
  }
  return false;
}

static wr_err session_recv(wr_dtls_session *session, wr_bytes datagram) {
  bool handshaking = session->status == WR_DTLS_HANDSHAKING;
  if (!handshaking && session->status != WR_DTLS_CONNECTED) return WR_OK;
  if (datagram.len == 0 || datagram.len > MAX_DATAGRAM_BYTES) return WR_OK;
  if (handshaking && is_of_next_epoch(datagram) && session->n_future++ >= MAX_FUTURE) return WR_OK;
  enter(session);
  session->incoming = datagram;
  wr_err err = handshaking ? handshake(session) : WR_OK;
  if (!err && session->status == WR_DTLS_CONNECTED) err = read_records(session);
  session->incoming = wr_bytes_of(NULL, 0);
  return err;
}

static size_t session_pull(wr_dtls_session *session, uint8_t *out, size_t cap) {
  return queue_pop(&session->out, out, cap);
}

static bool session_awaits_peer(const wr_dtls_session *session) {
  return session->status == WR_DTLS_HANDSHAKING && session->timer &&
         (session->timer->tv_sec || session->timer->tv_usec);
}

static wr_err session_retransmit(wr_dtls_session *session) {
  if (!session_awaits_peer(session)) return WR_ERR_STATE;
  enter(session);
  *session->timer = (struct timeval){.tv_sec = 1};
  return DTLSv1_handle_timeout(session->ssl) >= 0 ? WR_OK : fail(session);
}

static wr_dtls_status session_status(const wr_dtls_session *session) { return session->status; }

static bool session_peer_fingerprint(wr_dtls_session *session, wr_hash hash, wr_fingerprint *out) {
  X509 *certificate = SSL_get0_peer_certificate(session->ssl);
  return certificate && digest_certificate(session->backend, certificate, hash, out);
}

static bool size_keys(wr_srtp_keys *keys, unsigned long profile_id) {
  keys->key_bytes = 16;
  keys->salt_bytes = 12;
  switch (profile_id) {
    case SRTP_AES128_CM_SHA1_80:
      keys->profile = WR_SRTP_AES128_CM_SHA1_80;
      keys->salt_bytes = 14;
      return true;
    case SRTP_AEAD_AES_128_GCM: keys->profile = WR_SRTP_AEAD_AES_128_GCM; return true;
    case SRTP_AEAD_AES_256_GCM:
      keys->profile = WR_SRTP_AEAD_AES_256_GCM;
      keys->key_bytes = 32;
      return true;
    default: return false;
  }
}

/* RFC 5764 4.2: client key, server key, client salt, server salt. */
static bool session_export_srtp(wr_dtls_session *session, wr_srtp_keys *out) {
  *out = (wr_srtp_keys){0};
  SRTP_PROTECTION_PROFILE *profile = SSL_get_selected_srtp_profile(session->ssl);
  if (session->status == WR_DTLS_HANDSHAKING || !profile || !size_keys(out, profile->id)) return false;
  uint8_t material[2 * (32 + 14)];
  size_t key = out->key_bytes, salt = out->salt_bytes;
  if (SSL_export_keying_material(session->ssl, material, 2 * (key + salt), SRTP_LABEL, sizeof SRTP_LABEL - 1, NULL,
                                 0, 0) != 1)
    return false;
  bool is_server = SSL_is_server(session->ssl);
  memcpy(is_server ? out->remote_key : out->local_key, material, key);
  memcpy(is_server ? out->local_key : out->remote_key, material + key, key);
  memcpy(is_server ? out->remote_salt : out->local_salt, material + 2 * key, salt);
  memcpy(is_server ? out->local_salt : out->remote_salt, material + 2 * key + salt, salt);
  wr_wipe(material, sizeof material);
  return true;
}

static wr_err session_send(wr_dtls_session *session, wr_bytes data) {
  if (session->status != WR_DTLS_CONNECTED) return WR_ERR_STATE;
  if (session->out.n >= MAX_QUEUED || data.len == 0 || data.len > MAX_DATAGRAM_BYTES) return WR_ERR_LIMIT;
  enter(session);
  if (SSL_alloc_buffers(session->ssl) != 1 || SSL_write(session->ssl, data.data, (int)data.len) <= 0)
    return fail(session);
  SSL_free_buffers(session->ssl);
  return WR_OK;
}

static size_t session_read(wr_dtls_session *session, uint8_t *out, size_t cap) {
  return queue_pop(&session->in, out, cap);
}

static void session_shutdown(wr_dtls_session *session) {
  if (session->status != WR_DTLS_CONNECTED || SSL_alloc_buffers(session->ssl) != 1) return;
  enter(session);
  SSL_shutdown(session->ssl);
  SSL_free_buffers(session->ssl);
}

const wr_dtls_engine openssl_dtls_engine = {
    .open = session_open,
    .close = session_close,
    .start = session_start,
    .recv = session_recv,
    .pull = session_pull,
    .retransmit = session_retransmit,
    .status = session_status,
    .awaits_peer = session_awaits_peer,
    .peer_fingerprint = session_peer_fingerprint,
    .export_srtp = session_export_srtp,
    .send = session_send,
    .read = session_read,
    .shutdown = session_shutdown,
};
