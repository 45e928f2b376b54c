/* sctp/sctp.h - one SCTP association over DTLS (RFC 9260, 8261) with data channels (RFC 8831, 8832).
 *
 * Sans-IO: packets in, packets out, deadlines, events. Ordered and unordered, reliable and partially reliable
 * (RFC 3758) delivery, stream reset (RFC 6525), zero checksum (RFC 9653) accepted and, once the peer is known to
 * take it, used. Memory is bounded: message bytes live in blocks of a pool shared by many associations, each within
 * the budget of its settings plus an eighth for records; an over-full sender gets WR_ERR_LIMIT, an over-full
 * receiver closes its window. */
#ifndef WR_SCTP_SCTP_H
#define WR_SCTP_SCTP_H

#include "base/pool.h"
#include "wr/types.h"

#define WR_SCTP_MTU 1136        /* largest SCTP packet sent: fits a DTLS record in a 1200-byte datagram */
#define WR_SCTP_MAX_CHANNELS 16 /* open data channels of one association, ours and theirs */
#define WR_SCTP_POOL_BLOCK 2048 /* block size the pool must have */
#define WR_SCTP_LABEL_MAX 64

typedef struct wr_sctp wr_sctp; /* lives in caller memory */

typedef struct wr_sctp_settings {
  wr_rng rng;
  wr_pool *pool;              /* borrowed; block size >= WR_SCTP_POOL_BLOCK */
  uint32_t send_budget_bytes; /* messages accepted and not yet acknowledged; default 256 KiB */
  uint32_t recv_budget_bytes; /* advertised window: reassembly and reorder memory; default 256 KiB */
  uint32_t max_message_bytes; /* largest message accepted (SDP a=max-message-size); default 65536 */
  bool is_dtls_client;        /* parity of our stream ids: client even, server odd (RFC 8832 6) */
  bool zero_checksum;         /* packets with checksum 0 are accepted (only ever over DTLS); default true */
} wr_sctp_settings;

typedef struct wr_sctp_channel_settings {
  bool unordered;
  bool limited_retransmits; /* partial reliability by count.. */
  bool limited_lifetime;    /* ..or by milliseconds; not both */
  uint32_t reliability;     /* number of retransmissions, or milliseconds */
  uint16_t priority;        /* RFC 8831 6.4: 128 below normal .. 1024 high; 0 means 256 */
  const char *label;        /* copied; at most WR_SCTP_LABEL_MAX bytes */
  const char *protocol;     /* copied; NULL = none */
} wr_sctp_channel_settings;

typedef enum wr_sctp_event_kind {
  WR_SCTP_EVENT_NONE,
  WR_SCTP_EVENT_CONNECTED,       /* association established */
  WR_SCTP_EVENT_CHANNEL_OPEN,    /* |channel|: ours was acknowledged, or the peer opened it (|by_peer|, |label|) */
  WR_SCTP_EVENT_MESSAGE,         /* |channel|, |message|, |is_text| */
  WR_SCTP_EVENT_MESSAGE_TOO_BIG, /* |channel|: more than max_message_bytes; dropped whole, channel stays open */
  WR_SCTP_EVENT_BUFFERED_LOW,    /* |channel|: buffered bytes fell to its threshold */
  WR_SCTP_EVENT_CHANNEL_CLOSED,  /* |channel|: both directions reset; the id may be used again */
  WR_SCTP_EVENT_CLOSED,          /* graceful SHUTDOWN */
  WR_SCTP_EVENT_ABORTED,         /* ABORT from the peer, or too many retransmissions */
} wr_sctp_event_kind;

typedef struct wr_sctp_event {
  wr_sctp_event_kind kind;
  uint16_t channel; /* stream id */
  bool is_text, by_peer;
  wr_bytes message; /* MESSAGE: in one piece, borrowed until the next call on this association */
  wr_bytes label;   /* CHANNEL_OPEN: borrowed until the channel closes */
} wr_sctp_event;

typedef struct wr_sctp_stats {
  uint64_t packets_sent, packets_received, packets_dropped; /* dropped: bad tag, checksum, malformed */
  uint64_t bytes_sent, bytes_received;                      /* user data */
  uint64_t messages_sent, messages_received, chunks_retransmitted;
  uint32_t srtt_us, cwnd_bytes, peer_window_bytes;
} wr_sctp_stats;

void wr_sctp_settings_default(wr_sctp_settings *settings); /* all but rng and pool */
size_t wr_sctp_size(void);                                 /* under 16 KiB: message memory is in the pool */
/* Builds an association in |mem| (16-aligned, wr_sctp_size bytes, lent until wipe). A MESSAGE event shows the
 * message in one piece: it is assembled in |message_buffer| (at least max_message_bytes, may be shared by all
 * associations of one thread, borrowed until wipe). */
wr_sctp *wr_sctp_init(void *mem, const wr_sctp_settings *settings, uint8_t *message_buffer, size_t buffer_bytes);
void wr_sctp_wipe(wr_sctp *sctp); /* gives every block back */

/* The round trip ICE measured, before connect: the handshake's timer starts from it, not from a guess. 0: unknown.
 */
void wr_sctp_set_rtt(wr_sctp *sctp, uint32_t rtt_us);
/* [mutates] ICE has found another path, or the old one works again: what waits for a timer that grew in vain leaves
 * with the next tick, which is due now. */
void wr_sctp_path_works(wr_sctp *sctp, wr_time now);
/* [mutates] Sends INIT. Both sides may; simultaneous open is resolved (RFC 9260 5.2). */
void wr_sctp_connect(wr_sctp *sctp, wr_time now);
/* [mutates] One SCTP packet as DTLS delivered it. */
void wr_sctp_recv(wr_sctp *sctp, wr_bytes packet, wr_time now);
/* Next packet to hand to DTLS; 0: none. |cap| >= WR_SCTP_MTU. Bundles what fits. */
size_t wr_sctp_poll(wr_sctp *sctp, uint8_t *out, size_t cap, wr_time now);
/* [mutates] false: none. A message taken may reopen the window: poll packets after events. */
bool wr_sctp_poll_event(wr_sctp *sctp, wr_sctp_event *event);
void wr_sctp_tick(wr_sctp *sctp, wr_time now);
wr_time wr_sctp_deadline(const wr_sctp *sctp);

/* [mutates] Opens a channel (DCEP OPEN). May be called before the association is up: OPEN and messages then ride
 * with COOKIE-ECHO. WR_ERR_LIMIT: all channels used. */
wr_err wr_sctp_open_channel(wr_sctp *sctp, const wr_sctp_channel_settings *settings, uint16_t *channel,
                            wr_time now);
/* [mutates] |message| is copied. Allowed right after open_channel (RFC 8832 6: no need to wait for the ACK). Empty
 * messages are legal (PPID 56, 57). WR_ERR_LIMIT: over the send budget, or the pool is empty: wait for
 * BUFFERED_LOW. WR_ERR_STATE: no such channel. */
wr_err wr_sctp_send(wr_sctp *sctp, uint16_t channel, bool is_text, wr_bytes message, wr_time now);
uint32_t wr_sctp_buffered_bytes(const wr_sctp *sctp, uint16_t channel); /* accepted, not yet put in a packet */
void wr_sctp_set_buffered_low(wr_sctp *sctp, uint16_t channel, uint32_t bytes);
/* [mutates] Closes one channel by stream reset after its queued messages. */
wr_err wr_sctp_close_channel(wr_sctp *sctp, uint16_t channel, wr_time now);
void wr_sctp_shutdown(wr_sctp *sctp, wr_time now); /* [mutates] graceful */
void wr_sctp_abort(wr_sctp *sctp, wr_time now);    /* [mutates] at once */
/* When the peer last acknowledged data, 0: not yet; and since when data has waited for that, WR_NEVER: none has. */
wr_time wr_sctp_acked_at(const wr_sctp *sctp);
wr_time wr_sctp_open_at(const wr_sctp *sctp);
const wr_sctp_stats *wr_sctp_get_stats(const wr_sctp *sctp);

#endif
