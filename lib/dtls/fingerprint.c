/* dtls/fingerprint.c - sizes of the hashes a certificate fingerprint may use (RFC 8122 5). */
#include "wr/crypto.h"

size_t wr_hash_bytes(wr_hash hash) {
  switch (hash) {
    case WR_HASH_NONE: return 0;
    case WR_HASH_SHA1: return 20;
    case WR_HASH_SHA256: return 32;
    case WR_HASH_SHA384: return 48;
    case WR_HASH_SHA512: return 64;
  }
  return 0;
}
