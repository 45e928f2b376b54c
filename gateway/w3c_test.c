#include "gateway/w3c.h"

#include <jansson.h>
#include <stdlib.h>

#include "check.h"

static json_t *read_back(const wr_stats *stats) {
  gw_text out = {0};
  gw_w3c_write(&out, stats);
  json_t *object = json_loads(out.text, 0, NULL);
  free(out.text);
  return object;
}

static double number(const json_t *all, const char *group, const char *key) {
  const json_t *value = json_object_get(json_object_get(all, group), key);
  return json_is_number(value) ? json_number_value(value) : -1;
}

TEST(w3c_of_a_new_connection_has_its_transport_only) {
  wr_stats stats = {0};
  json_t *all = read_back(&stats);
  CHECK(json_object_size(all) == 1);
  CHECK_TEXT(json_string_value(json_object_get(json_object_get(all, "transport"), "dtlsState")), "new");
  CHECK_TEXT(json_string_value(json_object_get(json_object_get(all, "transport"), "dtlsRole")), "unknown");
  json_decref(all);
}

TEST(w3c_has_every_dictionary_in_the_units_of_w3c) {
  wr_stats stats = {
      .codec = {.present = true, .payload_type = 111, .channels = 2, .clock_rate_hz = 48000},
      .inbound_rtp = {.present = true,
                      .ssrc = 4000000000u,
                      .packets_received = 1ull << 40,
                      .packets_lost = -3,
                      .retransmitted_packets_received = 16,
                      .retransmitted_bytes_received = 17,
                      .jitter_us = 2500},
      .outbound_rtp = {.present = true,
                       .ssrc = 7,
                       .packets_sent = 9,
                       .bytes_sent = 10,
                       .header_bytes_sent = 11,
                       .retransmitted_packets_sent = 14,
                       .retransmitted_bytes_sent = 15},
      .remote_inbound_rtp = {.present = true, .packets_lost = 4, .fraction_lost = 0.5, .round_trip_time_us = 20000},
      .remote_outbound_rtp = {.present = true, .packets_sent = 12, .bytes_sent = 13, .reports_sent = 2},
      .candidate_pair = {.present = true, .current_round_trip_time_us = 1500},
      .transport = {.packets_sent = 100,
                    .dtls_state = WR_STATS_DTLS_CONNECTED,
                    .is_dtls_client = true,
                    .srtp_profile = WR_SRTP_AEAD_AES_128_GCM,
                    .requests_sent = 5},
      .data_channel = {.present = true, .channels_opened = 1, .messages_sent = 6},
  };
  json_t *all = read_back(&stats);
  CHECK(number(all, "codec", "payloadType") == 111 && number(all, "codec", "clockRate") == 48000);
  CHECK(number(all, "inbound-rtp", "ssrc") == 4e9 && number(all, "inbound-rtp", "packetsReceived") == 0x1p40);
  CHECK(number(all, "inbound-rtp", "packetsLost") == -3 && number(all, "inbound-rtp", "jitter") == 0.0025);
  CHECK(number(all, "outbound-rtp", "retransmittedPacketsSent") == 14 &&
        number(all, "outbound-rtp", "retransmittedBytesSent") == 15);
  CHECK(number(all, "inbound-rtp", "retransmittedPacketsReceived") == 16 &&
        number(all, "inbound-rtp", "retransmittedBytesReceived") == 17);
  CHECK(number(all, "outbound-rtp", "packetsSent") == 9 && number(all, "outbound-rtp", "headerBytesSent") == 11);
  CHECK(number(all, "remote-inbound-rtp", "fractionLost") == 0.5);
  CHECK(number(all, "remote-inbound-rtp", "roundTripTime") == 0.02);
  CHECK(number(all, "remote-outbound-rtp", "reportsSent") == 2);
  CHECK(number(all, "candidate-pair", "currentRoundTripTime") == 0.0015);
  CHECK(number(all, "candidate-pair", "requestsSent") == 5 && number(all, "transport", "packetsSent") == 100);
  CHECK(number(all, "data-channel", "messagesSent") == 6 &&
        number(all, "peer-connection", "dataChannelsOpened") == 1);
  const json_t *transport = json_object_get(all, "transport");
  CHECK_TEXT(json_string_value(json_object_get(transport, "dtlsRole")), "client");
  CHECK_TEXT(json_string_value(json_object_get(transport, "srtpCipher")), "AEAD_AES_128_GCM");
  json_decref(all);
}
