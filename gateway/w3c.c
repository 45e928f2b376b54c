/* gateway/w3c.c - wr/stats.h as JSON. */
#include "gateway/w3c.h"

#include <inttypes.h>

static void write_media(gw_text *out, const wr_stats *stats) {
  const wr_stats_codec *codec = &stats->codec;
  const wr_stats_inbound_rtp *in = &stats->inbound_rtp;
  const wr_stats_outbound_rtp *sent = &stats->outbound_rtp;
  if (codec->present)
    gw_text_add(out, ",\"codec\":{\"mimeType\":\"audio/opus\",\"payloadType\":%u,\"clockRate\":%u,\"channels\":%u}",
                codec->payload_type, codec->clock_rate_hz, codec->channels);
  if (in->present)
    gw_text_add(out,
                ",\"inbound-rtp\":{\"kind\":\"audio\",\"ssrc\":%u,\"packetsReceived\":%" PRIu64
                ",\"bytesReceived\":%" PRIu64 ",\"headerBytesReceived\":%" PRIu64 ",\"packetsLost\":%" PRId64
                ",\"packetsDiscarded\":%" PRIu64 ",\"packetsRepaired\":%" PRIu64
                ",\"retransmittedPacketsReceived\":%" PRIu64 ",\"retransmittedBytesReceived\":%" PRIu64
                ",\"jitter\":%.6f}",
                in->ssrc, in->packets_received, in->bytes_received, in->header_bytes_received, in->packets_lost,
                in->packets_discarded, in->packets_repaired, in->retransmitted_packets_received,
                in->retransmitted_bytes_received, in->jitter_us / 1e6);
  if (sent->present)
    gw_text_add(out,
                ",\"outbound-rtp\":{\"kind\":\"audio\",\"ssrc\":%u,\"packetsSent\":%" PRIu64
                ",\"bytesSent\":%" PRIu64 ",\"headerBytesSent\":%" PRIu64 ",\"retransmittedPacketsSent\":%" PRIu64
                ",\"retransmittedBytesSent\":%" PRIu64 "}",
                sent->ssrc, sent->packets_sent, sent->bytes_sent, sent->header_bytes_sent,
                sent->retransmitted_packets_sent, sent->retransmitted_bytes_sent);
}

static void write_remote(gw_text *out, const wr_stats *stats) {
  const wr_stats_remote_inbound_rtp *in = &stats->remote_inbound_rtp;
  const wr_stats_remote_outbound_rtp *sent = &stats->remote_outbound_rtp;
  if (in->present) {
    gw_text_add(out,
                ",\"remote-inbound-rtp\":{\"packetsLost\":%d,\"jitter\":%.6f,\"fractionLost\":%.6f,"
                "\"roundTripTimeMeasurements\":%u,\"totalRoundTripTime\":%.6f",
                in->packets_lost, in->jitter_us / 1e6, in->fraction_lost, in->round_trip_time_measurements,
                (double)in->total_round_trip_time_us / 1e6);
    if (in->round_trip_time_us) gw_text_add(out, ",\"roundTripTime\":%.6f", in->round_trip_time_us / 1e6);
    gw_text_add(out, "}");
  }
  if (sent->present) {
    gw_text_add(out,
                ",\"remote-outbound-rtp\":{\"packetsSent\":%u,\"bytesSent\":%u,\"reportsSent\":%u,"
                "\"roundTripTimeMeasurements\":%u,\"totalRoundTripTime\":%.6f",
                sent->packets_sent, sent->bytes_sent, sent->reports_sent, sent->round_trip_time_measurements,
                (double)sent->total_round_trip_time_us / 1e6);
    if (sent->round_trip_time_us) gw_text_add(out, ",\"roundTripTime\":%.6f", sent->round_trip_time_us / 1e6);
    gw_text_add(out, "}");
  }
}

static void write_transport(gw_text *out, const wr_stats *stats) {
  const wr_stats_candidate_pair *pair = &stats->candidate_pair;
  const wr_stats_transport *t = &stats->transport;
  gw_text_add(out,
              "\"transport\":{\"packetsSent\":%" PRIu64 ",\"packetsReceived\":%" PRIu64 ",\"bytesSent\":%" PRIu64
              ",\"bytesReceived\":%" PRIu64
              ",\"dtlsState\":\"%s\",\"dtlsRole\":\"%s\",\"srtpCipher\":\"%s\","
              "\"selectedCandidatePairChanges\":%u}",
              t->packets_sent, t->packets_received, t->bytes_sent, t->bytes_received,
              wr_stats_dtls_state_text(t->dtls_state),
              t->dtls_state == WR_STATS_DTLS_NEW ? "unknown"
              : t->is_dtls_client                ? "client"
                                                 : "server",
              wr_stats_srtp_cipher(t->srtp_profile), t->selected_candidate_pair_changes);
  if (pair->present) {
    gw_text_add(out, ",\"candidate-pair\":{\"protocol\":\"%s\"",
                pair->path.remote.transport == WR_TCP ? "tcp" : "udp");
    if (pair->current_round_trip_time_us)
      gw_text_add(out, ",\"currentRoundTripTime\":%.6f", pair->current_round_trip_time_us / 1e6);
    gw_text_add(out, ",\"requestsSent\":%u,\"responsesReceived\":%u,\"requestsReceived\":%u,\"responsesSent\":%u}",
                t->requests_sent, t->responses_received, t->requests_received, t->responses_sent);
  }
}

void gw_w3c_write(gw_text *out, const wr_stats *stats) {
  const wr_stats_data_channel *data = &stats->data_channel;
  gw_text_add(out, "{");
  write_transport(out, stats);
  write_media(out, stats);
  write_remote(out, stats);
  if (data->present)
    gw_text_add(out,
                ",\"data-channel\":{\"messagesSent\":%" PRIu64 ",\"messagesReceived\":%" PRIu64
                ",\"bytesSent\":%" PRIu64 ",\"bytesReceived\":%" PRIu64
                "},\"peer-connection\":{\"dataChannelsOpened\":%u,\"dataChannelsClosed\":%u}",
                data->messages_sent, data->messages_received, data->bytes_sent, data->bytes_received,
                data->channels_opened, data->channels_closed);
  gw_text_add(out, "}");
}
