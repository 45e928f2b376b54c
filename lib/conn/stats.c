/* conn/stats.c - the snapshot of wr/stats.h, put together from what the protocols of a connection count. */
#include "wr/stats.h"

#include "conn/conn_state.h"

#define OPUS_CLOCK_HZ 48000
#define OPUS_CHANNELS 2 /* RFC 7587 7: always, whatever is encoded */

static uint32_t opus_us(uint32_t units) { return (uint32_t)((uint64_t)units * 1000000 / OPUS_CLOCK_HZ); }

static void read_inbound(const media *m, const wr_conn_stats *counted, wr_stats *stats) {
  const wr_rtp_source_stats *source = &m->source;
  uint32_t highest = source->cycles + source->highest_seq;
  int64_t expected = source->started ? (int64_t)(highest - source->base_seq) + 1 : 0;
  stats->inbound_rtp = (wr_stats_inbound_rtp){.present = source->started,
                                              .ssrc = source->ssrc,
                                              .packets_received = source->received + m->recovered,
                                              .bytes_received = source->bytes + m->recovered_bytes,
                                              .header_bytes_received = m->header_bytes_in,
                                              .packets_lost = expected - source->received,
                                              .packets_discarded = m->reorder.n_late,
                                              .packets_repaired = counted->rtp_frames_repaired,
                                              .retransmitted_packets_received = m->recovered,
                                              .retransmitted_bytes_received = m->recovered_bytes,
                                              .jitter_us = opus_us(source->jitter_q4 >> 4)};
}

static void read_outbound(const media *m, const wr_conn_stats *counted, wr_stats *stats) {
  const media_sender *sender = &m->sender;
  uint64_t n_again = sender->resend.n_resent;
  stats->outbound_rtp = (wr_stats_outbound_rtp){.present = sender->packets > 0,
                                                .ssrc = sender->ssrc,
                                                .packets_sent = counted->rtp_packets_out + n_again,
                                                .bytes_sent = counted->rtp_bytes_out + sender->resent_bytes,
                                                .header_bytes_sent = sender->header_bytes + sender->resent_headers,
                                                .retransmitted_packets_sent = n_again,
                                                .retransmitted_bytes_sent = sender->resent_bytes};
}

static void read_transport(const wr_conn *conn, wr_stats *stats) {
  const wr_conn_stats *counted = &conn->stats;
  wr_stats_transport *t = &stats->transport;
  *t = (wr_stats_transport){.packets_sent = counted->datagrams_out,
                            .packets_received = counted->datagrams_in,
                            .bytes_sent = counted->bytes_out,
                            .bytes_received = counted->bytes_in,
                            .is_dtls_client = conn->is_dtls_client,
                            .srtp_profile = conn->keyed ? counted->srtp_profile : (wr_srtp_profile)0,
                            .selected_candidate_pair_changes = conn->n_paths};
  if (conn->dtls.started) t->dtls_state = WR_STATS_DTLS_CONNECTING;
  if (counted->dtls_connected_at) t->dtls_state = WR_STATS_DTLS_CONNECTED;
  if (conn->state == WR_CONN_CLOSED) t->dtls_state = WR_STATS_DTLS_CLOSED;
  if (!conn->ice) return;
  const wr_ice_stats *ice = wr_ice_get_stats(conn->ice);
  t->requests_sent = ice->checks_sent;
  t->responses_received = ice->responses_received;
  t->requests_received = ice->checks_received;
  t->responses_sent = ice->responses_sent;
}

void wr_conn_read_stats(const wr_conn *conn, wr_stats *stats, wr_time now) {
  const media *m = &conn->media;
  wr_stats_candidate_pair *pair = &stats->candidate_pair;
  *stats =
      (wr_stats){.at = now, .remote_inbound_rtp = m->remote_inbound, .remote_outbound_rtp = m->remote_outbound};
  stats->codec = (wr_stats_codec){.present = conn->agreed && conn->agreement.audio,
                                  .payload_type = conn->agreement.opus_payload_type,
                                  .channels = OPUS_CHANNELS,
                                  .clock_rate_hz = OPUS_CLOCK_HZ};
  read_inbound(m, &conn->stats, stats);
  read_outbound(m, &conn->stats, stats);
  read_transport(conn, stats);
  pair->present = conn->has_path;
  pair->path = conn->path;
  if (conn->ice && pair->present) {
    pair->current_round_trip_time_us = wr_ice_get_stats(conn->ice)->last_rtt_us;
    pair->is_relayed = wr_ice_selected_is_relayed(conn->ice);
  }
  stats->data_channel = conn->channels;
  stats->data_channel.present = conn->stats.data_ready_at != 0;
  stats->data_channel.messages_sent = conn->stats.messages_out;
  stats->data_channel.messages_received = conn->stats.messages_in;
}

const char *wr_stats_srtp_cipher(wr_srtp_profile profile) {
  switch (profile) {
    case WR_SRTP_AEAD_AES_128_GCM: return "AEAD_AES_128_GCM";
    case WR_SRTP_AEAD_AES_256_GCM: return "AEAD_AES_256_GCM";
    case WR_SRTP_AES128_CM_SHA1_80: return "AES_CM_128_HMAC_SHA1_80";
    case WR_SRTP_NONE: break;
  }
  return "";
}

const char *wr_stats_dtls_state_text(wr_stats_dtls_state state) {
  static const char *const names[] = {"new", "connecting", "connected", "closed"};
  return names[state];
}
