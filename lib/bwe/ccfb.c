/* bwe/ccfb.c - reading and writing the feedback of RFC 8888; see bwe/ccfb.h.
 *
 * The report block of a source tells numbers from begin_seq up to, but not including, begin_seq + num_reports (as
 * erratum 8166 reads section 3.1, and as libwebrtc does). */
#include "bwe/ccfb.h"

#include <string.h>

#include "base/seq.h"

enum {
  TYPE_RTPFB = 205,
  FORMAT_CCFB = 11,
  RECEIVED = 0x8000,
  OFFSET = 0x1fff,      /* mask of the arrival time's offset: 1/1024 s before the report ... */
  OFFSET_LONG = 0x1ffe, /* ... so long ago, or longer; */
  OFFSET_NONE = 0x1fff, /* not known */
  CLOCK_OF_OFFSET = 64, /* units of the clock in one of the offset */
};

/* ---- reading ---- */

bool wr_ccfb_open(wr_ccfb_reader *r, wr_bytes body) {
  *r = (wr_ccfb_reader){.failed = true};
  if (body.len < 4 || body.len % 4) return false;
  r->clock = wr_get_u32(body.data + body.len - 4);
  r->blocks = wr_reader_of(wr_bytes_of(body.data, body.len - 4));
  r->failed = false;
  return true;
}

/* The next source with numbers. */
static bool open_block(wr_ccfb_reader *r) {
  while (!r->n_left) {
    if (r->padded) wr_read_skip(&r->blocks, 2);
    r->padded = false;
    if (!wr_reader_left(&r->blocks)) return false;
    r->ssrc = wr_read_u32(&r->blocks);
    r->seq = wr_read_u16(&r->blocks);
    r->n_left = wr_read_u16(&r->blocks);
    r->padded = r->n_left % 2;
    size_t bytes = 2u * (size_t)(r->n_left + r->padded);
    if (wr_reader_ok(&r->blocks) && r->n_left <= WR_CCFB_TOLD_MAX && bytes <= wr_reader_left(&r->blocks)) continue;
    r->failed = true;
    return false;
  }
  return true;
}

static wr_time time_of(uint32_t clock) { return (wr_time)((uint64_t)clock * 15625 / 1024); }

bool wr_ccfb_next(wr_ccfb_reader *r, wr_ccfb_status *status) {
  if (r->failed || !open_block(r)) return false;
  uint16_t metric = wr_read_u16(&r->blocks), offset = metric & OFFSET;
  *status = (wr_ccfb_status){.ssrc = r->ssrc, .seq = r->seq++, .received = metric & RECEIVED, .at = WR_NEVER};
  if (status->received && offset < OFFSET_LONG) status->at = time_of(r->clock - (uint32_t)offset * CLOCK_OF_OFFSET);
  r->n_left--;
  return true;
}

/* ---- the notebook ---- */

void wr_ccfb_arrivals_init(wr_ccfb_arrivals *arrivals) { *arrivals = (wr_ccfb_arrivals){0}; }

/* Modulo 2^32. */
static uint32_t clock_of(wr_time now) {
  uint64_t us = (uint64_t)now;
  return (uint32_t)(us / 1000000u << 16 | (us % 1000000u << 16) / 1000000u);
}

static void know_source(wr_ccfb_arrivals *a, uint32_t ssrc, uint16_t seq) {
  for (unsigned i = 0; i < WR_CCFB_SOURCES; i++)
    if (a->source[i].known && a->source[i].ssrc == ssrc) return;
  a->newest_source = (uint8_t)((a->newest_source + 1) % WR_CCFB_SOURCES);
  a->source[a->newest_source] = (wr_ccfb_source){.ssrc = ssrc, .next = seq, .known = true};
}

bool wr_ccfb_arrived(wr_ccfb_arrivals *a, uint32_t ssrc, uint16_t seq, wr_time now) {
  if (a->n == WR_CCFB_KEPT) return false;
  know_source(a, ssrc, seq);
  a->arrival[a->n++] = (wr_ccfb_arrival){.ssrc = ssrc, .clock = clock_of(now), .seq = seq};
  return a->n < WR_CCFB_KEPT;
}

/* ---- writing ---- */

/* What is told of one source: metrics of |n| numbers from |first| on. */
typedef struct told {
  uint16_t first, n;
  uint16_t metric[WR_CCFB_RANGE];
} told;

static uint16_t metric_of(uint32_t clock, uint32_t now) {
  uint32_t offset = (now - clock) / CLOCK_OF_OFFSET;
  return (uint16_t)(RECEIVED | (offset < OFFSET_LONG ? offset : OFFSET_LONG));
}

/* false: nothing of it has arrived. */
static bool collect(const wr_ccfb_arrivals *a, const wr_ccfb_source *source, told *t, uint32_t now) {
  int least = 0, most = -WR_CCFB_RANGE; /* beside what is to be told next */
  for (unsigned i = 0; i < a->n; i++) {
    int ahead = wr_seq16_diff(a->arrival[i].seq, source->next);
    if (a->arrival[i].ssrc != source->ssrc || ahead <= -WR_CCFB_RANGE) continue;
    if (ahead < least) least = ahead;
    if (ahead > most) most = ahead;
  }
  if (most == -WR_CCFB_RANGE) return false;
  if (least <= most - WR_CCFB_RANGE) least = most - WR_CCFB_RANGE + 1;
  *t = (told){.first = (uint16_t)(source->next + least), .n = (uint16_t)(most - least + 1)};
  for (unsigned i = 0; i < a->n; i++) {
    uint16_t at = (uint16_t)(a->arrival[i].seq - t->first);
    if (a->arrival[i].ssrc == source->ssrc && at < t->n && !t->metric[at]) /* what came twice came the first time */
      t->metric[at] = metric_of(a->arrival[i].clock, now);
  }
  return true;
}

void wr_ccfb_write(wr_ccfb_arrivals *a, wr_writer *w, uint32_t ssrc, wr_time now) {
  if (!a->n) return;
  told t;
  uint8_t *start = w->at;
  size_t before = wr_writer_len(w);
  wr_write_u8(w, 0x80 | FORMAT_CCFB);
  wr_write_u8(w, TYPE_RTPFB);
  wr_write_u16(w, 0);
  wr_write_u32(w, ssrc);
  for (unsigned i = 0; i < WR_CCFB_SOURCES; i++) {
    wr_ccfb_source *source = &a->source[i];
    if (!source->known || !collect(a, source, &t, clock_of(now))) continue;
    wr_write_u32(w, source->ssrc);
    wr_write_u16(w, t.first);
    wr_write_u16(w, t.n);
    for (unsigned j = 0; j < t.n; j++) wr_write_u16(w, t.metric[j]);
    wr_write_zeros(w, t.n % 2 * 2);
    uint16_t end = (uint16_t)(t.first + t.n);
    if (wr_seq16_newer(end, source->next)) source->next = end;
  }
  wr_write_u32(w, clock_of(now));
  a->n = 0;
  if (wr_writer_ok(w)) wr_put_u16(start + 2, (uint16_t)((wr_writer_len(w) - before) / 4 - 1));
}
