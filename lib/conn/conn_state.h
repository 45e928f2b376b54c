/* conn/conn_state.h - the inside of a connection, for the files of this room only.
 *
 * conn.c    life, demultiplexing, poll, deadlines
 * reach.c   candidates of ours: added, gathered, told; what goes through a relay
 * describe.c offers, answers, fragments: what was agreed
 * media.c   RTP and RTCP of the one audio stream
 * video.c   frames of the one video stream, and what is asked of its sender
 * stats.c   the snapshot of wr/stats.h
 * feedback.c what arrived, told and heard; how much may be sent
 * text.c    names of ends and drops */
#ifndef WR_CONN_CONN_STATE_H
#define WR_CONN_CONN_STATE_H

#include "bwe/breaker.h"
#include "bwe/bwe.h"
#include "bwe/ccfb.h"
#include "bwe/twcc.h"
#include "conn/roam.h"
#include "dtls/dtls.h"
#include "ice/ice.h"
#include "jitter/reorder.h"
#include "rtp/lag.h"
#include "rtp/nack.h"
#include "rtp/red.h"
#include "rtp/rtcp.h"
#include "rtp/rtp.h"
#include "sctp/sctp.h"
#include "srtp/srtp.h"
#include "video/queue.h"
#include "wr/conn.h"
#include "wr/stats.h"

#define N_NOTICES 16 /* state and path events waiting for poll: more means the caller does not drain */

typedef struct local_address {
  wr_addr base, shown;
  wr_candidate_type type;
} local_address;

/* What we send of audio. */
typedef struct media_sender {
  uint32_t ssrc, timestamp_offset, last_timestamp, packets, bytes;
  uint64_t header_bytes;                 /* that went besides |bytes| */
  uint64_t resent_bytes, resent_headers; /* of what was sent again, in neither of these */
  wr_time last_at;
  uint16_t seq;
  uint8_t copies; /* see wr_conn_set_audio_copies */
  wr_red_history history;
  wr_resend resend; /* what was sent, for a peer that asks again */
} media_sender;

/* One datagram of media made and not yet polled. */
typedef struct media_pending {
  uint16_t len;
  uint8_t bytes[WR_CONN_MTU];
} media_pending;

#define FEEDBACK_NOTES 256 /* packets sent and not yet told of: 5 s of voice, 2.5 of silence */

/* Feedback for congestion control, both ways: as agreed, transport-wide or by RFC 8888. */
typedef struct feedback {
  union {
    wr_twcc_arrivals twcc;
    wr_ccfb_arrivals ccfb;
  } arrivals;
  bool by_ccfb; /* which of the two */
  wr_rate incoming;
  wr_rtp_lag lag;
  uint32_t media_ssrc; /* of the last packet that arrived */
  wr_time due_at;      /* WR_NEVER: nothing to tell */
  wr_bwe bwe;
  wr_bwe_note notes[FEEDBACK_NOTES];
  wr_time full_at; /* when a growing queue was last heard of; WR_NEVER: never */
  wr_breaker breaker;
  wr_time broken_until; /* 0: current flows */
} feedback;

/* The reference time a peer told that sends nothing, to be answered (RFC 3611 4.4). */
typedef struct media_asker {
  uint32_t ssrc, last_rr; /* |last_rr| 0: none */
  wr_time at;
} media_asker;

typedef struct media {
  media_sender sender;
  media_asker asked_time;
  wr_rtp_source_stats source;
  wr_reorder reorder;
  wr_nack_asker asker; /* of what is missing in |reorder| */
  media_pending pending;
  uint64_t header_bytes_in;                   /* of the source */
  uint64_t recovered, recovered_bytes;        /* of the source: came when asked for; not in |source| */
  wr_stats_remote_inbound_rtp remote_inbound; /* as the peer's reports say */
  wr_stats_remote_outbound_rtp remote_outbound;
  feedback feedback;
  wr_time rtcp_at; /* next report; WR_NEVER before the keys */
  uint8_t level_dbov;
  bool ended; /* BYE was told */
} media;

/* What we receive of video. */
typedef struct video_receiver {
  wr_video_queue queue;
  wr_rtp_source_stats source;
  wr_time last_at;      /* a packet of that source */
  bool is_key_wanted;   /* by our user */
  uint8_t n_asked, fir; /* key frames asked for in vain; all asked for by FIR */
  wr_time asked_at;
  uint16_t nacked_to;        /* numbers up to this one have been asked for */
  wr_time nack_at, retry_at; /* WR_NEVER: nothing is missing; when what was asked for is asked for again */
} video_receiver;

struct wr_conn {
  wr_conn_settings settings;
  char cname[33];
  wr_conn_state state;
  wr_end end;
  bool is_offerer, described, agreed, is_dtls_client, has_path, keyed, sctp_connected;
  bool restarting; /* our restart's offer has no answer yet */
  wr_path path;
  wr_agreement agreement;
  uint64_t session_id;
  uint32_t session_version;
  uint8_t n_locals;
  local_address local[WR_ICE_MAX_LOCAL];
  wr_gather *gather;        /* NULL: none */
  uint8_t n_told;           /* of the local candidates, in a description or as events */
  bool told_end, gave_back; /* the end of candidates; the allocations */
  wr_ice *ice;              /* NULL before a description */
  wr_sctp *sctp;            /* NULL before the agreement, or without data */
  wr_dtls dtls;
  wr_srtp srtp;
  wr_roam roam;
  media media;
  video_receiver video;
  uint8_t n_notices, first_notice;
  wr_event notice[N_NOTICES];
  wr_conn_stats stats;
  uint32_t n_paths;               /* that were selected, one after the other */
  wr_stats_data_channel channels; /* what |stats| does not count */
  wr_tap tap;                     /* |seen| NULL: none */
};

/* conn.c */
void wr_conn_notice(wr_conn *conn, const wr_event *event);
void wr_conn_set_state(wr_conn *conn, wr_conn_state state);
void wr_conn_end(wr_conn *conn, wr_end end);
/* Begins whatever has become possible: DTLS once there is a path and an agreement. */
void wr_conn_progress(wr_conn *conn, wr_time now);
/* Carves the ICE agent (role known) and, after the agreement, the SCTP association out of the conn's memory. */
void wr_conn_begin_ice(wr_conn *conn, bool controlling, wr_time now);
void wr_conn_begin_sctp(wr_conn *conn);
/* The last of the conn's memory, mostly untouched. */
wr_reorder_slot *wr_conn_reorder_slots(wr_conn *conn);
wr_resend_store *wr_conn_resend_store(wr_conn *conn);

/* reach.c */
bool wr_reach_is_done(const wr_conn *conn); /* no more candidates will come */
void wr_reach_described(wr_conn *conn);     /* a description with all that is known now was written */
/* true: the datagram was a server's. It may have held one of the peer, which was taken. */
bool wr_reach_recv(wr_conn *conn, const wr_path *path, wr_span datagram, bool *proved, wr_time now);
/* A request for a server, or the next datagram, through a relay if it must. Only with a gathering. */
size_t wr_reach_next(wr_conn *conn, uint8_t *out, size_t cap, wr_out *way, wr_time now);
bool wr_reach_poll_event(wr_conn *conn, wr_event *event);
/* conn.c, for this: what came out of a relay, and what may go into one */
bool wr_conn_take(wr_conn *conn, const wr_path *path, wr_span datagram, wr_time now);
size_t wr_conn_next_datagram(wr_conn *conn, uint8_t *out, size_t cap, wr_path *path, wr_time now);

/* media.c */
void wr_media_init(wr_conn *conn);
void wr_media_keyed(wr_conn *conn, wr_time now);
bool wr_media_recv(wr_conn *conn, wr_span datagram, wr_time now);
bool wr_media_poll_event(wr_conn *conn, wr_event *event, wr_time now);
size_t wr_media_poll(wr_conn *conn, uint8_t *out, size_t cap, wr_time now);
wr_time wr_media_deadline(const wr_conn *conn);
void wr_media_bye(wr_conn *conn, wr_time now);

/* video.c */
void wr_conn_video_init(wr_conn *conn);
void wr_conn_video_wipe(wr_conn *conn);
void wr_conn_video_agreed(wr_conn *conn, const wr_agreement *before); /* another description was taken */
bool wr_conn_video_is(const wr_conn *conn, uint8_t payload_type);
void wr_conn_video_recv(wr_conn *conn, const wr_rtp_packet *packet, wr_time now);
bool wr_conn_video_poll_event(wr_conn *conn, wr_event *event, wr_time now);
/* Feedback that is due; the length of the RTCP, not yet encrypted. */
size_t wr_conn_video_feedback(wr_conn *conn, uint8_t *out, size_t cap, wr_time now);
wr_time wr_conn_video_deadline(const wr_conn *conn);

static inline bool conn_wants_srtp(const wr_agreement *agreement) { return agreement->audio || agreement->video; }
/* feedback.c */
void wr_feedback_init(wr_conn *conn);
void wr_feedback_arrived(wr_conn *conn, const wr_rtp_packet *packet, size_t bytes, wr_time now);
void wr_feedback_heard(wr_conn *conn, const wr_rtcp_packet *packet, wr_time now);  /* any RTCP packet */
void wr_feedback_report(wr_conn *conn, const wr_rtcp_report *report, wr_time now); /* about our audio */
bool wr_feedback_may_send(wr_conn *conn, wr_time now); /* false: a circuit breaker is open */
uint8_t wr_feedback_copies(const wr_conn *conn, uint8_t wanted, wr_time now);
void wr_feedback_sent(wr_conn *conn, size_t bytes, wr_time now);     /* it had the number bwe.next_seq */
void wr_feedback_resent(wr_conn *conn, const wr_rtp_packet *packet); /* as it was sent first */
void wr_feedback_path_changed(wr_conn *conn);
void wr_feedback_alive(wr_conn *conn); /* the path answers again */
/* Feedback that is due; the length of the RTCP, not yet encrypted. */
size_t wr_feedback_write(wr_conn *conn, uint8_t *out, size_t cap, wr_time now);

static inline void conn_tap(const wr_conn *conn, wr_tap_kind kind, bool outgoing, const uint8_t *packet, size_t len,
                            wr_time now) {
  if (conn->tap.seen) conn->tap.seen(conn->tap.ctx, kind, outgoing, wr_bytes_of(packet, len), now);
}

static inline void conn_drop(wr_conn *conn, wr_drop why) { conn->stats.drop[why]++; }

#endif
