/* stun/stun.h - STUN messages (RFC 8489) and the attributes ICE adds to them (RFC 8445 16.1).
 *
 * Reading: wr_stun_parse checks the frame and FINGERPRINT and yields values and borrowed spans; nothing is trusted
 * until wr_stun_verify. Writing: begin, attributes in order, then wr_stun_end with or without a key. Attributes
 * after MESSAGE-INTEGRITY other than FINGERPRINT are ignored (RFC 8489 14.5). Of an attribute that appears twice
 * the first counts (14). What TURN adds is found
 * with wr_stun_find. Left out: the RFC 3489 format without cookie. */
#ifndef WR_STUN_STUN_H
#define WR_STUN_STUN_H

#include "base/io.h"
#include "wr/crypto.h"

#define WR_STUN_HEADER_BYTES 20
#define WR_STUN_ID_BYTES 12
#define WR_STUN_MAC_BYTES 20
#define WR_STUN_MAC256_BYTES 32
#define WR_STUN_COOKIE 0x2112a442u
#define WR_STUN_MAX_UNKNOWN                                                            \
  8 /* unknown comprehension-required attributes remembered; more are as good as these \
     */

typedef enum wr_stun_class {
  WR_STUN_REQUEST,
  WR_STUN_INDICATION,
  WR_STUN_SUCCESS,
  WR_STUN_ERROR,
} wr_stun_class;

#define WR_STUN_BINDING 0x001

typedef enum wr_stun_attribute {
  WR_STUN_MAPPED_ADDRESS = 0x0001,
  WR_STUN_USERNAME = 0x0006,
  WR_STUN_MESSAGE_INTEGRITY = 0x0008,
  WR_STUN_ERROR_CODE = 0x0009,
  WR_STUN_UNKNOWN_ATTRIBUTES = 0x000a,
  WR_STUN_CHANNEL_NUMBER = 0x000c,
  WR_STUN_LIFETIME = 0x000d,
  WR_STUN_XOR_PEER_ADDRESS = 0x0012,
  WR_STUN_DATA = 0x0013,
  WR_STUN_REALM = 0x0014,
  WR_STUN_NONCE = 0x0015,
  WR_STUN_XOR_RELAYED_ADDRESS = 0x0016,
  WR_STUN_REQUESTED_ADDRESS_FAMILY = 0x0017,
  WR_STUN_REQUESTED_TRANSPORT = 0x0019,
  WR_STUN_MESSAGE_INTEGRITY_SHA256 = 0x001c,
  WR_STUN_PASSWORD_ALGORITHM = 0x001d,
  WR_STUN_USERHASH = 0x001e,
  WR_STUN_XOR_MAPPED_ADDRESS = 0x0020,
  WR_STUN_PRIORITY = 0x0024,
  WR_STUN_USE_CANDIDATE = 0x0025,
  WR_STUN_PASSWORD_ALGORITHMS = 0x8002,
  WR_STUN_SOFTWARE = 0x8022,
  WR_STUN_ALTERNATE_SERVER = 0x8023,
  WR_STUN_FINGERPRINT = 0x8028,
  WR_STUN_ICE_CONTROLLED = 0x8029,
  WR_STUN_ICE_CONTROLLING = 0x802a,
} wr_stun_attribute;

enum { WR_STUN_UNKNOWN_ATTRIBUTE = 420, WR_STUN_ROLE_CONFLICT = 487 };

/* A message that was read. Spans are borrowed from the datagram. */
typedef struct wr_stun {
  wr_stun_class class_;
  uint16_t method;
  uint8_t id[WR_STUN_ID_BYTES];
  wr_bytes datagram;
  wr_bytes username, realm, nonce, software, reason; /* data NULL: absent */
  wr_addr mapped;                                    /* XOR-MAPPED-ADDRESS, else MAPPED-ADDRESS; family 0: absent */
  uint32_t priority;
  uint64_t tie_breaker; /* of ICE-CONTROLLING or ICE-CONTROLLED */
  uint16_t error_code;  /* 300..699; 0: absent */
  uint16_t mac_at;      /* where MESSAGE-INTEGRITY begins in |datagram|; 0: absent */
  uint16_t mac256_at;   /* of MESSAGE-INTEGRITY-SHA256, which is among the unknown, too: ICE has no use for it */
  uint16_t n_unknown;   /* comprehension-required attributes we do not know; at most WR_STUN_MAX_UNKNOWN kept */
  uint16_t unknown[WR_STUN_MAX_UNKNOWN];
  bool has_priority, use_candidate, controlling, controlled, has_fingerprint, mapped_is_xor;
} wr_stun;

/* Cheap test for a demultiplexer: frame, length and cookie, no attribute. */
bool wr_stun_is(wr_bytes datagram);
/* The receiver's part of USERNAME (before ':'), for routing by ufrag before anything is verified. Empty: none. */
wr_bytes wr_stun_peek_local_ufrag(wr_bytes datagram);
/* WR_ERR_SYNTAX: not STUN, a broken attribute, or a FINGERPRINT that is wrong or not last. */
WR_NODISCARD wr_err wr_stun_parse(wr_stun *stun, wr_bytes datagram);
/* Whether MESSAGE-INTEGRITY is present and right under |key| (short-term: the password, RFC 8489 9.1.1). */
bool wr_stun_verify(const wr_stun *stun, const wr_crypto *crypto, wr_bytes key);
/* The same for MESSAGE-INTEGRITY-SHA256 at its full length. */
bool wr_stun_verify_sha256(const wr_stun *stun, const wr_crypto *crypto, wr_bytes key);
/* The first attribute of |type| before any MESSAGE-INTEGRITY; data NULL: absent. */
wr_bytes wr_stun_find(const wr_stun *stun, uint16_t type);
/* The value of an XOR-...-ADDRESS attribute of |stun|. false: absent or broken. */
bool wr_stun_find_address(const wr_stun *stun, uint16_t type, wr_addr *addr);

/* Writers are sticky: a message that did not fit yields 0 at wr_stun_end. */
void wr_stun_begin(wr_writer *w, wr_stun_class class_, uint16_t method, const uint8_t id[WR_STUN_ID_BYTES]);
void wr_stun_write_bytes(wr_writer *w, wr_stun_attribute type, wr_bytes value);
void wr_stun_write_flag(wr_writer *w, wr_stun_attribute type);
void wr_stun_write_u32(wr_writer *w, wr_stun_attribute type, uint32_t value);
void wr_stun_write_u64(wr_writer *w, wr_stun_attribute type, uint64_t value);
void wr_stun_write_mapped(wr_writer *w, const wr_addr *addr); /* XOR-MAPPED-ADDRESS */
void wr_stun_write_xor(wr_writer *w, wr_stun_attribute type, const wr_addr *addr);
void wr_stun_write_error(wr_writer *w, uint16_t code, const char *reason);
void wr_stun_write_unknown(wr_writer *w, const uint16_t *types, size_t n);
/* Adds MESSAGE-INTEGRITY unless |key| is empty, and FINGERPRINT. Returns the message's length, 0: did not fit. */
size_t wr_stun_end(wr_writer *w, const wr_crypto *crypto, wr_bytes key);
/* The same with MESSAGE-INTEGRITY-SHA256 (RFC 8489 14.6). */
size_t wr_stun_end_sha256(wr_writer *w, const wr_crypto *crypto, wr_bytes key);

#endif
