/* gateway/mailbox.c - the queue between threads; see the header for the idea. */
#include "gateway/mailbox.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

bool gw_mailbox_open(gw_mailbox *box, uint32_t n_cells, void (*wake)(void *wake_ctx), void *wake_ctx) {
  WR_ASSERT(n_cells && (n_cells & (n_cells - 1)) == 0);
  memset(box, 0, sizeof(*box));
  box->n_cells = n_cells;
  box->wake = wake;
  box->wake_ctx = wake_ctx;
  box->event_fd = wake ? -1 : eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  box->cells = mmap(NULL, n_cells * sizeof(gw_cell), PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return box->cells != MAP_FAILED && (wake || box->event_fd >= 0);
}

void gw_mailbox_close(gw_mailbox *box) {
  if (!box->cells) return;
  for (gw_message *m = gw_mailbox_peek(box); m; m = gw_mailbox_peek(box)) {
    free(m->owned);
    gw_mailbox_pop(box);
  }
  munmap(box->cells, box->n_cells * sizeof(gw_cell));
  if (box->event_fd >= 0) close(box->event_fd);
  box->cells = NULL;
}

static uint32_t turn_at(const gw_mailbox *box, uint32_t position) { return 2 * (position / box->n_cells); }

bool gw_mailbox_put(gw_mailbox *box, const gw_message *message, const void *bytes, size_t len) {
  WR_ASSERT(len <= GW_MESSAGE_INLINE);
  uint32_t tail = atomic_load_explicit(&box->tail, memory_order_relaxed);
  for (;;) {
    gw_cell *cell = &box->cells[tail & (box->n_cells - 1)];
    uint32_t turn = atomic_load_explicit(&cell->turn, memory_order_acquire);
    /* Positions wrap at 2^32, a multiple of n_cells: laps wrap with them, so equality is the only safe test. */
    if (turn != turn_at(box, tail)) {
      uint32_t again = atomic_load_explicit(&box->tail, memory_order_relaxed);
      if (again == tail) return false; /* full */
      tail = again;
      continue;
    }
    if (!atomic_compare_exchange_weak_explicit(&box->tail, &tail, tail + 1, memory_order_relaxed,
                                               memory_order_relaxed))
      continue;
    memcpy(&cell->message, message, offsetof(gw_message, bytes));
    cell->message.len = (uint16_t)len;
    if (len) memcpy(cell->message.bytes, bytes, len);
    atomic_store_explicit(&cell->turn, turn + 1, memory_order_release);
    return true;
  }
}

void gw_mailbox_announce(gw_mailbox *box) {
  if (atomic_exchange(&box->announced, true)) return;
  if (box->wake) {
    box->wake(box->wake_ctx);
    return;
  }
  uint64_t one = 1;
  if (write(box->event_fd, &one, sizeof(one)) < 0) return; /* the counter is at its top: it is awake anyway */
}

bool gw_mailbox_send(gw_mailbox *box, const gw_message *message, const void *bytes, size_t len) {
  if (!gw_mailbox_put(box, message, bytes, len)) return false;
  gw_mailbox_announce(box);
  return true;
}

gw_message *gw_mailbox_peek(gw_mailbox *box) {
  gw_cell *cell = &box->cells[box->head & (box->n_cells - 1)];
  uint32_t turn = atomic_load_explicit(&cell->turn, memory_order_acquire);
  return turn == turn_at(box, box->head) + 1 ? &cell->message : NULL;
}

void gw_mailbox_pop(gw_mailbox *box) {
  gw_cell *cell = &box->cells[box->head & (box->n_cells - 1)];
  uint32_t next_lap = turn_at(box, box->head + box->n_cells);
  box->head++;
  atomic_store_explicit(&cell->turn, next_lap, memory_order_release);
}

void gw_mailbox_rearm(gw_mailbox *box) {
  uint64_t count;
  if (box->event_fd >= 0 && read(box->event_fd, &count, sizeof(count)) < 0) count = 0; /* nothing announced */
  atomic_store(&box->announced, false);
}
