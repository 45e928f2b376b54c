/* jitter/reorder.h - a bounded reorder buffer for audio: packets in any order in, frames in order out.
 *
 * Holds a packet that is ahead of a hole until the hole is filled or |max_wait_us| has passed since that packet
 * arrived (it may change while the hole is there), or the buffer is full; then the hole is given up (counted lost).
 * Late and duplicate packets are dropped. A packet more than 1000 away from the expected one means that the sender
 * began anew: what is held counts as lost, and that packet is next.
 *
 * Numbers are not all speech: browsers that look for bandwidth number packets of padding in between, with the time
 * of the frame before. So time tells what a hole was worth: where the sound on both sides joins, nothing is missing
 * and nothing is waited for. */
#ifndef WR_JITTER_REORDER_H
#define WR_JITTER_REORDER_H

#include "wr/types.h"

#define WR_REORDER_SLOTS 16        /* packets held */
#define WR_REORDER_FRAME_BYTES 400 /* largest payload held out of order; a larger one closes the hole before it */

typedef struct wr_reorder_frame {
  uint16_t seq;
  uint32_t timestamp;
  bool after_loss;  /* one or more packets before this one were given up */
  uint16_t n_lost;  /* how many frames; at most, where the time of what was before them is not known */
  wr_bytes payload; /* borrowed until the next call */
} wr_reorder_frame;

/* One packet, or a copy of one. */
typedef struct wr_reorder_packet {
  uint16_t seq;
  uint16_t samples; /* how long its sound is, in the clock of |timestamp|; 0: not known */
  uint32_t timestamp;
  wr_bytes payload; /* empty: padding; it keeps the numbers going and is not handed out */
} wr_reorder_packet;

/* Where the sound stands. */
typedef struct wr_reorder_clock {
  uint32_t last, next; /* timestamps of the newest frame and of the one to follow */
  uint16_t samples;
  bool known;
} wr_reorder_clock;

#define WR_REORDER_COPIED 16 /* copies remembered, for their originals may come all the same */

typedef struct wr_reorder_slot {
  wr_time arrived_at;
  uint32_t timestamp;
  uint16_t seq, len, samples;
  bool copy; /* its number is a guess */
  uint8_t bytes[WR_REORDER_FRAME_BYTES];
} wr_reorder_slot;

typedef struct wr_reorder {
  wr_reorder_slot *slot; /* WR_REORDER_SLOTS, lent */
  wr_time max_wait_us;
  uint64_t n_late, n_duplicate, n_lost, n_reordered;
  uint64_t n_delivered, held_us; /* frames handed out, and how long they were held, together */
  wr_reorder_packet direct;      /* just inserted, when it is next in order: passed through without copying */
  wr_reorder_clock clock, out;   /* with what padding told; of the last frame handed out */
  uint32_t copied[WR_REORDER_COPIED], n_copied; /* timestamps: a ring */
  uint16_t next_seq, n_held, skipped;
  uint32_t used, touched; /* bit i: slot[i] holds a packet; ever held one */
  bool started, has_direct;
  uint64_t delivered; /* bit i: next_seq - 1 - i was handed out, to tell duplicates from late packets */
} wr_reorder;

/* |slots|: WR_REORDER_SLOTS, lent until wipe. They are neither zeroed nor read before a packet is out of order:
 * most calls never touch them. */
void wr_reorder_init(wr_reorder *reorder, wr_reorder_slot *slots, wr_time max_wait_us);
/* Another sender: its first packet is next, what is held counts as lost. The counts go on. */
void wr_reorder_restart(wr_reorder *reorder);
/* Erases what was held: speech in the clear. */
void wr_reorder_wipe(wr_reorder *reorder);
/* Its payload is borrowed until the following wr_reorder_next calls returned false. */
void wr_reorder_insert(wr_reorder *reorder, const wr_reorder_packet *packet, wr_time now);
/* A copy of an earlier packet, which came inside |carrier|; that is inserted next. Of several copies the newest
 * comes first. Kept, if its sound is missing and not given up yet: true. A copy has no number, |copy->seq| is not
 * read: it gets one of those that are missing. Not counted as a packet, whatever becomes of it. */
bool wr_reorder_repair(wr_reorder *reorder, const wr_reorder_packet *copy, const wr_reorder_packet *carrier,
                       wr_time now);
/* Next frame in order, if it is due. Call until false after each insert and at the deadline. */
bool wr_reorder_next(wr_reorder *reorder, wr_reorder_frame *frame, wr_time now);
/* The numbers that are missing before the newest held, oldest first, of holes that are not known to be of padding
 * only: the last |cap| of them. Returns how many. */
size_t wr_reorder_missing(const wr_reorder *reorder, uint16_t *seqs, size_t cap);
wr_time wr_reorder_deadline(const wr_reorder *reorder);

#endif
