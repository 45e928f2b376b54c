/* sctp/association.h - the inside of a wr_sctp, shared by the files that move it.
 *
 *   association.c  life: init, packets in by chunk type, timers, events
 *   handshake.c    INIT, INIT ACK, COOKIE ECHO, COOKIE ACK, SHUTDOWN, ABORT
 *   transfer.c     DATA, SACK, FORWARD-TSN; packets out
 *   channels.c     data channels: DCEP, messages, closing by stream reset */
#ifndef WR_SCTP_ASSOCIATION_H
#define WR_SCTP_ASSOCIATION_H

#include "sctp/chunk.h"
#include "sctp/congestion.h"
#include "sctp/reassembly.h"
#include "sctp/reconfig.h"
#include "sctp/sctp.h"
#include "sctp/sendqueue.h"
#include "sctp/tsn_set.h"

#define WR_SCTP_PORT 5000 /* both ends; DTLS makes ports meaningless (RFC 8261 5) */
#define WR_SCTP_COOKIE_BYTES 16
#define WR_SCTP_COOKIE_MAX 1024 /* largest cookie of a peer we can echo */
#define WR_SCTP_REPLY_MAX 512   /* HEARTBEAT ACK and ERROR chunks waiting for a packet */
#define WR_SCTP_SACK_DELAY WR_MS(20)
#define WR_SCTP_HEARTBEAT_INTERVAL WR_S(30) /* when idle: finds a dead SCTP peer; liveness is ICE consent's */
/* A path that is gone is found by ICE consent; these only end a dead peer. */
#define WR_SCTP_MAX_INIT_RETRANSMITS 20
#define WR_SCTP_MAX_RETRANSMITS 20
#define WR_SCTP_MAX_SILENT_HEARTBEATS 10

typedef enum wr_sctp_state {
  WR_SCTP_CLOSED, /* not connected yet: answers INIT */
  WR_SCTP_COOKIE_WAIT,
  WR_SCTP_COOKIE_ECHOED,
  WR_SCTP_ESTABLISHED,
  WR_SCTP_SHUTDOWN_PENDING,
  WR_SCTP_SHUTDOWN_SENT,
  WR_SCTP_SHUTDOWN_RECEIVED,
  WR_SCTP_SHUTDOWN_ACK_SENT,
  WR_SCTP_ENDED, /* one association per DTLS connection: nothing follows */
} wr_sctp_state;

typedef enum wr_sctp_channel_state {
  WR_SCTP_CHANNEL_FREE,
  WR_SCTP_CHANNEL_EARLY,   /* unordered messages came before the peer's OPEN: they wait */
  WR_SCTP_CHANNEL_OPENING, /* our OPEN is not acknowledged */
  WR_SCTP_CHANNEL_OPEN,
  WR_SCTP_CHANNEL_CLOSED, /* until the event is taken */
} wr_sctp_channel_state;

typedef struct wr_sctp_channel {
  wr_sctp_channel_state state;
  uint16_t id;
  bool by_peer, unordered;
  bool open_event, low_event;
  bool ack_due;             /* DCEP ACK not queued yet */
  bool closing;             /* no more messages of ours; reset when the lane is empty */
  bool out_asked, out_done; /* our side: request handed to reconfig; performed */
  bool in_done;             /* the peer's side was reset */
  uint32_t max_retransmits; /* UINT32_MAX: none */
  uint32_t lifetime_ms;     /* 0: none */
  uint32_t low_bytes;
  uint32_t refused_bytes; /* a message of this size met a full budget: BUFFERED_LOW when it fits; 0: none */
  uint8_t label_len;
  char label[WR_SCTP_LABEL_MAX];
} wr_sctp_channel;

/* What the last INIT ACK of ours promised: the state cookie refers to it (RFC 9260 5.1.3). */
typedef struct wr_sctp_promise {
  bool valid;
  bool restart; /* the INIT came while an association was up (5.2.2) */
  uint8_t cookie[WR_SCTP_COOKIE_BYTES];
  uint32_t local_tag, local_tsn, tie_local_tag, tie_peer_tag;
  wr_sctp_init_chunk peer; /* spans empty */
} wr_sctp_promise;

struct wr_sctp {
  wr_sctp_settings settings;
  uint8_t *message_buffer; /* borrowed; max_message_bytes */
  wr_sctp_state state;
  uint32_t local_tag, peer_tag, local_initial_tsn;
  bool peer_re_config, send_zero_checksum;

  /* Setting up. */
  wr_sctp_promise promise;
  uint8_t unrecognized[64]; /* parameter to report in INIT ACK */
  size_t unrecognized_len;
  uint8_t cookie[WR_SCTP_COOKIE_MAX]; /* the peer's, to be echoed */
  size_t cookie_len;

  /* Receiving. */
  wr_tsn_set received;
  wr_sctp_reassembly reassembly;
  uint32_t advertised_window, n_unacked_packets;
  wr_sctp_run *ready_head, *ready_tail; /* messages for the application, in order of completion */

  /* Sending. */
  wr_sctp_sendqueue queue;
  wr_sctp_cwnd cwnd;
  wr_sctp_rto rto;
  uint32_t peer_window, timed_tsn;
  uint32_t limited_tsn;           /* up to here the congestion window held us back */
  wr_time timed_at, last_sent_at; /* timed_at WR_NEVER: nothing is timed */
  wr_time acked_at, open_at;      /* data was acknowledged last; what is on its way now has waited since */
  uint32_t n_errors;              /* retransmissions in a row without an answer */
  uint64_t heartbeat_nonce;
  bool heartbeat_open; /* sent, not answered */
  wr_time heartbeat_sent_at;

  /* What the next packets must carry. */
  bool init_due, init_ack_due, cookie_echo_due, cookie_ack_due, sack_due, forward_due, heartbeat_due;
  bool shutdown_due, shutdown_ack_due, shutdown_complete_due, abort_due, burst_allowed;
  uint16_t abort_cause;
  uint8_t replies[WR_SCTP_REPLY_MAX];
  size_t replies_len;

  /* Timers; WR_NEVER: not running. */
  wr_time t1_at, t2_at, t3_at, sack_at, reset_at, heartbeat_at, room_at;

  wr_sctp_reconfig reconfig;
  wr_sctp_channel channels[WR_SCTP_MAX_CHANNELS];
  uint8_t n_channels; /* slots ever used: those beyond are free, and not looked at for each packet of media */
  bool connected_event, closed_event, aborted_event, was_aborted;
  wr_sctp_stats stats;
};

_Static_assert(sizeof(struct wr_sctp) < 16 * 1024, "message memory belongs to the pool");
_Static_assert(WR_SCTP_LANES == WR_SCTP_MAX_CHANNELS, "one lane per channel");

/* association.c */
void wr_sctp_end_association(wr_sctp *s, bool aborted);
void wr_sctp_count_error(wr_sctp *s, uint32_t limit); /* one more unanswered; over the limit: aborted */

/* handshake.c */
void wr_sctp_recv_init(wr_sctp *s, wr_bytes body);
void wr_sctp_recv_init_ack(wr_sctp *s, wr_bytes body, wr_time now);
bool wr_sctp_recv_cookie_echo(wr_sctp *s, uint32_t tag, wr_bytes cookie, wr_time now); /* false: refused */
void wr_sctp_recv_cookie_ack(wr_sctp *s, wr_time now);
void wr_sctp_recv_shutdown(wr_sctp *s, wr_bytes body, wr_time now);
void wr_sctp_recv_shutdown_ack(wr_sctp *s);
void wr_sctp_recv_shutdown_complete(wr_sctp *s);
void wr_sctp_fail(wr_sctp *s, uint16_t cause);          /* sends ABORT and ends */
void wr_sctp_advance_shutdown(wr_sctp *s, wr_time now); /* goes on when everything was acknowledged */
void wr_sctp_t1_expired(wr_sctp *s, wr_time now);
void wr_sctp_t2_expired(wr_sctp *s, wr_time now);
void wr_sctp_write_init_packet(wr_sctp *s, wr_writer *w);
void wr_sctp_write_init_ack_packet(wr_sctp *s, wr_writer *w);

/* transfer.c */
void wr_sctp_recv_data(wr_sctp *s, const wr_sctp_chunk *chunk);
void wr_sctp_data_packet_ended(wr_sctp *s, wr_time now); /* a packet with DATA is through: SACK now or soon */
void wr_sctp_recv_sack(wr_sctp *s, wr_bytes body, wr_time now);
void wr_sctp_recv_forward_tsn(wr_sctp *s, wr_bytes body);
void wr_sctp_peer_acked(wr_sctp *s, const wr_sctp_sack_chunk *sack, wr_time now);
void wr_sctp_t3_expired(wr_sctp *s, wr_time now);
void wr_sctp_reply(wr_sctp *s, wr_sctp_chunk_type type, wr_bytes body); /* dropped when there is no room */
void wr_sctp_window_opened(wr_sctp *s);                                 /* the application took a message */

/* channels.c */
wr_sctp_channel *wr_sctp_find_channel(wr_sctp *s, uint16_t id); /* NULL: none that lives */
void wr_sctp_recv_run(wr_sctp *s, wr_sctp_run *run);            /* a whole message; owned */
void wr_sctp_recv_reconfig(wr_sctp *s, wr_bytes body, wr_time now);
void wr_sctp_take_deferred_resets(wr_sctp *s);
void wr_sctp_serve_channels(wr_sctp *s, wr_time now); /* queues ACKs and resets that had to wait */
void wr_sctp_note_room(wr_sctp *s, wr_time now);      /* send memory may have become free */
void wr_sctp_note_sent(wr_sctp *s, const wr_sctp_frag *frag, uint32_t buffered_before);
void wr_sctp_close_all_channels(wr_sctp *s);
void wr_sctp_drop_ready(wr_sctp *s);
bool wr_sctp_poll_channel_event(wr_sctp *s, wr_sctp_event *event);

#endif
