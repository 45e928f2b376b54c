/* gateway/downlink.h - the assistant's speech on its way to the caller, never decoded.
 *
 * Servers send packets in bursts; a caller's jitter buffer wants one at a time. Packets are split into frames of at
 * most 20 ms where they hold several (RFC 6716 3.2), queued, and handed out one per frame duration with 48 kHz
 * timestamps. A spurt starts after 60 ms are there, or after waiting 60 ms. On a narrow way (gateway/narrow.h)
 * frames that wait behind one another go out together, up to 120 ms of them. Captions stand in the queue between
 * the frames and come out with the first frame of their sentence; the end of speech comes out when the last frame
 * has been played.
 *
 * Around speech the stream does not pause: from the moment an answer is expected until |GW_DOWNLINK_TAIL_US| after
 * its last frame, a slot without speech carries a frame of silence. A stream that just stops looks lost to a
 * browser, which then invents the syllable's end for 300 ms; one that runs lets it keep its buffer at a frame or
 * two. Slots of silence are 10 ms long, so that speech waits no longer than that for its own; longer ones where the
 * way does not carry so many packets.
 *
 * What was handed out is kept until it is known to have arrived, |GW_DOWNLINK_KEEP_MS| at most: where a path
 * breaks, what went into it is taken back and comes out again when there is another. Captions and ends do not: they
 * travel on a channel that loses nothing while its connection stands.
 *
 * Bounds: |GW_DOWNLINK_MAX_MS| of speech, |GW_DOWNLINK_TEXT_MAX| of captions; more is refused and counted. Time is
 * an argument. One thread. */
#ifndef GATEWAY_DOWNLINK_H
#define GATEWAY_DOWNLINK_H

#include <opus/opus.h>

#include "gateway/fifo.h"

#define GW_DOWNLINK_START_US WR_MS(60)
#define GW_DOWNLINK_TAIL_US WR_S(1)
#define GW_DOWNLINK_MAX_MS 60000
#define GW_DOWNLINK_TEXT_MAX (256u * 1024)
#define GW_DOWNLINK_BLOCKS 128
#define GW_DOWNLINK_LONG_SAMPLES 5760 /* 120 ms at 48 kHz, the most Opus has (RFC 6716 3.2.5) */
#define GW_DOWNLINK_KEEP_MS 2000
#define GW_DOWNLINK_KEEP_BLOCKS 8

typedef enum gw_downlink_kind { GW_DOWNLINK_AUDIO, GW_DOWNLINK_TEXT, GW_DOWNLINK_END } gw_downlink_kind;

typedef struct gw_downlink_item {
  gw_downlink_kind kind;
  wr_bytes opus;      /* AUDIO: borrowed until something is pushed to any queue of the stock */
  uint32_t timestamp; /* AUDIO: 48 kHz */
  bool marker;        /* AUDIO: first after a pause of the stream (RFC 7587 section 4.1) */
  bool silent;        /* AUDIO: silence of our own making */
  char *text;         /* TEXT: the caller frees it */
} gw_downlink_item;

typedef struct gw_downlink {
  gw_fifo fifo;
  gw_fifo sent;          /* frames handed out one after the other, silence too, from the first speech that may not
                            have arrived; the last one ends at |timestamp_at| */
  uint32_t sent_samples; /* 48 kHz */
  OpusRepacketizer *repacketizer; /* borrowed */
  uint32_t queued_samples;        /* 48 kHz */
  uint32_t queued_text;           /* bytes */
  uint32_t n_ends;                /* END marks in the queue */
  bool streaming;                 /* packets follow one another without a gap */
  bool playing;                   /* the last frame handed out was speech */
  bool paused;
  uint32_t joined_samples; /* of a long packet, of several frames; 0: short ones */
  bool spares;             /* silence has no more packets than speech */
  wr_time first_at;        /* oldest speech of a spurt that has not begun */
  wr_time next_at;         /* streaming: when the last frame handed out is over, the next slot */
  wr_time fill_until;      /* slots before it that have no speech get silence */
  uint32_t timestamp;
  wr_time timestamp_at; /* instant |timestamp| stands for */
  uint64_t n_in, n_out, n_refused, n_bad;
} gw_downlink;

/* |timestamp|: where the RTP clock starts; random. */
void gw_downlink_init(gw_downlink *down, gw_stock *stock, OpusRepacketizer *repacketizer, uint32_t timestamp,
                      wr_time now);
void gw_downlink_wipe(gw_downlink *down);
void gw_downlink_push_audio(gw_downlink *down, wr_bytes opus, wr_time now);
/* |text| malloc'ed, owned. */
void gw_downlink_push_text(gw_downlink *down, char *text, wr_time now);
void gw_downlink_push_end(gw_downlink *down, wr_time now);
/* An answer is expected: the stream runs from now on, until |until| at least. */
void gw_downlink_expect(gw_downlink *down, wr_time until, wr_time now);
/* What was handed out until then has arrived, as far as one can know: it is not kept any longer. */
void gw_downlink_arrived(gw_downlink *down, wr_time until);
/* What was handed out since then did not: it is queued again, first. To be called while paused, or about to be. */
void gw_downlink_take_back(gw_downlink *down);
/* Barge-in: nothing queued leaves any more, texts and ends included, and nothing comes back. */
void gw_downlink_flush(gw_downlink *down);
/* While the peer is away the conversation stands still. */
void gw_downlink_pause(gw_downlink *down, bool paused, wr_time now);
/* From now on in packets of |samples|, GW_DOWNLINK_LONG_SAMPLES at most: spares headers for each frame but one. 0:
 * no longer. Silence comes in packets of 60 and 120 ms. */
void gw_downlink_join(gw_downlink *down, uint32_t samples);
/* From now on silence beside short packets of speech comes in packets of 20 ms, not 10: half of them. */
void gw_downlink_spare(gw_downlink *down, bool spares);
/* Nothing more for |us|: what stands in queues on the way is heard in that time. */
void gw_downlink_rest(gw_downlink *down, wr_time us);
bool gw_downlink_is_empty(const gw_downlink *down);
/* What is due; false: nothing now. */
bool gw_downlink_poll(gw_downlink *down, gw_downlink_item *item, wr_time now);
wr_time gw_downlink_deadline(const gw_downlink *down);

#endif
