/* gateway/fifo.h - a queue of small records in blocks borrowed from a shared stock.
 *
 * A session's speech comes in bursts of seconds and is otherwise nothing: so sessions share one stock of blocks per
 * worker, and each queue only has a bound. Records are contiguous and never split over blocks. One thread. */
#ifndef GATEWAY_FIFO_H
#define GATEWAY_FIFO_H

#include "wr/types.h"

#define GW_BLOCK_BYTES 4096
#define GW_RECORD_MAX (GW_BLOCK_BYTES - 32)

typedef struct gw_block {
  struct gw_block *next;
  uint32_t head, tail; /* bytes of |data| taken and filled */
  _Alignas(8) uint8_t data[GW_BLOCK_BYTES - 16];
} gw_block;

typedef struct gw_stock {
  gw_block *free;
  uint32_t n_blocks, n_limit;    /* taken from malloc so far, and at most */
  uint8_t joined[GW_RECORD_MAX]; /* room for whoever makes one of several records */
} gw_stock;

void gw_stock_init(gw_stock *stock, uint32_t n_limit);
void gw_stock_wipe(gw_stock *stock); /* every queue must be clear */

typedef struct gw_record {
  uint16_t kind, len;
  uint32_t value;
  void *owned;
} gw_record;

typedef struct gw_fifo {
  gw_stock *stock;
  gw_block *first, *last;
  uint32_t n_blocks, n_limit;
  uint32_t n_records;
} gw_fifo;

void gw_fifo_init(gw_fifo *fifo, gw_stock *stock, uint32_t n_blocks_limit);
/* Copies |record| and |record->len| bytes. false: at the bound, or the stock is empty; nothing changed, |owned|
 * stays the caller's. */
bool gw_fifo_push(gw_fifo *fifo, const gw_record *record, const void *bytes);
/* The front record and its bytes, borrowed until pop; NULL: empty. */
const gw_record *gw_fifo_front(const gw_fifo *fifo, const uint8_t **bytes);
void gw_fifo_pop(gw_fifo *fifo);   /* |owned| is the caller's now */
void gw_fifo_clear(gw_fifo *fifo); /* frees every |owned| */
/* All of |before|, a queue of the same stock, comes before what |fifo| has; |before| is empty then. Takes no memory
 * and copies nothing; |fifo| may then be over its bound. */
void gw_fifo_prepend(gw_fifo *fifo, gw_fifo *before);

#endif
