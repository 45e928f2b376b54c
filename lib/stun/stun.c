/* stun/stun.c - the message codec (RFC 8489 5, 6.3, 14; RFC 8445 16.1).
 *
 * A message is accepted as a frame first: two zero bits, the cookie, a length that is a multiple of four and equals
 * what arrived. Attributes are then walked with a bounded reader. Comprehension-required types (below 0x8000) that
 * are not known are listed for a 420 answer; all others are skipped. The walk never looks behind MESSAGE-INTEGRITY
 * except for FINGERPRINT, because nothing there is protected.
 *
 * Writing is one pass: the header's length is patched at the end, first to cover MESSAGE-INTEGRITY while the MAC is
 * taken, then to cover FINGERPRINT (14.5, 14.7). */
#include "stun/stun.h"
#include "base/crc32.h"

#define FINGERPRINT_XOR 0x5354554eu
#define FINGERPRINT_BYTES 8 /* with its header */

typedef struct attribute {
  uint16_t type;
  uint16_t at; /* of its header in the datagram */
  wr_bytes value;
} attribute;

bool wr_stun_is(wr_bytes datagram) {
  if (datagram.len < WR_STUN_HEADER_BYTES || datagram.len > UINT16_MAX || datagram.data[0] & 0xc0) return false;
  uint16_t len = wr_get_u16(datagram.data + 2);
  return len % 4 == 0 && len == datagram.len - WR_STUN_HEADER_BYTES &&
         wr_get_u32(datagram.data + 4) == WR_STUN_COOKIE;
}

static wr_reader attributes_of(wr_bytes datagram) {
  return wr_reader_of(wr_bytes_of(datagram.data + WR_STUN_HEADER_BYTES, datagram.len - WR_STUN_HEADER_BYTES));
}

/* false: no more, or the rest is broken (then the reader has failed). */
static bool next_attribute(wr_reader *r, wr_bytes datagram, attribute *a) {
  if (wr_reader_left(r) == 0) return false;
  a->at = (uint16_t)(r->at - datagram.data);
  a->type = wr_read_u16(r);
  uint16_t len = wr_read_u16(r);
  a->value = wr_read_bytes(r, len);
  wr_read_skip(r, (size_t)(-len & 3));
  return wr_reader_ok(r);
}

wr_bytes wr_stun_peek_local_ufrag(wr_bytes datagram) {
  wr_bytes none = {NULL, 0};
  if (!wr_stun_is(datagram)) return none;
  wr_reader r = attributes_of(datagram);
  attribute a;
  while (next_attribute(&r, datagram, &a)) {
    if (a.type != WR_STUN_USERNAME || a.value.len == 0) continue;
    const uint8_t *colon = memchr(a.value.data, ':', a.value.len);
    return colon ? wr_bytes_of(a.value.data, (size_t)(colon - a.value.data)) : none;
  }
  return none;
}

static bool read_address(wr_addr *addr, wr_bytes value, const uint8_t *mask) {
  wr_reader r = wr_reader_of(value);
  wr_read_skip(&r, 1);
  uint8_t family = wr_read_u8(&r); /* 1: IPv4, 2: IPv6 */
  uint16_t port = wr_read_u16(&r);
  size_t len = family == 1 ? 4 : 16;
  wr_bytes ip = wr_read_bytes(&r, len);
  if (!wr_reader_done(&r) || (family != 1 && family != 2)) return false;
  *addr = (wr_addr){.port = port, .family = family == 1 ? 4 : 6};
  memcpy(addr->ip, ip.data, len);
  if (!mask) return true;
  addr->port ^= wr_get_u16(mask); /* RFC 8489 14.2: cookie, then the transaction id */
  for (size_t i = 0; i < len; i++) addr->ip[i] ^= mask[i];
  return true;
}

static bool read_error(wr_stun *stun, wr_bytes value) {
  wr_reader r = wr_reader_of(value);
  wr_read_skip(&r, 2);
  unsigned hundreds = wr_read_u8(&r) & 7u, rest = wr_read_u8(&r);
  if (!wr_reader_ok(&r) || hundreds < 3 || hundreds > 6 || rest > 99) return false;
  stun->error_code = (uint16_t)(hundreds * 100 + rest);
  stun->reason = wr_read_bytes(&r, wr_reader_left(&r));
  return true;
}

static bool read_span(wr_bytes *span, wr_bytes value, size_t max) {
  if (value.len > max) return false;
  if (!span->data) *span = value;
  return true;
}

static bool read_tie_breaker(wr_stun *stun, bool *role, wr_bytes value) {
  if (value.len != 8) return false;
  if (stun->controlling || stun->controlled) return true;
  wr_reader r = wr_reader_of(value);
  stun->tie_breaker = wr_read_u64(&r);
  *role = true;
  return true;
}

static void note_unknown(wr_stun *stun, uint16_t type) {
  if (type >= 0x8000 || stun->n_unknown == WR_STUN_MAX_UNKNOWN) return;
  stun->unknown[stun->n_unknown++] = type;
}

/* false: the attribute is known and broken. */
static bool read_attribute(wr_stun *stun, const attribute *a) {
  const uint8_t *mask = stun->datagram.data + 4;
  wr_addr plain = {0};
  switch (a->type) {
    case WR_STUN_USERNAME: return read_span(&stun->username, a->value, 513);
    case WR_STUN_REALM: return read_span(&stun->realm, a->value, 763);
    case WR_STUN_NONCE: return read_span(&stun->nonce, a->value, 763);
    case WR_STUN_SOFTWARE: return read_span(&stun->software, a->value, 763);
    case WR_STUN_XOR_MAPPED_ADDRESS:
      if (!read_address(stun->mapped_is_xor ? &plain : &stun->mapped, a->value, mask)) return false;
      stun->mapped_is_xor = true;
      return true;
    case WR_STUN_MAPPED_ADDRESS:
      if (!read_address(&plain, a->value, NULL)) return false;
      if (!stun->mapped.family) stun->mapped = plain;
      return true;
    case WR_STUN_ERROR_CODE: return stun->error_code || read_error(stun, a->value);
    case WR_STUN_UNKNOWN_ATTRIBUTES: return a->value.len % 2 == 0;
    case WR_STUN_PRIORITY:
      if (a->value.len != 4) return false;
      if (!stun->has_priority) stun->priority = wr_get_u32(a->value.data);
      stun->has_priority = true;
      return true;
    case WR_STUN_USE_CANDIDATE: stun->use_candidate = true; return a->value.len == 0;
    case WR_STUN_ICE_CONTROLLING: return read_tie_breaker(stun, &stun->controlling, a->value);
    case WR_STUN_ICE_CONTROLLED: return read_tie_breaker(stun, &stun->controlled, a->value);
    default: note_unknown(stun, a->type); return true;
  }
}

/* RFC 8489 14.7: the CRC covers everything before the attribute, which is the last one. */
static bool fingerprint_is_right(wr_bytes datagram, const attribute *a) {
  return a->value.len == 4 && (size_t)a->at + FINGERPRINT_BYTES == datagram.len &&
         wr_get_u32(a->value.data) == (wr_crc32(wr_bytes_of(datagram.data, a->at)) ^ FINGERPRINT_XOR);
}

wr_err wr_stun_parse(wr_stun *stun, wr_bytes datagram) {
  if (!wr_stun_is(datagram)) return WR_ERR_SYNTAX;
  unsigned type = wr_get_u16(datagram.data);
  /* RFC 8489 5: the class bits are bit 4 and bit 8, the method is what is around them. */
  *stun = (wr_stun){
      .class_ = (wr_stun_class)((type >> 7 & 2) | (type >> 4 & 1)),
      .method = (uint16_t)((type & 0xf) | (type >> 1 & 0x70) | (type >> 2 & 0xf80)),
      .datagram = datagram,
  };
  memcpy(stun->id, datagram.data + 8, sizeof stun->id);
  wr_reader r = attributes_of(datagram);
  attribute a;
  while (next_attribute(&r, datagram, &a)) {
    if (a.type == WR_STUN_FINGERPRINT) {
      if (!fingerprint_is_right(datagram, &a)) return WR_ERR_SYNTAX;
      stun->has_fingerprint = true;
    } else if (stun->mac_at || stun->mac256_at) {
      continue;
    } else if (a.type == WR_STUN_MESSAGE_INTEGRITY) {
      if (a.value.len != WR_STUN_MAC_BYTES) return WR_ERR_SYNTAX;
      stun->mac_at = a.at;
    } else if (a.type == WR_STUN_MESSAGE_INTEGRITY_SHA256 && a.value.len == WR_STUN_MAC256_BYTES) {
      stun->mac256_at = a.at;
      note_unknown(stun, a.type);
    } else if (!read_attribute(stun, &a)) {
      return WR_ERR_SYNTAX;
    }
  }
  return wr_reader_ok(&r) ? WR_OK : WR_ERR_SYNTAX;
}

typedef void hmac_of(void *ctx, wr_bytes key, const wr_bytes *parts, size_t n_parts, uint8_t *mac);

/* RFC 8489 14.5: with the header's length as it was when this attribute, at |mac_at|, was the last one. */
static bool verify(const wr_stun *stun, size_t mac_at, size_t n_mac, hmac_of *hmac, void *ctx, wr_bytes key) {
  if (!mac_at || !key.len) return false;
  const uint8_t *at = stun->datagram.data;
  uint8_t len[2], mac[WR_STUN_MAC256_BYTES];
  wr_put_u16(len, (uint16_t)(mac_at + 4 + n_mac - WR_STUN_HEADER_BYTES));
  const wr_bytes parts[] = {{at, 2}, {len, 2}, {at + 4, mac_at - 4}};
  hmac(ctx, key, parts, 3, mac);
  return wr_equal_secret(mac, at + mac_at + 4, n_mac);
}

bool wr_stun_verify(const wr_stun *stun, const wr_crypto *crypto, wr_bytes key) {
  return verify(stun, stun->mac_at, WR_STUN_MAC_BYTES, crypto->hmac_sha1, crypto->ctx, key);
}

bool wr_stun_verify_sha256(const wr_stun *stun, const wr_crypto *crypto, wr_bytes key) {
  return verify(stun, stun->mac256_at, WR_STUN_MAC256_BYTES, crypto->hmac_sha256, crypto->ctx, key);
}

wr_bytes wr_stun_find(const wr_stun *stun, uint16_t type) {
  wr_reader r = attributes_of(stun->datagram);
  attribute a;
  while (next_attribute(&r, stun->datagram, &a)) {
    if (a.type == type) return a.value;
    if (a.type == WR_STUN_MESSAGE_INTEGRITY || a.type == WR_STUN_MESSAGE_INTEGRITY_SHA256) break;
  }
  return wr_bytes_of(NULL, 0);
}

bool wr_stun_find_address(const wr_stun *stun, uint16_t type, wr_addr *addr) {
  wr_bytes value = wr_stun_find(stun, type);
  return value.data && read_address(addr, value, stun->datagram.data + 4);
}

void wr_stun_begin(wr_writer *w, wr_stun_class class_, uint16_t method, const uint8_t id[WR_STUN_ID_BYTES]) {
  WR_ASSERT(w->at == w->start && method < 0x1000);
  unsigned c = (unsigned)class_, m = method;
  unsigned type = (m & 0xf) | (m & 0x70) << 1 | (m & 0xf80) << 2 | (c & 1) << 4 | (c & 2) << 7;
  wr_write_u16(w, (uint16_t)type);
  wr_write_u16(w, 0);
  wr_write_u32(w, WR_STUN_COOKIE);
  wr_write_bytes(w, wr_bytes_of(id, WR_STUN_ID_BYTES));
}

void wr_stun_write_bytes(wr_writer *w, wr_stun_attribute type, wr_bytes value) {
  WR_ASSERT(value.len <= UINT16_MAX - 3);
  wr_write_u16(w, (uint16_t)type);
  wr_write_u16(w, (uint16_t)value.len);
  wr_write_bytes(w, value);
  wr_write_zeros(w, -value.len & 3);
}

void wr_stun_write_flag(wr_writer *w, wr_stun_attribute type) {
  wr_stun_write_bytes(w, type, wr_bytes_of(NULL, 0));
}

void wr_stun_write_u32(wr_writer *w, wr_stun_attribute type, uint32_t value) {
  wr_write_u16(w, (uint16_t)type);
  wr_write_u16(w, 4);
  wr_write_u32(w, value);
}

void wr_stun_write_u64(wr_writer *w, wr_stun_attribute type, uint64_t value) {
  wr_write_u16(w, (uint16_t)type);
  wr_write_u16(w, 8);
  wr_write_u64(w, value);
}

void wr_stun_write_mapped(wr_writer *w, const wr_addr *addr) {
  wr_stun_write_xor(w, WR_STUN_XOR_MAPPED_ADDRESS, addr);
}

void wr_stun_write_xor(wr_writer *w, wr_stun_attribute type, const wr_addr *addr) {
  WR_ASSERT(addr->family == 4 || addr->family == 6);
  if (wr_writer_left(w) < 24) {
    w->failed = true;
    return;
  }
  const uint8_t *mask = w->start + 4;
  size_t len = addr->family == 4 ? 4 : 16;
  uint8_t value[20] = {0, addr->family == 4 ? 1 : 2};
  wr_put_u16(value + 2, (uint16_t)(addr->port ^ wr_get_u16(mask)));
  for (size_t i = 0; i < len; i++) value[4 + i] = addr->ip[i] ^ mask[i];
  wr_stun_write_bytes(w, type, wr_bytes_of(value, 4 + len));
}

void wr_stun_write_error(wr_writer *w, uint16_t code, const char *reason) {
  WR_ASSERT(code >= 300 && code < 700);
  size_t len = strlen(reason);
  wr_write_u16(w, WR_STUN_ERROR_CODE);
  wr_write_u16(w, (uint16_t)(4 + len));
  wr_write_u16(w, 0);
  wr_write_u8(w, (uint8_t)(code / 100));
  wr_write_u8(w, (uint8_t)(code % 100));
  wr_write_text(w, reason);
  wr_write_zeros(w, -len & 3);
}

void wr_stun_write_unknown(wr_writer *w, const uint16_t *types, size_t n) {
  wr_write_u16(w, WR_STUN_UNKNOWN_ATTRIBUTES);
  wr_write_u16(w, (uint16_t)(2 * n));
  for (size_t i = 0; i < n; i++) wr_write_u16(w, types[i]);
  wr_write_zeros(w, n % 2 * 2);
}

static void set_length(wr_writer *w, size_t more) {
  if (wr_writer_ok(w)) wr_put_u16(w->start + 2, (uint16_t)(wr_writer_len(w) + more - WR_STUN_HEADER_BYTES));
}

static size_t finish(wr_writer *w) {
  set_length(w, FINGERPRINT_BYTES);
  if (!wr_writer_ok(w)) return 0;
  uint32_t crc = wr_crc32(wr_bytes_of(w->start, wr_writer_len(w)));
  wr_stun_write_u32(w, WR_STUN_FINGERPRINT, crc ^ FINGERPRINT_XOR);
  return wr_writer_ok(w) ? wr_writer_len(w) : 0;
}

size_t wr_stun_end(wr_writer *w, const wr_crypto *crypto, wr_bytes key) {
  if (wr_writer_ok(w) && key.len) {
    uint8_t mac[WR_STUN_MAC_BYTES];
    set_length(w, 4 + sizeof mac);
    wr_bytes message = {w->start, wr_writer_len(w)};
    crypto->hmac_sha1(crypto->ctx, key, &message, 1, mac);
    wr_stun_write_bytes(w, WR_STUN_MESSAGE_INTEGRITY, wr_bytes_of(mac, sizeof mac));
  }
  return finish(w);
}

size_t wr_stun_end_sha256(wr_writer *w, const wr_crypto *crypto, wr_bytes key) {
  if (wr_writer_ok(w)) {
    uint8_t mac[WR_STUN_MAC256_BYTES];
    set_length(w, 4 + sizeof mac);
    wr_bytes message = {w->start, wr_writer_len(w)};
    crypto->hmac_sha256(crypto->ctx, key, &message, 1, mac);
    wr_stun_write_bytes(w, WR_STUN_MESSAGE_INTEGRITY_SHA256, wr_bytes_of(mac, sizeof mac));
  }
  return finish(w);
}
