/* xiaozhi/udp.c - the UDP framing of XiaoZhi devices.
 *
 * The firmware drops what is not newer than the last packet and takes any number ahead of it. One forged number far
 * ahead would then silence the rest of a conversation, so a jump has to be confirmed by the packet after it, and a
 * number counts only once its payload has proved to be Opus. Left out: putting packets back in order; a late packet
 * is 60 ms of silence, as on the devices. */
#include "xiaozhi/udp.h"

#include "base/io.h"
#include "xiaozhi/frame.h"

enum { TYPE_AUDIO = 1, AT_LENGTH = 2, AT_CONNECTION = 4, AT_TIMESTAMP = 8, AT_SEQUENCE = 12 };

bool xz_udp_open(xz_udp *u, const wr_crypto *crypto, const uint8_t key[16], const uint8_t nonce[XZ_UDP_HEADER]) {
  xz_udp_close(u);
  u->crypto = crypto;
  u->cipher = crypto->cipher_open(crypto->ctx, WR_CIPHER_AES128_CTR, wr_bytes_of(key, 16));
  memcpy(u->nonce, nonce, sizeof u->nonce);
  u->sent = u->received = u->jumped_to = 0;
  return u->cipher != NULL;
}

void xz_udp_close(xz_udp *u) {
  if (u->cipher) u->crypto->cipher_close(u->crypto->ctx, u->cipher);
  u->cipher = NULL;
}

size_t xz_udp_seal(xz_udp *u, uint8_t *out, size_t cap, uint32_t timestamp_ms, wr_bytes opus) {
  if (!u->cipher || !opus.len || opus.len > XZ_UDP_OPUS_MAX || cap < XZ_UDP_HEADER + opus.len) return 0;
  memcpy(out, u->nonce, XZ_UDP_HEADER);
  wr_put_u16(out + AT_LENGTH, (uint16_t)opus.len);
  wr_put_u32(out + AT_TIMESTAMP, timestamp_ms);
  wr_put_u32(out + AT_SEQUENCE, u->sent + 1);
  memcpy(out + XZ_UDP_HEADER, opus.data, opus.len);
  if (!u->crypto->ctr_xor(u->cipher, out, out + XZ_UDP_HEADER, opus.len)) return 0;
  u->sent++;
  return XZ_UDP_HEADER + opus.len;
}

static bool is_framed(wr_bytes d) {
  return d.len > XZ_UDP_HEADER && d.len <= XZ_UDP_MAX && d.data[0] == TYPE_AUDIO &&
         wr_get_u16(d.data + AT_LENGTH) == d.len - XZ_UDP_HEADER;
}

static bool is_ours(const xz_udp *u, wr_bytes d) {
  return u->cipher && !memcmp(d.data + AT_CONNECTION, u->nonce + AT_CONNECTION, 4);
}

static bool decrypt(xz_udp *u, wr_bytes d) {
  memcpy(u->opened, d.data + XZ_UDP_HEADER, d.len - XZ_UDP_HEADER);
  return u->crypto->ctr_xor(u->cipher, d.data, u->opened, d.len - XZ_UDP_HEADER);
}

static wr_bytes drop(xz_udp *u, xz_udp_drop why) {
  u->stats.drop[why]++;
  return wr_bytes_of(NULL, 0);
}

wr_bytes xz_udp_unseal(xz_udp *u, wr_bytes d, uint32_t *timestamp_ms) {
  if (!is_framed(d)) return drop(u, XZ_UDP_MALFORMED);
  if (!is_ours(u, d)) return drop(u, XZ_UDP_FOREIGN);
  uint32_t sequence = wr_get_u32(d.data + AT_SEQUENCE), ahead = sequence - u->received;
  if (ahead == 0 || ahead > INT32_MAX) return drop(u, XZ_UDP_OLD);
  bool confirms = u->jumped_to && sequence == u->jumped_to + 1;
  wr_bytes opus = wr_bytes_of(u->opened, d.len - XZ_UDP_HEADER);
  if (!decrypt(u, d) || !xz_opus_ms(opus)) return drop(u, XZ_UDP_NOT_OPUS);
  if (ahead > XZ_UDP_JUMP_MAX && !confirms) {
    u->jumped_to = sequence;
    return drop(u, XZ_UDP_JUMP);
  }
  u->stats.lost += ahead - 1;
  u->stats.taken++;
  u->received = sequence;
  u->jumped_to = 0;
  *timestamp_ms = wr_get_u32(d.data + AT_TIMESTAMP);
  return opus;
}
