/* video/queue.c - see video/queue.h. A ring of pointers by sequence number, in one block of the pool; behind each a
 * packet in a block of its own. Blocks are given back when their frame is handed out or dropped. */
#include "video/queue.h"

#include <string.h>

#include "base/seq.h"

#define RING_BYTES (WR_VIDEO_PACKETS * sizeof(void *))
#define FAR 1000 /* a number so far off is of a sender that began anew */

struct wr_video_packet {
  uint32_t timestamp;
  uint16_t len;
  uint8_t key_parts;
  bool marker, begins;
  uint8_t bytes[];
};

void wr_video_queue_init(wr_video_queue *queue, wr_pool *pool, wr_video_codec codec) {
  *queue = (wr_video_queue){.pool = pool, .codec = codec, .needs_key = true};
}

static wr_video_packet *at(const wr_video_queue *queue, uint16_t seq) {
  return queue->slot[seq % WR_VIDEO_PACKETS];
}

static bool begins_key(const wr_video_packet *packet) { return packet->begins && packet->key_parts; }

/* Everything before |seq| is done with. */
static void advance(wr_video_queue *queue, uint16_t seq) {
  for (; queue->next_seq != seq; queue->next_seq++) {
    wr_video_packet **slot = &queue->slot[queue->next_seq % WR_VIDEO_PACKETS];
    if (!*slot) continue;
    if (begins_key(*slot)) queue->n_key_begins--;
    wr_pool_give(queue->pool, *slot);
    *slot = NULL;
    queue->n_held--;
  }
  queue->n_scanned = 0;
  queue->has_hole = false;
}

static void drop(wr_video_queue *queue, uint16_t up_to) {
  queue->n_dropped++;
  queue->needs_key = queue->wants_key = true;
  advance(queue, up_to);
}

void wr_video_queue_restart(wr_video_queue *queue, wr_video_codec codec) {
  if (queue->n_held) advance(queue, (uint16_t)(queue->highest_seq + 1));
  queue->codec = codec;
  queue->started = queue->wants_key = queue->has_hole = false;
  queue->n_scanned = 0;
  queue->needs_key = true;
}

void wr_video_queue_wipe(wr_video_queue *queue) {
  wr_video_queue_restart(queue, WR_VIDEO_NONE);
  if (queue->slot) wr_pool_give(queue->pool, queue->slot);
  queue->slot = NULL;
}

/* ---- in ---- */

static bool begin_ring(wr_video_queue *queue) {
  if (queue->slot) return true;
  WR_ASSERT(wr_pool_block_bytes(queue->pool) >= RING_BYTES);
  queue->slot = wr_pool_take(queue->pool);
  if (queue->slot) memset(queue->slot, 0, RING_BYTES);
  return queue->slot;
}

/* Makes |seq| one of the numbers there is room for. false: it comes too late. */
static bool make_room(wr_video_queue *queue, uint16_t seq) {
  int distance = queue->started ? wr_seq16_diff(seq, queue->next_seq) : 0;
  if (queue->started && (distance > FAR || distance < -FAR)) {
    uint64_t dropped = queue->n_held ? 1 : 0;
    wr_video_queue_restart(queue, queue->codec);
    queue->n_dropped += dropped;
  } else if (distance < 0) {
    queue->n_late++;
    return false;
  }
  if (!queue->started) {
    queue->started = true;
    queue->next_seq = seq;
    queue->highest_seq = (uint16_t)(seq - 1);
  } else if (distance >= WR_VIDEO_PACKETS) {
    drop(queue, (uint16_t)(seq - WR_VIDEO_PACKETS + 1));
  }
  return true;
}

bool wr_video_queue_insert(wr_video_queue *queue, uint16_t seq, uint32_t timestamp, bool marker, wr_bytes payload) {
  if (!begin_ring(queue) || payload.len + sizeof(wr_video_packet) > wr_pool_block_bytes(queue->pool)) {
    queue->n_refused++;
    return false;
  }
  if (!make_room(queue, seq) || at(queue, seq)) return false;
  wr_video_packet *packet = wr_pool_n_free(queue->pool) > queue->n_held ? wr_pool_take(queue->pool) : NULL;
  if (!packet) {
    queue->n_refused++;
    return false;
  }
  wr_video_payload part;
  (void)!wr_video_peek(queue->codec, payload, &part); /* a bad one is found out when its frame is put together */
  *packet = (wr_video_packet){.timestamp = timestamp,
                              .len = (uint16_t)payload.len,
                              .key_parts = part.key_parts,
                              .marker = marker,
                              .begins = part.begins};
  if (payload.len) memcpy(packet->bytes, payload.data, payload.len);
  queue->slot[seq % WR_VIDEO_PACKETS] = packet;
  queue->n_held++;
  queue->n_key_begins = (uint16_t)(queue->n_key_begins + begins_key(packet));
  if (wr_seq16_newer(seq, queue->highest_seq)) queue->highest_seq = seq;
  return true;
}

/* ---- out ---- */

typedef enum scan_end { SCAN_WHOLE, SCAN_MORE, SCAN_HOLE } scan_end;

/* Goes on from |*n| packets after |first|. WHOLE: they are a frame. MORE: it has not all been sent. HOLE: the one
 * after them is missing. */
static scan_end scan(const wr_video_queue *queue, uint16_t first, uint16_t *n) {
  for (;; ++*n) {
    uint16_t seq = (uint16_t)(first + *n);
    if (wr_seq16_newer(seq, queue->highest_seq)) return SCAN_MORE;
    const wr_video_packet *packet = at(queue, seq);
    if (!packet) return SCAN_HOLE;
    if (*n && packet->timestamp != at(queue, first)->timestamp) return SCAN_WHOLE; /* it had no marker */
    if (packet->marker) {
      ++*n;
      return SCAN_WHOLE;
    }
  }
}

static uint8_t key_parts(const wr_video_queue *queue, uint16_t first, uint16_t n) {
  uint8_t parts = 0;
  for (uint16_t i = 0; i < n; i++) parts |= at(queue, (uint16_t)(first + i))->key_parts;
  return parts;
}

/* A whole key frame behind the hole: it makes whatever is missing needless. */
static bool find_key(const wr_video_queue *queue, uint16_t *first) {
  if (!queue->n_key_begins) return false;
  for (uint16_t seq = queue->hole_seq; !wr_seq16_newer(seq, queue->highest_seq); seq++) {
    uint16_t n = 0;
    if (!at(queue, seq) || !begins_key(at(queue, seq))) continue;
    if (scan(queue, seq, &n) != SCAN_WHOLE || key_parts(queue, seq, n) != WR_VIDEO_KEY) continue;
    *first = seq;
    return true;
  }
  return false;
}

/* The first packet that is there behind the hole. */
static uint16_t behind_hole(const wr_video_queue *queue) {
  uint16_t seq = queue->hole_seq;
  while (!at(queue, seq)) seq++; /* the highest is there */
  return seq;
}

/* true: it was given up. */
static bool wait_at_hole(wr_video_queue *queue, uint16_t seq, wr_time wait_us, wr_time now) {
  uint16_t key;
  if (!queue->has_hole || queue->hole_seq != seq) {
    queue->has_hole = true;
    queue->hole_seq = seq;
    queue->hole_at = now;
  }
  if (find_key(queue, &key)) {
    queue->n_dropped++;
    queue->needs_key = true; /* which that one is */
    advance(queue, key);
    return true;
  }
  if (now - queue->hole_at < wait_us) return false;
  drop(queue, behind_hole(queue));
  return true;
}

/* Takes the |n| packets of a frame. true: |frame| is one that can be decoded. */
static bool take(wr_video_queue *queue, uint16_t n, uint8_t *out, size_t cap, wr_video_frame *frame) {
  uint16_t end = (uint16_t)(queue->next_seq + n);
  uint32_t timestamp = at(queue, queue->next_seq)->timestamp;
  bool is_key = key_parts(queue, queue->next_seq, n) == WR_VIDEO_KEY;
  if (queue->needs_key && !is_key) {
    drop(queue, end);
    return false;
  }
  wr_video_unit unit;
  wr_video_begin(&unit, queue->codec, out, cap);
  for (uint16_t seq = queue->next_seq; seq != end; seq++)
    wr_video_add(&unit, wr_bytes_of(at(queue, seq)->bytes, at(queue, seq)->len), false);
  if (!wr_video_end(&unit)) {
    drop(queue, end);
    return false;
  }
  *frame = (wr_video_frame){.bytes = wr_bytes_of(out, unit.len), .timestamp = timestamp, .is_key = is_key};
  advance(queue, end);
  queue->n_frames++;
  if (is_key) {
    queue->n_key_frames++;
    queue->needs_key = queue->wants_key = false;
  }
  return true;
}

bool wr_video_queue_next(wr_video_queue *queue, uint8_t *out, size_t cap, wr_time wait_us, wr_video_frame *frame,
                         wr_time now) {
  while (queue->n_held) {
    const wr_video_packet *first = at(queue, queue->next_seq);
    if (first && !first->len) { /* padding: it just keeps the numbers going */
      advance(queue, (uint16_t)(queue->next_seq + 1));
      continue;
    }
    switch (scan(queue, queue->next_seq, &queue->n_scanned)) {
      case SCAN_WHOLE:
        if (take(queue, queue->n_scanned, out, cap, frame)) return true;
        break;
      case SCAN_MORE: queue->has_hole = false; return false; /* if there was one, it has been filled */
      case SCAN_HOLE:
        if (!wait_at_hole(queue, (uint16_t)(queue->next_seq + queue->n_scanned), wait_us, now)) return false;
        break;
    }
  }
  return false;
}

wr_time wr_video_queue_deadline(const wr_video_queue *queue, wr_time wait_us) {
  return queue->has_hole ? queue->hole_at + wait_us : WR_NEVER;
}

size_t wr_video_queue_missing(const wr_video_queue *queue, uint16_t from, uint16_t *seqs, size_t cap) {
  size_t n = 0;
  if (!queue->n_held) return 0;
  uint16_t seq = wr_seq16_newer(from, queue->next_seq) ? from : queue->next_seq;
  for (; n < cap && !wr_seq16_newer(seq, queue->highest_seq); seq++)
    if (!at(queue, seq)) seqs[n++] = seq;
  return n;
}
