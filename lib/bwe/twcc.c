/* bwe/twcc.c - reading and writing transport-wide feedback; see bwe/twcc.h.
 *
 * Symbols stand in chunks of 16 bits: runs of up to 8191, or vectors of 14 one-bit or 7 two-bit symbols. One delta
 * follows for each packet received, of one or two bytes. Left out: the symbol 3, which the draft reserves. */
#include "bwe/twcc.h"

#include "base/seq.h"

enum { NOT_RECEIVED = 0, SMALL_DELTA = 1, LARGE_DELTA = 2 };
enum { ONE_BIT_SYMBOLS = 14, TWO_BIT_SYMBOLS = 7, TICKS_PER_REFERENCE = 256, TYPE_RTPFB = 205, FORMAT_TWCC = 15 };

/* ---- reading ---- */

static unsigned symbols_of(uint16_t chunk) {
  if (!(chunk & 0x8000)) return chunk & 0x1fff;
  return chunk & 0x4000 ? TWO_BIT_SYMBOLS : ONE_BIT_SYMBOLS;
}

static unsigned symbol_at(uint16_t chunk, unsigned i) {
  if (!(chunk & 0x8000)) return chunk >> 13 & 3;
  if (chunk & 0x4000) return (unsigned)chunk >> (2 * (TWO_BIT_SYMBOLS - 1 - i)) & 3;
  return (unsigned)chunk >> (ONE_BIT_SYMBOLS - 1 - i) & 1;
}

bool wr_twcc_open(wr_twcc_reader *r, wr_bytes body) {
  *r = (wr_twcc_reader){.failed = true};
  wr_reader in = wr_reader_of(body);
  r->seq = wr_read_u16(&in);
  r->n_left = wr_read_u16(&in);
  uint32_t reference = wr_read_u24(&in);
  r->n_feedback = wr_read_u8(&in);
  if (!wr_reader_ok(&in) || r->n_left > WR_TWCC_STATUS_MAX) return false;
  r->chunks = in;
  for (unsigned n = 0; n < r->n_left;) { /* the deltas begin behind the last chunk */
    unsigned n_symbols = symbols_of(wr_read_u16(&in));
    if (!wr_reader_ok(&in) || n_symbols == 0) return false;
    n += n_symbols;
  }
  r->deltas = in;
  r->at = (wr_time)reference * TICKS_PER_REFERENCE * WR_TWCC_TICK_US;
  r->failed = false;
  return true;
}

bool wr_twcc_next(wr_twcc_reader *r, wr_twcc_status *status) {
  if (r->failed || r->n_left == 0) return false;
  if (r->i_in_chunk == r->n_in_chunk) {
    r->chunk = wr_read_u16(&r->chunks);
    r->n_in_chunk = symbols_of(r->chunk);
    r->i_in_chunk = 0;
  }
  unsigned symbol = symbol_at(r->chunk, r->i_in_chunk++);
  wr_time ticks = 0;
  if (symbol == SMALL_DELTA) ticks = wr_read_u8(&r->deltas);
  if (symbol == LARGE_DELTA) ticks = (int16_t)wr_read_u16(&r->deltas);
  if (symbol > LARGE_DELTA || !wr_reader_ok(&r->deltas)) {
    r->failed = true;
    return false;
  }
  r->at += ticks * WR_TWCC_TICK_US;
  *status = (wr_twcc_status){.seq = r->seq++, .received = symbol != NOT_RECEIVED, .at = r->at};
  r->n_left--;
  return true;
}

/* ---- the notebook ---- */

static bool is_present(const wr_twcc_arrivals *a, uint16_t seq) {
  unsigned i = seq % WR_TWCC_WINDOW;
  return a->present[i / 8] >> i % 8 & 1;
}

static void set_present(wr_twcc_arrivals *a, uint16_t seq, bool present) {
  unsigned i = seq % WR_TWCC_WINDOW, bit = 1u << i % 8;
  a->present[i / 8] = (uint8_t)(present ? a->present[i / 8] | bit : a->present[i / 8] & ~bit);
}

void wr_twcc_arrivals_init(wr_twcc_arrivals *arrivals) { *arrivals = (wr_twcc_arrivals){0}; }

static void begin_at(wr_twcc_arrivals *a, uint16_t seq) {
  memset(a->present, 0, sizeof a->present);
  a->started = true;
  a->next = a->newest = seq;
}

void wr_twcc_arrived(wr_twcc_arrivals *a, uint16_t seq, wr_time now) {
  int ahead = wr_seq16_diff(seq, a->newest);
  if (!a->started || ahead >= WR_TWCC_WINDOW)
    begin_at(a, seq);
  else if (ahead <= -WR_TWCC_WINDOW)
    return;
  else if (ahead > 0) {
    for (int i = 1; i < ahead; i++) set_present(a, (uint16_t)(a->newest + i), false);
    a->newest = seq;
    if ((uint16_t)(seq - a->next) >= WR_TWCC_WINDOW && wr_seq16_newer(seq, a->next))
      a->next = (uint16_t)(seq - WR_TWCC_WINDOW + 1);
  } else if (is_present(a, seq)) {
    return; /* twice */
  } else if (wr_seq16_newer(a->next, seq)) {
    a->next = seq;
  }
  set_present(a, seq, true);
  a->tick[seq % WR_TWCC_WINDOW] = (uint32_t)((uint64_t)now / WR_TWCC_TICK_US);
  a->waiting = true;
}

/* ---- writing ---- */

typedef struct told {
  unsigned n, n_deltas;
  uint32_t reference; /* ticks of the first packet that arrived, rounded down to 64 ms */
  uint8_t symbol[WR_TWCC_WINDOW];
  int16_t delta[WR_TWCC_WINDOW]; /* of those received, in ticks */
} told;

static void collect(const wr_twcc_arrivals *a, told *t) {
  unsigned n = (uint16_t)(a->newest - a->next) + 1u;
  uint32_t last = 0;
  *t = (told){0};
  for (; t->n < n; t->n++) {
    uint16_t seq = (uint16_t)(a->next + t->n);
    if (!is_present(a, seq)) continue; /* its symbol is NOT_RECEIVED */
    uint32_t tick = a->tick[seq % WR_TWCC_WINDOW];
    if (t->n_deltas == 0) t->reference = last = tick / TICKS_PER_REFERENCE * TICKS_PER_REFERENCE;
    int32_t delta = (int32_t)(tick - last);
    if (delta < INT16_MIN || delta > INT16_MAX) return; /* the rest is for the next packet */
    t->symbol[t->n] = delta >= 0 && delta <= UINT8_MAX ? SMALL_DELTA : LARGE_DELTA;
    t->delta[t->n_deltas++] = (int16_t)delta;
    last = tick;
  }
}

static unsigned run_length(const told *t, unsigned from) {
  unsigned n = 1;
  while (from + n < t->n && t->symbol[from + n] == t->symbol[from]) n++;
  return n;
}

/* One chunk from symbol |from| on; how many it holds. */
static unsigned write_chunk(wr_writer *w, const told *t, unsigned from) {
  unsigned left = t->n - from, run = run_length(t, from), n = left < ONE_BIT_SYMBOLS ? left : ONE_BIT_SYMBOLS;
  if (run >= ONE_BIT_SYMBOLS || run == left) {
    wr_write_u16(w, (uint16_t)((unsigned)t->symbol[from] << 13 | run));
    return run;
  }
  unsigned chunk = 0x8000;
  bool small = true;
  for (unsigned i = 0; i < n; i++) {
    small = small && t->symbol[from + i] != LARGE_DELTA;
    chunk |= (t->symbol[from + i] & 1u) << (ONE_BIT_SYMBOLS - 1 - i);
  }
  if (!small) {
    chunk = 0xc000;
    n = left < TWO_BIT_SYMBOLS ? left : TWO_BIT_SYMBOLS;
    for (unsigned i = 0; i < n; i++) chunk |= (unsigned)t->symbol[from + i] << (2 * (TWO_BIT_SYMBOLS - 1 - i));
  }
  wr_write_u16(w, (uint16_t)chunk);
  return n;
}

void wr_twcc_write(wr_twcc_arrivals *arrivals, wr_writer *w, uint32_t ssrc, uint32_t media_ssrc) {
  if (!arrivals->waiting) return;
  told t;
  collect(arrivals, &t);
  uint8_t *start = w->at;
  size_t before = wr_writer_len(w);
  wr_write_u8(w, 0x80 | FORMAT_TWCC);
  wr_write_u8(w, TYPE_RTPFB);
  wr_write_u16(w, 0);
  wr_write_u32(w, ssrc);
  wr_write_u32(w, media_ssrc);
  wr_write_u16(w, arrivals->next);
  wr_write_u16(w, (uint16_t)t.n);
  wr_write_u24(w, t.reference / TICKS_PER_REFERENCE);
  wr_write_u8(w, arrivals->n_feedback);
  for (unsigned i = 0; i < t.n;) i += write_chunk(w, &t, i);
  for (unsigned i = 0, j = 0; i < t.n; i++) {
    if (t.symbol[i] == SMALL_DELTA) wr_write_u8(w, (uint8_t)t.delta[j++]);
    if (t.symbol[i] == LARGE_DELTA) wr_write_u16(w, (uint16_t)t.delta[j++]);
  }
  wr_write_zeros(w, (4 - (wr_writer_len(w) - before) % 4) % 4);
  if (!wr_writer_ok(w)) return;
  wr_put_u16(start + 2, (uint16_t)((wr_writer_len(w) - before) / 4 - 1));
  arrivals->n_feedback++;
  arrivals->next = (uint16_t)(arrivals->next + t.n);
  arrivals->waiting = wr_seq16_diff(arrivals->newest, arrivals->next) >= 0;
}
