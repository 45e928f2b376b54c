/* crypto/null.c - the null backend: the shape of cryptography without any secret, for fuzzing and simulation.
 *
 * "DTLS": the four flights of a full handshake, near their real sizes, each one datagram with a checksum; a lost
 * flight is repeated as the real one is. Ciphers XOR with a stream of key and IV; tags and MACs are checksums, so
 * that tampering and wrong keys are noticed. Everything is a function of its input: a run can be repeated bit by
 * bit.
 *
 *   client -> HELLO          first byte 22 (handshake), 23 (data), 21 (alert): inside 20..63 (RFC 7983)
 *   server -> SERVER         datagram = type, kind, checksum (8 bytes), body
 *   client -> FINISHED       the sender's fingerprint is the body of SERVER and FINISHED
 *   server -> DONE */
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "wr/crypto_openssl.h"

#define HEADER_BYTES 10
#define MAX_QUEUED 16
#define MAX_DATAGRAM_BYTES 2048
#define FINGERPRINT_BYTES 32

/* ---- checksums and ciphers ---- */

#define FNV_BASIS 0xcbf29ce484222325u
static uint64_t mix(uint64_t hash, wr_bytes bytes) { /* FNV-1a */
  for (size_t i = 0; i < bytes.len; i++) hash = (hash ^ bytes.data[i]) * 0x100000001b3u;
  return hash;
}

/* Spreads a hash, so that neighbouring inputs give unlike outputs (splitmix64). */
static uint64_t spread(uint64_t z) {
  z += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

static void fill_from(uint64_t seed, uint8_t *out, size_t len) {
  for (size_t i = 0; i < len; i++) out[i] = (uint8_t)(spread(seed + i / 8) >> 8 * (i % 8));
}

struct wr_cipher {
  uint64_t key;
};

static bool null_ctr_xor(wr_cipher *cipher, const uint8_t iv[16], uint8_t *data, size_t len) {
  uint64_t seed = mix(cipher->key, wr_bytes_of(iv, 16));
  for (size_t i = 0; i < len; i++) data[i] ^= (uint8_t)(spread(seed + i / 8) >> 8 * (i % 8));
  return true;
}

static void null_tag(const wr_cipher *cipher, const uint8_t iv[12], wr_bytes aad, const uint8_t *data, size_t len,
                     uint8_t tag[16]) {
  uint64_t hash = mix(mix(mix(cipher->key, wr_bytes_of(iv, 12)), aad), wr_bytes_of(data, len));
  fill_from(hash ^ len, tag, 16);
}

static void null_gcm_xor(wr_cipher *cipher, const uint8_t iv[12], uint8_t *data, size_t len) {
  uint8_t counter[16] = {0};
  memcpy(counter, iv, 12);
  null_ctr_xor(cipher, counter, data, len);
}

static bool null_gcm_seal(wr_cipher *cipher, const uint8_t iv[12], wr_bytes aad, uint8_t *data, size_t len,
                          uint8_t tag[16]) {
  null_gcm_xor(cipher, iv, data, len);
  null_tag(cipher, iv, aad, data, len, tag);
  return true;
}

static bool null_gcm_open(wr_cipher *cipher, const uint8_t iv[12], wr_bytes aad, uint8_t *data, size_t len,
                          const uint8_t tag[16]) {
  uint8_t expected[16];
  null_tag(cipher, iv, aad, data, len, expected);
  if (memcmp(expected, tag, sizeof expected) != 0) return false;
  null_gcm_xor(cipher, iv, data, len);
  return true;
}

static bool null_mac_sha1(wr_cipher *cipher, const wr_bytes *parts, size_t n_parts, uint8_t mac[20]) {
  uint64_t hash = cipher->key;
  for (size_t i = 0; i < n_parts; i++) hash = mix(hash, parts[i]);
  fill_from(hash, mac, 20);
  return true;
}

static void null_hmac_sha1(void *ctx, wr_bytes key, const wr_bytes *parts, size_t n_parts, uint8_t mac[20]) {
  (void)ctx;
  wr_cipher cipher = {.key = mix(FNV_BASIS, key)};
  null_mac_sha1(&cipher, parts, n_parts, mac);
}

static void null_digest(const wr_bytes *parts, size_t n_parts, uint64_t hash, uint8_t *out, size_t len) {
  for (size_t i = 0; i < n_parts; i++) hash = mix(hash, parts[i]);
  fill_from(hash, out, len);
}

static void null_md5(void *ctx, const wr_bytes *parts, size_t n_parts, uint8_t out[16]) {
  (void)ctx;
  null_digest(parts, n_parts, FNV_BASIS, out, 16);
}

static void null_sha256(void *ctx, const wr_bytes *parts, size_t n_parts, uint8_t out[32]) {
  (void)ctx;
  null_digest(parts, n_parts, FNV_BASIS, out, 32);
}

static void null_hmac_sha256(void *ctx, wr_bytes key, const wr_bytes *parts, size_t n_parts, uint8_t mac[32]) {
  (void)ctx;
  null_digest(parts, n_parts, mix(FNV_BASIS, key), mac, 32);
}

static wr_cipher *null_cipher_open(void *ctx, wr_cipher_kind kind, wr_bytes key) {
  (void)ctx;
  bool is_256 = kind == WR_CIPHER_AES256_CTR || kind == WR_CIPHER_AES256_GCM;
  if (kind != WR_CIPHER_HMAC_SHA1 && key.len != (is_256 ? 32u : 16u)) return NULL;
  wr_cipher *cipher = malloc(sizeof *cipher);
  if (cipher) cipher->key = mix(FNV_BASIS, key);
  return cipher;
}

static void null_cipher_close(void *ctx, wr_cipher *cipher) {
  (void)ctx;
  free(cipher);
}

/* ---- the handshake ---- */

typedef enum kind { KIND_NONE, KIND_HELLO, KIND_SERVER, KIND_FINISHED, KIND_DONE, KIND_DATA, KIND_CLOSE } kind;

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
  bool is_client, knows_peer;
  wr_dtls_status status;
  kind last_flight;
  size_t mtu;
  uint8_t peer[FINGERPRINT_BYTES];
  packet_queue out, in;
};

static const uint8_t own_fingerprint[FINGERPRINT_BYTES] = "null backend, no secrecy at all";

static packet *queue_push(packet_queue *queue, size_t len) {
  packet *p = queue->n < MAX_QUEUED ? calloc(1, sizeof *p + len) : NULL;
  if (!p) return NULL;
  p->len = len;
  *queue->tail = p;
  queue->tail = &p->next;
  queue->n++;
  return p;
}

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

static uint64_t checksum_of(const uint8_t *datagram, size_t len) {
  uint64_t hash = mix(FNV_BASIS, wr_bytes_of(datagram, 2));
  return spread(mix(hash, wr_bytes_of(datagram + HEADER_BYTES, len - HEADER_BYTES)));
}

static uint8_t type_of(kind k) {
  switch (k) {
    case KIND_NONE:
    case KIND_HELLO:
    case KIND_SERVER:
    case KIND_FINISHED:
    case KIND_DONE: return 22;
    case KIND_DATA: return 23;
    case KIND_CLOSE: return 21;
  }
  return 0;
}

/* Bytes after the header, so that datagrams are as large as OpenSSL's. */
static size_t body_bytes(kind k) {
  switch (k) {
    case KIND_HELLO: return 160;
    case KIND_SERVER: return 600;
    case KIND_FINISHED: return 540;
    case KIND_DONE: return 65;
    case KIND_NONE:
    case KIND_DATA:
    case KIND_CLOSE: return 0;
  }
  return 0;
}

static wr_err produce(wr_dtls_session *session, kind k, wr_bytes body) {
  size_t len = HEADER_BYTES + (body.len > body_bytes(k) ? body.len : body_bytes(k));
  packet *p = len <= session->mtu ? queue_push(&session->out, len) : NULL;
  if (!p) return WR_ERR_LIMIT;
  p->bytes[0] = type_of(k);
  p->bytes[1] = (uint8_t)k;
  if (body.len) memcpy(p->bytes + HEADER_BYTES, body.data, body.len);
  uint64_t checksum = checksum_of(p->bytes, len);
  wr_put_u32(p->bytes + 2, (uint32_t)(checksum >> 32));
  wr_put_u32(p->bytes + 6, (uint32_t)checksum);
  return WR_OK;
}

static void fly(wr_dtls_session *session, kind flight) {
  session->last_flight = flight;
  bool shows = flight == KIND_SERVER || flight == KIND_FINISHED;
  produce(session, flight, wr_bytes_of(own_fingerprint, shows ? sizeof own_fingerprint : 0));
}

static wr_dtls_session *null_open(void *ctx, bool is_client, size_t mtu) {
  (void)ctx;
  wr_dtls_session *session = calloc(1, sizeof *session);
  if (!session) return NULL;
  session->is_client = is_client;
  session->mtu = mtu;
  session->out.tail = &session->out.head;
  session->in.tail = &session->in.head;
  return session;
}

static void null_close(void *ctx, wr_dtls_session *session) {
  (void)ctx;
  if (!session) return;
  uint8_t none = 0;
  queue_pop(&session->out, &none, 0); /* nothing fits: all are freed */
  queue_pop(&session->in, &none, 0);
  free(session);
}

static wr_err null_start(wr_dtls_session *session) {
  if (session->is_client) fly(session, KIND_HELLO);
  return WR_OK;
}

static void learn_peer(wr_dtls_session *session, wr_bytes body) {
  memcpy(session->peer, body.data, sizeof session->peer);
  session->knows_peer = true;
}

static void handshake(wr_dtls_session *session, kind k, wr_bytes body) {
  kind last = session->last_flight;
  if (!session->is_client && last == KIND_NONE && k == KIND_HELLO) {
    fly(session, KIND_SERVER);
  } else if (session->is_client && last == KIND_HELLO && k == KIND_SERVER) {
    learn_peer(session, body);
    fly(session, KIND_FINISHED);
  } else if (!session->is_client && last == KIND_SERVER && k == KIND_FINISHED) {
    learn_peer(session, body);
    session->status = WR_DTLS_CONNECTED;
    fly(session, KIND_DONE);
  } else if (!session->is_client && last == KIND_DONE && k == KIND_FINISHED) {
    fly(session, KIND_DONE); /* ours was lost */
  } else if (session->is_client && last == KIND_FINISHED && k == KIND_DONE) {
    session->status = WR_DTLS_CONNECTED;
  }
}

static wr_err null_recv(wr_dtls_session *session, wr_bytes datagram) {
  const uint8_t *at = datagram.data;
  if (datagram.len < HEADER_BYTES || datagram.len > MAX_DATAGRAM_BYTES) return WR_OK;
  uint64_t checksum = (uint64_t)wr_get_u32(at + 2) << 32 | wr_get_u32(at + 6);
  if (at[1] > KIND_CLOSE || at[0] != type_of((kind)at[1]) || checksum != checksum_of(at, datagram.len))
    return WR_OK;
  kind k = (kind)at[1];
  wr_bytes body = wr_bytes_of(at + HEADER_BYTES, datagram.len - HEADER_BYTES);
  if (body.len < body_bytes(k)) return WR_OK;
  bool connected = session->status == WR_DTLS_CONNECTED;
  if (k == KIND_CLOSE) {
    if (connected) session->status = WR_DTLS_CLOSED;
  } else if (k == KIND_DATA) {
    packet *p = connected && body.len ? queue_push(&session->in, body.len) : NULL;
    if (p) memcpy(p->bytes, body.data, body.len);
  } else if (session->status != WR_DTLS_CLOSED) {
    handshake(session, k, body);
  }
  return WR_OK;
}

static size_t null_pull(wr_dtls_session *session, uint8_t *out, size_t cap) {
  return queue_pop(&session->out, out, cap);
}

static bool null_awaits_peer(const wr_dtls_session *session) {
  return session->status == WR_DTLS_HANDSHAKING && session->last_flight != KIND_NONE;
}

static wr_err null_retransmit(wr_dtls_session *session) {
  if (!null_awaits_peer(session)) return WR_ERR_STATE;
  fly(session, session->last_flight);
  return WR_OK;
}

static wr_dtls_status null_status(const wr_dtls_session *session) { return session->status; }

static bool null_peer_fingerprint(wr_dtls_session *session, wr_hash hash, wr_fingerprint *out) {
  *out = (wr_fingerprint){.hash = hash, .len = FINGERPRINT_BYTES};
  if (!session->knows_peer || hash != WR_HASH_SHA256) return false;
  memcpy(out->bytes, session->peer, FINGERPRINT_BYTES);
  return true;
}

static bool null_export_srtp(wr_dtls_session *session, wr_srtp_keys *out) {
  *out = (wr_srtp_keys){.profile = WR_SRTP_AEAD_AES_128_GCM, .key_bytes = 16, .salt_bytes = 12};
  if (session->status == WR_DTLS_HANDSHAKING) return false;
  uint64_t client = 1, server = 2;
  fill_from(session->is_client ? client : server, out->local_key, 16);
  fill_from(session->is_client ? server : client, out->remote_key, 16);
  return true;
}

static wr_err null_send(wr_dtls_session *session, wr_bytes data) {
  if (session->status != WR_DTLS_CONNECTED) return WR_ERR_STATE;
  return data.len ? produce(session, KIND_DATA, data) : WR_ERR_LIMIT;
}

static size_t null_read(wr_dtls_session *session, uint8_t *out, size_t cap) {
  return queue_pop(&session->in, out, cap);
}

static void null_shutdown(wr_dtls_session *session) {
  if (session->status == WR_DTLS_CONNECTED) produce(session, KIND_CLOSE, wr_bytes_of(NULL, 0));
}

const wr_crypto *wr_crypto_null(void) {
  static const wr_dtls_engine engine = {
      .open = null_open,
      .close = null_close,
      .start = null_start,
      .recv = null_recv,
      .pull = null_pull,
      .retransmit = null_retransmit,
      .status = null_status,
      .awaits_peer = null_awaits_peer,
      .peer_fingerprint = null_peer_fingerprint,
      .export_srtp = null_export_srtp,
      .send = null_send,
      .read = null_read,
      .shutdown = null_shutdown,
  };
  static const wr_crypto crypto = {
      .local_fingerprint = {.hash = WR_HASH_SHA256,
                            .len = FINGERPRINT_BYTES,
                            .bytes = "null backend, no secrecy at all"},
      .dtls = &engine,
      .hmac_sha1 = null_hmac_sha1,
      .md5 = null_md5,
      .sha256 = null_sha256,
      .hmac_sha256 = null_hmac_sha256,
      .cipher_open = null_cipher_open,
      .cipher_close = null_cipher_close,
      .ctr_xor = null_ctr_xor,
      .gcm_seal = null_gcm_seal,
      .gcm_open = null_gcm_open,
      .mac_sha1 = null_mac_sha1,
  };
  return &crypto;
}
