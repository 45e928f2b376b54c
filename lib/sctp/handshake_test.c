#include "base/io.h"
#include "sctp/association.h"
#include "sctp/pair_test.h"

static const pair_network quiet = {.delay_us = WR_MS(20)};

/* Packets as a peer of another make would send them. */
static size_t packet_of(uint8_t *out, uint32_t tag, wr_sctp_chunk_type type, wr_bytes body) {
  wr_writer w = wr_writer_of(out, WR_SCTP_MTU);
  wr_sctp_write_header(&w, 5000, tag);
  size_t start = wr_sctp_begin_chunk(&w, type, 0);
  wr_write_bytes(&w, body);
  wr_sctp_end(&w, start);
  wr_sctp_seal(out, wr_writer_len(&w));
  return wr_writer_len(&w);
}

static wr_sctp_chunk poll_chunk(wr_sctp *s, uint8_t *out, wr_sctp_header *header, wr_time now) {
  wr_sctp_chunk chunk = {.type = 255};
  size_t len = wr_sctp_poll(s, out, WR_SCTP_MTU, now);
  wr_reader r = wr_reader_of(wr_bytes_of(out, len));
  if (wr_sctp_read_header(&r, header)) (void)wr_sctp_read_chunk(&r, &chunk);
  return chunk;
}

TEST(sctp_both_connect_at_once_whatever_is_lost) {
  for (uint64_t seed = 1; seed <= 300; seed++) {
    pair *p = pair_init(seed, (pair_network){WR_MS(20), WR_MS(40), (uint32_t)(seed % 4 * 10), 10}, NULL);
    uint16_t id[2];
    wr_sctp_channel_settings chat = {.label = "chat"};
    for (int side = 0; side < 2; side++) {
      wr_sctp_connect(p->end[side], p->now);
      CHECK_EQ(wr_sctp_open_channel(p->end[side], &chat, &id[side], p->now), WR_OK);
    }
    CHECK(id[0] == 0 && id[1] == 1);
    wr_time limit = p->now + WR_S(120);
    while (p->now < limit && !(p->n_opened[0] == 2 && p->n_opened[1] == 2) && pair_step(p)) continue;
    CHECK(p->n_connected[0] == 1 && p->n_connected[1] == 1);
    CHECK(p->n_opened[0] == 2 && p->n_opened[1] == 2); /* own one acknowledged and the other's */
    pair_wipe(p);
  }
}

TEST(sctp_handshake_measures_the_round_trip) {
  pair *p = pair_init(1, quiet, NULL);
  REQUIRE(pair_connect(p));
  CHECK_EQ(p->end[0]->rto.srtt_us, WR_MS(40));
  pair_wipe(p);
}

TEST(sctp_gives_up_connecting_after_its_retransmissions) {
  pair *p = pair_init(1, quiet, NULL);
  p->deaf[1] = true;
  wr_time start = p->now;
  wr_sctp_connect(p->end[0], p->now);
  while (!p->n_aborted[0] && pair_step(p)) continue;
  CHECK_EQ(p->n_aborted[0], 1);
  CHECK_EQ(p->n_sent[0], 1 + WR_SCTP_MAX_INIT_RETRANSMITS);
  CHECK(p->now - start < WR_S(70));
  CHECK_EQ(wr_sctp_deadline(p->end[0]), WR_NEVER);
  pair_wipe(p);
}

TEST(sctp_our_init_is_what_every_peer_takes) {
  pair *p = pair_init(1, quiet, NULL);
  uint8_t out[WR_SCTP_MTU];
  wr_sctp_header header = {0};
  wr_sctp_connect(p->end[0], p->now);
  wr_sctp_chunk chunk = poll_chunk(p->end[0], out, &header, p->now);
  wr_sctp_init_chunk init;
  REQUIRE(chunk.type == WR_SCTP_INIT && wr_sctp_read_init(chunk.body, &init));
  CHECK(init.forward_tsn && init.re_config && !init.zero_checksum);
  CHECK_EQ(init.a_rwnd / 1024, 256);
  CHECK(header.tag == 0 && header.checksum != 0);
  CHECK_EQ(header.checksum, wr_sctp_checksum(wr_bytes_of(out, 12 + (chunk.whole.len + 3) / 4 * 4)));
  pair_wipe(p);
}

static size_t init_packet(uint8_t *out, uint32_t tag, uint32_t tsn, bool zero_checksum, uint16_t extra_param) {
  wr_writer w = wr_writer_of(out, WR_SCTP_MTU);
  wr_sctp_init_chunk init = {.tag = tag, .a_rwnd = 100000, .n_out = 65535, .n_in = 65535, .tsn = tsn};
  init.forward_tsn = init.re_config = true;
  init.zero_checksum = zero_checksum;
  wr_sctp_write_header(&w, 5000, 0);
  wr_sctp_write_init(&w, WR_SCTP_INIT, &init);
  if (extra_param) {
    wr_sctp_end_param(&w, wr_sctp_begin_param(&w, extra_param));
    wr_put_u16(out + 14, (uint16_t)(wr_writer_len(&w) - 12));
  }
  wr_sctp_seal(out, wr_writer_len(&w));
  return wr_writer_len(&w);
}

/* Plays a peer against end 1 up to COOKIE ECHO; returns end 1's tag. */
static uint32_t shake_hands(pair *p, uint32_t tag, uint32_t tsn, bool zero_checksum) {
  uint8_t in[WR_SCTP_MTU], out[WR_SCTP_MTU];
  wr_sctp_header header = {0};
  size_t len = init_packet(in, tag, tsn, zero_checksum, 0);
  wr_sctp_recv(p->end[1], wr_bytes_of(in, len), p->now);
  wr_sctp_chunk chunk = poll_chunk(p->end[1], out, &header, p->now);
  wr_sctp_init_chunk ack = {0};
  CHECK(chunk.type == WR_SCTP_INIT_ACK && wr_sctp_read_init(chunk.body, &ack));
  CHECK_EQ(header.tag, tag);
  CHECK(header.checksum != 0);
  CHECK_EQ(ack.zero_checksum, zero_checksum);
  len = packet_of(in, ack.tag, WR_SCTP_COOKIE_ECHO, ack.cookie);
  wr_sctp_recv(p->end[1], wr_bytes_of(in, len), p->now);
  return ack.tag;
}

TEST(sctp_zero_checksum_is_used_with_a_peer_that_declared_it) {
  for (int declared = 0; declared < 2; declared++) {
    pair *p = pair_init(1, quiet, NULL);
    (void)shake_hands(p, 77, 1, declared);
    uint8_t out[WR_SCTP_MTU];
    wr_sctp_header header = {.checksum = 1};
    CHECK_EQ(poll_chunk(p->end[1], out, &header, p->now).type, WR_SCTP_COOKIE_ACK);
    CHECK_EQ(header.tag, 77);
    CHECK_EQ(header.checksum == 0, declared);
    pair_wipe(p);
  }
}

TEST(sctp_unknown_parameter_is_reported_in_init_ack) {
  pair *p = pair_init(1, quiet, NULL);
  uint8_t in[WR_SCTP_MTU], out[WR_SCTP_MTU];
  wr_sctp_header header;
  wr_sctp_recv(p->end[1], wr_bytes_of(in, init_packet(in, 5, 5, false, 0xfaaa)), p->now);
  wr_sctp_chunk ack = poll_chunk(p->end[1], out, &header, p->now);
  CHECK_EQ(ack.type, WR_SCTP_INIT_ACK);
  REQUIRE(ack.body.len > 8);
  CHECK_BYTES(ack.body.data + ack.body.len - 8, 8, "\0\10\0\10\xfa\xaa\0\4", 8);
  pair_wipe(p);
}

TEST(sctp_cookie_must_be_the_one_we_gave) {
  pair *p = pair_init(1, quiet, NULL);
  uint8_t in[WR_SCTP_MTU], out[WR_SCTP_MTU];
  wr_sctp_header header;
  size_t len = init_packet(in, 5, 5, false, 0);
  wr_sctp_recv(p->end[1], wr_bytes_of(in, len), p->now);
  wr_sctp_init_chunk first, second;
  uint8_t cookie[64], forged[64];
  CHECK(wr_sctp_read_init(poll_chunk(p->end[1], out, &header, p->now).body, &first));
  memcpy(cookie, first.cookie.data, first.cookie.len);
  memcpy(forged, cookie, first.cookie.len);
  forged[3] ^= 1;
  uint8_t echo[WR_SCTP_MTU];
  size_t echo_len = packet_of(echo, first.tag, WR_SCTP_COOKIE_ECHO, wr_bytes_of(forged, first.cookie.len));
  pair_inject(p, 1, wr_bytes_of(echo, echo_len));
  CHECK_EQ(p->n_connected[1], 0);
  /* The INIT came twice: the cookie of either answer is good. */
  wr_sctp_recv(p->end[1], wr_bytes_of(in, len), p->now);
  uint8_t out2[WR_SCTP_MTU];
  CHECK(wr_sctp_read_init(poll_chunk(p->end[1], out2, &header, p->now).body, &second));
  CHECK_EQ(second.tag, first.tag);
  echo_len = packet_of(echo, first.tag, WR_SCTP_COOKIE_ECHO, wr_bytes_of(cookie, first.cookie.len));
  pair_inject(p, 1, wr_bytes_of(echo, echo_len));
  CHECK_EQ(p->n_connected[1], 1);
  /* COOKIE ACK was lost: the echo comes again and is answered, nothing else happens. */
  wr_sctp_recv(p->end[1], wr_bytes_of(echo, echo_len), p->now);
  CHECK_EQ(poll_chunk(p->end[1], out, &header, p->now).type, WR_SCTP_COOKIE_ACK);
  pair_drain(p);
  CHECK_EQ(p->n_connected[1], 1);
  pair_wipe(p);
}

TEST(sctp_peer_restart_closes_channels_and_connects_again) {
  pair *p = pair_init(1, quiet, NULL);
  REQUIRE(pair_connect(p));
  uint16_t id;
  wr_sctp_channel_settings chat = {.label = "chat"};
  CHECK_EQ(wr_sctp_open_channel(p->end[1], &chat, &id, p->now), WR_OK);
  pair_run_for(p, WR_S(1));
  CHECK_EQ(p->n_opened[1], 1);
  uint8_t bytes[5000] = {0};
  CHECK_EQ(wr_sctp_send(p->end[1], id, false, wr_bytes_of(bytes, sizeof bytes), p->now), WR_OK);
  p->deaf[0] = p->deaf[1] = true;
  (void)shake_hands(p, 4242, 99, false);
  pair_drain(p);
  CHECK_EQ(p->n_connected[1], 2);
  CHECK_EQ(p->n_channels_closed[1], 1);
  CHECK_EQ(wr_sctp_send(p->end[1], id, false, wr_bytes_of(bytes, 1), p->now), WR_ERR_STATE);
  CHECK_EQ(wr_sctp_open_channel(p->end[1], &chat, &id, p->now), WR_OK);
  pair_wipe(p);
}

TEST(sctp_shutdown_delivers_everything_first) {
  for (uint64_t seed = 1; seed <= 60; seed++) {
    pair *p = pair_init(seed, (pair_network){WR_MS(10), WR_MS(10), (uint32_t)(seed % 3 * 10), 0}, NULL);
    REQUIRE(pair_connect(p));
    uint16_t id;
    wr_sctp_channel_settings chat = {.label = "chat"};
    CHECK_EQ(wr_sctp_open_channel(p->end[0], &chat, &id, p->now), WR_OK);
    static uint8_t bytes[60000];
    CHECK_EQ(wr_sctp_send(p->end[0], id, false, wr_bytes_of(bytes, sizeof bytes), p->now), WR_OK);
    wr_sctp_shutdown(p->end[0], p->now);
    if (seed % 2) wr_sctp_shutdown(p->end[1], p->now);
    pair_run_for(p, WR_S(300));
    /* The last SHUTDOWN COMPLETE may be lost and nobody repeats it unasked: then retransmissions run out. */
    CHECK_EQ(p->n_closed[0], 1);
    CHECK_EQ(p->n_closed[1] + p->n_aborted[1], 1);
    CHECK_EQ(wr_sctp_get_stats(p->end[1])->messages_received, 1);
    CHECK_EQ(wr_sctp_deadline(p->end[0]), WR_NEVER);
    pair_wipe(p);
  }
}

TEST(sctp_abort_is_told_and_ends_both) {
  pair *p = pair_init(1, quiet, NULL);
  REQUIRE(pair_connect(p));
  wr_sctp_abort(p->end[0], p->now);
  pair_run_for(p, WR_S(1));
  CHECK(p->n_aborted[0] == 1 && p->n_aborted[1] == 1);
  uint16_t id;
  wr_sctp_channel_settings chat = {.label = "chat"};
  CHECK_EQ(wr_sctp_open_channel(p->end[0], &chat, &id, p->now), WR_ERR_STATE);
  wr_sctp_connect(p->end[0], p->now); /* one association per DTLS connection */
  CHECK_EQ(wr_sctp_deadline(p->end[0]), WR_NEVER);
  pair_wipe(p);
}
