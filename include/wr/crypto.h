/* wr/crypto.h - what libwr needs from a cryptography backend, as one table of functions.
 *
 * libwr calls nothing else: a backend may be OpenSSL (wr/crypto_openssl.h), another library, or a null one for
 * fuzzing. A backend may allocate (that is why it is not part of lib/); what it opens is closed by the conn that
 * opened it. One wr_crypto may serve many conns of one thread; it is not thread-safe unless the backend says so. */
#ifndef WR_CRYPTO_H
#define WR_CRYPTO_H

#include "wr/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* SRTP protection profiles, values of RFC 5764 4.1.2 and RFC 7714 14.2, in order of preference below. */
typedef enum wr_srtp_profile {
  WR_SRTP_NONE = 0,
  WR_SRTP_AES128_CM_SHA1_80 = 0x0001,
  WR_SRTP_AEAD_AES_128_GCM = 0x0007,
  WR_SRTP_AEAD_AES_256_GCM = 0x0008,
} wr_srtp_profile;

/* Hash of a certificate fingerprint (RFC 8122 5). */
typedef enum wr_hash { WR_HASH_NONE, WR_HASH_SHA1, WR_HASH_SHA256, WR_HASH_SHA384, WR_HASH_SHA512 } wr_hash;
#define WR_HASH_MAX_BYTES 64
size_t wr_hash_bytes(wr_hash hash); /* 20, 32, 48, 64; 0 for none */

/* A certificate fingerprint: |len| bytes of |bytes| under |hash|. */
typedef struct wr_fingerprint {
  wr_hash hash;
  uint8_t len;
  uint8_t bytes[WR_HASH_MAX_BYTES];
} wr_fingerprint;

/* SRTP keying material for both directions, already ordered for us (not client/server). */
typedef struct wr_srtp_keys {
  wr_srtp_profile profile;
  uint8_t key_bytes, salt_bytes; /* 16 or 32; 14 (CM) or 12 (GCM) */
  uint8_t local_key[32], local_salt[14];
  uint8_t remote_key[32], remote_salt[14];
} wr_srtp_keys; /* secret: wr_wipe after use */

typedef enum wr_cipher_kind {
  WR_CIPHER_AES128_CTR, /* key 16 */
  WR_CIPHER_AES256_CTR, /* key 32; key derivation of AEAD_AES_256_GCM (RFC 7714 11) */
  WR_CIPHER_AES128_GCM, /* key 16 */
  WR_CIPHER_AES256_GCM, /* key 32 */
  WR_CIPHER_HMAC_SHA1,  /* key any length */
} wr_cipher_kind;
typedef struct wr_cipher wr_cipher; /* a keyed context of the backend */

typedef enum wr_dtls_status {
  WR_DTLS_HANDSHAKING,
  WR_DTLS_CONNECTED,
  WR_DTLS_CLOSED, /* the peer sent close_notify */
  WR_DTLS_FAILED,
} wr_dtls_status;

/* A DTLS engine: one handshake and its records, no timer and no I/O of its own (lib/dtls drives it). Any engine
 * that can be fed datagrams and pulled for datagrams fits: OpenSSL's 1.2 today, another beside it later. */
typedef struct wr_dtls_session wr_dtls_session;
typedef struct wr_dtls_engine {
  /* NULL: out of memory or misconfigured. |mtu|: largest datagram to produce. Requests SRTP (RFC 5764), requires a
   * peer certificate, accepts any: the caller compares the fingerprint. */
  wr_dtls_session *(*open)(void *ctx, bool is_client, size_t mtu);
  void (*close)(void *ctx, wr_dtls_session *session); /* wipes keys */
  /* Client: produces the first flight. Server: nothing to do. */
  wr_err (*start)(wr_dtls_session *session);
  /* Consumes one datagram. WR_ERR_CRYPTO: the handshake failed for good. Garbage is ignored with WR_OK. */
  wr_err (*recv)(wr_dtls_session *session, wr_bytes datagram);
  /* Moves the next outgoing datagram to |out|; 0: none. Never over |cap|. */
  size_t (*pull)(wr_dtls_session *session, uint8_t *out, size_t cap);
  /* Produces the last flight again with new record numbers (RFC 6347 4.2.4); the caller decides when. */
  wr_err (*retransmit)(wr_dtls_session *session);
  wr_dtls_status (*status)(const wr_dtls_session *session);
  /* A flight was sent to which the peer's answer is outstanding: a retransmission timer must run. */
  bool (*awaits_peer)(const wr_dtls_session *session);
  /* After the peer's certificate is known. false: not yet, or |hash| is unknown to the backend. */
  bool (*peer_fingerprint)(wr_dtls_session *session, wr_hash hash, wr_fingerprint *out);
  /* After CONNECTED: RFC 5764 4.2. false: the peer did not agree to SRTP. */
  bool (*export_srtp)(wr_dtls_session *session, wr_srtp_keys *out);
  /* One application record out (produces a datagram for |pull|) and in (0: none waiting). */
  wr_err (*send)(wr_dtls_session *session, wr_bytes data);
  size_t (*read)(wr_dtls_session *session, uint8_t *out, size_t cap);
  /* Produces close_notify. */
  void (*shutdown)(wr_dtls_session *session);
} wr_dtls_engine;

typedef struct wr_crypto {
  void *ctx;
  wr_fingerprint local_fingerprint; /* SHA-256 of the certificate every session of |dtls| shows */
  const wr_dtls_engine *dtls;
  /* HMAC over the concatenation of |parts|. */
  void (*hmac_sha1)(void *ctx, wr_bytes key, const wr_bytes *parts, size_t n_parts, uint8_t mac[20]);
  /* For the long-term credentials of STUN and TURN (RFC 8489 9.2.2, 14.6): over the concatenation of |parts|. NULL:
   * the backend has none, and TURN cannot be used with it. */
  void (*md5)(void *ctx, const wr_bytes *parts, size_t n_parts, uint8_t out[16]);
  void (*sha256)(void *ctx, const wr_bytes *parts, size_t n_parts, uint8_t out[32]);
  void (*hmac_sha256)(void *ctx, wr_bytes key, const wr_bytes *parts, size_t n_parts, uint8_t mac[32]);
  /* Keyed contexts. NULL from open: out of memory or wrong key length. */
  wr_cipher *(*cipher_open)(void *ctx, wr_cipher_kind kind, wr_bytes key);
  void (*cipher_close)(void *ctx, wr_cipher *cipher); /* wipes the key; NULL allowed */
  /* XORs the keystream of the 128-bit counter block |iv| into |data|. */
  bool (*ctr_xor)(wr_cipher *cipher, const uint8_t iv[16], uint8_t *data, size_t len);
  /* AEAD in place. |open| false: tag wrong, |data| is then undefined. */
  bool (*gcm_seal)(wr_cipher *cipher, const uint8_t iv[12], wr_bytes aad, uint8_t *data, size_t len,
                   uint8_t tag[16]);
  bool (*gcm_open)(wr_cipher *cipher, const uint8_t iv[12], wr_bytes aad, uint8_t *data, size_t len,
                   const uint8_t tag[16]);
  /* HMAC-SHA1 under the key of |cipher|. */
  bool (*mac_sha1)(wr_cipher *cipher, const wr_bytes *parts, size_t n_parts, uint8_t mac[20]);
} wr_crypto;

#ifdef __cplusplus
}
#endif
#endif
