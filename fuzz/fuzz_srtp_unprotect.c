/* fuzz_srtp_unprotect.c - any bytes as SRTP and SRTCP under real keys.
 *
 * Input: one byte that chooses the profile, then packets: length (2 bytes), control (1 byte), bytes. A packet is
 * first taken as it is (it is never authentic, so nothing may change), then, if its header is sound, protected by
 * the other end, damaged if the control byte says so, and opened: whole packets must come back, damaged ones must
 * not. */
#include "base/io.h"
#include "srtp/srtp.h"
#include "wr/crypto_openssl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define MAX_PACKET 1500
#define CONTROL_RTCP 1
#define CONTROL_DAMAGE 2

static const wr_crypto *crypto;

static void open_ends(wr_srtp *sender, wr_srtp *receiver, unsigned choice) {
  static const wr_srtp_profile profiles[] = {WR_SRTP_AES128_CM_SHA1_80, WR_SRTP_AEAD_AES_128_GCM,
                                             WR_SRTP_AEAD_AES_256_GCM};
  wr_srtp_keys keys = {.profile = profiles[choice % 3], .key_bytes = 16, .salt_bytes = 12}; /* same in both ways */
  if (keys.profile == WR_SRTP_AEAD_AES_256_GCM) keys.key_bytes = 32;
  if (keys.profile == WR_SRTP_AES128_CM_SHA1_80) keys.salt_bytes = 14;
  WR_ASSERT(wr_srtp_init(sender, crypto, &keys) == WR_OK);
  WR_ASSERT(wr_srtp_init(receiver, crypto, &keys) == WR_OK);
}

static wr_srtp_result unprotect(wr_srtp *receiver, bool is_rtcp, uint8_t *packet, size_t *len) {
  return is_rtcp ? wr_srtp_unprotect_rtcp(receiver, packet, len) : wr_srtp_unprotect_rtp(receiver, packet, len);
}

static void try_packet(wr_srtp *sender, wr_srtp *receiver, uint8_t control, wr_bytes plain) {
  bool is_rtcp = control & CONTROL_RTCP;
  uint8_t packet[MAX_PACKET + WR_SRTP_MAX_EXPANSION] = {0};
  if (plain.len) memcpy(packet, plain.data, plain.len);
  size_t len = plain.len;
  wr_srtp_direction before = receiver->rx;
  WR_ASSERT(unprotect(receiver, is_rtcp, packet, &len) != WR_SRTP_OK);
  memset(packet, 0, sizeof packet);
  if (plain.len) memcpy(packet, plain.data, plain.len);
  len = plain.len + WR_SRTP_MAX_EXPANSION; /* room for any tag: malformed now means the header is */
  wr_srtp_result result = unprotect(receiver, is_rtcp, packet, &len);
  WR_ASSERT(result != WR_SRTP_OK && memcmp(&before, &receiver->rx, sizeof before) == 0);
  memset(packet, 0, sizeof packet);
  if (plain.len) memcpy(packet, plain.data, plain.len);
  if (result == WR_SRTP_MALFORMED || plain.len < (is_rtcp ? 8 : 12)) return;
  if (!is_rtcp && packet[0] & 0x1f) return; /* CSRCs or extension might lie in the room: not a valid packet */
  len = is_rtcp ? wr_srtp_protect_rtcp(sender, packet, plain.len, sizeof packet)
                : wr_srtp_protect_rtp(sender, packet, plain.len, sizeof packet);
  if (len == 0) return;
  bool damage = control & CONTROL_DAMAGE;
  if (damage) packet[(size_t)control * 7 % len] ^= (uint8_t)(1 + control / 4);
  result = unprotect(receiver, is_rtcp, packet, &len);
  WR_ASSERT(!damage || result != WR_SRTP_OK);
  if (result == WR_SRTP_OK) WR_ASSERT(wr_bytes_equal(wr_bytes_of(packet, len), plain));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  if (!crypto && wr_crypto_openssl_open(&crypto) != WR_OK) return 0;
  wr_reader r = wr_reader_of(wr_bytes_of(data, len));
  wr_srtp sender, receiver;
  open_ends(&sender, &receiver, wr_read_u8(&r));
  while (wr_reader_left(&r) > 3) {
    size_t n = wr_read_u16(&r) % MAX_PACKET;
    uint8_t control = wr_read_u8(&r);
    if (n > wr_reader_left(&r)) n = wr_reader_left(&r);
    try_packet(&sender, &receiver, control, wr_read_bytes(&r, n));
  }
  wr_srtp_wipe(&sender);
  wr_srtp_wipe(&receiver);
  return 0;
}
