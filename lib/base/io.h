/* base/io.h - bounded big-endian reader and writer with sticky failure.
 *
 * Read or write a whole structure, then ask once whether it fitted. After a failure every read yields 0 or an
 * empty span and every write is ignored, so no loop can run past the bytes it was given. */
#ifndef WR_BASE_IO_H
#define WR_BASE_IO_H

#include <string.h>

#include "wr/types.h"

typedef struct wr_reader {
  const uint8_t *at;
  const uint8_t *end;
  bool failed;
} wr_reader;

static inline wr_reader wr_reader_of(wr_bytes b) {
  wr_reader r = {b.data, b.data ? b.data + b.len : b.data, false};
  return r;
}
static inline size_t wr_reader_left(const wr_reader *r) { return r->failed ? 0 : (size_t)(r->end - r->at); }
static inline bool wr_reader_ok(const wr_reader *r) { return !r->failed; }
/* Everything was read and nothing failed. */
static inline bool wr_reader_done(const wr_reader *r) { return !r->failed && r->at == r->end; }
static inline bool wr_read_need(wr_reader *r, size_t n) {
  if (r->failed || (size_t)(r->end - r->at) < n) {
    r->failed = true;
    return false;
  }
  return true;
}
static inline uint8_t wr_read_u8(wr_reader *r) { return wr_read_need(r, 1) ? *r->at++ : 0; }
static inline uint16_t wr_read_u16(wr_reader *r) {
  if (!wr_read_need(r, 2)) return 0;
  uint16_t v = (uint16_t)((unsigned)r->at[0] << 8 | r->at[1]);
  r->at += 2;
  return v;
}
static inline uint32_t wr_read_u24(wr_reader *r) {
  if (!wr_read_need(r, 3)) return 0;
  uint32_t v = (uint32_t)r->at[0] << 16 | (uint32_t)r->at[1] << 8 | r->at[2];
  r->at += 3;
  return v;
}
static inline uint32_t wr_read_u32(wr_reader *r) {
  if (!wr_read_need(r, 4)) return 0;
  uint32_t v = (uint32_t)r->at[0] << 24 | (uint32_t)r->at[1] << 16 | (uint32_t)r->at[2] << 8 | r->at[3];
  r->at += 4;
  return v;
}
static inline uint64_t wr_read_u64(wr_reader *r) {
  uint64_t high = wr_read_u32(r);
  return high << 32 | wr_read_u32(r);
}
static inline wr_bytes wr_read_bytes(wr_reader *r, size_t n) {
  if (!wr_read_need(r, n)) return wr_bytes_of(NULL, 0);
  wr_bytes b = {r->at, n};
  r->at += n;
  return b;
}
static inline void wr_read_skip(wr_reader *r, size_t n) { (void)wr_read_bytes(r, n); }
/* A reader over the next |n| bytes, which |r| skips; it can never leave them. */
static inline wr_reader wr_read_block(wr_reader *r, size_t n) {
  wr_reader block = wr_reader_of(wr_read_bytes(r, n));
  block.failed = r->failed;
  return block;
}

typedef struct wr_writer {
  uint8_t *start;
  uint8_t *at;
  uint8_t *end;
  bool failed;
} wr_writer;

static inline wr_writer wr_writer_of(uint8_t *out, size_t cap) {
  wr_writer w = {out, out, out + cap, false};
  return w;
}
static inline size_t wr_writer_len(const wr_writer *w) { return (size_t)(w->at - w->start); }
static inline size_t wr_writer_left(const wr_writer *w) { return w->failed ? 0 : (size_t)(w->end - w->at); }
static inline bool wr_writer_ok(const wr_writer *w) { return !w->failed; }
static inline bool wr_write_need(wr_writer *w, size_t n) {
  if (w->failed || (size_t)(w->end - w->at) < n) {
    w->failed = true;
    return false;
  }
  return true;
}
static inline void wr_write_u8(wr_writer *w, uint8_t v) {
  if (wr_write_need(w, 1)) *w->at++ = v;
}
static inline void wr_put_u16(uint8_t *at, uint16_t v) {
  at[0] = (uint8_t)(v >> 8);
  at[1] = (uint8_t)v;
}
static inline void wr_put_u32(uint8_t *at, uint32_t v) {
  wr_put_u16(at, (uint16_t)(v >> 16));
  wr_put_u16(at + 2, (uint16_t)v);
}
static inline uint16_t wr_get_u16(const uint8_t *at) { return (uint16_t)((unsigned)at[0] << 8 | at[1]); }
static inline uint32_t wr_get_u24(const uint8_t *at) { return (uint32_t)at[0] << 16 | wr_get_u16(at + 1); }
static inline uint32_t wr_get_u32(const uint8_t *at) { return (uint32_t)wr_get_u16(at) << 16 | wr_get_u16(at + 2); }
static inline void wr_write_u16(wr_writer *w, uint16_t v) {
  if (!wr_write_need(w, 2)) return;
  wr_put_u16(w->at, v);
  w->at += 2;
}
static inline void wr_write_u24(wr_writer *w, uint32_t v) {
  wr_write_u8(w, (uint8_t)(v >> 16));
  wr_write_u16(w, (uint16_t)v);
}
static inline void wr_write_u32(wr_writer *w, uint32_t v) {
  if (!wr_write_need(w, 4)) return;
  wr_put_u32(w->at, v);
  w->at += 4;
}
static inline void wr_write_u64(wr_writer *w, uint64_t v) {
  wr_write_u32(w, (uint32_t)(v >> 32));
  wr_write_u32(w, (uint32_t)v);
}
static inline void wr_write_bytes(wr_writer *w, wr_bytes b) {
  if (!wr_write_need(w, b.len)) return;
  if (b.len) memcpy(w->at, b.data, b.len);
  w->at += b.len;
}
static inline void wr_write_zeros(wr_writer *w, size_t n) {
  if (!wr_write_need(w, n)) return;
  memset(w->at, 0, n);
  w->at += n;
}
/* Text: a C string without its NUL, and a decimal number. */
void wr_write_text(wr_writer *w, const char *text);
void wr_write_decimal(wr_writer *w, uint64_t v);

#endif
