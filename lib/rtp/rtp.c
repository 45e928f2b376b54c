/* rtp/rtp.c - see rtp/rtp.h. RFC 3550 5.1 header, RFC 8285 4.2 and 4.3 extension elements, RFC 6464 audio level. */
#include "rtp/rtp.h"

#include "base/io.h"

enum { ONE_BYTE_PROFILE = 0xbede, TWO_BYTE_PROFILE = 0x1000, ONE_BYTE_MAX_ID = 14 };

wr_err wr_rtp_read(wr_rtp_packet *packet, wr_bytes datagram) {
  wr_rtp_packet p = {0};
  wr_reader r = wr_reader_of(datagram);
  uint8_t first = wr_read_u8(&r), second = wr_read_u8(&r);
  if (first >> 6 != 2) return WR_ERR_SYNTAX;
  p.n_csrc = first & 15;
  p.marker = second >> 7;
  p.payload_type = second & 127;
  p.seq = wr_read_u16(&r);
  p.timestamp = wr_read_u32(&r);
  p.ssrc = wr_read_u32(&r);
  for (size_t i = 0; i < p.n_csrc; i++) p.csrc[i] = wr_read_u32(&r);
  if (first & 0x10) {
    p.extension_profile = wr_read_u16(&r);
    size_t n_words = wr_read_u16(&r);
    p.extension = wr_read_bytes(&r, n_words * 4);
  }
  if (!wr_reader_ok(&r)) return WR_ERR_SYNTAX;
  p.payload = wr_read_bytes(&r, wr_reader_left(&r));
  if (first & 0x20) {
    if (p.payload.len == 0) return WR_ERR_SYNTAX;
    p.padding_bytes = p.payload.data[p.payload.len - 1];
    if (p.padding_bytes == 0 || p.padding_bytes > p.payload.len) return WR_ERR_SYNTAX;
    p.payload.len -= p.padding_bytes;
  }
  *packet = p;
  return WR_OK;
}

/* RFC 8285 4.2. Id 15 ends the block; so does an id 0 that claims a length, which is not padding. */
static wr_bytes find_one_byte(wr_bytes block, uint8_t id) {
  wr_reader r = wr_reader_of(block);
  while (wr_reader_left(&r)) {
    uint8_t head = wr_read_u8(&r);
    if (head == 0) continue;
    if (head >> 4 == 0 || head >> 4 == 15) break;
    wr_bytes data = wr_read_bytes(&r, (head & 15u) + 1u);
    if (head >> 4 == id) return data;
  }
  return wr_bytes_of(NULL, 0);
}

/* RFC 8285 4.3. */
static wr_bytes find_two_byte(wr_bytes block, uint8_t id) {
  wr_reader r = wr_reader_of(block);
  while (wr_reader_left(&r)) {
    uint8_t element_id = wr_read_u8(&r);
    if (element_id == 0) continue;
    uint8_t len = wr_read_u8(&r);
    wr_bytes data = wr_read_bytes(&r, len);
    if (element_id == id) return data;
  }
  return wr_bytes_of(NULL, 0);
}

wr_bytes wr_rtp_extension(const wr_rtp_packet *packet, uint8_t id) {
  if (id == 0) return wr_bytes_of(NULL, 0);
  if (packet->extension_profile == ONE_BYTE_PROFILE) return find_one_byte(packet->extension, id);
  /* The low four bits are free for the application. */
  if ((packet->extension_profile & 0xfff0) == TWO_BYTE_PROFILE) return find_two_byte(packet->extension, id);
  return wr_bytes_of(NULL, 0);
}

bool wr_rtp_audio_level(const wr_rtp_packet *packet, uint8_t id, uint8_t *level_dbov, bool *voice) {
  wr_bytes data = wr_rtp_extension(packet, id);
  if (data.len == 0) return false;
  *voice = data.data[0] >> 7;
  *level_dbov = data.data[0] & 127;
  return true;
}

static void write_element(wr_writer *w, bool two_byte, uint8_t id, wr_bytes data) {
  if (id == 0 || data.len == 0) return;
  if (two_byte) {
    wr_write_u8(w, id);
    wr_write_u8(w, (uint8_t)data.len);
  } else {
    wr_write_u8(w, (uint8_t)((unsigned)id << 4 | (data.len - 1)));
  }
  wr_write_bytes(w, data);
}

static void write_elements(wr_writer *w, const wr_rtp_outgoing *header) {
  size_t mid_bytes = header->mid_id && header->mid ? strlen(header->mid) : 0;
  bool two_byte = header->mid_id > ONE_BYTE_MAX_ID || header->level_id > ONE_BYTE_MAX_ID ||
                  header->twcc_id > ONE_BYTE_MAX_ID || mid_bytes > 16;
  uint8_t level = header->level_dbov > 127 ? 127 : header->level_dbov;
  level = (uint8_t)(level | (header->voice ? 0x80 : 0));
  uint8_t twcc[2];
  wr_put_u16(twcc, header->twcc_seq);
  if (mid_bytes > 255) {
    w->failed = true;
    return;
  }
  wr_write_u16(w, two_byte ? TWO_BYTE_PROFILE : ONE_BYTE_PROFILE);
  uint8_t *n_words = w->at;
  wr_write_u16(w, 0);
  size_t start = wr_writer_len(w);
  write_element(w, two_byte, header->level_id, wr_bytes_of(&level, 1));
  write_element(w, two_byte, header->mid_id, wr_bytes_of(header->mid, mid_bytes));
  write_element(w, two_byte, header->twcc_id, wr_bytes_of(twcc, 2));
  size_t len = wr_writer_len(w) - start;
  wr_write_zeros(w, (4 - len % 4) % 4);
  if (wr_writer_ok(w)) wr_put_u16(n_words, (uint16_t)((len + 3) / 4));
}

size_t wr_rtp_write_header(const wr_rtp_outgoing *header, uint8_t *out, size_t cap) {
  wr_writer w = wr_writer_of(out, cap);
  bool has_mid = header->mid_id && header->mid && header->mid[0];
  bool extended = has_mid || header->level_id || header->twcc_id;
  wr_write_u8(&w, extended ? 0x90 : 0x80);
  wr_write_u8(&w, (uint8_t)((header->payload_type & 127) | (header->marker ? 0x80 : 0)));
  wr_write_u16(&w, header->seq);
  wr_write_u32(&w, header->timestamp);
  wr_write_u32(&w, header->ssrc);
  if (extended) write_elements(&w, header);
  return wr_writer_ok(&w) ? wr_writer_len(&w) : 0;
}
