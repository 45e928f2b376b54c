/* wr/sdp.h - session descriptions as WebRTC uses them (RFC 8866, 8829/9429, 8839, 8841, 8843).
 *
 * Parse text into a model of values and borrowed spans, agree on what both sides can do, write the answer; or write
 * an offer of our own. Unknown attributes are ignored and never echoed. */
#ifndef WR_SDP_H
#define WR_SDP_H

#include "wr/crypto.h"
#include "wr/types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WR_SDP_MAX_MEDIA 16      /* m= sections; more is WR_ERR_LIMIT */
#define WR_SDP_MAX_CODECS 48     /* per section; further ones are ignored */
#define WR_SDP_MAX_EXTENSIONS 20 /* a=extmap per section; further ones are ignored */
#define WR_SDP_MAX_BYTES 65536
#define WR_UFRAG_MAX 256 /* RFC 8839 5.4 */
#define WR_PWD_MAX 256

/* ---- candidates (RFC 8839 5.1) ---- */
typedef enum wr_candidate_type {
  WR_CANDIDATE_HOST,
  WR_CANDIDATE_SRFLX,
  WR_CANDIDATE_PRFLX,
  WR_CANDIDATE_RELAY,
} wr_candidate_type;

/* Which side opens the connection of a TCP candidate (RFC 6544 4.5). */
typedef enum wr_tcp_type {
  WR_TCP_NONE, /* it is UDP */
  WR_TCP_ACTIVE,
  WR_TCP_PASSIVE,
  WR_TCP_SO, /* both at once */
} wr_tcp_type;

typedef struct wr_candidate {
  wr_addr addr; /* family 0: the address was a name (mDNS .local): known of, not usable */
  wr_candidate_type type;
  uint32_t priority;
  uint8_t component; /* 1; others are parsed and not used: rtcp-mux is required */
  wr_tcp_type tcp;   /* fits addr.transport */
  char foundation[33];
} wr_candidate;

/* Reads "candidate:..." with or without "a=" before it and a line end behind. WR_ERR_SYNTAX: not a candidate. */
WR_NODISCARD wr_err wr_candidate_read(wr_candidate *candidate, wr_bytes line);
/* Writes "candidate:..." without "a=" and line end; NUL-terminated; returns the length, 0 if |cap| is too small or
 * the candidate has no address. */
size_t wr_candidate_write(const wr_candidate *candidate, char *out, size_t cap);

/* ---- the model ---- */
typedef enum wr_media_kind { WR_MEDIA_OTHER, WR_MEDIA_AUDIO, WR_MEDIA_VIDEO, WR_MEDIA_DATA } wr_media_kind;
typedef enum wr_direction { WR_INACTIVE = 0, WR_SENDONLY = 1, WR_RECVONLY = 2, WR_SENDRECV = 3 } wr_direction;
typedef enum wr_setup { WR_SETUP_NONE, WR_SETUP_ACTPASS, WR_SETUP_ACTIVE, WR_SETUP_PASSIVE } wr_setup;

typedef struct wr_sdp_codec {
  wr_bytes name; /* as written: "opus", "red", "VP8" */
  wr_bytes fmtp; /* after the payload type; empty if none */
  uint32_t clock_hz;
  uint8_t payload_type, channels;
  bool nack, nack_pli, ccm_fir, transport_cc, ccfb, rrtr; /* a=rtcp-fb; |ccfb|: RFC 8888, "ack ccfb" */
} wr_sdp_codec;

typedef struct wr_sdp_extension {
  uint8_t id; /* 1..255 */
  wr_direction direction;
  wr_bytes uri;
} wr_sdp_extension;

typedef struct wr_sdp_media {
  wr_media_kind kind;
  wr_bytes type, protocol, formats, mid; /* m= words, for the mirror in the answer */
  uint16_t port;
  wr_direction direction;
  wr_setup setup; /* session level already applied, as are ufrag, pwd and fingerprint */
  wr_bytes ufrag, pwd;
  wr_fingerprint fingerprint; /* the strongest understood; hash NONE if there is none */
  bool rtcp_mux, rtcp_rsize, bundled, bundle_only, end_of_candidates;
  bool xr_rcvr_rtt;  /* a=rtcp-xr:rcvr-rtt=all (RFC 3611 5.1) */
  bool extmap_mixed; /* one- and two-byte header extensions in one stream (RFC 8285 6) */
  uint16_t n_codecs, n_extensions;
  wr_sdp_codec codec[WR_SDP_MAX_CODECS];
  wr_sdp_extension extension[WR_SDP_MAX_EXTENSIONS];
  uint32_t ssrc; /* first a=ssrc; 0 if none */
  uint16_t sctp_port;
  uint32_t max_message_bytes; /* 65536 if absent (RFC 8841 6.1), UINT32_MAX if 0 was written */
  wr_bytes candidate_lines;   /* borrowed text between which wr_sdp_next_candidate walks */
} wr_sdp_media;

typedef struct wr_sdp {
  wr_bytes session_id; /* o= second word */
  wr_bytes bundle;     /* the mids of the first a=group:BUNDLE, in its order; empty if there is none */
  bool ice_lite, ice_trickle, ice_renomination;
  uint16_t n_media;
  wr_sdp_media media[WR_SDP_MAX_MEDIA];
} wr_sdp; /* ~42 KB: for the stack or a scratch buffer, not for each connection */

typedef struct wr_sdp_error {
  uint16_t line;    /* 1-based; 0: the description as a whole */
  const char *what; /* static text */
} wr_sdp_error;

/* |text| is borrowed by the model. Lines may end in CRLF or LF. WR_ERR_SYNTAX or WR_ERR_LIMIT: |error| says where
 * and why; the model is then undefined. */
WR_NODISCARD wr_err wr_sdp_parse(wr_sdp *sdp, wr_bytes text, wr_sdp_error *error);
/* Walks the candidates of one section: start with *at = 0. false: no more. Lines that are not candidates or name
 * another component than 1 are skipped. */
bool wr_sdp_next_candidate(const wr_sdp_media *media, size_t *at, wr_candidate *candidate);

/* ---- agreement ---- */
typedef enum wr_video_codec { WR_VIDEO_NONE, WR_VIDEO_VP8, WR_VIDEO_H264, WR_VIDEO_VP9 } wr_video_codec;

/* What a connection needs to know of the agreement, by value. */
typedef struct wr_agreement {
  bool audio, data; /* accepted */
  uint8_t audio_index, data_index;
  wr_direction audio_direction; /* as we write it in our description */
  uint8_t opus_payload_type;
  uint8_t red_payload_type;                               /* 0: none offered */
  uint8_t mid_extension, level_extension, twcc_extension; /* ids; 0: not agreed */
  char audio_mid[17], data_mid[17]; /* NUL-terminated; longer mids are refused with WR_ERR_LIMIT */
  bool opus_fec, opus_stereo_allowed, rtcp_rsize, opus_nack, transport_cc;
  bool ccfb;                  /* feedback of RFC 8888; then there is no transport_cc */
  bool opus_rrtr, xr_rtt;     /* reference times of receivers (RFC 3611): by a=rtcp-fb, by a=rtcp-xr */
  uint32_t remote_audio_ssrc; /* 0: unknown until the first packet */
  /* What wr_sdp_agree_video adds: */
  bool video, video_nack, video_pli, video_fir, video_rsize, video_transport_cc, video_ccfb;
  uint8_t sent_extension, video_sent_extension; /* abs-send-time of sound and picture, ids; 0: not agreed */
  uint8_t video_index, video_payload_type;
  uint8_t rtx_payload_type; /* of packets sent again (RFC 4588); 0: none offered */
  wr_video_codec video_codec;
  wr_direction video_direction; /* RECVONLY, or INACTIVE */
  uint16_t remote_sctp_port;
  uint32_t remote_max_message_bytes;
  char remote_ufrag[WR_UFRAG_MAX + 1], remote_pwd[WR_PWD_MAX + 1];
  wr_fingerprint remote_fingerprint;
  wr_setup remote_setup; /* ACTPASS if the remote said nothing */
  bool remote_ice_lite;
  /* The section whose candidates and credentials carry the bundle: accepted, or the offer's first of the bundle. */
  uint8_t transport_index;
} wr_agreement;

/* Chooses the first usable audio section (Opus) and the first data section of the remote |sdp|, which may be an
 * offer or an answer; takes payload types and extension ids from it. All else will be refused in the answer.
 * WR_ERR_UNSUPPORTED: neither audio nor data can be used (|error| says why); WR_ERR_SYNTAX: ICE credentials,
 * fingerprint, rtcp-mux or bundle are missing where WebRTC requires them. */
WR_NODISCARD wr_err wr_sdp_agree(const wr_sdp *sdp, bool want_audio, bool want_data, wr_agreement *agreement,
                                 wr_sdp_error *error);

/* Adds the first usable video section to |agreement|: received, never sent. VP8 goes before H.264
 * (packetization-mode 1) and VP9 (profile 0). It must share the bundle of what is agreed already; else, or if there
 * is none, it will be refused as before. Layers offered for simulcast (RFC 8853) are not agreed to: the peer then
 * sends one. */
void wr_sdp_agree_video(const wr_sdp *sdp, wr_agreement *agreement);

/* The DTLS role to answer with (RFC 8842 5.3): the only one left if the remote chose, else |preferred|, else
 * ACTIVE, which saves half a round trip because our ClientHello need not wait for theirs. */
wr_setup wr_sdp_answer_setup(wr_setup remote, wr_setup preferred);

/* ---- writing ---- */
typedef struct wr_sdp_local {
  uint64_t session_id;
  uint32_t session_version;
  const char *ufrag, *pwd;
  const wr_fingerprint *fingerprint;
  wr_setup setup; /* ACTPASS in an offer; in an answer our preference, see wr_sdp_answer_setup */
  bool ice_lite, end_of_candidates;
  const wr_candidate *candidates; /* written under the section that owns the bundle */
  size_t n_candidates;
  uint32_t audio_ssrc;
  const char *cname;          /* also the msid stream name */
  uint32_t max_message_bytes; /* ours */
  /* Offers only: */
  bool offer_audio, offer_data;
  wr_direction audio_direction;
} wr_sdp_local;

/* Mirrors every section of |offer|; accepts those of |agreement|, refuses the rest with port 0 (except one that
 * owns the bundle's transport: that stays, inactive). NUL-terminated text in |out|; returns its length, 0 if |cap|
 * is too small. */
size_t wr_sdp_write_answer(const wr_sdp *offer, const wr_agreement *agreement, const wr_sdp_local *local, char *out,
                           size_t cap);
size_t wr_sdp_write_offer(const wr_sdp_local *local, char *out, size_t cap);

/* ---- fragments for trickle over HTTP (RFC 8840 9) ---- */
typedef struct wr_sdpfrag {
  wr_bytes ufrag, pwd; /* empty: not given */
  wr_bytes text;       /* borrowed */
  bool end_of_candidates;
} wr_sdpfrag;
WR_NODISCARD wr_err wr_sdpfrag_parse(wr_sdpfrag *fragment, wr_bytes text, wr_sdp_error *error);
bool wr_sdpfrag_next_candidate(const wr_sdpfrag *fragment, size_t *at, wr_candidate *candidate);
/* Our side's fragment after an ICE restart. */
size_t wr_sdpfrag_write(const char *ufrag, const char *pwd, const char *mid, const wr_candidate *candidates,
                        size_t n_candidates, bool end, char *out, size_t cap);

#ifdef __cplusplus
}
#endif
#endif
