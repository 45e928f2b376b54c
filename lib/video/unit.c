/* video/unit.c - see video/unit.h. RFC 7741 4.2 and 4.3, RFC 9628 4.2, RFC 6184 5.4 to 5.8 (packetization-mode 1:
 * single NAL units, STAP-A, FU-A). Left out: what the descriptors say of layers and of references. */
#include "video/unit.h"

#include "base/io.h"

/* ---- descriptors ---- */

static void skip_picture_id(wr_reader *r) {
  if (wr_read_u8(r) & 0x80) wr_read_skip(r, 1); /* M: 15 bits instead of 7 */
}

static wr_err peek_vp8(wr_reader *r, wr_video_payload *out) {
  uint8_t first = wr_read_u8(r), more = first & 0x80 ? wr_read_u8(r) : 0;
  if (more & 0x80) skip_picture_id(r);
  if (more & 0x40) wr_read_skip(r, 1); /* TL0PICIDX */
  if (more & 0x30) wr_read_skip(r, 1); /* TID, Y, KEYIDX */
  out->data = wr_read_bytes(r, wr_reader_left(r));
  if (!wr_reader_ok(r) || !out->data.len) return WR_ERR_SYNTAX;
  out->begins = (first & 0x1f) == 0x10;                                       /* S, partition 0 */
  if (out->begins && !(out->data.data[0] & 1)) out->key_parts = WR_VIDEO_KEY; /* the frame's own P bit */
  return WR_OK;
}

enum { VP9_I = 0x80, VP9_P = 0x40, VP9_L = 0x20, VP9_F = 0x10, VP9_B = 0x08, VP9_V = 0x02 };

/* RFC 9628 4.2.1: sizes of the layers, then the pictures of a group and what they refer to. */
static void skip_scalability(wr_reader *r) {
  uint8_t head = wr_read_u8(r);
  if (head & 0x10) wr_read_skip(r, ((head >> 5) + 1u) * 4);
  unsigned n = head & 0x08 ? wr_read_u8(r) : 0;
  for (unsigned i = 0; i < n && wr_reader_ok(r); i++) wr_read_skip(r, wr_read_u8(r) >> 2 & 3);
}

static wr_err peek_vp9(wr_reader *r, wr_video_payload *out) {
  uint8_t first = wr_read_u8(r), layer = 0;
  if (first & VP9_I) skip_picture_id(r);
  if (first & VP9_L) {
    layer = wr_read_u8(r) >> 1 & 7;
    if (!(first & VP9_F)) wr_read_skip(r, 1); /* TL0PICIDX */
  }
  if ((first & (VP9_F | VP9_P)) == (VP9_F | VP9_P)) {
    unsigned n = 1;
    while (wr_read_u8(r) & 1)
      if (++n > 3) return WR_ERR_SYNTAX; /* at most three references */
  }
  if (first & VP9_V) skip_scalability(r);
  out->data = wr_read_bytes(r, wr_reader_left(r));
  if (!wr_reader_ok(r) || !out->data.len) return WR_ERR_SYNTAX;
  out->begins = first & VP9_B && layer == 0;
  if (out->begins && !(first & VP9_P)) out->key_parts = WR_VIDEO_KEY;
  return WR_OK;
}

enum { NAL_IDR = 5, NAL_SPS = 7, NAL_PPS = 8, NAL_AUD = 9, NAL_STAP_A = 24, NAL_FU_A = 28 };

static uint8_t parts_of(unsigned nal_type) {
  return nal_type == NAL_SPS   ? WR_VIDEO_SPS
         : nal_type == NAL_PPS ? WR_VIDEO_PPS
         : nal_type == NAL_IDR ? WR_VIDEO_IDR
                               : 0;
}

/* The next NAL unit of an STAP-A. false: none is left, or lengths that do not add up (then r->failed). */
static bool next_of_stap(wr_reader *r, wr_bytes *nal) {
  if (wr_reader_left(r) == 0) return false;
  size_t len = wr_read_u16(r);
  *nal = wr_read_bytes(r, len);
  if (!nal->len) r->failed = true;
  return wr_reader_ok(r);
}

static wr_err peek_stap(wr_reader *r, wr_video_payload *out) {
  wr_bytes nal;
  unsigned first = 0;
  while (next_of_stap(r, &nal)) {
    unsigned type = nal.data[0] & 31;
    if (type == 0 || type >= NAL_STAP_A) return WR_ERR_SYNTAX;
    if (!first) first = type;
    out->key_parts |= parts_of(type);
  }
  out->begins = first == NAL_SPS || first == NAL_AUD;
  return wr_reader_ok(r) && first ? WR_OK : WR_ERR_SYNTAX;
}

static wr_err peek_h264(wr_reader *r, wr_bytes payload, wr_video_payload *out) {
  unsigned type = wr_read_u8(r) & 31u;
  out->data = payload;
  if (type == NAL_STAP_A) return peek_stap(r, out);
  if (type == NAL_FU_A) {
    uint8_t head = wr_read_u8(r);
    unsigned inner = head & 31u;
    if (!wr_reader_ok(r) || wr_reader_left(r) == 0 || inner == 0 || inner >= NAL_STAP_A || (head & 0xc0) == 0xc0)
      return WR_ERR_SYNTAX; /* one that begins and ends at once is forbidden (5.8) */
    if (head & 0x80) out->key_parts = parts_of(inner);
    return WR_OK;
  }
  if (type == 0 || type == 30 || type == 31) return WR_ERR_SYNTAX;
  if (type > NAL_STAP_A) return WR_ERR_UNSUPPORTED;
  out->key_parts = parts_of(type);
  out->begins = type == NAL_SPS || type == NAL_AUD;
  return WR_OK;
}

wr_err wr_video_peek(wr_video_codec codec, wr_bytes payload, wr_video_payload *out) {
  *out = (wr_video_payload){0};
  if (!payload.len) return WR_ERR_SYNTAX;
  wr_reader r = wr_reader_of(payload);
  switch (codec) {
    case WR_VIDEO_NONE: break;
    case WR_VIDEO_VP8: return peek_vp8(&r, out);
    case WR_VIDEO_H264: return peek_h264(&r, payload, out);
    case WR_VIDEO_VP9: return peek_vp9(&r, out);
  }
  return WR_ERR_UNSUPPORTED;
}

/* ---- units ---- */

void wr_video_begin(wr_video_unit *unit, wr_video_codec codec, uint8_t *out, size_t cap) {
  *unit = (wr_video_unit){.codec = codec, .bytes = out, .cap = cap};
}

static void append(wr_video_unit *unit, wr_bytes bytes) {
  if (unit->too_big || !bytes.len) return;
  if (bytes.len > unit->cap - unit->len) {
    unit->too_big = unit->damaged = true;
    return;
  }
  memcpy(unit->bytes + unit->len, bytes.data, bytes.len);
  unit->len += bytes.len;
}

static void append_nal(wr_video_unit *unit, wr_bytes nal) {
  append(unit, WR_BYTES_LITERAL("\0\0\0\1"));
  append(unit, nal);
}

static void add_fragment(wr_video_unit *unit, wr_bytes payload) {
  uint8_t indicator = payload.data[0], head = payload.data[1];
  bool starts = head & 0x80;
  if (starts == unit->in_nal) unit->damaged = true; /* a beginning inside, or a middle without a beginning */
  if (starts) {
    uint8_t nal_head = (uint8_t)((indicator & 0xe0) | (head & 0x1f));
    append_nal(unit, wr_bytes_of(&nal_head, 1));
  }
  append(unit, wr_bytes_of(payload.data + 2, payload.len - 2));
  unit->in_nal = !(head & 0x40);
}

static void add_h264(wr_video_unit *unit, wr_bytes payload) {
  unsigned type = payload.data[0] & 31u;
  if (type == NAL_FU_A) {
    add_fragment(unit, payload);
    return;
  }
  if (unit->in_nal) unit->damaged = true;
  unit->in_nal = false;
  if (type != NAL_STAP_A) {
    append_nal(unit, payload);
    return;
  }
  wr_reader r = wr_reader_of(wr_bytes_of(payload.data + 1, payload.len - 1));
  wr_bytes nal;
  while (next_of_stap(&r, &nal)) append_nal(unit, nal);
}

void wr_video_add(wr_video_unit *unit, wr_bytes payload, bool after_hole) {
  if (after_hole) unit->damaged = true;
  if (!payload.len) return;
  wr_video_payload part;
  if (wr_video_peek(unit->codec, payload, &part) != WR_OK) {
    unit->damaged = true;
    return;
  }
  bool first = !unit->begun;
  unit->begun = true;
  unit->key_parts |= part.key_parts;
  if (unit->codec == WR_VIDEO_H264) {
    add_h264(unit, payload);
    return;
  }
  if (first != part.begins) unit->damaged = true; /* what begins it was lost, or that of another one */
  append(unit, part.data);
}

bool wr_video_end(wr_video_unit *unit) {
  if (!unit->begun || unit->in_nal) unit->damaged = true;
  return !unit->damaged;
}
