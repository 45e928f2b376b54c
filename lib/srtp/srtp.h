/* srtp/srtp.h - SRTP and SRTCP (RFC 3711, 7714): protection, replay windows, rollover counters.
 *
 * One object holds both directions of a connection. Packets are transformed in place. */
#ifndef WR_SRTP_SRTP_H
#define WR_SRTP_SRTP_H

#include "srtp/window.h"
#include "wr/crypto.h"

#define WR_SRTP_MAX_EXPANSION 20 /* GCM: tag 16 + SRTCP index 4; CM: 10 + 4 */
#define WR_SRTP_N_SOURCES 8      /* SSRCs per direction; a further one replaces the longest silent */

/* What is remembered of one SSRC. An SSRC that was replaced starts again at rollover 0, so of our own SSRCs one
 * that made way for others must not come back (its keystream would repeat). */
typedef struct wr_srtp_source {
  uint32_t ssrc;
  uint32_t used_at; /* wr_srtp_direction.clock */
  bool used;
  wr_srtp_window rtp; /* tx: only |highest| is needed */
  wr_srtp_window rtcp;
} wr_srtp_source;

typedef struct wr_srtp_direction {
  wr_cipher *rtp, *rtcp, *rtp_mac, *rtcp_mac; /* the last two: CM only */
  uint8_t rtp_salt[14], rtcp_salt[14];
  wr_srtp_source source[WR_SRTP_N_SOURCES];
  uint32_t clock;      /* counts packets */
  uint32_t rtcp_index; /* tx: next; one counter for all our SSRCs, so replacement cannot repeat it */
} wr_srtp_direction;

typedef struct wr_srtp {
  const wr_crypto *crypto;
  wr_srtp_profile profile;
  wr_srtp_direction tx, rx;
} wr_srtp;

typedef enum wr_srtp_result {
  WR_SRTP_OK,
  WR_SRTP_MALFORMED, /* too short, wrong version, lengths that do not add up */
  WR_SRTP_REPLAYED,  /* seen before, or too old to know */
  WR_SRTP_BAD_TAG,
} wr_srtp_result;

/* Derives the session keys (RFC 3711 4.3). The caller wipes |keys|.
 * WR_ERR_CRYPTO: the backend refused; |srtp| is wiped. */
wr_err wr_srtp_init(wr_srtp *srtp, const wr_crypto *crypto, const wr_srtp_keys *keys);
void wr_srtp_wipe(wr_srtp *srtp);

/* Encrypts the RTP packet (a complete, valid header is the caller's duty) of |len| bytes at |packet| in place;
 * |cap| >= len + WR_SRTP_MAX_EXPANSION. Returns the new length; 0: the backend failed or the key is used up (2^48
 * packets of an SSRC, 2^31 of RTCP; RFC 3711 9.2). */
size_t wr_srtp_protect_rtp(wr_srtp *srtp, uint8_t *packet, size_t len, size_t cap);
size_t wr_srtp_protect_rtcp(wr_srtp *srtp, uint8_t *packet, size_t len, size_t cap);
/* Decrypts in place; on WR_SRTP_OK *len is the plain length; otherwise the bytes are undefined. State (replay
 * window, ROC, source table) changes only after the tag was found right. */
wr_srtp_result wr_srtp_unprotect_rtp(wr_srtp *srtp, uint8_t *packet, size_t *len);
/* The other way round: what wr_srtp_protect_rtp made, while its number is among the last 32768 of its source.
 * Changes no state. false: it is none of ours. */
bool wr_srtp_reveal_rtp(const wr_srtp *srtp, uint8_t *packet, size_t *len);
/* What wr_srtp_protect_rtp adds. */
size_t wr_srtp_rtp_expansion(const wr_srtp *srtp);
wr_srtp_result wr_srtp_unprotect_rtcp(wr_srtp *srtp, uint8_t *packet, size_t *len);

#endif
