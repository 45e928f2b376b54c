/* video/queue.h - packets of one video stream, in any order, in; frames that can be decoded out.
 *
 * Packets wait in blocks of a pool until their frame is whole; a stream that nobody sends takes none. The first
 * frame handed out is a key frame, and so is the first one after a hole that was given up: whatever lies between
 * could not be decoded and is dropped. A hole is given up after a time the caller says, or at once when a whole key
 * frame lies behind it. What is missing can be asked for, to be sent again (NACK). */
#ifndef WR_VIDEO_QUEUE_H
#define WR_VIDEO_QUEUE_H

#include "video/unit.h"
#include "wr/pool.h"

#define WR_VIDEO_PACKETS 256 /* held; a frame of more is dropped */

typedef struct wr_video_packet wr_video_packet;

typedef struct wr_video_frame {
  wr_bytes bytes; /* in the buffer given; see video/unit.h */
  uint32_t timestamp;
  bool is_key;
} wr_video_frame;

typedef struct wr_video_queue {
  wr_pool *pool;          /* borrowed */
  wr_video_packet **slot; /* a block of it, by sequence number; NULL: no packet came yet */
  wr_video_codec codec;
  uint16_t next_seq; /* the first that was neither handed out nor given up */
  uint16_t highest_seq;
  uint16_t n_held, n_key_begins; /* packets, and those of them that begin a key frame */
  uint16_t n_scanned;            /* from next_seq on: there, and of one frame that does not end with them */
  bool started, needs_key;
  bool wants_key; /* a frame was dropped for want of a key frame: ask for one. Cleared by it, or the owner */
  bool has_hole;
  uint16_t hole_seq;
  wr_time hole_at;
  uint64_t n_frames, n_key_frames, n_dropped, n_late, n_refused; /* refused: no memory left */
} wr_video_queue;

/* |pool| needs blocks of WR_VIDEO_PACKETS pointers at least; it is shared, and this takes no more than it leaves.
 */
void wr_video_queue_init(wr_video_queue *queue, wr_pool *pool, wr_video_codec codec);
/* Another sender or codec: what is held is dropped. The counts go on. */
void wr_video_queue_restart(wr_video_queue *queue, wr_video_codec codec);
void wr_video_queue_wipe(wr_video_queue *queue); /* gives the blocks back */
/* |payload| is copied. false: late, there already, larger than a block, or no memory. */
bool wr_video_queue_insert(wr_video_queue *queue, uint16_t seq, uint32_t timestamp, bool marker, wr_bytes payload);
/* The next frame, put together in |out|; call until false after each insert and at the deadline. |wait_us|: how
 * long a missing packet is waited for. */
bool wr_video_queue_next(wr_video_queue *queue, uint8_t *out, size_t cap, wr_time wait_us, wr_video_frame *frame,
                         wr_time now);
wr_time wr_video_queue_deadline(const wr_video_queue *queue, wr_time wait_us);
/* Up to |cap| numbers of packets that are missing, in order, from |from| on; the count. */
size_t wr_video_queue_missing(const wr_video_queue *queue, uint16_t from, uint16_t *seqs, size_t cap);

#endif
