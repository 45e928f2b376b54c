/* gateway/fifo.c - records in a chain of blocks. */
#include "gateway/fifo.h"

#include <stdlib.h>
#include <string.h>

static uint32_t room_of(uint32_t len) { return (uint32_t)((sizeof(gw_record) + len + 7) & ~(size_t)7); }

void gw_stock_init(gw_stock *stock, uint32_t n_limit) { *stock = (gw_stock){.n_limit = n_limit}; }

void gw_stock_wipe(gw_stock *stock) {
  while (stock->free) {
    gw_block *block = stock->free;
    stock->free = block->next;
    free(block);
  }
}

static gw_block *take_block(gw_stock *stock) {
  gw_block *block = stock->free;
  if (block) {
    stock->free = block->next;
  } else {
    if (stock->n_blocks == stock->n_limit) return NULL;
    block = malloc(sizeof(gw_block));
    if (!block) return NULL;
    stock->n_blocks++;
  }
  block->next = NULL;
  block->head = block->tail = 0;
  return block;
}

void gw_fifo_init(gw_fifo *fifo, gw_stock *stock, uint32_t n_blocks_limit) {
  *fifo = (gw_fifo){.stock = stock, .n_limit = n_blocks_limit};
}

bool gw_fifo_push(gw_fifo *fifo, const gw_record *record, const void *bytes) {
  uint32_t room = room_of(record->len);
  WR_ASSERT(record->len <= GW_RECORD_MAX);
  if (!fifo->last || fifo->last->tail + room > sizeof(fifo->last->data)) {
    if (fifo->n_blocks >= fifo->n_limit) return false;
    gw_block *block = take_block(fifo->stock);
    if (!block) return false;
    if (fifo->last)
      fifo->last->next = block;
    else
      fifo->first = block;
    fifo->last = block;
    fifo->n_blocks++;
  }
  uint8_t *at = fifo->last->data + fifo->last->tail;
  memcpy(at, record, sizeof(*record));
  if (record->len) memcpy(at + sizeof(*record), bytes, record->len);
  fifo->last->tail += room;
  fifo->n_records++;
  return true;
}

const gw_record *gw_fifo_front(const gw_fifo *fifo, const uint8_t **bytes) {
  if (!fifo->n_records) return NULL;
  const uint8_t *at = fifo->first->data + fifo->first->head;
  *bytes = at + sizeof(gw_record);
  return (const void *)at;
}

void gw_fifo_pop(gw_fifo *fifo) {
  WR_ASSERT(fifo->n_records);
  gw_block *block = fifo->first;
  const gw_record *record = (const void *)(block->data + block->head);
  block->head += room_of(record->len);
  fifo->n_records--;
  if (block->head < block->tail) return;
  fifo->first = block->next;
  if (!fifo->first) fifo->last = NULL;
  fifo->n_blocks--;
  block->next = fifo->stock->free;
  fifo->stock->free = block;
}

void gw_fifo_clear(gw_fifo *fifo) {
  const uint8_t *bytes;
  for (const gw_record *record = gw_fifo_front(fifo, &bytes); record; record = gw_fifo_front(fifo, &bytes)) {
    free(record->owned);
    gw_fifo_pop(fifo);
  }
}

void gw_fifo_prepend(gw_fifo *fifo, gw_fifo *before) {
  WR_ASSERT(fifo->stock == before->stock);
  if (!before->first) return;
  before->last->next = fifo->first;
  fifo->first = before->first;
  if (!fifo->last) fifo->last = before->last;
  fifo->n_blocks += before->n_blocks;
  fifo->n_records += before->n_records;
  gw_fifo_init(before, before->stock, before->n_limit);
}
