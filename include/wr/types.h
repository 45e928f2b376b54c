/* wr/types.h - the vocabulary of libwr: time, bytes, addresses, randomness, errors.
 *
 * Everything in libwr is sans-IO: it never reads a clock, opens a socket, starts a thread, allocates or
 * prints. Time comes in as an argument (always the last one), randomness through a wr_rng. */
#ifndef WR_TYPES_H
#define WR_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define WR_NODISCARD __attribute__((warn_unused_result))
#else
#define WR_NODISCARD
#endif

/* Monotonic microseconds; the zero point is the caller's. */
typedef int64_t wr_time;
#define WR_NEVER INT64_MAX
#define WR_MS(n) ((wr_time)(n)*1000)
#define WR_S(n) ((wr_time)(n)*1000000)

static inline wr_time wr_time_min(wr_time a, wr_time b) { return a < b ? a : b; }

/* What an operation can say. Hostile bytes from the network are never an error of the caller: they are
 * counted (wr_conn_stats.drop) and dropped. A caller's bug is an assertion, not a value. */
typedef enum wr_err {
  WR_OK = 0,
  WR_ERR_LIMIT = -1,       /* a bound fixed at construction is reached; nothing changed; try later or give up */
  WR_ERR_SYNTAX = -2,      /* text or bytes that cannot be parsed; nothing changed */
  WR_ERR_STATE = -3,       /* not possible in this state (yet, or any more); nothing changed */
  WR_ERR_AUTH = -4,        /* integrity check failed; treat the bytes as never received */
  WR_ERR_CRYPTO = -5,      /* the crypto backend failed; close the connection */
  WR_ERR_UNSUPPORTED = -6, /* well-formed, but nothing both sides can do */
} wr_err;

const char *wr_err_text(wr_err err);

/* Bytes somebody else owns. Lifetime is stated where they are handed over. */
typedef struct wr_bytes {
  const uint8_t *data;
  size_t len;
} wr_bytes;

/* Bytes the callee may overwrite in place (decryption). */
typedef struct wr_span {
  uint8_t *data;
  size_t len;
} wr_span;

#define WR_BYTES_LITERAL(s) ((wr_bytes){(const uint8_t *)(s), sizeof(s) - 1})
static inline wr_bytes wr_bytes_of(const void *data, size_t len) {
  wr_bytes b = {(const uint8_t *)data, len};
  return b;
}
static inline wr_bytes wr_span_bytes(wr_span s) { return wr_bytes_of(s.data, s.len); }
bool wr_bytes_equal(wr_bytes a, wr_bytes b); /* not constant time: never for secrets or MACs */

/* What carries datagrams: UDP, or a TCP connection with frames around them (wr/frame.h). */
typedef enum wr_transport { WR_UDP = 0, WR_TCP = 1 } wr_transport;

/* A transport address. |ip| holds 4 bytes (family 4, rest zero) or 16 (family 6), network order; |port| host order;
 * |transport| a wr_transport. family 0 = no address. A local TCP address with port 0 is one that connections go
 * out from, each from a port of its own. */
typedef struct wr_addr {
  uint8_t ip[16];
  uint16_t port;
  uint8_t family;
  uint8_t transport;
} wr_addr;

/* The two ends a datagram travels between, seen from here. Of TCP: one connection. */
typedef struct wr_path {
  wr_addr local;
  wr_addr remote;
} wr_path;

bool wr_addr_equal(const wr_addr *a, const wr_addr *b);
bool wr_path_equal(const wr_path *a, const wr_path *b);
/* Reads "192.0.2.1" or "2001:db8::1" (no brackets, no zone). false: not an address. */
bool wr_addr_parse(wr_addr *addr, wr_bytes text, uint16_t port);
#define WR_ADDR_TEXT_MAX 46
/* Writes the IP without port, NUL-terminated, at most WR_ADDR_TEXT_MAX; returns the length. */
size_t wr_addr_text(const wr_addr *addr, char *out);

/* The only source of randomness. |fill| must be cryptographically strong except in simulation. */
typedef struct wr_rng {
  void (*fill)(void *ctx, uint8_t *out, size_t len);
  void *ctx;
} wr_rng;
void wr_rng_fill(const wr_rng *rng, void *out, size_t len);
uint32_t wr_rng_u32(const wr_rng *rng);
uint64_t wr_rng_u64(const wr_rng *rng);

/* Zeroes secrets; never optimised away. */
void wr_wipe(void *secret, size_t len);
/* Compares |len| bytes in time independent of their values. */
bool wr_equal_secret(const void *a, const void *b, size_t len);

/* A broken invariant of ours or a misuse by the caller ends the process through this hook, which the
 * embedder may define itself (lib/base/assert_default.c traps). */
#ifdef __cplusplus
[[noreturn]]
#else
_Noreturn
#endif
void wr_assert_failed(const char *expr, const char *file, int line);
#define WR_ASSERT(x) ((x) ? (void)0 : wr_assert_failed(#x, __FILE__, __LINE__))

#ifdef __cplusplus
}
#endif
#endif
