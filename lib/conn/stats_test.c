#include "wr/stats.h"
#include "conn/conn_state.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "conn_settings.h"

/* Two conns joined by a wire of a constant delay of 20 ms, which loses some packets of sound from |a|. */
#define DELAY_US WR_MS(20)
#define N_BLOCKS 64
#define N_FLYING 256
typedef struct flying {
  wr_time at;
  wr_path path;
  size_t len;
  uint8_t bytes[WR_CONN_MTU];
} flying;

typedef struct pair {
  wr_conn *conn[2];
  wr_addr addr[2];
  flying *air;
  unsigned first, n;
  wr_time now;
  unsigned n_lost, n_tapped[2], n_sctp[2], n_byes[2];
  uint8_t last_chunk[2];
  uint64_t tapped_bytes;
  bool loses;
  uint8_t lost_seq; /* low byte of the last one */
  void *pool_memory;
} pair;

static void seen(void *ctx, wr_tap_kind kind, bool outgoing, wr_bytes packet, wr_time now) {
  pair *p = ctx;
  (void)now;
  if (kind == WR_TAP_SCTP) {
    p->n_sctp[outgoing]++;
    p->last_chunk[outgoing] = packet.data[12]; /* behind the common header (RFC 9260 3) */
    return;
  }
  CHECK_EQ(packet.data[0] >> 6, 2); /* RTP's version, in the clear as all of it */
  CHECK_EQ(kind, packet.data[1] >= 192 && packet.data[1] <= 223 ? WR_TAP_RTCP : WR_TAP_RTP);
  if (kind == WR_TAP_RTCP) {
    for (size_t at = 0; at + 4 <= packet.len;
         at += 4 * (size_t)(1 + (packet.data[at + 2] << 8 | packet.data[at + 3])))
      p->n_byes[outgoing] += packet.data[at + 1] == 203;
    return;
  }
  p->n_tapped[outgoing]++;
  if (packet.len > 20 && memcmp(packet.data + packet.len - 4, "opus", 4) == 0) p->tapped_bytes += packet.len;
}

static void drain(pair *p, unsigned side) {
  wr_out out;
  uint8_t bytes[WR_CONN_MTU];
  for (wr_conn_poll(p->conn[side], bytes, sizeof bytes, &out, p->now); out.kind != WR_OUT_IDLE;
       wr_conn_poll(p->conn[side], bytes, sizeof bytes, &out, p->now)) {
    if (out.kind != WR_OUT_DATAGRAM) continue;
    bool is_sound = bytes[0] >= 128 && (bytes[1] < 192 || bytes[1] > 223);
    bool again = p->n_lost && bytes[3] == p->lost_seq; /* that gets through, whenever it is asked for */
    if (p->loses && side == 0 && is_sound && bytes[3] % 5 == 0 && !again) {
      p->lost_seq = bytes[3];
      p->n_lost++;
      continue;
    }
    CHECK(p->n < N_FLYING);
    flying *f = &p->air[(p->first + p->n++) % N_FLYING];
    *f = (flying){.at = p->now + DELAY_US, .path = {out.path.remote, p->addr[side]}, .len = out.len};
    memcpy(f->bytes, bytes, out.len);
  }
}

static void run(pair *p, wr_time until) {
  for (; p->now < until; p->now += WR_MS(1)) {
    for (unsigned side = 0; side < 2; side++) {
      wr_conn_tick(p->conn[side], p->now);
      drain(p, side);
    }
    while (p->n && p->air[p->first].at <= p->now) {
      flying *f = &p->air[p->first];
      p->first = (p->first + 1) % N_FLYING;
      p->n--;
      unsigned to = wr_addr_equal(&f->path.local, &p->addr[0]) ? 0 : 1;
      (void)wr_conn_recv(p->conn[to], &f->path, (wr_span){f->bytes, f->len}, p->now);
      drain(p, to);
    }
  }
}

static pair *begin(void) {
  static uint8_t message_buffer[70000];
  static wr_sdp scratch;
  pair *p = calloc(1, sizeof *p);
  static const wr_crypto *crypto; /* one certificate for all tests */
  if (!crypto) CHECK_EQ(wr_crypto_openssl_open(&crypto), WR_OK);
  size_t bytes = (wr_pool_size(WR_CONN_POOL_BLOCK, N_BLOCKS) + 15) / 16 * 16;
  p->pool_memory = aligned_alloc(16, bytes);
  p->air = calloc(N_FLYING, sizeof *p->air);
  wr_pool *pool = wr_pool_init(p->pool_memory, WR_CONN_POOL_BLOCK, N_BLOCKS);
  p->now = WR_S(1);
  for (unsigned side = 0; side < 2; side++) {
    wr_conn_settings settings = conn_settings(crypto, pool, message_buffer, sizeof message_buffer);
    CHECK(wr_addr_parse(&p->addr[side], WR_BYTES_LITERAL("127.0.0.1"), (uint16_t)(1000 + side)));
    p->conn[side] = wr_conn_init(aligned_alloc(16, (wr_conn_size() + 15) / 16 * 16), &settings, p->now);
    CHECK_EQ(wr_conn_add_local(p->conn[side], &p->addr[side], &p->addr[side], p->now), WR_OK);
  }
  static char offer[8192], answer[8192];
  size_t len;
  wr_sdp_error error;
  CHECK_EQ(wr_conn_create_offer(p->conn[0], offer, sizeof offer, &len, p->now), WR_OK);
  CHECK_EQ(wr_conn_accept_offer(p->conn[1], wr_bytes_of(offer, len), &scratch, &error, answer, sizeof answer, &len,
                                p->now),
           WR_OK);
  CHECK_EQ(wr_conn_accept_answer(p->conn[0], wr_bytes_of(answer, len), &scratch, &error, p->now), WR_OK);
  run(p, WR_S(2));
  CHECK_EQ(wr_conn_get_state(p->conn[0]), WR_CONN_CONNECTED);
  return p;
}

static void finish(pair *p) {
  for (unsigned side = 0; side < 2; side++) {
    wr_conn_wipe(p->conn[side]);
    free(p->conn[side]);
  }
  free(p->pool_memory);
  free(p->air);
  free(p);
}

static void speak(pair *p, unsigned side, unsigned n) {
  for (unsigned i = 0; i < n; i++) {
    CHECK_EQ(wr_conn_send_audio(p->conn[side], WR_BYTES_LITERAL("\x78opus"), i * 960, i == 0, p->now), WR_OK);
    run(p, p->now + WR_MS(20));
  }
}

TEST(stats_of_both_ends_agree) {
  pair *p = begin();
  p->conn[1]->agreement.opus_nack = false; /* what is lost stays so */
  wr_stats a, b;
  wr_conn_read_stats(p->conn[1], &b, p->now);
  CHECK(!b.inbound_rtp.present && !b.remote_inbound_rtp.present && !b.remote_outbound_rtp.present);
  speak(p, 1, 60); /* so that both send reports, which tell round trips */
  speak(p, 0, 5);  /* nobody knows of what was lost before the first that came */
  p->loses = true;
  speak(p, 0, 200);
  p->loses = false;
  speak(p, 0, 5); /* a loss shows in the numbers of what comes after it */
  run(p, p->now + WR_S(4));
  while (p->n) run(p, p->now + WR_MS(1)); /* nothing is in flight */
  wr_conn_read_stats(p->conn[0], &a, p->now);
  wr_conn_read_stats(p->conn[1], &b, p->now);
  CHECK_EQ(a.at, p->now);
  CHECK(p->n_lost >= 39 && p->n_lost <= 41);
  CHECK_EQ(a.outbound_rtp.ssrc, b.inbound_rtp.ssrc);
  CHECK_EQ(a.outbound_rtp.packets_sent, 210);
  CHECK_EQ(b.inbound_rtp.packets_received, 210 - p->n_lost);
  CHECK_EQ(b.inbound_rtp.packets_lost, p->n_lost);
  CHECK_EQ(a.outbound_rtp.bytes_sent, 5 * 210);
  CHECK_EQ(b.inbound_rtp.bytes_received, 5 * b.inbound_rtp.packets_received);
  CHECK(b.inbound_rtp.header_bytes_received >= 12 * b.inbound_rtp.packets_received);
  CHECK(a.outbound_rtp.header_bytes_sent >= b.inbound_rtp.header_bytes_received);
  CHECK_EQ(a.remote_inbound_rtp.packets_lost, p->n_lost);
  CHECK_EQ(a.remote_inbound_rtp.fraction_lost * 256, 0);
  CHECK(a.remote_inbound_rtp.round_trip_time_us >= 2 * DELAY_US - 1000 &&
        a.remote_inbound_rtp.round_trip_time_us <= 2 * DELAY_US + 3000);
  CHECK(a.remote_inbound_rtp.round_trip_time_measurements >= 2);
  uint64_t mean_us =
      a.remote_inbound_rtp.total_round_trip_time_us / a.remote_inbound_rtp.round_trip_time_measurements;
  CHECK(mean_us >= 2 * DELAY_US - 1000 && mean_us <= 2 * DELAY_US + 3000);
  CHECK_EQ(b.remote_outbound_rtp.packets_sent, 210);
  CHECK_EQ(b.remote_outbound_rtp.bytes_sent, 5 * 210);
  CHECK(b.remote_outbound_rtp.reports_sent >= 3 && b.remote_outbound_rtp.remote_ntp != 0);
  CHECK_EQ(b.codec.clock_rate_hz, 48000);
  CHECK(b.codec.present && b.codec.payload_type == a.codec.payload_type);
  CHECK(a.candidate_pair.present && wr_addr_equal(&a.candidate_pair.path.remote, &p->addr[1]));
  CHECK(a.candidate_pair.current_round_trip_time_us >= 2 * DELAY_US - 1000);
  CHECK(a.transport.is_dtls_client != b.transport.is_dtls_client);
  CHECK_EQ(a.transport.packets_sent, b.transport.packets_received + p->n_lost);
  CHECK_EQ(b.transport.bytes_sent, a.transport.bytes_received);
  CHECK(a.transport.selected_candidate_pair_changes >= 1 && a.transport.requests_sent >= 1);
  CHECK(strcmp(wr_stats_srtp_cipher(a.transport.srtp_profile), "AEAD_AES_128_GCM") == 0);
  CHECK(strcmp(wr_stats_dtls_state_text(a.transport.dtls_state), "connected") == 0);
  finish(p);
}

/* RFC 3611: who only listens learns the round trip all the same. */
TEST(stats_of_who_sends_nothing_know_the_round_trip) {
  pair *p = begin();
  wr_stats b;
  speak(p, 0, 250);
  wr_conn_read_stats(p->conn[1], &b, p->now);
  CHECK(!b.outbound_rtp.present && !b.remote_inbound_rtp.present && b.remote_outbound_rtp.present);
  CHECK(b.remote_outbound_rtp.round_trip_time_measurements >= 2);
  CHECK(b.remote_outbound_rtp.round_trip_time_us >= 2 * DELAY_US - 1000 &&
        b.remote_outbound_rtp.round_trip_time_us <= 2 * DELAY_US + 3000);
  uint64_t mean_us =
      b.remote_outbound_rtp.total_round_trip_time_us / b.remote_outbound_rtp.round_trip_time_measurements;
  CHECK(mean_us >= 2 * DELAY_US - 1000 && mean_us <= 2 * DELAY_US + 3000);
  uint32_t n = b.remote_outbound_rtp.round_trip_time_measurements;
  speak(p, 1, 1);
  speak(p, 0, 150);
  wr_conn_read_stats(p->conn[1], &b, p->now);
  CHECK(b.remote_outbound_rtp.round_trip_time_measurements <= n + 1); /* reports tell it now */
  CHECK(b.remote_inbound_rtp.round_trip_time_us >= 2 * DELAY_US - 1000);
  finish(p);
}

TEST(stats_count_what_is_sent_again_where_w3c_does) {
  pair *p = begin();
  wr_tap tap = {seen, p};
  wr_stats a, b;
  speak(p, 1, 60); /* round trips become known: only then is asked */
  wr_conn_set_tap(p->conn[0], &tap);
  speak(p, 0, 60);
  p->loses = true;
  speak(p, 0, 5); /* one in five */
  p->loses = false;
  speak(p, 0, 20);
  run(p, p->now + WR_S(4));
  wr_conn_read_stats(p->conn[0], &a, p->now);
  wr_conn_read_stats(p->conn[1], &b, p->now);
  uint64_t n_again = a.outbound_rtp.retransmitted_packets_sent;
  CHECK(n_again >= 1 && n_again == b.inbound_rtp.retransmitted_packets_received);
  CHECK_EQ(a.outbound_rtp.retransmitted_bytes_sent, 5 * n_again);
  CHECK_EQ(b.inbound_rtp.retransmitted_bytes_received, 5 * n_again);
  CHECK_EQ(a.outbound_rtp.packets_sent, 85 + n_again);
  CHECK_EQ(a.outbound_rtp.bytes_sent, 5 * a.outbound_rtp.packets_sent);
  CHECK_EQ(a.outbound_rtp.packets_sent, b.inbound_rtp.packets_received + p->n_lost);
  CHECK_EQ(b.inbound_rtp.bytes_received, 5 * b.inbound_rtp.packets_received);
  CHECK_EQ(b.remote_outbound_rtp.packets_sent, a.outbound_rtp.packets_sent);
  CHECK_EQ(b.remote_outbound_rtp.bytes_sent, a.outbound_rtp.bytes_sent);
  CHECK_EQ(b.inbound_rtp.packets_lost, p->n_lost);
  CHECK_EQ(a.remote_inbound_rtp.packets_lost, p->n_lost);
  CHECK_EQ(p->n_tapped[true], a.outbound_rtp.packets_sent); /* in the clear: seen() looks */
  CHECK(p->tapped_bytes >= 17 * a.outbound_rtp.packets_sent);
  finish(p);
}

TEST(stats_of_data_channels) {
  pair *p = begin();
  wr_stats a, b;
  uint16_t channel;
  CHECK_EQ(wr_conn_open_channel(p->conn[0], &(wr_channel_settings){.label = "x"}, &channel, p->now), WR_OK);
  CHECK_EQ(wr_conn_send_message(p->conn[0], channel, true, WR_BYTES_LITERAL("hello"), p->now), WR_OK);
  CHECK_EQ(wr_conn_send_message(p->conn[0], channel, true, WR_BYTES_LITERAL("you"), p->now), WR_OK);
  run(p, p->now + WR_S(1));
  wr_conn_read_stats(p->conn[0], &a, p->now);
  wr_conn_read_stats(p->conn[1], &b, p->now);
  CHECK(a.data_channel.present && b.data_channel.present);
  CHECK_EQ(a.data_channel.messages_sent, 2);
  CHECK_EQ(a.data_channel.bytes_sent, 8);
  CHECK_EQ(b.data_channel.messages_received, 2);
  CHECK_EQ(b.data_channel.bytes_received, 8);
  CHECK_EQ(a.data_channel.channels_opened, 1);
  CHECK_EQ(b.data_channel.channels_opened, 1);
  CHECK_EQ(wr_conn_close_channel(p->conn[0], channel, p->now), WR_OK);
  run(p, p->now + WR_S(1));
  wr_conn_read_stats(p->conn[1], &b, p->now);
  CHECK_EQ(b.data_channel.channels_closed, 1);
  wr_conn_close(p->conn[0], p->now);
  wr_conn_read_stats(p->conn[0], &a, p->now);
  CHECK(strcmp(wr_stats_dtls_state_text(a.transport.dtls_state), "closed") == 0);
  finish(p);
}

TEST(tap_sees_media_in_the_clear_on_both_sides) {
  pair *p = begin();
  wr_tap tap = {seen, p};
  wr_conn_set_tap(p->conn[0], &tap);
  speak(p, 0, 10);
  CHECK_EQ(p->n_tapped[true], 10);
  CHECK_EQ(p->n_tapped[false], 0);
  wr_conn_set_tap(p->conn[0], NULL);
  run(p, p->now + WR_MS(100));
  wr_conn_set_tap(p->conn[1], &tap);
  speak(p, 0, 10);
  run(p, p->now + WR_MS(100));
  CHECK_EQ(p->n_tapped[true], 10);
  CHECK_EQ(p->n_tapped[false], 10);
  CHECK(p->tapped_bytes >= 20 * 17); /* whole packets, and the words can be read */
  wr_conn_set_tap(p->conn[1], NULL);
  speak(p, 0, 1);
  run(p, p->now + WR_MS(100));
  CHECK_EQ(p->n_tapped[false], 10);
  finish(p);
}

TEST(tap_sees_messages_and_the_goodbyes_of_a_close) {
  pair *p = begin();
  wr_tap tap = {seen, p};
  uint16_t channel;
  wr_conn_set_tap(p->conn[0], &tap);
  wr_channel_settings settings = {.label = "chat"};
  CHECK_EQ(wr_conn_open_channel(p->conn[0], &settings, &channel, p->now), WR_OK);
  speak(p, 0, 3);
  run(p, p->now + WR_MS(300));
  CHECK(p->n_sctp[true] > 0 && p->n_sctp[false] > 0);
  CHECK(p->n_byes[true] == 0 && p->last_chunk[true] != 6);
  wr_conn_close(p->conn[0], p->now);
  CHECK_EQ(p->n_byes[true], 1);
  CHECK_EQ(p->last_chunk[true], 6); /* ABORT */
  finish(p);
}
