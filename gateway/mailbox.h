/* gateway/mailbox.h - a bounded queue from any thread to one thread.
 *
 * Cells of one size hold a message by value: nothing is allocated and no lock is taken. Senders claim a cell by
 * moving |tail|, the owner reads in order. Each cell carries a turn number (D. Vyukov's bounded queue); numbering
 * turns from 0 makes zeroed memory a valid empty queue, so a large box costs no resident memory before it is used.
 *
 * Waking: the first message after the owner looked is announced on |event_fd| (or by |wake|, where the owner sleeps
 * in somebody else's loop); further ones are not, until the owner has rearmed by taking everything. */
#ifndef GATEWAY_MAILBOX_H
#define GATEWAY_MAILBOX_H

#include <stdatomic.h>

#include "wr/types.h"

#define GW_MESSAGE_INLINE 400 /* bytes a message carries itself, speech always; more travels as |owned| */

/* Which session of which worker. A slot is used again with another generation: stale references find nobody. */
typedef struct gw_ref {
  uint16_t worker;
  uint32_t slot, generation;
} gw_ref;

typedef struct gw_message {
  uint16_t kind; /* of the protocol between the two threads, gateway/protocol.h */
  uint16_t len;  /* bytes used */
  uint32_t number;
  gw_ref ref;
  void *owned; /* malloc'ed; the receiver frees it */
  size_t owned_len;
  wr_path path;
  uint8_t bytes[GW_MESSAGE_INLINE];
} gw_message;

typedef struct gw_cell {
  _Atomic uint32_t turn; /* 2 * lap: free; 2 * lap + 1: filled */
  gw_message message;
} gw_cell;

typedef struct gw_mailbox {
  gw_cell *cells;
  uint32_t n_cells; /* a power of two */
  int event_fd;     /* -1: |wake| is used */
  void (*wake)(void *wake_ctx);
  void *wake_ctx;
  _Alignas(64) _Atomic uint32_t tail;
  _Alignas(64) uint32_t head; /* the owner's */
  _Alignas(64) atomic_bool announced;
} gw_mailbox;

/* false: no memory or no descriptor. */
bool gw_mailbox_open(gw_mailbox *box, uint32_t n_cells, void (*wake)(void *wake_ctx), void *wake_ctx);
/* Frees what was never received, messages' |owned| included. */
void gw_mailbox_close(gw_mailbox *box);

/* Any thread. Copies |message| and |bytes| of |len| (at most GW_MESSAGE_INLINE); ownership of |owned| passes only
 * on success. false: full; nothing happened. */
bool gw_mailbox_send(gw_mailbox *box, const gw_message *message, const void *bytes, size_t len);
/* As send, but the owner is not woken: for batches, followed by one gw_mailbox_announce. */
bool gw_mailbox_put(gw_mailbox *box, const gw_message *message, const void *bytes, size_t len);
void gw_mailbox_announce(gw_mailbox *box);

/* The owner: the oldest message, or NULL; in place, valid until pop. */
gw_message *gw_mailbox_peek(gw_mailbox *box);
void gw_mailbox_pop(gw_mailbox *box);
/* The owner, before it reads: announcements made from now on wake it again. */
void gw_mailbox_rearm(gw_mailbox *box);

#endif
