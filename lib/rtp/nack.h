/* rtp/nack.h - lost packets asked for again, and given again (RFC 4585 6.2.1), both within bounds.
 *
 * The asker keeps who was asked for and when; what is missing it is told each time. The giver keeps the last
 * datagrams sent, as they were sent: the same bytes go out again, so nothing is encrypted twice. */
#ifndef WR_RTP_NACK_H
#define WR_RTP_NACK_H

#include "wr/types.h"

/* ---- asking ---- */

#define WR_NACK_MISSING 16             /* asked for at a time */
#define WR_NACK_TRIES 8                /* for one packet: requests get lost, too */
#define WR_NACK_MARGIN_US WR_MS(10)    /* beyond half a round trip, before asking again */
#define WR_NACK_WAIT_MAX_US WR_MS(200) /* speech is held no longer for a packet that was asked for */

typedef struct wr_nack_entry {
  wr_time again_at;
  uint16_t seq;
  uint8_t n_tries;
} wr_nack_entry;

typedef struct wr_nack_asker {
  wr_nack_entry entry[WR_NACK_MISSING];
  uint8_t n;
  wr_time due_at;   /* when to call wr_nack_due; WR_NEVER */
  uint64_t n_asked; /* packets, each once */
} wr_nack_asker;

void wr_nack_init(wr_nack_asker *asker);
/* |missing|: all that are missing now, at most WR_NACK_MISSING. Those that are to be asked for at once go to |out|,
 * of as many elements; returns how many. |rtt_us| of 0: not known, nothing is asked. */
size_t wr_nack_due(wr_nack_asker *asker, const uint16_t *missing, size_t n, uint32_t rtt_us, uint16_t *out,
                   wr_time now);
/* Whether |seq| was asked for: then its arrival says nothing about the network's jitter or loss. Forgets it. */
bool wr_nack_take(wr_nack_asker *asker, uint16_t seq);
/* How long a hole is worth waiting for: |least|, or longer where that lets asking succeed; |least| where the round
 * trip is longer than anyone would wait, or not known. */
wr_time wr_nack_wait_us(uint32_t rtt_us, wr_time least);
/* Whether asking over this round trip can succeed at all. */
bool wr_nack_can(uint32_t rtt_us);

/* ---- giving ---- */

#define WR_RESEND_PACKETS 32 /* 640 ms of speech */
#define WR_RESEND_BYTES 4096 /* of datagrams: 32 of plain speech, 15 with two copies in each */
#define WR_RESEND_BUDGET 16  /* datagrams at once; half as many as are sent, in the long run */
#define WR_RESEND_TRIES 5    /* of one datagram */

typedef struct wr_resend_packet {
  wr_time sent_at; /* the last time */
  uint16_t seq, at, len;
  uint8_t n_resent;
  bool asked, wanted;
} wr_resend_packet;

/* Neither zeroed nor read before something was sent: lend it where idle calls do not touch it. */
typedef struct wr_resend_store {
  wr_resend_packet packet[WR_RESEND_PACKETS];
  uint8_t bytes[WR_RESEND_BYTES];
} wr_resend_store;

typedef struct wr_resend {
  wr_resend_store *store;
  uint16_t first, n, end; /* packets: a ring; |end| of the newest one's bytes */
  uint8_t n_wanted;
  uint8_t budget_halves;
  uint64_t n_asked, n_rows;     /* packets the peer missed, each once; rows of such, one after another */
  uint64_t n_resent, n_refused; /* |n_refused|: asked for, but gone, or over a bound */
} wr_resend;

void wr_resend_init(wr_resend *resend, wr_resend_store *store);
/* |datagram|, as it is sent, is copied; the oldest ones make room. Numbers follow one another. */
void wr_resend_keep(wr_resend *resend, uint16_t seq, wr_bytes datagram, wr_time now);
/* The peer misses |seq|. Within the round trip after it was sent again it is under way. */
void wr_resend_ask(wr_resend *resend, uint16_t seq, uint32_t rtt_us, wr_time now);
/* The next datagram to send again; empty: none. Borrowed until the next call. */
wr_bytes wr_resend_next(wr_resend *resend, wr_time now);
/* None of what was sent so far is sent again. */
void wr_resend_forget(wr_resend *resend);

#endif
