/* xiaozhi/outbox.c - a ring of contiguous records.
 *
 * A record is a 4-byte header (kind, u24 length) and its bytes. |head| is the oldest record, |tail| where the next
 * begins. When a record does not fit before the end of the memory, WRAP (or fewer than 4 bytes left) says that the
 * ring goes on at 0. head == tail means empty; a write that would make them meet is refused. A record dropped from
 * the middle becomes SKIP and is passed over. */
#include "xiaozhi/outbox.h"

#include "base/io.h"

enum { HEADER = 4, SKIP = 0xfe, WRAP = 0xff };

void xz_outbox_init(xz_outbox *box, void *memory, size_t cap) {
  WR_ASSERT(cap >= 64 && cap < 1u << 24);
  *box = (xz_outbox){.memory = memory, .cap = cap};
}

void xz_outbox_clear(xz_outbox *box) { xz_outbox_init(box, box->memory, box->cap); }

bool xz_outbox_empty(const xz_outbox *box) { return box->n_records == 0; }

size_t xz_outbox_used(const xz_outbox *box) {
  return box->tail >= box->head ? box->tail - box->head : box->cap - box->head + box->tail;
}

static size_t record_length(const xz_outbox *box, size_t at) {
  const uint8_t *h = box->memory + at;
  return (size_t)h[1] << 16 | (size_t)wr_get_u16(h + 2);
}

static size_t after_wrap(const xz_outbox *box, size_t at) {
  return box->cap - at < HEADER || box->memory[at] == WRAP ? 0 : at;
}

/* The next record at or after |at| that was not dropped; |at| itself is inside the ring. */
static size_t first_live(const xz_outbox *box, size_t at) {
  for (;;) {
    at = after_wrap(box, at);
    if (box->memory[at] != SKIP) return at;
    at += HEADER + record_length(box, at);
  }
}

bool xz_outbox_peek(const xz_outbox *box, xz_send *send) {
  if (!box->n_records) return false;
  size_t at = first_live(box, box->head), len = record_length(box, at);
  *send = (xz_send){.kind = (xz_send_kind)box->memory[at], .bytes = {box->memory + at + HEADER, len}};
  if (send->kind == XZ_SEND_CLOSE) {
    send->code = wr_get_u16(send->bytes.data);
    send->bytes = wr_bytes_of(send->bytes.data + 2, len - 2);
  }
  return true;
}

static void count_out(xz_outbox *box, size_t at) {
  box->n_records--;
  if (box->memory[at] == XZ_SEND_BINARY) box->n_binary--;
}

void xz_outbox_pop(xz_outbox *box) {
  if (!box->n_records) return;
  size_t at = first_live(box, box->head);
  count_out(box, at);
  box->head = at + HEADER + record_length(box, at);
  if (!box->n_records) box->head = box->tail = 0;
}

typedef struct room {
  size_t at, len; /* payload bytes that fit at |at| after a header */
} room;

static room room_between(size_t at, size_t end, size_t keep_free) {
  size_t taken = HEADER + keep_free;
  return (room){at, end - at > taken ? end - at - taken : 0};
}

/* One byte stays free between tail and head, so that they only meet in an empty ring. */
static room room_for(const xz_outbox *box, size_t want) {
  if (!box->n_records) return room_between(0, box->cap, 0);
  if (box->tail < box->head) return room_between(box->tail, box->head, 1);
  room behind = room_between(box->tail, box->cap, 0), front = room_between(0, box->head, 1);
  return behind.len >= want || behind.len >= front.len ? behind : front;
}

wr_writer xz_outbox_begin(xz_outbox *box, size_t want) {
  if (!box->n_records) box->head = box->tail = 0;
  room r = room_for(box, want);
  box->pending = r.at;
  box->pending_fits = r.len > 0;
  return wr_writer_of(box->memory + r.at + HEADER, want < r.len ? want : r.len);
}

wr_err xz_outbox_end(xz_outbox *box, const wr_writer *w, xz_send_kind kind) {
  if (!wr_writer_ok(w) || !box->pending_fits) return WR_ERR_LIMIT;
  size_t at = box->pending, len = wr_writer_len(w);
  if (at != box->tail && box->cap - box->tail >= HEADER) box->memory[box->tail] = WRAP;
  uint8_t *h = box->memory + at;
  h[0] = (uint8_t)kind;
  h[1] = (uint8_t)(len >> 16);
  wr_put_u16(h + 2, (uint16_t)len);
  box->tail = at + HEADER + len;
  box->n_records++;
  if (kind == XZ_SEND_BINARY) box->n_binary++;
  return WR_OK;
}

wr_err xz_outbox_put(xz_outbox *box, xz_send_kind kind, wr_bytes bytes) {
  wr_writer w = xz_outbox_begin(box, bytes.len);
  wr_write_bytes(&w, bytes);
  return xz_outbox_end(box, &w, kind);
}

wr_err xz_outbox_put_close(xz_outbox *box, uint16_t code, const char *reason) {
  wr_writer w = xz_outbox_begin(box, 2 + strlen(reason));
  wr_write_u16(&w, code);
  wr_write_text(&w, reason);
  return xz_outbox_end(box, &w, XZ_SEND_CLOSE);
}

size_t xz_outbox_drop_binary(xz_outbox *box) {
  size_t n_dropped = 0, n_left = box->n_records;
  for (size_t at = box->head; n_left; n_left--) {
    at = first_live(box, at);
    size_t next = at + HEADER + record_length(box, at);
    if (box->memory[at] == XZ_SEND_BINARY) {
      count_out(box, at);
      box->memory[at] = SKIP;
      n_dropped++;
    }
    at = next;
  }
  if (box->n_records)
    box->head = first_live(box, box->head);
  else
    box->head = box->tail = 0;
  return n_dropped;
}
