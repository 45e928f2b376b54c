/* srtp/srtp.c - SRTP and SRTCP: AES-CM with HMAC-SHA1-80 (RFC 3711), AEAD AES-GCM 128 and 256 (RFC 7714).
 *
 *   SRTP    header .. extension | payload (encrypted)           | tag            CM: tag = HMAC(packet ||
 * ROC)[0..9] SRTCP   8 bytes | rest (encrypted) | E || index | tag       CM SRTCP   8 bytes | rest (encrypted) |
 * tag | E || index       GCM (RFC 7714 9.2)
 *
 * Receiving: guess the index, ask the window, check the tag, and only then change anything. Left out: MKI, key
 * derivation rate other than 0, header extension encryption (RFC 6904), 32-bit tags. */
#include "srtp/srtp.h"

#include <string.h>

#include "base/io.h"

#define RTP_HEADER_BYTES 12
#define RTCP_HEADER_BYTES 8
#define CM_TAG_BYTES 10
#define GCM_TAG_BYTES 16
#define RTCP_INDEX_BYTES 4
#define RTCP_ENCRYPTED 0x80000000u
#define MAC_KEY_BYTES 20

/* RFC 3711 4.3.1 and 4.3.2 */
enum { LABEL_RTP_KEY, LABEL_RTP_MAC, LABEL_RTP_SALT, LABEL_RTCP_KEY, LABEL_RTCP_MAC, LABEL_RTCP_SALT };

static bool is_gcm(const wr_srtp *srtp) { return srtp->profile != WR_SRTP_AES128_CM_SHA1_80; }
static size_t tag_bytes(const wr_srtp *srtp) { return is_gcm(srtp) ? GCM_TAG_BYTES : CM_TAG_BYTES; }

/* ---- keys ---- */

typedef struct derivation {
  const wr_crypto *crypto;
  wr_cipher *prf; /* AES-CM under the master key, also for GCM (RFC 7714 11) */
  uint8_t salt[14];
} derivation;

/* RFC 3711 4.3.1: x = (label || r) XOR master_salt with r = 0; 4.3.3: PRF = AES-CM keystream from x * 2^16. */
static bool derive(const derivation *d, uint8_t label, uint8_t *out, size_t len) {
  uint8_t iv[16] = {0};
  memcpy(iv, d->salt, sizeof d->salt);
  iv[7] ^= label;
  memset(out, 0, len);
  return d->crypto->ctr_xor(d->prf, iv, out, len);
}

static wr_cipher *derive_cipher(const derivation *d, uint8_t label, wr_cipher_kind kind, size_t len) {
  uint8_t key[32];
  wr_cipher *cipher = NULL;
  if (derive(d, label, key, len)) cipher = d->crypto->cipher_open(d->crypto->ctx, kind, wr_bytes_of(key, len));
  wr_wipe(key, sizeof key);
  return cipher;
}

static wr_cipher_kind packet_cipher(wr_srtp_profile profile) {
  switch (profile) {
    case WR_SRTP_NONE:
    case WR_SRTP_AES128_CM_SHA1_80: return WR_CIPHER_AES128_CTR;
    case WR_SRTP_AEAD_AES_128_GCM: return WR_CIPHER_AES128_GCM;
    case WR_SRTP_AEAD_AES_256_GCM: return WR_CIPHER_AES256_GCM;
  }
  return WR_CIPHER_AES128_CTR;
}

static bool open_ciphers(const wr_srtp *srtp, wr_srtp_direction *direction, const derivation *d, size_t key_len) {
  wr_cipher_kind kind = packet_cipher(srtp->profile);
  direction->rtp = derive_cipher(d, LABEL_RTP_KEY, kind, key_len);
  direction->rtcp = derive_cipher(d, LABEL_RTCP_KEY, kind, key_len);
  if (!direction->rtp || !direction->rtcp) return false;
  size_t salt_len = is_gcm(srtp) ? 12 : 14;
  if (!derive(d, LABEL_RTP_SALT, direction->rtp_salt, salt_len) ||
      !derive(d, LABEL_RTCP_SALT, direction->rtcp_salt, salt_len))
    return false;
  if (is_gcm(srtp)) return true;
  direction->rtp_mac = derive_cipher(d, LABEL_RTP_MAC, WR_CIPHER_HMAC_SHA1, MAC_KEY_BYTES);
  direction->rtcp_mac = derive_cipher(d, LABEL_RTCP_MAC, WR_CIPHER_HMAC_SHA1, MAC_KEY_BYTES);
  return direction->rtp_mac && direction->rtcp_mac;
}

static bool key_direction(const wr_srtp *srtp, wr_srtp_direction *direction, wr_bytes key, wr_bytes salt) {
  const wr_crypto *crypto = srtp->crypto;
  derivation d = {.crypto = crypto};
  memcpy(d.salt, salt.data, salt.len); /* GCM: 12 bytes, padded with zeros on the right */
  d.prf = crypto->cipher_open(crypto->ctx, key.len == 32 ? WR_CIPHER_AES256_CTR : WR_CIPHER_AES128_CTR, key);
  bool keyed = d.prf && open_ciphers(srtp, direction, &d, key.len);
  crypto->cipher_close(crypto->ctx, d.prf);
  wr_wipe(&d, sizeof d);
  return keyed;
}

static bool sizes_are_right(const wr_srtp_keys *keys) {
  switch (keys->profile) {
    case WR_SRTP_NONE: return false;
    case WR_SRTP_AES128_CM_SHA1_80: return keys->key_bytes == 16 && keys->salt_bytes == 14;
    case WR_SRTP_AEAD_AES_128_GCM: return keys->key_bytes == 16 && keys->salt_bytes == 12;
    case WR_SRTP_AEAD_AES_256_GCM: return keys->key_bytes == 32 && keys->salt_bytes == 12;
  }
  return false;
}

wr_err wr_srtp_init(wr_srtp *srtp, const wr_crypto *crypto, const wr_srtp_keys *keys) {
  *srtp = (wr_srtp){.crypto = crypto, .profile = keys->profile};
  size_t key = keys->key_bytes, salt = keys->salt_bytes;
  if (sizes_are_right(keys) &&
      key_direction(srtp, &srtp->tx, wr_bytes_of(keys->local_key, key), wr_bytes_of(keys->local_salt, salt)) &&
      key_direction(srtp, &srtp->rx, wr_bytes_of(keys->remote_key, key), wr_bytes_of(keys->remote_salt, salt)))
    return WR_OK;
  wr_srtp_wipe(srtp);
  return WR_ERR_CRYPTO;
}

static void close_direction(const wr_crypto *crypto, wr_srtp_direction *direction) {
  crypto->cipher_close(crypto->ctx, direction->rtp);
  crypto->cipher_close(crypto->ctx, direction->rtcp);
  crypto->cipher_close(crypto->ctx, direction->rtp_mac);
  crypto->cipher_close(crypto->ctx, direction->rtcp_mac);
}

void wr_srtp_wipe(wr_srtp *srtp) {
  if (srtp->crypto) {
    close_direction(srtp->crypto, &srtp->tx);
    close_direction(srtp->crypto, &srtp->rx);
  }
  wr_wipe(srtp, sizeof *srtp);
}

/* ---- sources ---- */

/* NULL: not known (yet). */
static const wr_srtp_source *look_up(const wr_srtp_direction *direction, uint32_t ssrc) {
  for (size_t i = 0; i < WR_SRTP_N_SOURCES; i++)
    if (direction->source[i].used && direction->source[i].ssrc == ssrc) return &direction->source[i];
  return NULL;
}

static wr_srtp_source *find_source(wr_srtp_direction *direction, uint32_t ssrc) {
  const wr_srtp_source *found = look_up(direction, ssrc);
  return found ? &direction->source[found - direction->source] : NULL;
}

/* A slot for |ssrc|: free, or taken from the longest silent. */
static wr_srtp_source *add_source(wr_srtp_direction *direction, uint32_t ssrc) {
  wr_srtp_source *oldest = &direction->source[0];
  for (size_t i = 0; i < WR_SRTP_N_SOURCES; i++) {
    wr_srtp_source *source = &direction->source[i];
    if (!source->used) {
      oldest = source;
      break;
    }
    if (direction->clock - source->used_at > direction->clock - oldest->used_at) oldest = source;
  }
  *oldest = (wr_srtp_source){.ssrc = ssrc, .used = true};
  return oldest;
}

static wr_srtp_source *touch_source(wr_srtp_direction *direction, wr_srtp_source *source, uint32_t ssrc) {
  if (!source) source = add_source(direction, ssrc);
  source->used_at = direction->clock++;
  return source;
}

/* ---- initialization vectors ---- */

/* RFC 3711 4.1.1: IV = (k_s * 2^16) XOR (SSRC * 2^64) XOR (i * 2^16) */
static void cm_iv(uint8_t iv[16], const uint8_t salt[14], uint32_t ssrc, uint64_t index) {
  memcpy(iv, salt, 14);
  iv[14] = iv[15] = 0;
  for (unsigned i = 0; i < 4; i++) iv[4 + i] ^= (uint8_t)(ssrc >> (24 - 8 * i));
  for (unsigned i = 0; i < 6; i++) iv[8 + i] ^= (uint8_t)(index >> (40 - 8 * i));
}

/* RFC 7714 8.1: 00 00 || SSRC || ROC || SEQ; 9.1: 00 00 || SSRC || 00 00 || index. Both are the 48-bit index. */
static void gcm_iv(uint8_t iv[12], const uint8_t salt[14], uint32_t ssrc, uint64_t index) {
  memcpy(iv, salt, 12);
  for (unsigned i = 0; i < 4; i++) iv[2 + i] ^= (uint8_t)(ssrc >> (24 - 8 * i));
  for (unsigned i = 0; i < 6; i++) iv[6 + i] ^= (uint8_t)(index >> (40 - 8 * i));
}

static bool cm_xor(const wr_srtp *srtp, wr_cipher *cipher, const uint8_t salt[14], uint32_t ssrc, uint64_t index,
                   uint8_t *data, size_t len) {
  uint8_t iv[16];
  cm_iv(iv, salt, ssrc, index);
  return srtp->crypto->ctr_xor(cipher, iv, data, len);
}

/* RFC 3711 4.2: the MAC covers the packet and, for SRTP, the ROC that is not sent. */
static bool cm_rtp_mac(const wr_srtp *srtp, const wr_srtp_direction *direction, wr_bytes packet, uint64_t index,
                       uint8_t mac[20]) {
  uint8_t roc[4];
  wr_put_u32(roc, (uint32_t)(index >> 16));
  const wr_bytes parts[] = {packet, wr_bytes_of(roc, sizeof roc)};
  return srtp->crypto->mac_sha1(direction->rtp_mac, parts, 2, mac);
}

/* ---- RTP ---- */

/* Where the payload of an RTP packet begins: after CSRCs and header extension (RFC 3550 5.1). 0: malformed. */
static size_t payload_offset(const uint8_t *packet, size_t len) {
  if (len < RTP_HEADER_BYTES || packet[0] >> 6 != 2) return 0;
  size_t at = RTP_HEADER_BYTES + 4 * (size_t)(packet[0] & 15);
  if (packet[0] & 0x10) {
    if (at + 4 > len) return 0;
    at += 4 + 4 * (size_t)wr_get_u16(packet + at + 2);
  }
  return at <= len ? at : 0;
}

size_t wr_srtp_protect_rtp(wr_srtp *srtp, uint8_t *packet, size_t len, size_t cap) {
  size_t at = payload_offset(packet, len);
  WR_ASSERT(at > 0 && cap >= len + WR_SRTP_MAX_EXPANSION);
  wr_srtp_direction *tx = &srtp->tx;
  uint32_t ssrc = wr_get_u32(packet + 8);
  wr_srtp_source *source = touch_source(tx, find_source(tx, ssrc), ssrc);
  uint64_t index = 0;
  if (!wr_srtp_window_guess(&source->rtp, wr_get_u16(packet + 2), &index)) return 0;
  /* A repeated packet (same index, same bytes) is sent again as it was. */
  if (wr_srtp_window_fresh(&source->rtp, index)) wr_srtp_window_mark(&source->rtp, index);
  if (is_gcm(srtp)) {
    uint8_t iv[12];
    gcm_iv(iv, tx->rtp_salt, ssrc, index);
    bool sealed = srtp->crypto->gcm_seal(tx->rtp, iv, wr_bytes_of(packet, at), packet + at, len - at, packet + len);
    return sealed ? len + GCM_TAG_BYTES : 0;
  }
  uint8_t mac[20];
  if (!cm_xor(srtp, tx->rtp, tx->rtp_salt, ssrc, index, packet + at, len - at) ||
      !cm_rtp_mac(srtp, tx, wr_bytes_of(packet, len), index, mac))
    return 0;
  memcpy(packet + len, mac, CM_TAG_BYTES);
  return len + CM_TAG_BYTES;
}

static bool open_rtp(const wr_srtp *srtp, const wr_srtp_direction *way, uint64_t index, uint8_t *packet, size_t at,
                     size_t len) {
  uint32_t ssrc = wr_get_u32(packet + 8);
  if (is_gcm(srtp)) {
    uint8_t iv[12];
    gcm_iv(iv, way->rtp_salt, ssrc, index);
    return srtp->crypto->gcm_open(way->rtp, iv, wr_bytes_of(packet, at), packet + at, len - at, packet + len);
  }
  uint8_t mac[20];
  return cm_rtp_mac(srtp, way, wr_bytes_of(packet, len), index, mac) &&
         wr_equal_secret(mac, packet + len, CM_TAG_BYTES) &&
         cm_xor(srtp, way->rtp, way->rtp_salt, ssrc, index, packet + at, len - at);
}

wr_srtp_result wr_srtp_unprotect_rtp(wr_srtp *srtp, uint8_t *packet, size_t *len) {
  if (*len < RTP_HEADER_BYTES + tag_bytes(srtp)) return WR_SRTP_MALFORMED;
  size_t plain_len = *len - tag_bytes(srtp), at = payload_offset(packet, plain_len);
  if (at == 0) return WR_SRTP_MALFORMED;
  static const wr_srtp_window unseen = {0};
  uint32_t ssrc = wr_get_u32(packet + 8);
  wr_srtp_source *source = find_source(&srtp->rx, ssrc);
  const wr_srtp_window *window = source ? &source->rtp : &unseen;
  uint64_t index = 0;
  if (!wr_srtp_window_guess(window, wr_get_u16(packet + 2), &index) || !wr_srtp_window_fresh(window, index))
    return WR_SRTP_REPLAYED;
  if (!open_rtp(srtp, &srtp->rx, index, packet, at, plain_len)) return WR_SRTP_BAD_TAG;
  wr_srtp_window_mark(&touch_source(&srtp->rx, source, ssrc)->rtp, index);
  *len = plain_len;
  return WR_SRTP_OK;
}

size_t wr_srtp_rtp_expansion(const wr_srtp *srtp) { return tag_bytes(srtp); }

bool wr_srtp_reveal_rtp(const wr_srtp *srtp, uint8_t *packet, size_t *len) {
  if (*len < RTP_HEADER_BYTES + tag_bytes(srtp)) return false;
  size_t plain_len = *len - tag_bytes(srtp), at = payload_offset(packet, plain_len);
  const wr_srtp_source *source = at ? look_up(&srtp->tx, wr_get_u32(packet + 8)) : NULL;
  uint64_t index = 0;
  if (!source || !wr_srtp_window_guess(&source->rtp, wr_get_u16(packet + 2), &index)) return false;
  if (!open_rtp(srtp, &srtp->tx, index, packet, at, plain_len)) return false;
  *len = plain_len;
  return true;
}

/* ---- RTCP ---- */

/* RFC 7714 9.2: encrypted, AAD = header || ESRTCP word, the rest is the plaintext; else AAD = packet || word. */
static wr_bytes rtcp_aad(uint8_t aad[RTCP_HEADER_BYTES + RTCP_INDEX_BYTES], const uint8_t *packet, uint32_t word) {
  memcpy(aad, packet, RTCP_HEADER_BYTES);
  wr_put_u32(aad + RTCP_HEADER_BYTES, word);
  return wr_bytes_of(aad, RTCP_HEADER_BYTES + RTCP_INDEX_BYTES);
}

static size_t seal_rtcp_gcm(const wr_srtp *srtp, uint32_t index, uint8_t *packet, size_t len) {
  uint8_t iv[12], aad[RTCP_HEADER_BYTES + RTCP_INDEX_BYTES];
  gcm_iv(iv, srtp->tx.rtcp_salt, wr_get_u32(packet + 4), index);
  wr_bytes covered = rtcp_aad(aad, packet, RTCP_ENCRYPTED | index);
  if (!srtp->crypto->gcm_seal(srtp->tx.rtcp, iv, covered, packet + RTCP_HEADER_BYTES, len - RTCP_HEADER_BYTES,
                              packet + len))
    return 0;
  wr_put_u32(packet + len + GCM_TAG_BYTES, RTCP_ENCRYPTED | index);
  return len + GCM_TAG_BYTES + RTCP_INDEX_BYTES;
}

static size_t seal_rtcp_cm(const wr_srtp *srtp, uint32_t index, uint8_t *packet, size_t len) {
  const wr_srtp_direction *tx = &srtp->tx;
  uint8_t mac[20];
  if (!cm_xor(srtp, tx->rtcp, tx->rtcp_salt, wr_get_u32(packet + 4), index, packet + RTCP_HEADER_BYTES,
              len - RTCP_HEADER_BYTES))
    return 0;
  wr_put_u32(packet + len, RTCP_ENCRYPTED | index);
  const wr_bytes covered = wr_bytes_of(packet, len + RTCP_INDEX_BYTES);
  if (!srtp->crypto->mac_sha1(tx->rtcp_mac, &covered, 1, mac)) return 0;
  memcpy(packet + len + RTCP_INDEX_BYTES, mac, CM_TAG_BYTES);
  return len + RTCP_INDEX_BYTES + CM_TAG_BYTES;
}

size_t wr_srtp_protect_rtcp(wr_srtp *srtp, uint8_t *packet, size_t len, size_t cap) {
  WR_ASSERT(len >= RTCP_HEADER_BYTES && cap >= len + WR_SRTP_MAX_EXPANSION);
  if (srtp->tx.rtcp_index >= RTCP_ENCRYPTED) return 0;
  uint32_t index = srtp->tx.rtcp_index++;
  return is_gcm(srtp) ? seal_rtcp_gcm(srtp, index, packet, len) : seal_rtcp_cm(srtp, index, packet, len);
}

/* |len| counts the plain packet; behind it lie tag and word. */
static bool open_rtcp_gcm(const wr_srtp *srtp, uint32_t word, uint8_t *packet, size_t len) {
  const wr_srtp_direction *rx = &srtp->rx;
  uint8_t iv[12], aad[RTCP_HEADER_BYTES + RTCP_INDEX_BYTES], tag[GCM_TAG_BYTES];
  gcm_iv(iv, rx->rtcp_salt, wr_get_u32(packet + 4), word & ~RTCP_ENCRYPTED);
  if (word & RTCP_ENCRYPTED)
    return srtp->crypto->gcm_open(rx->rtcp, iv, rtcp_aad(aad, packet, word), packet + RTCP_HEADER_BYTES,
                                  len - RTCP_HEADER_BYTES, packet + len);
  memcpy(tag, packet + len, sizeof tag);
  wr_put_u32(packet + len, word); /* the AAD in one piece */
  return srtp->crypto->gcm_open(rx->rtcp, iv, wr_bytes_of(packet, len + RTCP_INDEX_BYTES), packet, 0, tag);
}

static bool open_rtcp_cm(const wr_srtp *srtp, uint32_t word, uint8_t *packet, size_t len) {
  const wr_srtp_direction *rx = &srtp->rx;
  uint8_t mac[20];
  const wr_bytes covered = wr_bytes_of(packet, len + RTCP_INDEX_BYTES);
  if (!srtp->crypto->mac_sha1(rx->rtcp_mac, &covered, 1, mac)) return false;
  if (!wr_equal_secret(mac, packet + len + RTCP_INDEX_BYTES, CM_TAG_BYTES)) return false;
  return !(word & RTCP_ENCRYPTED) ||
         cm_xor(srtp, rx->rtcp, rx->rtcp_salt, wr_get_u32(packet + 4), word & ~RTCP_ENCRYPTED,
                packet + RTCP_HEADER_BYTES, len - RTCP_HEADER_BYTES);
}

wr_srtp_result wr_srtp_unprotect_rtcp(wr_srtp *srtp, uint8_t *packet, size_t *len) {
  size_t trailer = tag_bytes(srtp) + RTCP_INDEX_BYTES;
  if (*len < RTCP_HEADER_BYTES + trailer || packet[0] >> 6 != 2) return WR_SRTP_MALFORMED;
  size_t plain_len = *len - trailer;
  uint32_t word = wr_get_u32(packet + plain_len + (is_gcm(srtp) ? GCM_TAG_BYTES : 0));
  static const wr_srtp_window unseen = {0};
  uint32_t ssrc = wr_get_u32(packet + 4), index = word & ~RTCP_ENCRYPTED;
  wr_srtp_source *source = find_source(&srtp->rx, ssrc);
  if (!wr_srtp_window_fresh(source ? &source->rtcp : &unseen, index)) return WR_SRTP_REPLAYED;
  if (!(is_gcm(srtp) ? open_rtcp_gcm(srtp, word, packet, plain_len) : open_rtcp_cm(srtp, word, packet, plain_len)))
    return WR_SRTP_BAD_TAG;
  wr_srtp_window_mark(&touch_source(&srtp->rx, source, ssrc)->rtcp, index);
  *len = plain_len;
  return WR_SRTP_OK;
}
