#include "base/io.h"
#include "sctp/association.h"
#include "sctp/dcep.h"
#include "sctp/pair_test.h"

static const pair_network quiet = {.delay_us = WR_MS(20)};
static const wr_sctp_channel_settings chat = {.label = "chat"};
static uint8_t bytes[1 << 18];

static void tiny_messages(wr_sctp_settings *settings, int side) {
  (void)side;
  settings->max_message_bytes = 10000;
}

static wr_err send(pair *p, int side, uint16_t id, size_t len) {
  return wr_sctp_send(p->end[side], id, false, wr_bytes_of(bytes, len), p->now);
}

/* The last message of each side and channel. */
typedef struct seen {
  size_t len[2];
  bool is_text[2];
  uint32_t n[2][64];
  char label[65];
  bool by_peer;
  uint32_t n_wrong;
} seen;

static void note(pair *p, int side, const wr_sctp_event *event) {
  seen *s = p->ctx;
  if (event->kind == WR_SCTP_EVENT_CHANNEL_OPEN && side == 1) {
    memcpy(s->label, event->label.data, event->label.len);
    s->label[event->label.len] = 0;
    s->by_peer = event->by_peer;
  }
  if (event->kind != WR_SCTP_EVENT_MESSAGE) return;
  s->len[side] = event->message.len;
  s->is_text[side] = event->is_text;
  if (event->message.len >= 4 && wr_get_u32(event->message.data) != s->n[side][event->channel]) s->n_wrong++;
  s->n[side][event->channel]++;
}

static pair *connected(uint64_t seed, pair_network network, seen *s,
                       void (*tweak)(wr_sctp_settings *settings, int side)) {
  pair *p = pair_init(seed, network, tweak);
  *s = (seen){0};
  p->ctx = s;
  p->on_event = note;
  CHECK(pair_connect(p));
  return p;
}

TEST(dcep_label_and_kinds_of_messages_arrive) {
  seen s;
  pair *p = connected(1, quiet, &s, NULL);
  uint16_t id;
  CHECK_EQ(wr_sctp_open_channel(p->end[0], &chat, &id, p->now), WR_OK);
  pair_run_for(p, WR_S(1));
  CHECK_TEXT(s.label, "chat");
  CHECK(s.by_peer);
  static const size_t lens[] = {0, 1, 3, 1108, 1109, 65536};
  for (size_t i = 0; i < 6; i++) {
    for (int text = 0; text < 2; text++) {
      memset(bytes, 0, sizeof bytes);
      CHECK_EQ(wr_sctp_send(p->end[1], id, text, wr_bytes_of(bytes, lens[i]), p->now), WR_OK);
      s.len[0] = 99;
      s.n[0][id] = 0;
      pair_run_for(p, WR_S(1));
      CHECK_EQ(s.len[0], lens[i]);
      CHECK_EQ(s.is_text[0], text);
    }
  }
  pair_wipe(p);
}

TEST(sctp_sixteen_channels_interleave_and_the_seventeenth_is_refused) {
  for (uint64_t seed = 1; seed <= 20; seed++) {
    seen s;
    pair *p = connected(seed, (pair_network){WR_MS(10), WR_MS(20), 10, 5}, &s, NULL);
    uint16_t id[16], extra;
    for (int i = 0; i < 16; i++) {
      CHECK_EQ(wr_sctp_open_channel(p->end[0], &chat, &id[i], p->now), WR_OK);
      CHECK_EQ(id[i], 2 * i);
    }
    CHECK_EQ(wr_sctp_open_channel(p->end[0], &chat, &extra, p->now), WR_ERR_LIMIT);
    pair_run_for(p, WR_S(5));
    CHECK_EQ(p->n_opened[1], 16);
    uint32_t n_sent[16] = {0};
    for (int round = 0; round < 20; round++) {
      for (int i = 0; i < 16; i++) {
        wr_put_u32(bytes, n_sent[i]);
        if (send(p, 0, id[i], 4 + (size_t)i * 300) == WR_OK) n_sent[i]++;
      }
      pair_run_for(p, WR_MS(300));
    }
    pair_run_for(p, WR_S(60));
    for (int i = 0; i < 16; i++) CHECK_EQ(s.n[1][id[i]], n_sent[i]);
    CHECK_EQ(s.n_wrong, 0);
    pair_wipe(p);
  }
}

TEST(sctp_channel_closes_on_both_sides_and_its_id_is_used_again) {
  for (uint64_t seed = 1; seed <= 60; seed++) {
    seen s;
    pair *p = connected(seed, (pair_network){WR_MS(10), WR_MS(20), (uint32_t)(seed % 3 * 10), 5}, &s, NULL);
    for (int round = 0; round < 6; round++) {
      uint16_t id = 99;
      CHECK_EQ(wr_sctp_open_channel(p->end[0], &chat, &id, p->now), WR_OK);
      CHECK_EQ(id, 0);
      memset(s.n, 0, sizeof s.n);
      for (uint32_t k = 0; k < 4; k++) {
        wr_put_u32(bytes, k);
        CHECK_EQ(send(p, 0, id, 3000), WR_OK);
      }
      if (round % 2) pair_run_for(p, WR_S(20));
      int closer = round == 3; /* the other side may close as well */
      CHECK_EQ(wr_sctp_close_channel(p->end[closer], id, p->now), WR_OK);
      if (round == 5) CHECK_EQ(wr_sctp_close_channel(p->end[1], id, p->now), WR_OK);
      CHECK_EQ(send(p, closer, id, 10), WR_ERR_STATE);
      pair_run_for(p, WR_S(30));
      CHECK_EQ(p->n_channels_closed[0], round + 1);
      CHECK_EQ(p->n_channels_closed[1], round + 1);
      CHECK_EQ(s.n[1][id], 4); /* queued messages went first */
      CHECK_EQ(s.n_wrong, 0);
    }
    pair_wipe(p);
  }
}

TEST(sctp_message_too_big_is_dropped_whole_and_the_channel_lives) {
  seen s;
  pair *p = connected(1, (pair_network){WR_MS(10), WR_MS(10), 5, 0}, &s, tiny_messages);
  uint16_t id;
  CHECK_EQ(wr_sctp_open_channel(p->end[0], &chat, &id, p->now), WR_OK);
  pair_run_for(p, WR_S(1));
  wr_put_u32(bytes, 0);
  CHECK_EQ(send(p, 0, id, 10000), WR_OK);
  CHECK_EQ(send(p, 0, id, 10001), WR_OK);
  CHECK_EQ(send(p, 0, id, 100000), WR_OK);
  wr_put_u32(bytes, 1);
  CHECK_EQ(send(p, 0, id, 10000), WR_OK);
  pair_run_for(p, WR_S(60));
  CHECK_EQ(p->n_too_big[1], 2);
  CHECK_EQ(s.n[1][id], 2);
  CHECK_EQ(s.n_wrong, 0);
  pair_wipe(p);
}

TEST(sctp_full_budget_is_refused_and_buffered_low_says_when_to_go_on) {
  seen s;
  pair *p = connected(1, quiet, &s, NULL);
  uint16_t id;
  CHECK_EQ(wr_sctp_open_channel(p->end[0], &chat, &id, p->now), WR_OK);
  pair_run_for(p, WR_S(1));
  wr_sctp_set_buffered_low(p->end[0], id, 1000);
  p->n_low[0] = 0;
  uint32_t n_sent = 0;
  while (send(p, 0, id, 65536) == WR_OK) n_sent++;
  CHECK_EQ(n_sent, 4);
  CHECK_EQ(wr_sctp_buffered_bytes(p->end[0], id), 4 * 65536);
  CHECK_EQ(send(p, 0, id, 1 << 19), WR_ERR_LIMIT);
  CHECK_EQ(send(p, 0, id, 65536), WR_ERR_LIMIT);
  while (!p->n_low[0] && pair_step(p)) continue;
  CHECK_EQ(send(p, 0, id, 65536), WR_OK);
  pair_run_for(p, WR_S(5));
  CHECK_EQ(wr_sctp_buffered_bytes(p->end[0], id), 0);
  CHECK(p->n_low[0] >= 2);
  pair_wipe(p);
}

/* An exhausted pool belongs to others too: room may come without a SACK of ours. */
TEST(sctp_empty_pool_is_refused_and_tried_again) {
  seen s;
  pair *p = connected(1, quiet, &s, NULL);
  uint16_t id;
  CHECK_EQ(wr_sctp_open_channel(p->end[0], &chat, &id, p->now), WR_OK);
  pair_run_for(p, WR_S(1));
  static void *taken[PAIR_POOL_BLOCKS + 1];
  size_t n = 0;
  while ((taken[n] = wr_pool_take(p->pool)) != NULL) n++;
  CHECK_EQ(send(p, 0, id, 5000), WR_ERR_LIMIT);
  p->n_low[0] = 0;
  pair_run_for(p, WR_S(1));
  CHECK_EQ(p->n_low[0], 0);
  while (n) wr_pool_give(p->pool, taken[--n]);
  pair_run_for(p, WR_S(1));
  CHECK_EQ(p->n_low[0], 1);
  CHECK_EQ(send(p, 0, id, 5000), WR_OK);
  pair_wipe(p);
}

/* ---- a peer of another make: crafted DATA to end 1 ---- */

static void inject(pair *p, uint16_t stream, uint16_t ssn, uint8_t flags, uint32_t ppid, wr_bytes payload) {
  uint8_t out[WR_SCTP_MTU];
  wr_writer w = wr_writer_of(out, sizeof out);
  wr_sctp_data_chunk data = {.tsn = p->end[1]->received.cumulative + 1, .ppid = ppid, .stream = stream, .ssn = ssn};
  data.flags = flags | WR_SCTP_FLAG_BEGIN | WR_SCTP_FLAG_END;
  wr_sctp_write_header(&w, 5000, p->end[1]->local_tag);
  size_t start = wr_sctp_begin_data(&w, &data);
  wr_write_bytes(&w, payload);
  wr_sctp_end(&w, start);
  p->deaf[0] = true; /* the real other end knows nothing of this */
  pair_inject(p, 1, wr_bytes_of(out, wr_writer_len(&w)));
}

static const uint8_t open_message[] = {3, 0x80, 1, 0, 0, 0, 0, 0, 0, 2, 0, 0, 'h', 'i'};

TEST(dcep_wrong_parity_is_tolerated) {
  seen s;
  pair *p = connected(1, quiet, &s, NULL);
  inject(p, 7, 0, 0, WR_PPID_DCEP, wr_bytes_of(open_message, sizeof open_message));
  CHECK_EQ(p->n_opened[1], 1);
  CHECK_TEXT(s.label, "hi");
  uint16_t id;
  for (int i = 0; i < 4; i++) {
    CHECK_EQ(wr_sctp_open_channel(p->end[1], &chat, &id, p->now), WR_OK);
    CHECK(id != 7);
  }
  pair_wipe(p);
}

TEST(dcep_unordered_data_before_its_open_waits) {
  seen s;
  pair *p = connected(1, quiet, &s, NULL);
  inject(p, 4, 0, WR_SCTP_FLAG_UNORDERED, WR_PPID_STRING, WR_BYTES_LITERAL("abc"));
  CHECK_EQ(s.len[1], 0);
  CHECK_EQ(p->n_opened[1], 0);
  CHECK_EQ(wr_sctp_send(p->end[1], 4, true, WR_BYTES_LITERAL("x"), p->now), WR_ERR_STATE);
  inject(p, 4, 0, 0, WR_PPID_DCEP, wr_bytes_of(open_message, sizeof open_message));
  CHECK_EQ(p->n_opened[1], 1);
  CHECK_EQ(s.len[1], 3);
  CHECK(s.is_text[1]);
  pair_wipe(p);
}

TEST(dcep_ordered_data_on_an_unused_stream_resets_it) {
  seen s;
  pair *p = connected(1, quiet, &s, NULL);
  inject(p, 4, 0, 0, WR_PPID_STRING, WR_BYTES_LITERAL("abc"));
  CHECK_EQ(s.len[1], 0);
  CHECK(wr_sctp_reconfig_is_busy(&p->end[1]->reconfig));
  CHECK_EQ(p->end[1]->reconfig.in_flight.ids[0], 4);
  pair_wipe(p);
}

TEST(dcep_rubbish_changes_nothing) {
  seen s;
  pair *p = connected(1, quiet, &s, NULL);
  inject(p, 4, 0, 0, WR_PPID_DCEP, WR_BYTES_LITERAL("\1\2\3"));
  inject(p, 4, 1, 0, WR_PPID_DCEP, wr_bytes_of(open_message, 9));
  inject(p, 4, 2, 0, WR_PPID_DCEP, WR_BYTES_LITERAL("\2")); /* an ACK nobody waits for */
  inject(p, 4, 3, 0, 52, WR_BYTES_LITERAL("deprecated"));
  CHECK_EQ(p->n_opened[1], 0);
  CHECK_EQ(s.len[1], 0);
  pair_wipe(p);
}

TEST(dcep_too_many_channels_of_the_peer_are_reset) {
  seen s;
  pair *p = connected(1, quiet, &s, NULL);
  for (uint16_t i = 0; i < 20; i++)
    inject(p, (uint16_t)(2 * i), 0, 0, WR_PPID_DCEP, wr_bytes_of(open_message, sizeof open_message));
  CHECK_EQ(p->n_opened[1], 16);
  CHECK(wr_sctp_reconfig_is_busy(&p->end[1]->reconfig));
  pair_wipe(p);
}

/* RFC 8832 6: what follows OPEN is ordered until the peer has answered, then unordered. */
TEST(dcep_unordered_channel_is_ordered_until_acknowledged) {
  seen s;
  pair *p = connected(1, quiet, &s, NULL);
  uint16_t id;
  wr_sctp_channel_settings loose = {.label = "loose", .unordered = true};
  CHECK_EQ(wr_sctp_open_channel(p->end[0], &loose, &id, p->now), WR_OK);
  CHECK_EQ(send(p, 0, id, 10), WR_OK);
  const wr_sctp_frag *last = p->end[0]->queue.lanes[0].tail;
  CHECK(!(last->flags & WR_SCTP_FLAG_UNORDERED));
  pair_run_for(p, WR_S(1));
  CHECK_EQ(send(p, 0, id, 10), WR_OK);
  last = p->end[0]->queue.lanes[0].tail;
  CHECK(last->flags & WR_SCTP_FLAG_UNORDERED);
  CHECK_EQ(send(p, 1, id, 10), WR_OK); /* and theirs, once our OPEN said so */
  CHECK(p->end[1]->queue.lanes[0].tail->flags & WR_SCTP_FLAG_UNORDERED);
  pair_wipe(p);
}
