/* fuzz/fuzz_xz_udp.c - records of { op, u16 length, bytes }: datagrams as they came, and datagrams sealed under the
 * key with any number; every one is counted, and what is taken is newer than what was taken before. */
#include "base/io.h"
#include "wr/crypto_openssl.h"
#include "xiaozhi/frame.h"
#include "xiaozhi/udp.h"

static xz_udp device, server;
static const wr_crypto *crypto;

static uint64_t n_counted(void) {
  uint64_t n = device.stats.taken;
  for (size_t i = 0; i < XZ_UDP_N_DROPS; i++) n += device.stats.drop[i];
  return n;
}

static void give(wr_bytes datagram) {
  uint64_t before = n_counted();
  uint32_t received = device.received, at = 0;
  wr_bytes opus = xz_udp_unseal(&device, datagram, &at);
  WR_ASSERT(n_counted() == before + 1);
  if (opus.len) {
    WR_ASSERT(opus.len == datagram.len - XZ_UDP_HEADER && xz_opus_ms(opus) > 0);
    WR_ASSERT(device.received - received - 1 < INT32_MAX);
  } else {
    WR_ASSERT(device.received == received);
  }
}

static void use(unsigned op, wr_bytes bytes) {
  uint8_t out[XZ_UDP_MAX];
  switch (op % 4) {
    case 0: give(bytes); return;
    case 1: server.sent = bytes.len >= 4 ? wr_get_u32(bytes.data) : server.sent; return;
    case 2: {
      size_t n = xz_udp_seal(&server, out, sizeof out, op, bytes);
      WR_ASSERT(n == 0 || n == XZ_UDP_HEADER + bytes.len);
      if (n) give(wr_bytes_of(out, n));
      return;
    }
    default:
      if (bytes.len < 32) return;
      WR_ASSERT(xz_udp_open(&device, crypto, bytes.data, bytes.data + 16));
      WR_ASSERT(op & 4 || xz_udp_open(&server, crypto, bytes.data, bytes.data + 16));
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  static const uint8_t key[16] = {1}, nonce[16] = {1, 0, 0, 0, 'c', 'o', 'n', 'n'};
  if (!crypto) WR_ASSERT(wr_crypto_openssl_open(&crypto) == WR_OK);
  WR_ASSERT(xz_udp_open(&device, crypto, key, nonce) && xz_udp_open(&server, crypto, key, nonce));
  wr_reader r = wr_reader_of(wr_bytes_of(data, len));
  while (wr_reader_left(&r)) {
    unsigned op = wr_read_u8(&r);
    size_t n = wr_read_u16(&r);
    use(op, wr_read_bytes(&r, n < wr_reader_left(&r) ? n : wr_reader_left(&r)));
  }
  xz_udp_close(&device);
  xz_udp_close(&server);
  return 0;
}
