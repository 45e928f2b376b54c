/* dtls/dtls.h - the DTLS transport of one connection (RFC 6347, 5763, 5764), around an engine of wr/crypto.h.
 *
 * Adds what an engine has not: the retransmission timer taken from ICE's round trip (never a fixed second), the
 * fingerprint check, and the keeping of a ClientHello that arrives before the path or the answer is known.
 * The peer's certificate is checked before any key or byte of application data is handed out. */
#ifndef WR_DTLS_DTLS_H
#define WR_DTLS_DTLS_H

#include "base/pool.h"
#include "wr/crypto.h"

#define WR_DTLS_MTU 1200
#define WR_DTLS_N_EARLY 4 /* datagrams kept before start; the newest is dropped beyond */
#define WR_DTLS_EARLY_BYTES 1500
#define WR_DTLS_RTO_MIN_US 50000
#define WR_DTLS_RTO_MAX_US 3000000
#define WR_DTLS_N_RETRANSMITS 12 /* then WR_DTLS_END_TIMEOUT */

typedef enum wr_dtls_end {
  WR_DTLS_END_NONE,
  WR_DTLS_END_CLOSED,      /* close_notify from the peer */
  WR_DTLS_END_HANDSHAKE,   /* alert or protocol failure */
  WR_DTLS_END_FINGERPRINT, /* the certificate is not the one the SDP promised */
  WR_DTLS_END_NO_SRTP,     /* media was negotiated and the peer has no SRTP profile of ours */
  WR_DTLS_END_TIMEOUT,
} wr_dtls_end;

typedef enum wr_dtls_event { WR_DTLS_EVENT_NONE, WR_DTLS_EVENT_CONNECTED, WR_DTLS_EVENT_ENDED } wr_dtls_event;

/* Open for embedding; the fields are private to dtls.c. */
typedef struct wr_dtls {
  const wr_crypto *crypto;
  wr_pool *pool;
  wr_dtls_session *session;
  wr_fingerprint remote_fingerprint;
  wr_dtls_end end;
  bool is_client, started, connected, told_connected, told_ended, need_srtp;
  bool repeating; /* what is polled now was sent before */
  uint8_t n_early, n_retransmits;
  uint32_t rtt_us, rto_us;
  wr_time retransmit_at;
  void *early[WR_DTLS_N_EARLY]; /* pool blocks: uint16_t length, then bytes */
} wr_dtls;

/* |pool|: blocks of at least WR_DTLS_EARLY_BYTES + 2, borrowed, for early datagrams only. |need_srtp|: media was
 * negotiated. */
void wr_dtls_init(wr_dtls *dtls, const wr_crypto *crypto, wr_pool *pool, bool need_srtp);
/* What the agreement came to; before start. */
void wr_dtls_set_need_srtp(wr_dtls *dtls, bool need_srtp);
void wr_dtls_wipe(wr_dtls *dtls);
/* A path exists and both descriptions are known: opens the engine, sends the ClientHello (client) or processes the
 * early one (server). |rtt_us|: measured by ICE, 0 = unknown (then 100 ms are assumed). Call once.
 * WR_ERR_CRYPTO: no engine. */
wr_err wr_dtls_start(wr_dtls *dtls, bool is_client, const wr_fingerprint *remote, uint32_t rtt_us, wr_time now);
/* One datagram whose first byte is 20..63 (RFC 7983). Before start it is kept. */
void wr_dtls_recv(wr_dtls *dtls, wr_bytes datagram, wr_time now);
/* The next outgoing datagram into |out| (cap >= WR_DTLS_MTU); 0: none. */
size_t wr_dtls_poll(wr_dtls *dtls, uint8_t *out, size_t cap, wr_time now);
void wr_dtls_tick(wr_dtls *dtls, wr_time now);
wr_time wr_dtls_deadline(const wr_dtls *dtls);
/* Each of CONNECTED and ENDED is told once. */
wr_dtls_event wr_dtls_poll_event(wr_dtls *dtls);
wr_dtls_end wr_dtls_why_ended(const wr_dtls *dtls);
/* After CONNECTED. false: no SRTP was agreed. The caller wipes |keys|. */
bool wr_dtls_srtp_keys(wr_dtls *dtls, wr_srtp_keys *keys);
/* After CONNECTED: application data (SCTP packets), 1 to WR_DTLS_MTU - 64 bytes. The datagram comes from poll.
 * WR_ERR_LIMIT: too long, or the engine's queue is full: poll, then try again. WR_ERR_STATE: not connected. */
wr_err wr_dtls_send(wr_dtls *dtls, wr_bytes data);
/* One received record into |out| (cap >= 1500); 0: none. */
size_t wr_dtls_read(wr_dtls *dtls, uint8_t *out, size_t cap);
/* Ends with close_notify, which poll hands out. ENDED is not told: the caller knows. */
void wr_dtls_shutdown(wr_dtls *dtls);

#endif
