/* fuzz_rtp.c - any bytes as an RTP packet; every extension element and the payload lie inside it. */
#include "rtp/rtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static volatile uint8_t sink;

static void touch(wr_bytes bytes, const uint8_t *data, size_t len) {
  if (!bytes.len) return;
  WR_ASSERT(bytes.data >= data && bytes.data + bytes.len <= data + len);
  sink = (uint8_t)(bytes.data[0] ^ bytes.data[bytes.len - 1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  wr_rtp_packet packet;
  if (wr_rtp_read(&packet, wr_bytes_of(data, len))) return 0;
  touch(packet.payload, data, len);
  touch(packet.extension, data, len);
  for (unsigned id = 0; id < 256; id++) touch(wr_rtp_extension(&packet, (uint8_t)id), data, len);
  uint8_t level;
  bool voice;
  if (wr_rtp_audio_level(&packet, 1, &level, &voice)) WR_ASSERT(level <= 127);
  size_t n = 12 + 4u * packet.n_csrc + packet.payload.len + packet.padding_bytes;
  n += data[0] & 0x10 ? packet.extension.len + 4 : 0;
  WR_ASSERT(n == len);
  return 0;
}
