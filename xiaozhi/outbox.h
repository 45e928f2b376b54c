/* xiaozhi/outbox.h - a bounded queue of whole messages in one block of memory: what waits for a socket to become
 * writable, and the speech that waits for its time.
 *
 * Records are kept contiguous, so the front one can be handed to a socket without a copy. The memory is lent at
 * init and never grows; at the bound, a write is refused and nothing changes. */
#ifndef XIAOZHI_OUTBOX_H
#define XIAOZHI_OUTBOX_H

#include "wr/types.h"

struct wr_writer; /* base/io.h, which writers of records include */

typedef enum xz_send_kind {
  XZ_SEND_TEXT = 1,
  XZ_SEND_BINARY = 2,
  XZ_SEND_CLOSE = 3, /* close the socket with |code|; |bytes| is the reason */
} xz_send_kind;

/* What to put on the socket next. |bytes| is borrowed until the record is popped. */
typedef struct xz_send {
  xz_send_kind kind;
  uint16_t code; /* XZ_SEND_CLOSE: 1000.. */
  wr_bytes bytes;
} xz_send;

typedef struct xz_outbox {
  uint8_t *memory;
  size_t cap, head, tail;
  size_t n_records, n_binary;
  size_t pending; /* where the record being written begins */
  bool pending_fits;
} xz_outbox;

void xz_outbox_init(xz_outbox *box, void *memory, size_t cap);
bool xz_outbox_empty(const xz_outbox *box);
/* Bytes occupied, headers and the gap at the wrap included. */
size_t xz_outbox_used(const xz_outbox *box);
/* false: nothing waits. */
bool xz_outbox_peek(const xz_outbox *box, xz_send *send);
void xz_outbox_pop(xz_outbox *box);

/* A record is written through the writer that begin returns, into room for |want| bytes if there is such room and
 * into the largest there is otherwise. Nothing is queued before end, which refuses a record that did not fit:
 * WR_ERR_LIMIT, and the box is as before. One record at a time. */
struct wr_writer xz_outbox_begin(xz_outbox *box, size_t want);
WR_NODISCARD wr_err xz_outbox_end(xz_outbox *box, const struct wr_writer *w, xz_send_kind kind);
WR_NODISCARD wr_err xz_outbox_put(xz_outbox *box, xz_send_kind kind, wr_bytes bytes);
WR_NODISCARD wr_err xz_outbox_put_close(xz_outbox *box, uint16_t code, const char *reason);

/* Forgets the binary records; text keeps its place. Returns how many went. */
size_t xz_outbox_drop_binary(xz_outbox *box);
void xz_outbox_clear(xz_outbox *box);

#endif
