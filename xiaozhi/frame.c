/* xiaozhi/frame.c - framing of binary messages, versions 1 to 3.
 *
 * The reader never trusts a size field further than to recognise a header by it. Left out: the sequence number of
 * the MQTT bridge's variant of version 2 (bytes 4-7), which nothing needs on a reliable transport. */
#include "xiaozhi/frame.h"

#include "base/io.h"

static bool looks_like_v2(wr_bytes m) { return m.len >= 16 && wr_get_u32(m.data + 12) == m.len - 16; }

static bool looks_like_v3(wr_bytes m) { return m.len >= 4 && wr_get_u16(m.data + 2) == m.len - 4; }

bool xz_frame_read(xz_frame *frame, unsigned version, wr_bytes message) {
  *frame = (xz_frame){.type = XZ_FRAME_OPUS, .framing = 1, .payload = message};
  if (version == 2 && looks_like_v2(message)) {
    /* The MQTT bridge leaves bytes 0-7 zero and one server writes 1, 0, length there: only the documented first
     * word makes the type field a type. */
    bool documented = wr_get_u16(message.data) == 2;
    frame->framing = 2;
    frame->type = documented && wr_get_u16(message.data + 2) == 1 ? XZ_FRAME_JSON : XZ_FRAME_OPUS;
    frame->timestamp_ms = wr_get_u32(message.data + 8);
    frame->payload = wr_bytes_of(message.data + 16, message.len - 16);
  } else if (version == 3 && looks_like_v3(message)) {
    frame->framing = 3;
    frame->type = message.data[0] == 1 ? XZ_FRAME_JSON : XZ_FRAME_OPUS;
    frame->payload = wr_bytes_of(message.data + 4, message.len - 4);
  }
  return frame->payload.len > 0;
}

size_t xz_frame_header_size(unsigned version) { return version == 2 ? 16 : version == 3 ? 4 : 0; }

size_t xz_frame_write(uint8_t *out, size_t cap, unsigned version, uint32_t timestamp_ms, wr_bytes opus) {
  wr_writer w = wr_writer_of(out, cap);
  if (version == 2) {
    if (opus.len > UINT32_MAX) return 0;
    wr_write_u16(&w, 2);
    wr_write_u16(&w, XZ_FRAME_OPUS);
    wr_write_u32(&w, 0);
    wr_write_u32(&w, timestamp_ms);
    wr_write_u32(&w, (uint32_t)opus.len);
  } else if (version == 3) {
    if (opus.len > UINT16_MAX) return 0;
    wr_write_u8(&w, XZ_FRAME_OPUS);
    wr_write_u8(&w, 0);
    wr_write_u16(&w, (uint16_t)opus.len);
  }
  wr_write_bytes(&w, opus);
  return wr_writer_ok(&w) ? wr_writer_len(&w) : 0;
}

/* RFC 6716 3.1, table 2: frame length by configuration, in units of 0.5 ms. */
static unsigned toc_half_ms(uint8_t toc) {
  unsigned config = toc >> 3;
  if (config < 12) {
    static const uint8_t silk[4] = {20, 40, 80, 120};
    return silk[config & 3];
  }
  if (config < 16) return config & 1 ? 40 : 20;
  return 5u << (config & 3);
}

unsigned xz_opus_ms(wr_bytes opus) {
  if (!opus.len) return 0;
  unsigned code = opus.data[0] & 3, n_frames = code == 0 ? 1 : 2;
  if (code == 3) {
    if (opus.len < 2) return 0;
    n_frames = opus.data[1] & 63;
  }
  unsigned half_ms = n_frames * toc_half_ms(opus.data[0]);
  return half_ms > 240 ? 0 : half_ms / 2; /* 3.4 R5: never more than 120 ms */
}

wr_bytes xz_opus_silence(void) {
  /* Three 20 ms CELT full-band frames of digital silence (configuration 31, code 3, constant rate, no padding). */
  static const uint8_t silence[] = {0xFB, 0x03, 0xFF, 0xFE, 0xFF, 0xFE, 0xFF, 0xFE};
  return wr_bytes_of(silence, sizeof silence);
}
