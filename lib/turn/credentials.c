/* turn/credentials.c - long-term credentials (RFC 8489 9.2) with MD5, and SHA-256 where the server offers it: then
 * MESSAGE-INTEGRITY-SHA256 alone is used. A server whose nonce says that it offers algorithms, in a challenge
 * without them, was tampered with (9.2.1, bid-down). */
#include "turn/turn_state.h"

enum { ALGORITHM_MD5 = 1, ALGORITHM_SHA256 = 2 };

static const char cookie[] = "obMatJos2";

static wr_bytes text_of(const char *text) { return wr_bytes_of(text, strlen(text)); }

static unsigned base64_value(uint8_t c) {
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const char *at = c ? memchr(alphabet, c, 64) : NULL;
  return at ? (unsigned)(at - alphabet) : 0;
}

/* The security features a nonce announces (RFC 8489 9.2): 1: PASSWORD-ALGORITHMS, 2: USERHASH. */
static unsigned features_of(wr_bytes nonce) {
  if (nonce.len < 13 || memcmp(nonce.data, cookie, 9) != 0) return 0;
  return base64_value(nonce.data[12]) & 3; /* the last six of 24 bits */
}

static uint16_t choose(wr_bytes algorithms) {
  wr_reader r = wr_reader_of(algorithms);
  while (wr_reader_left(&r)) {
    uint16_t algorithm = wr_read_u16(&r), len = wr_read_u16(&r);
    wr_read_skip(&r, len);
    wr_read_skip(&r, (size_t)(-len & 3));
    if (wr_reader_ok(&r) && !len && (algorithm == ALGORITHM_MD5 || algorithm == ALGORITHM_SHA256)) return algorithm;
  }
  return 0;
}

static void make_key(turn_credentials *c, const wr_crypto *crypto) {
  const wr_bytes colon = WR_BYTES_LITERAL(":");
  const wr_bytes parts[] = {text_of(c->username), colon, text_of(c->realm), colon, text_of(c->password)};
  bool sha256 = c->algorithm == ALGORITHM_SHA256;
  if (sha256)
    crypto->sha256(crypto->ctx, parts, 5, c->key);
  else
    crypto->md5(crypto->ctx, parts, 5, c->key);
  c->key_len = sha256 ? 32 : 16;
}

bool wr_turn_renew_nonce(turn_credentials *c, const wr_stun *answer) {
  if (!answer->nonce.data || answer->nonce.len > sizeof c->nonce) return false;
  memcpy(c->nonce, answer->nonce.data, answer->nonce.len);
  c->nonce_len = answer->nonce.len;
  return true;
}

bool wr_turn_challenged(turn_credentials *c, const wr_stun *challenge, const wr_crypto *crypto) {
  wr_bytes algorithms = wr_stun_find(challenge, WR_STUN_PASSWORD_ALGORITHMS), realm = challenge->realm;
  if (!realm.data || realm.len >= sizeof c->realm || algorithms.len > sizeof c->algorithms) return false;
  if (memchr(realm.data, 0, realm.len) || !wr_turn_renew_nonce(c, challenge)) return false;
  unsigned features = features_of(challenge->nonce);
  if ((features & 1) && !algorithms.data) return false;
  memcpy(c->realm, realm.data, realm.len);
  c->realm[realm.len] = 0;
  if (algorithms.len) memcpy(c->algorithms, algorithms.data, algorithms.len);
  c->algorithms_len = algorithms.len;
  c->algorithm = choose(algorithms);
  c->hides_username = (features & 2) != 0;
  if (algorithms.data && !c->algorithm) return false;
  make_key(c, crypto);
  return true;
}

static void write_user(wr_writer *w, const turn_credentials *c, const wr_crypto *crypto) {
  if (!c->hides_username) {
    wr_stun_write_bytes(w, WR_STUN_USERNAME, text_of(c->username));
    return;
  }
  uint8_t hash[32];
  const wr_bytes parts[] = {text_of(c->username), WR_BYTES_LITERAL(":"), text_of(c->realm)};
  crypto->sha256(crypto->ctx, parts, 3, hash);
  wr_stun_write_bytes(w, WR_STUN_USERHASH, wr_bytes_of(hash, sizeof hash));
}

size_t wr_turn_sign(wr_writer *w, const turn_credentials *c, const wr_crypto *crypto) {
  wr_bytes none = {NULL, 0}, key = {c->key, c->key_len};
  if (!c->key_len) return wr_stun_end(w, crypto, none);
  write_user(w, c, crypto);
  wr_stun_write_bytes(w, WR_STUN_REALM, text_of(c->realm));
  wr_stun_write_bytes(w, WR_STUN_NONCE, wr_bytes_of(c->nonce, c->nonce_len));
  if (!c->algorithm) return wr_stun_end(w, crypto, key);
  wr_stun_write_bytes(w, WR_STUN_PASSWORD_ALGORITHMS, wr_bytes_of(c->algorithms, c->algorithms_len));
  wr_stun_write_u32(w, WR_STUN_PASSWORD_ALGORITHM, (uint32_t)c->algorithm << 16);
  return wr_stun_end_sha256(w, crypto, key);
}

bool wr_turn_verify(const turn_credentials *c, const wr_stun *answer, const wr_crypto *crypto) {
  wr_bytes key = {c->key, c->key_len};
  return c->algorithm ? wr_stun_verify_sha256(answer, crypto, key) : wr_stun_verify(answer, crypto, key);
}
