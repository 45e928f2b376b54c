#include "sctp/sendqueue.h"

#include "check.h"

#define N_BLOCKS 256
_Alignas(16) static uint8_t pool_memory[N_BLOCKS * 2048 + 64];
static uint8_t bytes[20000];

static wr_sctp_sendqueue *fresh(wr_pool **pool) {
  static wr_sctp_sendqueue q;
  *pool = wr_pool_init(pool_memory, 2048, N_BLOCKS);
  wr_sctp_sendqueue_init(&q, *pool, 100 * 2048, 1000);
  return &q;
}

static wr_sctp_message message_of(uint8_t lane, size_t len) {
  return (wr_sctp_message){.bytes = wr_bytes_of(bytes, len),
                           .ppid = 53,
                           .stream = lane,
                           .lane = lane,
                           .max_retransmits = UINT32_MAX,
                           .expires_at = WR_NEVER};
}

static wr_err push(wr_sctp_sendqueue *q, uint8_t lane, size_t len) {
  wr_sctp_message m = message_of(lane, len);
  return wr_sctp_sendqueue_push(q, &m);
}

/* Sends the next |n| fresh fragments; returns the last. */
static wr_sctp_frag *send(wr_sctp_sendqueue *q, int n, wr_time now) {
  wr_sctp_frag *frag = NULL;
  while (n-- && (frag = wr_sctp_sendqueue_fresh(q, now)) != NULL) wr_sctp_sendqueue_sent(q, frag);
  return frag;
}

/* |gap_start| 0: no gap block. */
static wr_sctp_acked ack(wr_sctp_sendqueue *q, uint32_t cumulative, uint16_t gap_start, uint16_t gap_end) {
  uint8_t gap[4];
  wr_put_u16(gap, gap_start);
  wr_put_u16(gap + 2, gap_end);
  wr_sctp_sack_chunk sack = {.cumulative = cumulative, .n_gaps = gap_start ? 1 : 0, .gaps = wr_bytes_of(gap, 4)};
  return wr_sctp_sendqueue_ack(q, &sack, false, 0);
}

TEST(sendqueue_fragments_carry_the_message) {
  wr_pool *pool;
  wr_sctp_sendqueue *q = fresh(&pool);
  CHECK_EQ(push(q, 2, 2 * WR_SCTP_FRAGMENT_BYTES + 1), WR_OK);
  CHECK_EQ(q->lanes[2].buffered_bytes, 2 * WR_SCTP_FRAGMENT_BYTES + 1);
  wr_sctp_frag *frag = send(q, 1, 0);
  CHECK(frag->flags == WR_SCTP_FLAG_BEGIN && frag->tsn == 1000 && frag->ssn == 0);
  frag = send(q, 1, 0);
  CHECK(frag->flags == 0 && frag->tsn == 1001);
  frag = send(q, 1, 0);
  CHECK(frag->flags == WR_SCTP_FLAG_END && frag->tsn == 1002 && frag->bytes.len == 1);
  CHECK_EQ(q->flight_bytes, 2 * WR_SCTP_FRAGMENT_BYTES + 1);
  CHECK_EQ(q->lanes[2].buffered_bytes, 0);
  CHECK_EQ(push(q, 2, 10), WR_OK);
  CHECK_EQ(send(q, 1, 0)->ssn, 1);
  CHECK(ack(q, 1003, 0, 0).advanced);
  CHECK(wr_sctp_sendqueue_is_empty(q));
  CHECK_EQ(wr_pool_n_free(pool), N_BLOCKS);
}

TEST(sendqueue_messages_never_interleave_and_priorities_share) {
  wr_pool *pool;
  wr_sctp_sendqueue *q = fresh(&pool);
  q->lanes[0].priority = 512;
  q->lanes[1].priority = 256;
  for (int i = 0; i < 60; i++) {
    CHECK_EQ(push(q, 0, 1500), WR_OK);
    if (i < 20) CHECK_EQ(push(q, 1, 1500), WR_OK);
  }
  int n[2] = {0, 0};
  for (int i = 0; i < 45; i++) {
    wr_sctp_frag *first = send(q, 1, 0), *second = send(q, 1, 0);
    CHECK(first->flags & WR_SCTP_FLAG_BEGIN && second->flags & WR_SCTP_FLAG_END);
    CHECK_EQ(first->lane, second->lane);
    n[first->lane]++;
  }
  CHECK(n[0] >= 29 && n[0] <= 31);
  wr_sctp_sendqueue_wipe(q);
  CHECK_EQ(wr_pool_n_free(pool), N_BLOCKS);
}

TEST(sendqueue_refuses_beyond_its_budget_and_changes_nothing) {
  wr_pool *pool;
  wr_sctp_sendqueue *q = fresh(&pool);
  int n = 0;
  while (push(q, 0, 20000) == WR_OK) n++;
  CHECK(n >= 9 && n <= 11); /* 200 KiB */
  uint32_t buffered = q->lanes[0].buffered_bytes;
  CHECK_EQ(push(q, 0, 20000), WR_ERR_LIMIT);
  CHECK_EQ(q->lanes[0].buffered_bytes, buffered);
  wr_sctp_sendqueue_wipe(q);
  CHECK_EQ(wr_pool_n_free(pool), N_BLOCKS);
}

TEST(sendqueue_third_miss_is_a_loss_once) {
  wr_pool *pool;
  wr_sctp_sendqueue *q = fresh(&pool);
  for (int i = 0; i < 8; i++) (void)push(q, 0, 100);
  send(q, 8, 0);
  CHECK(!ack(q, 999, 2, 2).lost);
  CHECK(!ack(q, 999, 2, 3).lost);
  CHECK(!ack(q, 999, 2, 3).lost); /* nothing newly acknowledged: no miss */
  CHECK(ack(q, 999, 2, 4).lost);
  wr_sctp_frag *lost = wr_sctp_sendqueue_lost(q, 0);
  REQUIRE(lost != NULL);
  CHECK_EQ(lost->tsn, 1000);
  wr_sctp_sendqueue_sent(q, lost);
  CHECK(wr_sctp_sendqueue_lost(q, 0) == NULL);
  for (uint16_t end = 5; end <= 8; end++) CHECK(!ack(q, 999, 2, end).lost); /* fast retransmit is once */
  wr_sctp_sendqueue_timeout(q);
  CHECK(wr_sctp_sendqueue_lost(q, 0) == lost);
  wr_sctp_sendqueue_wipe(q);
}

TEST(sendqueue_flight_counts_exactly_what_is_out) {
  wr_pool *pool;
  wr_sctp_sendqueue *q = fresh(&pool);
  for (int i = 0; i < 5; i++) (void)push(q, 0, 100);
  send(q, 5, 0);
  CHECK_EQ(q->flight_bytes, 500);
  CHECK_EQ(ack(q, 1000, 2, 3).bytes, 300);
  CHECK_EQ(q->flight_bytes, 200);
  CHECK_EQ(ack(q, 1000, 3, 3).bytes, 0); /* the peer took 1002 back */
  CHECK_EQ(q->flight_bytes, 300);
  CHECK(!ack(q, 999, 0, 0).valid);
  CHECK(!ack(q, 1005, 0, 0).valid); /* never sent */
  wr_sctp_sendqueue_timeout(q);
  CHECK_EQ(q->flight_bytes, 0);
  CHECK(ack(q, 1004, 0, 0).valid);
  CHECK_EQ(wr_pool_n_free(pool), N_BLOCKS);
}

static size_t forward(const wr_sctp_sendqueue *q, uint8_t *out, wr_sctp_forward_tsn_chunk *chunk) {
  wr_writer w = wr_writer_of(out, 256);
  wr_sctp_sendqueue_write_forward(q, &w);
  CHECK(wr_sctp_read_forward_tsn(wr_bytes_of(out + 4, wr_writer_len(&w) - 4), chunk));
  return chunk->streams.len / 4;
}

TEST(sendqueue_gives_up_by_count) {
  wr_pool *pool;
  wr_sctp_sendqueue *q = fresh(&pool);
  wr_sctp_message m = message_of(3, 100);
  m.max_retransmits = 1;
  (void)wr_sctp_sendqueue_push(q, &m);
  send(q, 1, 0);
  wr_sctp_sendqueue_timeout(q);
  wr_sctp_frag *frag = wr_sctp_sendqueue_lost(q, 0);
  REQUIRE(frag != NULL);
  wr_sctp_sendqueue_sent(q, frag);
  CHECK(!wr_sctp_sendqueue_must_forward(q));
  wr_sctp_sendqueue_timeout(q);
  CHECK(wr_sctp_sendqueue_lost(q, 0) == NULL);
  CHECK(wr_sctp_sendqueue_must_forward(q));
  uint8_t out[256];
  wr_sctp_forward_tsn_chunk chunk;
  CHECK_EQ(forward(q, out, &chunk), 1);
  CHECK_EQ(chunk.cumulative, 1000);
  CHECK(wr_get_u16(chunk.streams.data) == 3 && wr_get_u16(chunk.streams.data + 2) == 0);
  CHECK(ack(q, 1000, 0, 0).valid);
  CHECK(!wr_sctp_sendqueue_must_forward(q));
  CHECK(wr_sctp_sendqueue_is_empty(q));
}

TEST(sendqueue_gives_up_by_time_before_and_in_the_middle) {
  wr_pool *pool;
  wr_sctp_sendqueue *q = fresh(&pool);
  wr_sctp_message m = message_of(3, 3 * WR_SCTP_FRAGMENT_BYTES);
  m.expires_at = 100;
  (void)wr_sctp_sendqueue_push(q, &m);
  (void)wr_sctp_sendqueue_push(q, &m);
  (void)push(q, 3, 10);
  send(q, 1, 50);
  CHECK(ack(q, 1000, 0, 0).valid); /* what left has arrived: the torso must still be announced as over */
  wr_sctp_frag *frag = wr_sctp_sendqueue_fresh(q, 100);
  REQUIRE(frag != NULL);
  CHECK_EQ(frag->bytes.len, 10);
  CHECK(wr_sctp_sendqueue_must_forward(q));
  CHECK_EQ(q->advanced_tsn, 1001);
  wr_sctp_sendqueue_sent(q, frag);
  CHECK(frag->tsn == 1002 && frag->ssn == 1); /* the second message never existed */
  CHECK(ack(q, 1002, 0, 0).valid);
  CHECK(wr_sctp_sendqueue_is_empty(q));
  CHECK_EQ(wr_pool_n_free(pool), N_BLOCKS);
}

TEST(sendqueue_is_reliable_towards_a_peer_without_forward_tsn) {
  wr_pool *pool;
  wr_sctp_sendqueue *q = fresh(&pool);
  q->partial_reliability = false;
  wr_sctp_message m = message_of(3, 100);
  m.max_retransmits = 0;
  (void)wr_sctp_sendqueue_push(q, &m);
  send(q, 1, 0);
  wr_sctp_sendqueue_timeout(q);
  CHECK(wr_sctp_sendqueue_lost(q, 0) != NULL);
  wr_sctp_sendqueue_wipe(q);
}
