/* wr/stats.h - what a connection has measured, in the names of W3C webrtc-stats.
 *
 * One snapshot by value: each struct is one of that document's dictionaries, each member one of its members (in our
 * spelling, with the unit last), with the same meaning, so that both ends of a call can be held side by side. A
 * part whose |present| is false is not there (yet), as it would be missing in a browser's report. Counters are
 * cumulative over the connection; those of RTP over its present source. Left out: what belongs to playing and
 * encoding, which happens elsewhere, and the name of DTLS's own cipher. */
#ifndef WR_STATS_H
#define WR_STATS_H

#include "wr/conn.h"

#ifdef __cplusplus
extern "C" {
#endif

/* codec: of both directions. */
typedef struct wr_stats_codec {
  bool present;
  uint8_t payload_type, channels;
  uint32_t clock_rate_hz;
} wr_stats_codec;

/* inbound-rtp: what we receive. */
typedef struct wr_stats_inbound_rtp {
  bool present; /* from the first packet */
  uint32_t ssrc;
  uint64_t packets_received, bytes_received; /* bytes: payload without padding; those asked for again included */
  uint64_t header_bytes_received;            /* headers, their extensions, padding */
  int64_t packets_lost;                      /* RFC 3550 6.4.1, as reported: also those that came when asked for */
  uint64_t packets_discarded;                /* came after their turn */
  uint64_t packets_repaired;                 /* lost, but their frames came as copies in others (RED) */
  uint64_t retransmitted_packets_received, retransmitted_bytes_received; /* asked for, and came (NACK) */
  uint32_t jitter_us;
} wr_stats_inbound_rtp;

/* outbound-rtp: what we send. */
typedef struct wr_stats_outbound_rtp {
  bool present; /* from the first packet */
  uint32_t ssrc;
  uint64_t packets_sent, bytes_sent, header_bytes_sent; /* as above; those sent again included */
  uint64_t retransmitted_packets_sent, retransmitted_bytes_sent;
} wr_stats_outbound_rtp;

/* remote-inbound-rtp: what the peer's reports say of that. */
typedef struct wr_stats_remote_inbound_rtp {
  bool present; /* from its first report block about us */
  int32_t packets_lost;
  uint32_t jitter_us;
  double fraction_lost;        /* 0..1, of the interval before its last report */
  uint32_t round_trip_time_us; /* the last; 0: none yet */
  uint32_t round_trip_time_measurements;
  uint64_t total_round_trip_time_us;
} wr_stats_remote_inbound_rtp;

/* remote-outbound-rtp: what the peer's sender reports say of what it sends us. */
typedef struct wr_stats_remote_outbound_rtp {
  bool present;                      /* from its first sender report */
  uint32_t packets_sent, bytes_sent; /* modulo 2^32, at the time of its last report */
  uint64_t remote_ntp;               /* by its clock, when it was sent */
  uint32_t reports_sent;
  /* By RFC 3611: measured while we send nothing ourselves. */
  uint32_t round_trip_time_us; /* the last; 0: none yet */
  uint32_t round_trip_time_measurements;
  uint64_t total_round_trip_time_us;
} wr_stats_remote_outbound_rtp;

/* candidate-pair: the selected one. */
typedef struct wr_stats_candidate_pair {
  bool present;
  wr_path path;
  uint32_t current_round_trip_time_us; /* of the last ICE check answered; 0: not measured */
  bool is_relayed;                     /* one of its candidates is of type relay, as far as we were told */
} wr_stats_candidate_pair;

typedef enum wr_stats_dtls_state {
  WR_STATS_DTLS_NEW,
  WR_STATS_DTLS_CONNECTING,
  WR_STATS_DTLS_CONNECTED,
  WR_STATS_DTLS_CLOSED,
} wr_stats_dtls_state;

/* transport. Bytes and packets are datagrams' whole content, ICE's included: more than a browser counts here. */
typedef struct wr_stats_transport {
  uint64_t packets_sent, packets_received, bytes_sent, bytes_received;
  wr_stats_dtls_state dtls_state;
  bool is_dtls_client;          /* known from |dtls_state| CONNECTING on */
  wr_srtp_profile srtp_profile; /* 0: none */
  uint32_t selected_candidate_pair_changes;
  /* ICE checks, over all pairs: requestsSent, responsesReceived, requestsReceived, responsesSent. */
  uint32_t requests_sent, responses_received, requests_received, responses_sent;
} wr_stats_transport;

/* data-channel: all channels together. */
typedef struct wr_stats_data_channel {
  bool present; /* the association is up */
  uint32_t channels_opened, channels_closed;
  uint64_t messages_sent, messages_received, bytes_sent, bytes_received;
} wr_stats_data_channel;

typedef struct wr_stats {
  wr_time at; /* timestamp, by the clock of |now| */
  wr_stats_codec codec;
  wr_stats_inbound_rtp inbound_rtp;
  wr_stats_outbound_rtp outbound_rtp;
  wr_stats_remote_inbound_rtp remote_inbound_rtp;
  wr_stats_remote_outbound_rtp remote_outbound_rtp;
  wr_stats_candidate_pair candidate_pair;
  wr_stats_transport transport;
  wr_stats_data_channel data_channel;
} wr_stats;

void wr_conn_read_stats(const wr_conn *conn, wr_stats *stats, wr_time now);

/* "AEAD_AES_128_GCM" and so on, as in srtpCipher; "" for none. Static. */
const char *wr_stats_srtp_cipher(wr_srtp_profile profile);
/* "new", "connecting", "connected", "closed". Static. */
const char *wr_stats_dtls_state_text(wr_stats_dtls_state state);

#ifdef __cplusplus
}
#endif
#endif
