/* fuzz_stun.c - any bytes through the STUN parser; what parses must agree with the cheap helpers. */
#include "stun/stun.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void null_hmac(void *ctx, wr_bytes key, const wr_bytes *parts, size_t n_parts, uint8_t mac[20]) {
  (void)ctx;
  memset(mac, 0, 20);
  for (size_t i = 0; i < n_parts; i++) {
    for (size_t j = 0; j < parts[i].len; j++) mac[(i + j) % 20] ^= (uint8_t)(parts[i].data[j] + key.len);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  static const wr_crypto crypto = {.hmac_sha1 = null_hmac};
  wr_bytes datagram = wr_bytes_of(data, len), ufrag = wr_stun_peek_local_ufrag(datagram);
  wr_stun stun;
  if (wr_stun_parse(&stun, datagram) != WR_OK) return 0;
  WR_ASSERT(wr_stun_is(datagram));
  WR_ASSERT(stun.n_unknown <= WR_STUN_MAX_UNKNOWN && stun.mac_at < len);
  if (stun.username.data && ufrag.len && ufrag.data == stun.username.data) WR_ASSERT(ufrag.len < stun.username.len);
  (void)wr_stun_verify(&stun, &crypto, WR_BYTES_LITERAL("password"));
  return 0;
}
