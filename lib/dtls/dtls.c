/* dtls/dtls.c - drives a DTLS engine: when to retransmit, whom to believe, what to tell.
 *
 *   init -> (early datagrams kept) -> start -> handshaking -> CONNECTED -> ENDED
 *                                          \-------------------------------^
 *
 * Timer (RFC 6347 4.2.4): armed when a flight is handed to the caller, with a time taken from ICE's round trip and
 * doubled at each repetition. A flight that is new starts over; one that tick repeated does not. The side that sent
 * the last flight has no timer: its engine answers the peer's repetition.
 *
 * Invariant: |connected| implies that the peer's certificate had the promised fingerprint. */
#include "dtls/dtls.h"

#include <string.h>

#include "base/io.h"

#define RTT_UNKNOWN_US 100000
#define APPLICATION_DATA 23 /* RFC 5246 6.2.1 */
#define OVERHEAD_BYTES 64   /* record header, nonce, tag; CBC padding and MAC are the worst */

static const wr_dtls_engine *engine_of(const wr_dtls *dtls) { return dtls->crypto->dtls; }

void wr_dtls_init(wr_dtls *dtls, const wr_crypto *crypto, wr_pool *pool, bool need_srtp) {
  WR_ASSERT(wr_pool_block_bytes(pool) >= WR_DTLS_EARLY_BYTES + sizeof(uint16_t));
  *dtls = (wr_dtls){.crypto = crypto, .pool = pool, .need_srtp = need_srtp, .retransmit_at = WR_NEVER};
}

void wr_dtls_set_need_srtp(wr_dtls *dtls, bool need_srtp) { dtls->need_srtp = need_srtp; }

void wr_dtls_wipe(wr_dtls *dtls) {
  for (size_t i = 0; i < dtls->n_early; i++) wr_pool_give(dtls->pool, dtls->early[i]);
  if (dtls->session) engine_of(dtls)->close(dtls->crypto->ctx, dtls->session);
  wr_wipe(dtls, sizeof *dtls);
}

static void end(wr_dtls *dtls, wr_dtls_end why) {
  if (dtls->end == WR_DTLS_END_NONE) dtls->end = why;
  dtls->retransmit_at = WR_NEVER;
}

static uint32_t first_rto(const wr_dtls *dtls) {
  uint32_t rtt_us = dtls->rtt_us ? dtls->rtt_us : RTT_UNKNOWN_US;
  if (rtt_us > WR_DTLS_RTO_MAX_US / 2) return WR_DTLS_RTO_MAX_US;
  return 2 * rtt_us < WR_DTLS_RTO_MIN_US ? WR_DTLS_RTO_MIN_US : 2 * rtt_us;
}

static bool is_promised(wr_dtls *dtls) {
  const wr_fingerprint *promised = &dtls->remote_fingerprint;
  wr_fingerprint shown;
  size_t len = wr_hash_bytes(promised->hash);
  return len > 0 && promised->len == len &&
         engine_of(dtls)->peer_fingerprint(dtls->session, promised->hash, &shown) && shown.len == len &&
         memcmp(shown.bytes, promised->bytes, len) == 0;
}

static bool has_srtp(wr_dtls *dtls) {
  wr_srtp_keys keys;
  bool agreed = engine_of(dtls)->export_srtp(dtls->session, &keys);
  wr_wipe(&keys, sizeof keys);
  return agreed;
}

/* The handshake is complete: is it with whom, and for what, the descriptions said? */
static void judge(wr_dtls *dtls) {
  if (!is_promised(dtls)) {
    engine_of(dtls)->shutdown(dtls->session);
    end(dtls, WR_DTLS_END_FINGERPRINT);
  } else if (dtls->need_srtp && !has_srtp(dtls)) {
    engine_of(dtls)->shutdown(dtls->session);
    end(dtls, WR_DTLS_END_NO_SRTP);
  } else {
    dtls->connected = true;
  }
}

static void follow_engine(wr_dtls *dtls) {
  if (!engine_of(dtls)->awaits_peer(dtls->session)) dtls->retransmit_at = WR_NEVER;
  switch (engine_of(dtls)->status(dtls->session)) {
    case WR_DTLS_HANDSHAKING: break;
    case WR_DTLS_CONNECTED:
      if (!dtls->connected) judge(dtls);
      break;
    case WR_DTLS_CLOSED:
      if (!dtls->connected) judge(dtls); /* the last flight and close_notify came in one datagram */
      end(dtls, WR_DTLS_END_CLOSED);
      break;
    case WR_DTLS_FAILED: break; /* recv said so */
  }
}

static void feed(wr_dtls *dtls, wr_bytes datagram) {
  if (dtls->end != WR_DTLS_END_NONE) return;
  if (engine_of(dtls)->recv(dtls->session, datagram) == WR_OK) {
    follow_engine(dtls);
  } else {
    end(dtls, WR_DTLS_END_HANDSHAKE);
  }
}

static void keep_early(wr_dtls *dtls, wr_bytes datagram) {
  if (dtls->n_early == WR_DTLS_N_EARLY || datagram.len > WR_DTLS_EARLY_BYTES) return;
  uint8_t *block = wr_pool_take(dtls->pool);
  if (!block) return;
  wr_put_u16(block, (uint16_t)datagram.len);
  if (datagram.len) memcpy(block + 2, datagram.data, datagram.len);
  dtls->early[dtls->n_early++] = block;
}

static void feed_early(wr_dtls *dtls) {
  for (size_t i = 0; i < dtls->n_early; i++) {
    uint8_t *block = dtls->early[i];
    feed(dtls, wr_bytes_of(block + 2, wr_get_u16(block)));
    wr_pool_give(dtls->pool, block);
  }
  dtls->n_early = 0;
}

wr_err wr_dtls_start(wr_dtls *dtls, bool is_client, const wr_fingerprint *remote, uint32_t rtt_us, wr_time now) {
  (void)now; /* the timer starts when the flight is polled */
  WR_ASSERT(!dtls->started);
  dtls->session = engine_of(dtls)->open(dtls->crypto->ctx, is_client, WR_DTLS_MTU);
  if (!dtls->session) return WR_ERR_CRYPTO;
  dtls->started = true;
  dtls->is_client = is_client;
  dtls->remote_fingerprint = *remote;
  dtls->rtt_us = rtt_us;
  dtls->rto_us = first_rto(dtls);
  if (engine_of(dtls)->start(dtls->session) != WR_OK) return WR_ERR_CRYPTO;
  feed_early(dtls);
  return WR_OK;
}

/* Application data while we still wait for the peer's Finished: it has finished, and that flight is lost. Ask again
 * after one plain timeout, not after a backed-off one. */
static void note_peer_finished(wr_dtls *dtls, wr_time now) {
  if (dtls->retransmit_at == WR_NEVER) return;
  wr_time due = dtls->retransmit_at - dtls->rto_us + first_rto(dtls);
  if (due < now) due = now;
  if (due >= dtls->retransmit_at) return;
  dtls->n_retransmits = 0;
  dtls->rto_us = first_rto(dtls);
  dtls->retransmit_at = due;
}

void wr_dtls_recv(wr_dtls *dtls, wr_bytes datagram, wr_time now) {
  if (!dtls->started) {
    keep_early(dtls, datagram);
    return;
  }
  feed(dtls, datagram);
  if (datagram.len && datagram.data[0] == APPLICATION_DATA) note_peer_finished(dtls, now);
}

size_t wr_dtls_poll(wr_dtls *dtls, uint8_t *out, size_t cap, wr_time now) {
  WR_ASSERT(cap >= WR_DTLS_MTU);
  if (!dtls->session) return 0;
  size_t len = engine_of(dtls)->pull(dtls->session, out, cap);
  if (len == 0) {
    dtls->repeating = false;
  } else if (!dtls->repeating && dtls->end == WR_DTLS_END_NONE && engine_of(dtls)->awaits_peer(dtls->session)) {
    dtls->n_retransmits = 0;
    dtls->rto_us = first_rto(dtls);
    dtls->retransmit_at = now + dtls->rto_us;
  }
  return len;
}

void wr_dtls_tick(wr_dtls *dtls, wr_time now) {
  if (now < dtls->retransmit_at) return;
  if (dtls->n_retransmits == WR_DTLS_N_RETRANSMITS) {
    end(dtls, WR_DTLS_END_TIMEOUT);
    return;
  }
  dtls->n_retransmits++;
  dtls->repeating = true;
  dtls->rto_us = dtls->rto_us > WR_DTLS_RTO_MAX_US / 2 ? WR_DTLS_RTO_MAX_US : 2 * dtls->rto_us;
  dtls->retransmit_at = now + dtls->rto_us;
  if (engine_of(dtls)->retransmit(dtls->session) != WR_OK) end(dtls, WR_DTLS_END_HANDSHAKE);
}

wr_time wr_dtls_deadline(const wr_dtls *dtls) { return dtls->retransmit_at; }

wr_dtls_event wr_dtls_poll_event(wr_dtls *dtls) {
  if (dtls->connected && !dtls->told_connected) {
    dtls->told_connected = true;
    return WR_DTLS_EVENT_CONNECTED;
  }
  if (dtls->end != WR_DTLS_END_NONE && !dtls->told_ended) {
    dtls->told_ended = true;
    return WR_DTLS_EVENT_ENDED;
  }
  return WR_DTLS_EVENT_NONE;
}

wr_dtls_end wr_dtls_why_ended(const wr_dtls *dtls) { return dtls->end; }

bool wr_dtls_srtp_keys(wr_dtls *dtls, wr_srtp_keys *keys) {
  return dtls->connected && engine_of(dtls)->export_srtp(dtls->session, keys);
}

wr_err wr_dtls_send(wr_dtls *dtls, wr_bytes data) {
  if (!dtls->connected || dtls->end != WR_DTLS_END_NONE) return WR_ERR_STATE;
  if (data.len > WR_DTLS_MTU - OVERHEAD_BYTES) return WR_ERR_LIMIT;
  wr_err err = engine_of(dtls)->send(dtls->session, data);
  if (err == WR_ERR_CRYPTO) end(dtls, WR_DTLS_END_HANDSHAKE);
  return err;
}

size_t wr_dtls_read(wr_dtls *dtls, uint8_t *out, size_t cap) {
  return dtls->connected ? engine_of(dtls)->read(dtls->session, out, cap) : 0;
}

void wr_dtls_shutdown(wr_dtls *dtls) {
  if (!dtls->session || dtls->end != WR_DTLS_END_NONE) return;
  engine_of(dtls)->shutdown(dtls->session);
  end(dtls, WR_DTLS_END_CLOSED);
  dtls->told_ended = true; /* the caller knows */
}
