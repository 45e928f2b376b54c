#include <stdio.h>

#include "base/io.h"
#include "sctp/association.h"
#include "sctp/pair_test.h"

static const pair_network quiet = {.delay_us = WR_MS(20)};
static uint8_t bytes[1 << 18];

static uint16_t open_channel(pair *p, int side, wr_sctp_channel_settings settings) {
  uint16_t id = 0xffff;
  settings.label = "chat";
  CHECK_EQ(wr_sctp_open_channel(p->end[side], &settings, &id, p->now), WR_OK);
  pair_run_for(p, WR_S(1));
  return id;
}

/* A packet with the tag end |side| expects and checksum zero; |write| fills in chunks. */
static wr_writer begin_packet(const pair *p, int side, uint8_t out[WR_SCTP_MTU]) {
  wr_writer w = wr_writer_of(out, WR_SCTP_MTU);
  wr_sctp_write_header(&w, 5000, p->end[side]->local_tag);
  return w;
}

static void write_data(wr_writer *w, uint32_t tsn, uint16_t stream, uint16_t ssn, uint8_t flags, wr_bytes payload) {
  wr_sctp_data_chunk data = {.tsn = tsn, .ppid = 53, .stream = stream, .ssn = ssn, .flags = flags};
  size_t start = wr_sctp_begin_data(w, &data);
  wr_write_bytes(w, payload);
  wr_sctp_end(w, start);
}

static void inject_data(pair *p, int side, uint32_t tsn, uint8_t flags, wr_bytes payload) {
  uint8_t out[WR_SCTP_MTU];
  wr_writer w = begin_packet(p, side, out);
  write_data(&w, tsn, 0, 1, flags, payload);
  wr_sctp_recv(p->end[side], wr_bytes_of(out, wr_writer_len(&w)), p->now);
}

/* The next packet of end |side|, first chunk only. */
static wr_sctp_chunk poll_chunk(pair *p, int side, uint8_t out[WR_SCTP_MTU]) {
  size_t len = wr_sctp_poll(p->end[side], out, WR_SCTP_MTU, p->now);
  wr_reader r = wr_reader_of(wr_bytes_of(out, len));
  wr_sctp_header header;
  wr_sctp_chunk chunk = {.type = 255};
  if (wr_sctp_read_header(&r, &header)) (void)wr_sctp_read_chunk(&r, &chunk);
  return chunk;
}

#define WHOLE (WR_SCTP_FLAG_BEGIN | WR_SCTP_FLAG_END)

TEST(sctp_sack_waits_20_ms_or_for_the_second_packet) {
  pair *p = pair_init(1, quiet, NULL);
  REQUIRE(pair_connect(p));
  (void)open_channel(p, 0, (wr_sctp_channel_settings){0});
  uint8_t out[WR_SCTP_MTU];
  uint32_t next = p->end[1]->received.cumulative + 1;
  inject_data(p, 1, next, WHOLE, wr_bytes_of("a", 1));
  CHECK_EQ(poll_chunk(p, 1, out).type, 255);
  CHECK_EQ(wr_sctp_deadline(p->end[1]), p->now + WR_MS(20));
  inject_data(p, 1, next + 1, WHOLE, wr_bytes_of("b", 1));
  CHECK_EQ(poll_chunk(p, 1, out).type, WR_SCTP_SACK);
  inject_data(p, 1, next + 2, WHOLE | WR_SCTP_FLAG_IMMEDIATE, wr_bytes_of("c", 1));
  CHECK_EQ(poll_chunk(p, 1, out).type, WR_SCTP_SACK);
  inject_data(p, 1, next + 4, WHOLE, wr_bytes_of("e", 1)); /* a gap */
  CHECK_EQ(poll_chunk(p, 1, out).type, WR_SCTP_SACK);
  inject_data(p, 1, next, WHOLE, wr_bytes_of("a", 1)); /* a duplicate */
  wr_sctp_chunk chunk = poll_chunk(p, 1, out);
  wr_sctp_sack_chunk sack;
  REQUIRE(chunk.type == WR_SCTP_SACK && wr_sctp_read_sack(chunk.body, &sack));
  CHECK_EQ(sack.cumulative, next + 2);
  REQUIRE(sack.n_gaps == 1);
  CHECK_BYTES(sack.gaps.data, 4, "\0\2\0\2", 4);
  CHECK_EQ(wr_get_u32(chunk.body.data + 16), next); /* the duplicate */
  pair_wipe(p);
}

/* More gaps than a packet can list, while everything else is due as well. */
TEST(sctp_sack_of_many_gaps_fits_its_packet) {
  pair *p = pair_init(1, quiet, NULL);
  REQUIRE(pair_connect(p));
  uint32_t next = p->end[1]->received.cumulative + 1;
  p->deaf[0] = p->deaf[1] = true;
  wr_sctp_shutdown(p->end[1], p->now);
  pair_drain(p);
  uint8_t out[WR_SCTP_MTU];
  for (uint32_t i = 1; i < 1000; i++) {
    inject_data(p, 1, next + 2 * i, WHOLE, wr_bytes_of("x", 1));
    if (i % 10 == 0) inject_data(p, 1, next + 2 * i, WHOLE, wr_bytes_of("x", 1));
    if (i % 100 == 0) CHECK_EQ(poll_chunk(p, 1, out).type, WR_SCTP_SACK);
  }
  CHECK_EQ(p->end[1]->received.n_held, 999);
  pair_wipe(p);
}

TEST(sctp_data_far_outside_the_window_is_dropped) {
  pair *p = pair_init(1, quiet, NULL);
  REQUIRE(pair_connect(p));
  (void)open_channel(p, 0, (wr_sctp_channel_settings){0});
  uint32_t cumulative = p->end[1]->received.cumulative;
  size_t n_free = wr_pool_n_free(p->pool);
  inject_data(p, 1, cumulative + 100000, WHOLE, wr_bytes_of("x", 1));
  inject_data(p, 1, cumulative - 100000, WHOLE, wr_bytes_of("x", 1));
  CHECK_EQ(p->end[1]->received.n_held, 0);
  CHECK_EQ(wr_pool_n_free(p->pool), n_free);
  pair_wipe(p);
}

TEST(sctp_wrong_tags_and_checksums_are_counted_and_dropped) {
  pair *p = pair_init(1, quiet, NULL);
  REQUIRE(pair_connect(p));
  uint8_t out[WR_SCTP_MTU];
  wr_writer w = wr_writer_of(out, sizeof out);
  uint64_t dropped = wr_sctp_get_stats(p->end[1])->packets_dropped;
  wr_sctp_write_header(&w, 5000, p->end[1]->local_tag + 1);
  wr_sctp_end(&w, wr_sctp_begin_chunk(&w, WR_SCTP_ABORT, 0));
  pair_inject(p, 1, wr_bytes_of(out, wr_writer_len(&w))); /* wrong tag */
  wr_put_u32(out + 4, p->end[1]->local_tag);
  wr_put_u32(out + 8, 1);
  pair_inject(p, 1, wr_bytes_of(out, wr_writer_len(&w))); /* wrong checksum */
  pair_inject(p, 1, wr_bytes_of(out, 11));
  CHECK_EQ(wr_sctp_get_stats(p->end[1])->packets_dropped, dropped + 3);
  CHECK_EQ(p->n_aborted[1], 0);
  wr_sctp_seal(out, wr_writer_len(&w));
  pair_inject(p, 1, wr_bytes_of(out, wr_writer_len(&w)));
  CHECK_EQ(p->n_aborted[1], 1);
  pair_wipe(p);
}

TEST(sctp_empty_data_aborts_and_a_bad_stream_is_reported) {
  pair *p = pair_init(1, quiet, NULL);
  REQUIRE(pair_connect(p));
  uint8_t out[WR_SCTP_MTU], in[WR_SCTP_MTU];
  uint32_t next = p->end[1]->received.cumulative + 1;
  wr_writer w = begin_packet(p, 1, out);
  write_data(&w, next, 5000, 0, WHOLE, wr_bytes_of("x", 1));
  wr_sctp_recv(p->end[1], wr_bytes_of(out, wr_writer_len(&w)), p->now);
  CHECK_EQ(p->end[1]->received.cumulative, next);
  CHECK_EQ(poll_chunk(p, 1, in).type, WR_SCTP_ERROR);
  inject_data(p, 1, next + 1, WHOLE, wr_bytes_of(NULL, 0));
  CHECK_EQ(poll_chunk(p, 1, in).type, WR_SCTP_ABORT);
  pair_drain(p);
  CHECK_EQ(p->n_aborted[1], 1);
  pair_wipe(p);
}

/* ---- a closed window ---- */

/* The pair's events are normally taken at once; here the receiver does not look. */
TEST(sctp_closed_window_is_probed_and_opens_again) {
  pair *p = pair_init(1, quiet, NULL);
  REQUIRE(pair_connect(p));
  uint16_t id = open_channel(p, 0, (wr_sctp_channel_settings){0});
  wr_sctp *sender = p->end[0], *receiver = p->end[1];
  uint8_t out[WR_SCTP_MTU];
  uint32_t n_sent = 0;
  wr_sctp_event event;
  for (int round = 0; round < 4000; round++) {
    p->now += WR_MS(10);
    while (wr_sctp_send(sender, id, false, wr_bytes_of(bytes, 4000), p->now) == WR_OK) n_sent++;
    wr_sctp_tick(sender, p->now);
    wr_sctp_tick(receiver, p->now);
    for (size_t len; (len = wr_sctp_poll(sender, out, sizeof out, p->now)) > 0;)
      wr_sctp_recv(receiver, wr_bytes_of(out, len), p->now);
    for (size_t len; (len = wr_sctp_poll(receiver, out, sizeof out, p->now)) > 0;)
      wr_sctp_recv(sender, wr_bytes_of(out, len), p->now);
    REQUIRE(receiver->reassembly.store.n_blocks <= receiver->reassembly.store.max_blocks);
  }
  CHECK(wr_sctp_get_stats(sender)->peer_window_bytes < 4096);
  CHECK(wr_sctp_get_stats(sender)->packets_sent < 600); /* probes back off: 40 s */
  CHECK(sender->state == WR_SCTP_ESTABLISHED);
  uint32_t n_got = 0;
  for (int round = 0; round < 200 && n_got < n_sent; round++) {
    while (wr_sctp_poll_event(receiver, &event)) n_got += event.kind == WR_SCTP_EVENT_MESSAGE;
    for (size_t len; (len = wr_sctp_poll(receiver, out, sizeof out, p->now)) > 0;)
      wr_sctp_recv(sender, wr_bytes_of(out, len), p->now);
    for (size_t len; (len = wr_sctp_poll(sender, out, sizeof out, p->now)) > 0;)
      wr_sctp_recv(receiver, wr_bytes_of(out, len), p->now);
  }
  CHECK_EQ(n_got, n_sent); /* the window update alone set it going: no time has passed */
  pair_wipe(p);
}

/* ---- partial reliability end to end ---- */

typedef struct numbers {
  uint32_t n_got, last, n_disordered;
} numbers;

static void note_number(pair *p, int side, const wr_sctp_event *event) {
  numbers *n = p->ctx;
  if (side != 1 || event->kind != WR_SCTP_EVENT_MESSAGE || event->message.len < 4) return;
  uint32_t number = wr_get_u32(event->message.data);
  if (n->n_got && number <= n->last) n->n_disordered++;
  n->last = number;
  n->n_got++;
}

static void lose_some(uint64_t seed, wr_sctp_channel_settings settings, size_t len) {
  pair *p = pair_init(seed, quiet, NULL);
  numbers n = {0};
  p->ctx = &n;
  p->on_event = note_number;
  REQUIRE(pair_connect(p));
  uint16_t id = open_channel(p, 0, settings);
  p->network.loss_percent = 25;
  uint32_t n_sent = 0;
  for (int i = 0; i < 200; i++) {
    wr_put_u32(bytes, n_sent);
    if (wr_sctp_send(p->end[0], id, false, wr_bytes_of(bytes, len), p->now) == WR_OK) n_sent++;
    pair_run_for(p, WR_MS(20));
  }
  p->network.loss_percent = 0;
  pair_run_for(p, WR_S(20));
  wr_put_u32(bytes, 999999); /* the stream goes on */
  CHECK_EQ(wr_sctp_send(p->end[0], id, false, wr_bytes_of(bytes, 4), p->now), WR_OK);
  pair_run_for(p, WR_S(5));
  CHECK_EQ(n.last, 999999);
  CHECK(n.n_got > n_sent / 10 && n.n_got <= n_sent); /* most arrive, some were given up */
  if (!settings.unordered) CHECK_EQ(n.n_disordered, 0);
  CHECK(p->end[0]->queue.head == NULL);
  pair_wipe(p);
}

TEST(sctp_partial_reliability_gives_up_and_goes_on) {
  for (uint64_t seed = 1; seed <= 12; seed++) {
    lose_some(seed, (wr_sctp_channel_settings){.limited_retransmits = true, .reliability = 0}, 200);
    lose_some(seed, (wr_sctp_channel_settings){.limited_retransmits = true, .unordered = true}, 5000);
    lose_some(seed, (wr_sctp_channel_settings){.limited_lifetime = true, .reliability = 100}, 1500);
    lose_some(seed, (wr_sctp_channel_settings){.limited_lifetime = true, .reliability = 50, .unordered = true}, 20);
  }
}

/* ---- liveness ---- */

TEST(sctp_dead_peer_ends_in_aborted) {
  pair *p = pair_init(1, quiet, NULL);
  REQUIRE(pair_connect(p));
  uint16_t id = open_channel(p, 0, (wr_sctp_channel_settings){0});
  p->deaf[1] = true;
  wr_time start = p->now;
  CHECK_EQ(wr_sctp_send(p->end[0], id, false, wr_bytes_of(bytes, 100), p->now), WR_OK);
  while (!p->n_aborted[0] && pair_step(p)) continue;
  CHECK_EQ(p->n_aborted[0], 1);
  CHECK(p->now - start > WR_S(20) && p->now - start < WR_S(90));
  pair_wipe(p);
}

TEST(sctp_idle_association_sends_a_heartbeat_every_30_s) {
  pair *p = pair_init(1, quiet, NULL);
  REQUIRE(pair_connect(p));
  pair_run_for(p, WR_S(5));
  uint32_t n = p->n_sent[0];
  pair_run_for(p, WR_S(300));
  CHECK(p->n_sent[0] - n >= 18 && p->n_sent[0] - n <= 22); /* ten of ours, ten answers */
  CHECK_EQ(p->n_aborted[0], 0);
  p->deaf[0] = p->deaf[1] = true;
  pair_run_for(p, WR_S(400));
  CHECK_EQ(p->n_aborted[0], 1);
  pair_wipe(p);
}

TEST(sctp_unknown_chunks_follow_their_high_bits) {
  static const struct {
    uint8_t type;
    bool goes_on, reported;
  } cases[] = {{0x3f, false, false}, {0x7f, false, true}, {0xbf, true, false}, {0xff, true, true}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    pair *p = pair_init(1, quiet, NULL);
    REQUIRE(pair_connect(p));
    uint8_t out[WR_SCTP_MTU], in[WR_SCTP_MTU];
    wr_writer w = begin_packet(p, 1, out);
    wr_sctp_end(&w, wr_sctp_begin_chunk(&w, (wr_sctp_chunk_type)cases[i].type, 0));
    size_t start = wr_sctp_begin_chunk(&w, WR_SCTP_HEARTBEAT, 0);
    wr_write_u32(&w, 0x00010004);
    wr_sctp_end(&w, start);
    wr_sctp_recv(p->end[1], wr_bytes_of(out, wr_writer_len(&w)), p->now);
    size_t len = wr_sctp_poll(p->end[1], in, sizeof in, p->now);
    bool reported = false, answered = false;
    wr_reader r = wr_reader_of(wr_bytes_of(in, len));
    wr_sctp_header header;
    wr_sctp_chunk chunk;
    (void)wr_sctp_read_header(&r, &header);
    while (wr_sctp_read_chunk(&r, &chunk)) {
      reported = reported || chunk.type == WR_SCTP_ERROR;
      answered = answered || chunk.type == WR_SCTP_HEARTBEAT_ACK;
    }
    CHECK_EQ(answered, cases[i].goes_on);
    CHECK_EQ(reported, cases[i].reported);
    pair_wipe(p);
  }
}

/* ---- memory ---- */

/* A peer that never lets a message become whole, on many streams, in one-byte fragments with holes. */
TEST(sctp_hostile_fragments_cannot_exceed_the_budget) {
  pair *p = pair_init(1, quiet, NULL);
  REQUIRE(pair_connect(p));
  check_rng rng = {9};
  uint32_t base = p->end[1]->received.cumulative, lowest_free = PAIR_POOL_BLOCKS;
  uint8_t out[WR_SCTP_MTU];
  for (int i = 0; i < 3000; i++) {
    wr_writer w = begin_packet(p, 1, out);
    for (int k = 0; k < 50; k++) {
      uint32_t tsn = base + 2 + check_rng_u32(&rng) % 4000;
      uint8_t flags = (uint8_t)(check_rng_u32(&rng) & 7);
      write_data(&w, tsn, (uint16_t)(check_rng_u32(&rng) % 1024), 3, flags, wr_bytes_of("x", 1));
    }
    wr_sctp_recv(p->end[1], wr_bytes_of(out, wr_writer_len(&w)), p->now);
    (void)wr_sctp_poll(p->end[1], out, sizeof out, p->now);
    uint32_t n_free = (uint32_t)wr_pool_n_free(p->pool);
    if (n_free < lowest_free) lowest_free = n_free;
  }
  CHECK(PAIR_POOL_BLOCKS - lowest_free <= 128 + 16); /* 256 KiB and an eighth */
  pair_wipe(p);
}

static void forward_to(pair *p, int side, uint32_t cumulative) {
  uint8_t out[WR_SCTP_MTU];
  wr_writer w = begin_packet(p, side, out);
  size_t start = wr_sctp_begin_chunk(&w, WR_SCTP_FORWARD_TSN, 0);
  wr_write_u32(&w, cumulative);
  wr_sctp_end(&w, start);
  wr_sctp_recv(p->end[side], wr_bytes_of(out, wr_writer_len(&w)), p->now);
}

/* Messages whose turn never comes stay while FORWARD-TSN carries the numbers half way round: they look new again,
 * but they are nothing that could be taken back. */
TEST(sctp_messages_older_than_half_the_numbers_are_not_reneged_on) {
  pair *p = pair_init(1, quiet, NULL);
  REQUIRE(pair_connect(p));
  uint8_t out[WR_SCTP_MTU];
  uint32_t base = p->end[1]->received.cumulative, last = base + 400;
  for (uint32_t tsn = base + 2; tsn != last; tsn++) {
    wr_writer w = begin_packet(p, 1, out);
    write_data(&w, tsn, 1, 7, WHOLE, wr_bytes_of(bytes, 1000));
    wr_sctp_recv(p->end[1], wr_bytes_of(out, wr_writer_len(&w)), p->now);
  }
  uint32_t newest = p->end[1]->reassembly.last->first_tsn;
  forward_to(p, 1, base + 0x7ffffff0u);
  forward_to(p, 1, newest + 0x80000000u);
  CHECK_EQ(p->end[1]->received.cumulative, newest + 0x80000000u);
  inject_data(p, 1, newest + 0x80000001u, WHOLE, wr_bytes_of(bytes, 1000));
  CHECK_EQ(p->end[1]->received.cumulative, newest + 0x80000000u); /* no room: as if it was lost */
  pair_wipe(p);
}
