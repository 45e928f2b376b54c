/* wr/conn.h - one WebRTC peer connection, without I/O.
 *
 * Feed it datagrams and the time, drain its outputs, sleep until its deadline. It never reads a clock, opens a
 * socket, allocates, prints or calls back (except into the wr_crypto, wr_rng and wr_tap it was given).
 *
 *   wr_conn_init -> wr_conn_add_local -> wr_conn_accept_offer -> [ wr_conn_recv | wr_conn_tick | wr_conn_send_* ,
 *   then wr_conn_poll until WR_OUT_IDLE ]* -> wr_conn_close, drain -> wr_conn_wipe
 *
 * - Thread rule: a conn (and the pool and message buffer it shares) is touched by one thread at a time.
 * - Drain rule: after each call marked [mutates], call wr_conn_poll until WR_OUT_IDLE. Sending from inside that
 *   loop, in reaction to an event, is fine: go on polling.
 * - Borrowed: bytes in an event stay readable until the next wr_conn_ call on that conn. */
#ifndef WR_CONN_H
#define WR_CONN_H

#include "wr/crypto.h"
#include "wr/gather.h"
#include "wr/pool.h"
#include "wr/sdp.h"
#include "wr/types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WR_CONN_MTU 1200        /* largest datagram a conn sends: the least |cap| for wr_conn_poll */
#define WR_CONN_POOL_BLOCK 2048 /* block size of the shared pool */
#define WR_CONN_AUDIO_MAX 1100  /* largest Opus payload that can be sent */

typedef struct wr_conn wr_conn; /* lives wholly in caller memory */

typedef struct wr_conn_settings {
  const wr_crypto *crypto; /* borrowed */
  wr_rng rng;              /* copied */
  wr_pool *pool; /* borrowed; data channel messages and early DTLS live here, WR_CONN_POOL_BLOCK each; share
                    one among all conns of a thread: 64 blocks + 4 per conn are a good start */
  uint8_t *message_buffer;      /* borrowed; received messages are put together here; share one per thread */
  size_t message_buffer_bytes;  /* at least max_message_bytes */
  uint32_t max_message_bytes;   /* accepted from the peer; default 65536 */
  uint32_t send_budget_bytes;   /* data channel bytes unacknowledged; default 256 KiB */
  uint32_t recv_budget_bytes;   /* data channel bytes not yet deliverable; default 256 KiB */
  bool audio, data;             /* wanted; default both */
  bool video;                   /* wanted where the peer offers to send it, beside audio or data; default false */
  uint8_t *video_buffer;        /* borrowed; frames are put together here; share one per thread; only with video */
  size_t video_buffer_bytes;    /* of the largest frame; a larger one is dropped */
  wr_direction audio_direction; /* default SENDRECV */
  bool ice_lite;                /* default false */
  bool dtls_passive;       /* answer setup:passive where we may choose; default false: active saves up to a round
                              trip (ARCHITECTURE.md, round trips) */
  wr_time reorder_wait_us; /* how long audio waits for a missing packet; default 60 ms; 0: never. Up to 200 ms
                              where the packet was asked for again */
  char ufrag_prefix[5];    /* see wr_conn_peek_ufrag; default "" */
  const char *cname;       /* copied, at most 32 bytes; default "wr" */
} wr_conn_settings;

typedef enum wr_end {
  WR_END_NONE,
  WR_END_LOCAL,       /* wr_conn_close */
  WR_END_REMOTE,      /* the peer closed DTLS or the SCTP association went away with it */
  WR_END_ICE_FAILED,  /* no path worked, or consent expired (RFC 7675); restart ICE before it comes to this */
  WR_END_DTLS_FAILED, /* handshake refused or timed out */
  WR_END_FINGERPRINT, /* the peer's certificate is not the one its description promised: somebody is in between */
  WR_END_NO_SRTP,
} wr_end;
const char *wr_end_text(wr_end end); /* "ice_failed" and so on: for logs and metrics */

typedef enum wr_conn_state {
  WR_CONN_NEW,
  WR_CONN_CONNECTING,   /* descriptions known; ICE or DTLS under way */
  WR_CONN_CONNECTED,    /* media and data may flow */
  WR_CONN_DISCONNECTED, /* was connected; the path does not answer just now */
  WR_CONN_CLOSED,
} wr_conn_state;

typedef enum wr_event_kind {
  WR_EVENT_STATE,        /* |state|, and |end| when CLOSED */
  WR_EVENT_PATH,         /* |path|: datagrams to the peer now use it (first selection or a switch); |rtt_us| */
  WR_EVENT_AUDIO,        /* |audio|: frames in order */
  WR_EVENT_AUDIO_ENDED,  /* RTCP BYE */
  WR_EVENT_VIDEO,        /* |video|: a whole frame. The first is a key frame, and so is the first after a loss that
                            could not be repaired: each can be decoded */
  WR_EVENT_DATA_READY,   /* the SCTP association is up */
  WR_EVENT_CHANNEL_OPEN, /* |channel|; |by_peer|; |message| holds the label */
  WR_EVENT_MESSAGE,      /* |channel|, |is_text|, |message| */
  WR_EVENT_MESSAGE_TOO_BIG, /* |channel|: refused whole */
  WR_EVENT_BUFFERED_LOW,    /* |channel|: wr_conn_send_message will be accepted again */
  WR_EVENT_CHANNEL_CLOSED,  /* |channel| */
  WR_EVENT_CANDIDATE,       /* |candidate|: one of ours that the description did not have yet: trickle it to the
                               peer. NULL: that was the last */
} wr_event_kind;

typedef struct wr_audio {
  wr_bytes payload;   /* one Opus packet; borrowed */
  uint32_t timestamp; /* 48 kHz */
  uint16_t seq;
  uint16_t n_lost;    /* packets given up right before this one */
  uint8_t level_dbov; /* 0 loudest .. 127 silence (RFC 6464); 127 if the peer does not tell */
} wr_audio;

typedef struct wr_video {
  wr_bytes frame; /* as a decoder takes it (H.264: Annex B); borrowed: it lies in settings.video_buffer */
  wr_video_codec codec;
  uint32_t timestamp; /* 90 kHz */
  bool is_key;
} wr_video;

typedef struct wr_event {
  wr_event_kind kind;
  wr_conn_state state;
  wr_end end;
  wr_path path;
  uint32_t rtt_us;
  wr_audio audio;
  wr_video video;
  uint16_t channel;
  bool is_text, by_peer;
  wr_bytes message;
  const wr_candidate *candidate; /* borrowed, until wipe */
} wr_event;

typedef enum wr_out_kind { WR_OUT_IDLE, WR_OUT_DATAGRAM, WR_OUT_EVENT } wr_out_kind;
typedef struct wr_out {
  wr_out_kind kind;
  wr_path path; /* DATAGRAM: where to send it (path.local family 0: any). Of TCP: in a frame (wr/frame.h) on the
                   connection between the two, which is opened now if path.local.port is 0 and it is not there */
  size_t len;   /* DATAGRAM: bytes written to |buffer| */
  int stream; /* DATAGRAM: -1; else no datagram but bytes of the connection to that server of wr_conn_use_gather */
  wr_event event; /* EVENT */
} wr_out;

void wr_conn_settings_default(
    wr_conn_settings *settings); /* crypto, rng, pool and message buffer remain to be set */
size_t wr_conn_size(void);       /* bytes of a wr_conn; see ARCHITECTURE.md, memory */
/* Builds a conn inside |mem| (16-aligned, wr_conn_size bytes), which is lent until wipe and must not move. */
wr_conn *wr_conn_init(void *mem, const wr_conn_settings *settings, wr_time now);
/* Zeroes keys, gives every pool block back; |mem| is the caller's again. Sends nothing: see wr_conn_close. */
void wr_conn_wipe(wr_conn *conn);

/* ---- signalling (RFC 9429) ---- */
/* Lets |gather| find more candidates: it is borrowed until wipe, asks from every host address added, and its
 * traffic is the conn's. Descriptions have what is known when they are written; the rest comes as
 * WR_EVENT_CANDIDATE. Before the first address and description. wr_conn_poll needs |cap| >= WR_GATHER_OUT_MAX from
 * now on. */
void wr_conn_use_gather(wr_conn *conn, wr_gather *gather);
/* [mutates] The connection to a TURN server over TCP or TLS stands or is gone; bytes of it. */
void wr_conn_stream_up(wr_conn *conn, unsigned server, wr_time now);
void wr_conn_stream_down(wr_conn *conn, unsigned server, wr_time now);
void wr_conn_recv_stream(wr_conn *conn, unsigned server, wr_bytes bytes, wr_time now);
/* [mutates] An address datagrams can be sent from. |base|: the socket's; |shown|: what the peer is told (equal, or
 * the public side of a NAT). Of TCP (RFC 6544): the address of a listener, or with port 0 one that connections are
 * opened from. One added after the description was written is told by WR_EVENT_CANDIDATE. WR_ERR_LIMIT: too many;
 * ignored. */
wr_err wr_conn_add_local(wr_conn *conn, const wr_addr *base, const wr_addr *shown, wr_time now);
/* [mutates] The same where it takes a word which kind it is: RELAY, |base| and |shown| being the relayed address.
 * Datagrams whose path->local is such an address go through its relay (wr_gather_send), which is the caller's
 * doing. */
wr_err wr_conn_add_local_candidate(wr_conn *conn, const wr_addr *base, const wr_addr *shown, wr_candidate_type type,
                                   wr_time now);
/* Our offer, NUL-terminated text in |out|; |*len| its length. WR_ERR_STATE: a description exists already.
 * WR_ERR_LIMIT: |cap| too small (8 KiB suffices). */
WR_NODISCARD wr_err wr_conn_create_offer(wr_conn *conn, char *out, size_t cap, size_t *len, wr_time now);
/* [mutates] ICE restart from our side (RFC 8445 9): an offer for the running conn with new credentials and all
 * local candidates, as create_offer; not with video, which our offers do not have (WR_ERR_STATE). The path in use
 * carries on until the answer's session has found one, or its consent expires. May be called again when no answer
 * came. WR_ERR_STATE: not agreed yet, or closed. WR_ERR_LIMIT: |cap| is under 8 KiB; nothing changed. */
WR_NODISCARD wr_err wr_conn_restart_offer(wr_conn *conn, char *out, size_t cap, size_t *len, wr_time now);
/* [mutates] Takes the answer to our offer, the first or a restart's. |scratch|: caller's model buffer, undefined
 * afterwards. Errors as below; an answer to a restart must keep sections and fingerprint. */
WR_NODISCARD wr_err wr_conn_accept_answer(wr_conn *conn, wr_bytes answer, wr_sdp *scratch, wr_sdp_error *error,
                                          wr_time now);
/* [mutates] Takes an offer and writes the answer (as create_offer). Checks start with the next poll: the first ones
 * travel beside the answer. On a running conn it is a renegotiation: new ICE credentials restart ICE, everything
 * else must stay as agreed. WR_ERR_SYNTAX: |error| names the line. WR_ERR_UNSUPPORTED: nothing in common.
 * WR_ERR_LIMIT: too large, or |cap|. In all cases the conn is unchanged and the caller may try another offer or
 * wipe. */
WR_NODISCARD wr_err wr_conn_accept_offer(wr_conn *conn, wr_bytes offer, wr_sdp *scratch, wr_sdp_error *error,
                                         char *out, size_t cap, size_t *len, wr_time now);
/* [mutates] Trickle (RFC 8838). Candidates that cannot be used are ignored with WR_OK. */
wr_err wr_conn_add_remote_candidate(wr_conn *conn, const wr_candidate *candidate, wr_time now);
void wr_conn_end_of_remote_candidates(wr_conn *conn, wr_time now);
/* [mutates] A trickle fragment (RFC 8840). With new credentials it restarts ICE: then |*len| > 0 bytes of reply are
 * in |out|, else |*len| is 0. */
WR_NODISCARD wr_err wr_conn_accept_fragment(wr_conn *conn, wr_bytes fragment, wr_sdp_error *error, char *out,
                                            size_t cap, size_t *len, wr_time now);
const char *wr_conn_local_ufrag(const wr_conn *conn);
/* The ufrag a STUN request is addressed to, "" -> len 0 if the datagram is none: lets a server with one socket find
 * the conn (or, by its prefix, the worker) of a peer it has not heard before. Borrowed from |datagram|. */
wr_bytes wr_conn_peek_ufrag(wr_bytes datagram);

/* For data from an address that is nobody's: whether it may be of this conn's peer, to whom its network has given
 * another address. Told by what stands in the clear (SSRC and sequence number, DTLS record number) and by the
 * peer's silence at its old address. A hint, not a proof: ask there. */
bool wr_conn_may_be_of(const wr_conn *conn, wr_bytes datagram, wr_time now);
/* [mutates] Asks the peer at |path| by an ICE check whether it is there; its answer moves the conn. Bounded. */
void wr_conn_ask_at(wr_conn *conn, const wr_path *path, wr_time now);

/* Whether what we send arrives, as the peer's answers tell: to data (SACK) and to checks of consent. */
typedef struct wr_arrival {
  wr_time proved_at; /* the last answer; 0: none yet */
  wr_time open_at;   /* since when data has waited for one; WR_NEVER: none does. Not checks: some browsers leave
                        those unanswered for many seconds */
} wr_arrival;
wr_arrival wr_conn_arrival(const wr_conn *conn);
/* [mutates] Asks for a sign on the path in use, now and again until there is one. */
void wr_conn_ask(wr_conn *conn, wr_time now);

/* ---- the engine ---- */
/* [mutates] |datagram| is decrypted in place. Hostile input is not an error: it is counted in wr_conn_stats.drop.
 * Returns true if the datagram proved to come from the peer (authenticated STUN, DTLS or SRTP): the caller may then
 * remember |path->remote| as belonging to this conn. */
bool wr_conn_recv(wr_conn *conn, const wr_path *path, wr_span datagram, wr_time now);
/* [mutates] |path|, a TCP connection, has ended or could not be made. Datagrams for it are dropped by the caller
 * from then on, unless it opens another. */
void wr_conn_path_closed(wr_conn *conn, const wr_path *path, wr_time now);
/* [mutates] Call when now >= wr_conn_deadline; earlier is harmless. */
void wr_conn_tick(wr_conn *conn, wr_time now);
/* The next output. A datagram is written to |buffer| (cap >= WR_CONN_MTU). */
void wr_conn_poll(wr_conn *conn, uint8_t *buffer, size_t cap, wr_out *out, wr_time now);
wr_time wr_conn_deadline(const wr_conn *conn); /* WR_NEVER: nothing pending */
/* [mutates] Says goodbye (RTCP BYE, SCTP ABORT, DTLS close_notify); the state becomes CLOSED. */
void wr_conn_close(wr_conn *conn, wr_time now);

/* ---- media and data ---- */
/* [mutates] One Opus packet; |timestamp| in 48 kHz units; |marker| at the start of a talk spurt (RFC 7587 4.1).
 * WR_ERR_STATE: not connected, or the peer does not receive audio: the frame is dropped. WR_ERR_LIMIT: larger than
 * WR_CONN_AUDIO_MAX, or outputs were not drained. While a circuit breaker is open (stats |breaks|) frames are taken
 * and dropped. */
wr_err wr_conn_send_audio(wr_conn *conn, wr_bytes opus, uint32_t timestamp, bool marker, wr_time now);
/* What was sent so far is sent no more, neither because the peer asks nor as a copy: for whoever sends the same
 * speech anew, after a path that was dead. */
void wr_conn_forget_audio(wr_conn *conn);
/* From now on each frame travels with copies of earlier ones (RFC 2198): bit i asks for the one i + 1 frames
 * before, i < 3. 0, as at first: none. Each copy costs its frame and 4 bytes; a receiver waits for it as long as it
 * is back. No effect on a peer that did not agree to RED, nor on frames over 240 bytes. */
void wr_conn_set_audio_copies(wr_conn *conn, uint8_t copies);
/* [mutates] Asks the peer for a key frame, until one comes, less and less often; gives up after half a minute.
 * After losses that is done anyway. WR_ERR_STATE: no video agreed, or not connected. */
wr_err wr_conn_request_key_frame(wr_conn *conn, wr_time now);
typedef struct wr_channel_settings {
  const char *label;    /* copied, at most 64 bytes */
  const char *protocol; /* copied, may be NULL, at most 64 bytes */
  bool unordered;
  bool limited_retransmits, limited_lifetime; /* at most one */
  uint32_t reliability;                       /* retransmissions, or milliseconds */
} wr_channel_settings;
/* [mutates] After the descriptions are agreed (accept_answer/accept_offer); messages may be sent at once, they ride
 * with the handshake. WR_ERR_STATE: no data agreed. WR_ERR_LIMIT: too many channels, or a text too long. */
wr_err wr_conn_open_channel(wr_conn *conn, const wr_channel_settings *settings, uint16_t *channel, wr_time now);
/* [mutates] Copied. WR_ERR_LIMIT: over the budget or over the peer's max-message-size; for the first wait for
 * BUFFERED_LOW. WR_ERR_STATE: no such channel. */
wr_err wr_conn_send_message(wr_conn *conn, uint16_t channel, bool is_text, wr_bytes message, wr_time now);
uint32_t wr_conn_buffered_bytes(const wr_conn *conn, uint16_t channel);
void wr_conn_set_buffered_low(wr_conn *conn, uint16_t channel, uint32_t bytes);
wr_err wr_conn_close_channel(wr_conn *conn, uint16_t channel, wr_time now); /* [mutates] */

/* Shows every RTP, RTCP and SCTP packet of the conn as it is without encryption: received ones after decryption,
 * sent ones before, the goodbyes of wr_conn_close included. For records of a call, on request. |packet| is borrowed
 * until |seen| returns, which must not call the conn. */
typedef enum wr_tap_kind { WR_TAP_RTP, WR_TAP_RTCP, WR_TAP_SCTP } wr_tap_kind;
typedef struct wr_tap {
  void (*seen)(void *ctx, wr_tap_kind kind, bool outgoing, wr_bytes packet, wr_time now);
  void *ctx;
} wr_tap;
void wr_conn_set_tap(wr_conn *conn, const wr_tap *tap); /* copied; NULL: none, as at first */

/* ---- what it knows ---- More, in the names of W3C webrtc-stats: wr/stats.h. */
/* What the way to the peer carries, as it is believed now: of all media with their headers; 0: not known, the peer
 * tells of no arrivals (transport-wide feedback). Sending less than that leaves it as it is: nothing is learnt. */
uint32_t wr_conn_target_bps(const wr_conn *conn);
/* What stands in queues on the way to the peer, above its least, by the latest that it told. */
uint32_t wr_conn_queue_us(const wr_conn *conn);
/* The same of the last packets alone, with the way's jitter in it. */
uint32_t wr_conn_queue_now_us(const wr_conn *conn);
/* How long the last packets of the peer stood in queues on their way here, above the least of late: the way in,
 * where that is narrower than what the peer sends. 0: not known, it does not say when it sent them, or is silent;
 * one that does (abs-send-time) is asked to where it may send a picture. */
uint32_t wr_conn_queue_in_us(const wr_conn *conn, wr_time now);
wr_conn_state wr_conn_get_state(const wr_conn *conn);
bool wr_conn_selected_path(const wr_conn *conn, wr_path *path);
const wr_agreement *wr_conn_agreement(const wr_conn *conn); /* NULL before the descriptions are agreed */

/* Why datagrams were dropped. datagrams_in == consumed + sum of drop, always. */
#define WR_DROPS(X)                                                                \
  X(EMPTY, "empty")                       /* no bytes */                           \
  X(UNKNOWN_PROTOCOL, "unknown_protocol") /* first byte of no protocol of ours */  \
  X(STUN_MALFORMED, "stun_malformed")     /* */                                    \
  X(STUN_INTEGRITY, "stun_integrity")     /* */                                    \
  X(STUN_USER, "stun_user")               /* addressed to another ufrag */         \
  X(STUN_UNEXPECTED, "stun_unexpected")   /* answer to nothing we asked */         \
  X(UNVERIFIED_PATH, "unverified_path")   /* data from where no check succeeded */ \
  X(TOO_EARLY, "too_early")               /* media before keys */                  \
  X(SRTP_MALFORMED, "srtp_malformed")     /* */                                    \
  X(SRTP_REPLAYED, "srtp_replayed")       /* */                                    \
  X(SRTP_TAG, "srtp_tag")                 /* */                                    \
  X(RTP_MALFORMED, "rtp_malformed")       /* */                                    \
  X(RTP_PAYLOAD_TYPE, "rtp_payload_type") /* not agreed */                         \
  X(RTCP_MALFORMED, "rtcp_malformed")     /* */                                    \
  X(CLOSED, "closed")                     /* after the end */
typedef enum wr_drop {
#define X(name, text) WR_DROP_##name,
  WR_DROPS(X)
#undef X
      WR_DROP_COUNT
} wr_drop;
const char *wr_drop_text(wr_drop drop);

typedef struct wr_conn_stats {
  uint64_t datagrams_in, consumed, drop[WR_DROP_COUNT], datagrams_out, bytes_in, bytes_out;
  uint64_t rtp_frames_repaired;             /* of lost packets, from copies in others */
  uint64_t rtp_asked, rtp_recovered;        /* lost packets asked for again (NACK), and those that then came */
  uint64_t rtp_resent;                      /* of ours, because the peer asked */
  uint64_t remote_asked, remote_asked_rows; /* packets the peer missed, each once, and rows of them */
  uint64_t rtp_delivered, rtp_held_us;      /* frames handed out; how long they waited for others, together */
  uint64_t rtp_packets_in, rtp_bytes_in, rtp_packets_out, rtp_bytes_out;
  uint64_t rtp_lost, rtp_late, rtp_duplicate, rtp_reordered;
  uint64_t video_packets_in, video_bytes_in, video_packets_repaired; /* repaired: came when asked for again */
  uint64_t video_frames, video_key_frames;                           /* handed out */
  uint64_t video_frames_dropped;            /* or parts of them: not whole, or nothing to decode them by */
  uint32_t video_nacks, video_key_requests; /* sent: numbers asked for, key frames asked for */
  uint32_t jitter_us;                       /* of the audio we receive (RFC 3550 A.8) */
  uint32_t rtt_us;                          /* latest: RTCP if known, else ICE */
  uint32_t checks_answered;                 /* ICE checks of ours that the peer answered: proof of a living path */
  uint8_t remote_fraction_lost;             /* of what we send, /256, from the last report */
  uint32_t remote_jitter_us;
  uint32_t target_bps;                /* see wr_conn_target_bps */
  uint32_t queue_us;                  /* see wr_conn_queue_us */
  uint32_t feedback_in, feedback_out; /* transport-wide feedback packets */
  uint32_t breaks; /* times that sending was stopped because the way did not carry it (RFC 8083) */
  uint64_t messages_in, messages_out;
  wr_time created_at, agreed_at, ice_connected_at, dtls_connected_at, data_ready_at,
      first_audio_at; /* 0: not yet */
  wr_srtp_profile srtp_profile;
} wr_conn_stats;
void wr_conn_get_stats(const wr_conn *conn, wr_conn_stats *stats);

#ifdef __cplusplus
}
#endif
#endif
