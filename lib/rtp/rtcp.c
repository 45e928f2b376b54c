/* rtp/rtcp.c - reading and writing RTCP packets (RFC 3550 6, 3611 4.4 and 4.5, 4585 6, 5506, 5104 4.3.1).
 *
 * Each packet is read inside its own length: a bad one cannot touch the next. RFC 5506 is taken as agreed when
 * receiving: any packet may come first, alone. Left to others: the meaning of CCFB, TWCC and REMB bodies. */
#include "rtp/rtcp.h"

enum {
  TYPE_SR = 200,
  TYPE_RR = 201,
  TYPE_SDES = 202,
  TYPE_BYE = 203,
  TYPE_APP = 204,
  TYPE_RTPFB = 205,
  TYPE_PSFB = 206,
  TYPE_XR = 207,
  SDES_CNAME = 1,
  XR_REFERENCE = 4, /* RFC 3611: RRTR ... */
  XR_ANSWER = 5,    /* ... and DLRR */
};

/* ---- reading ---- */

static void read_report(wr_rtcp_report *report, wr_reader *r) {
  report->ssrc = wr_read_u32(r);
  report->fraction_lost = wr_read_u8(r);
  uint32_t lost = wr_read_u24(r);
  report->cumulative_lost = lost & 0x800000u ? (int32_t)lost - 0x1000000 : (int32_t)lost;
  report->highest_seq = wr_read_u32(r);
  report->jitter = wr_read_u32(r);
  report->last_sr = wr_read_u32(r);
  report->delay_since_last_sr = wr_read_u32(r);
}

static void read_reports(wr_rtcp_packet *packet, wr_reader *r, uint8_t count) {
  packet->n_reports = count;
  for (size_t i = 0; i < count; i++) read_report(&packet->report[i], r);
}

/* RFC 3550 6.5: chunks of items, each chunk ended by a zero and padded to 32 bits. */
static void read_sdes(wr_rtcp_packet *packet, wr_reader *r, uint8_t count) {
  const uint8_t *start = r->at;
  for (size_t i = 0; i < count && wr_reader_ok(r); i++) {
    uint32_t ssrc = wr_read_u32(r);
    if (i == 0) packet->ssrc = ssrc;
    for (uint8_t type = wr_read_u8(r); type != 0; type = wr_read_u8(r)) {
      wr_bytes text = wr_read_bytes(r, wr_read_u8(r));
      if (type != SDES_CNAME || packet->cname.data) continue;
      packet->cname = text;
      packet->ssrc = ssrc;
    }
    while (wr_reader_ok(r) && (r->at - start) % 4) wr_read_skip(r, 1);
  }
}

static void read_feedback(wr_rtcp_packet *packet, wr_reader *r, uint8_t type, uint8_t format) {
  packet->ssrc = wr_read_u32(r);
  if (type == TYPE_RTPFB && format == 11) { /* RFC 8888 3.1: blocks of several sources follow at once */
    packet->kind = WR_RTCP_CCFB;
    return;
  }
  packet->media_ssrc = wr_read_u32(r);
  if (type == TYPE_RTPFB && format == 1) packet->kind = WR_RTCP_NACK;
  if (type == TYPE_RTPFB && format == 15) packet->kind = WR_RTCP_TWCC;
  if (type == TYPE_PSFB && format == 1) packet->kind = WR_RTCP_PLI;
  if (type == TYPE_PSFB && format == 4) packet->kind = WR_RTCP_FIR;
  if (type == TYPE_PSFB && format == 15 && wr_reader_left(r) >= 4 && !memcmp(r->at, "REMB", 4)) {
    packet->kind = WR_RTCP_REMB;
    wr_read_skip(r, 4);
  }
}

static void read_body(wr_rtcp_packet *packet, wr_reader *r, uint8_t type, uint8_t count) {
  switch (type) {
    case TYPE_SR:
      packet->kind = WR_RTCP_SR;
      packet->ssrc = wr_read_u32(r);
      packet->ntp = wr_read_u64(r);
      packet->rtp_timestamp = wr_read_u32(r);
      packet->packets = wr_read_u32(r);
      packet->bytes = wr_read_u32(r);
      read_reports(packet, r, count);
      break;
    case TYPE_RR:
      packet->kind = WR_RTCP_RR;
      packet->ssrc = wr_read_u32(r);
      read_reports(packet, r, count);
      break;
    case TYPE_SDES:
      packet->kind = WR_RTCP_SDES;
      read_sdes(packet, r, count);
      break;
    case TYPE_BYE: {
      packet->kind = WR_RTCP_BYE;
      wr_reader sources = *r;
      packet->body = wr_read_bytes(r, count * 4u);
      packet->ssrc = count ? wr_read_u32(&sources) : 0;
      return; /* a reason may follow; nobody reads it */
    }
    case TYPE_APP:
      packet->kind = WR_RTCP_APP;
      packet->ssrc = wr_read_u32(r);
      break;
    case TYPE_XR:
      packet->kind = WR_RTCP_XR;
      packet->ssrc = wr_read_u32(r);
      break;
    case TYPE_RTPFB:
    case TYPE_PSFB: read_feedback(packet, r, type, count); break;
    default: break;
  }
  packet->body = wr_read_bytes(r, wr_reader_left(r));
}

/* RFC 3550 6.4.1: the last byte counts the padding, itself included. It shall be a multiple of four; but libwebrtc
 * fills transport-wide feedback up to whole words with one to three bytes and counts just those. */
static bool cut_padding(wr_bytes *body) {
  if (body->len == 0) return false;
  uint8_t n = body->data[body->len - 1];
  if (n == 0 || n > body->len) return false;
  body->len -= n;
  return true;
}

bool wr_rtcp_read(wr_rtcp_packet *packet, wr_reader *r) {
  if (wr_reader_left(r) == 0) return false;
  uint8_t first = wr_read_u8(r), type = wr_read_u8(r);
  size_t n_words = wr_read_u16(r);
  wr_bytes bytes = wr_read_bytes(r, n_words * 4);
  bool padded = first & 0x20;
  if (wr_reader_ok(r) && (first >> 6 != 2 || (padded && !cut_padding(&bytes)))) r->failed = true;
  if (!wr_reader_ok(r)) return false;
  wr_reader body = wr_reader_of(bytes);
  *packet = (wr_rtcp_packet){.kind = WR_RTCP_OTHER};
  read_body(packet, &body, type, first & 31);
  if (!wr_reader_ok(&body)) r->failed = true;
  return wr_reader_ok(r);
}

bool wr_rtcp_next_nack(const wr_rtcp_packet *packet, size_t *at, uint16_t *seq) {
  if (packet->kind != WR_RTCP_NACK) return false;
  /* |*at| counts candidates: 17 for each item, its PID and the 16 bits of its BLP (RFC 4585 6.2.1). */
  for (size_t n_items = packet->body.len / 4; *at / 17 < n_items; ++*at) {
    const uint8_t *item = packet->body.data + *at / 17 * 4;
    size_t bit = *at % 17;
    if (bit && !(wr_get_u16(item + 2) >> (bit - 1) & 1)) continue;
    *seq = (uint16_t)(wr_get_u16(item) + bit);
    ++*at;
    return true;
  }
  return false;
}

/* The next block of an extended report: its type, and what stands in it. false: no more, or cut off. */
static bool next_block(wr_reader *r, uint8_t *type, wr_bytes *block) {
  if (wr_reader_left(r) < 4) return false;
  *type = wr_read_u8(r);
  wr_read_skip(r, 1);
  size_t n_words = wr_read_u16(r);
  *block = wr_read_bytes(r, n_words * 4);
  return wr_reader_ok(r);
}

bool wr_rtcp_xr_reference(const wr_rtcp_packet *packet, uint64_t *ntp) {
  if (packet->kind != WR_RTCP_XR) return false;
  wr_reader r = wr_reader_of(packet->body);
  uint8_t type;
  wr_bytes block;
  while (next_block(&r, &type, &block)) {
    if (type != XR_REFERENCE || block.len != 8) continue;
    wr_reader time = wr_reader_of(block);
    *ntp = wr_read_u64(&time);
    return true;
  }
  return false;
}

bool wr_rtcp_xr_answer(const wr_rtcp_packet *packet, uint32_t ssrc, uint32_t *last_rr, uint32_t *delay) {
  if (packet->kind != WR_RTCP_XR) return false;
  wr_reader r = wr_reader_of(packet->body);
  uint8_t type;
  wr_bytes block;
  while (next_block(&r, &type, &block)) {
    if (type != XR_ANSWER) continue;
    for (size_t at = 0; at + 12 <= block.len; at += 12) {
      if (wr_get_u32(block.data + at) != ssrc) continue;
      *last_rr = wr_get_u32(block.data + at + 4);
      *delay = wr_get_u32(block.data + at + 8);
      return true;
    }
  }
  return false;
}

/* ---- writing ---- */

/* Begins a packet; |end| fills in the length. */
static uint8_t *begin(wr_writer *w, size_t count, uint8_t type) {
  uint8_t *start = w->at;
  wr_write_u8(w, (uint8_t)(0x80 | count));
  wr_write_u8(w, type);
  wr_write_u16(w, 0);
  return start;
}

static void end(wr_writer *w, uint8_t *start) {
  if (wr_writer_ok(w)) wr_put_u16(start + 2, (uint16_t)((w->at - start) / 4 - 1));
}

static void write_reports(wr_writer *w, const wr_rtcp_report *r, size_t n) {
  for (size_t i = 0; i < n; i++) {
    int32_t lost = r[i].cumulative_lost;
    if (lost > 0x7fffff) lost = 0x7fffff; /* RFC 3550 A.3: clamped, not wrapped */
    if (lost < -0x800000) lost = -0x800000;
    wr_write_u32(w, r[i].ssrc);
    wr_write_u8(w, r[i].fraction_lost);
    wr_write_u24(w, (uint32_t)lost & 0xffffffu);
    wr_write_u32(w, r[i].highest_seq);
    wr_write_u32(w, r[i].jitter);
    wr_write_u32(w, r[i].last_sr);
    wr_write_u32(w, r[i].delay_since_last_sr);
  }
}

void wr_rtcp_write_sr(wr_writer *w, uint32_t ssrc, const wr_rtcp_sender_info *info, const wr_rtcp_report *r,
                      size_t n) {
  WR_ASSERT(n <= 31);
  uint8_t *start = begin(w, n, TYPE_SR);
  wr_write_u32(w, ssrc);
  wr_write_u64(w, info->ntp);
  wr_write_u32(w, info->rtp_timestamp);
  wr_write_u32(w, info->packets);
  wr_write_u32(w, info->bytes);
  write_reports(w, r, n);
  end(w, start);
}

void wr_rtcp_write_rr(wr_writer *w, uint32_t ssrc, const wr_rtcp_report *r, size_t n) {
  WR_ASSERT(n <= 31);
  uint8_t *start = begin(w, n, TYPE_RR);
  wr_write_u32(w, ssrc);
  write_reports(w, r, n);
  end(w, start);
}

void wr_rtcp_write_sdes_cname(wr_writer *w, uint32_t ssrc, wr_bytes cname) {
  WR_ASSERT(cname.len <= 255);
  uint8_t *start = begin(w, 1, TYPE_SDES);
  wr_write_u32(w, ssrc);
  wr_write_u8(w, SDES_CNAME);
  wr_write_u8(w, (uint8_t)cname.len);
  wr_write_bytes(w, cname);
  wr_write_zeros(w, 4 - (cname.len + 2) % 4); /* one to four: the list must end with a zero */
  end(w, start);
}

void wr_rtcp_write_bye(wr_writer *w, uint32_t ssrc) {
  uint8_t *start = begin(w, 1, TYPE_BYE);
  wr_write_u32(w, ssrc);
  end(w, start);
}

void wr_rtcp_write_nack(wr_writer *w, uint32_t ssrc, uint32_t media_ssrc, const uint16_t *seqs, size_t n) {
  if (n == 0) return;
  uint8_t *start = begin(w, 1, TYPE_RTPFB);
  wr_write_u32(w, ssrc);
  wr_write_u32(w, media_ssrc);
  for (size_t i = 0; i < n;) {
    uint16_t first = seqs[i++], following = 0;
    for (; i < n; i++) {
      uint16_t distance = (uint16_t)(seqs[i] - first);
      if (distance > 16) break;
      if (distance) following = (uint16_t)(following | 1u << (distance - 1));
    }
    wr_write_u16(w, first);
    wr_write_u16(w, following);
  }
  end(w, start);
}

void wr_rtcp_write_pli(wr_writer *w, uint32_t ssrc, uint32_t media_ssrc) {
  uint8_t *start = begin(w, 1, TYPE_PSFB);
  wr_write_u32(w, ssrc);
  wr_write_u32(w, media_ssrc);
  end(w, start);
}

/* RFC 5104 4.3.1.1: the source stands in the entry, not in the header. */
void wr_rtcp_write_fir(wr_writer *w, uint32_t ssrc, uint32_t media_ssrc, uint8_t number) {
  uint8_t *start = begin(w, 4, TYPE_PSFB);
  wr_write_u32(w, ssrc);
  wr_write_u32(w, 0);
  wr_write_u32(w, media_ssrc);
  wr_write_u8(w, number);
  wr_write_u24(w, 0);
  end(w, start);
}

/* One block of |n_words|, of an extended report of its own. */
static uint8_t *begin_xr(wr_writer *w, uint32_t ssrc, uint8_t type, uint16_t n_words) {
  uint8_t *start = begin(w, 0, TYPE_XR);
  wr_write_u32(w, ssrc);
  wr_write_u8(w, type);
  wr_write_u8(w, 0);
  wr_write_u16(w, n_words);
  return start;
}

void wr_rtcp_write_xr_reference(wr_writer *w, uint32_t ssrc, uint64_t ntp) {
  uint8_t *start = begin_xr(w, ssrc, XR_REFERENCE, 2);
  wr_write_u64(w, ntp);
  end(w, start);
}

void wr_rtcp_write_xr_answer(wr_writer *w, uint32_t ssrc, uint32_t asker, uint32_t last_rr, uint32_t delay) {
  uint8_t *start = begin_xr(w, ssrc, XR_ANSWER, 3);
  wr_write_u32(w, asker);
  wr_write_u32(w, last_rr);
  wr_write_u32(w, delay);
  end(w, start);
}
