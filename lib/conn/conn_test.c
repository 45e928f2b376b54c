#include "wr/conn.h"

#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "conn/conn_state.h"
#include "conn_settings.h"

/* Two peers joined by a wire that delivers in order, at once, and lets a test drop or change what passes. */
typedef struct peer {
  wr_conn *conn;
  wr_addr addr;
  uint16_t nat_port; /* where it is seen from; 0: as it is */
  unsigned n_audio, n_messages, n_channels, n_closed, n_paths;
  wr_conn_state state;
  wr_end end;
  bool data_ready, ended;
  uint16_t channel;
  size_t message_len;
  uint8_t message[70000];
  wr_audio audio;
  uint8_t audio_bytes[1200];
} peer;

typedef struct wire {
  peer a, b;
  wr_time now;
  uint32_t n_datagrams;
  wr_addr to; /* of the datagram |lets_pass| is asked about */
  bool (*lets_pass)(struct wire *wire, peer *from, uint8_t *bytes, size_t len);
  unsigned n_asked;
} wire;

#define N_BLOCKS 300
static _Alignas(16) uint8_t pool_memory[(WR_CONN_POOL_BLOCK + 16) * (N_BLOCKS + 1)];
static uint8_t message_buffer[70000];
static wr_sdp scratch;
static wr_pool *pool;
static const wr_crypto *crypto;

static void make_peer(peer *p, uint16_t port, void (*adjust)(wr_conn_settings *)) {
  wr_conn_settings settings = conn_settings(crypto, pool, message_buffer, sizeof message_buffer);
  if (adjust) adjust(&settings);
  *p = (peer){0};
  CHECK(wr_addr_parse(&p->addr, WR_BYTES_LITERAL("127.0.0.1"), port));
  p->conn = wr_conn_init(aligned_alloc(16, (wr_conn_size() + 15) / 16 * 16), &settings, 0);
  CHECK_EQ(wr_conn_add_local(p->conn, &p->addr, &p->addr, 0), WR_OK);
}

static void begin(wire *w, void (*adjust_a)(wr_conn_settings *), void (*adjust_b)(wr_conn_settings *)) {
  *w = (wire){.now = WR_S(1)};
  pool = wr_pool_init(pool_memory, WR_CONN_POOL_BLOCK, N_BLOCKS);
  if (!crypto) CHECK_EQ(wr_crypto_openssl_open(&crypto), WR_OK);
  make_peer(&w->a, 1000, adjust_a);
  make_peer(&w->b, 2000, adjust_b);
}

static void check_conservation(const wr_conn *conn) {
  wr_conn_stats stats;
  wr_conn_get_stats(conn, &stats);
  uint64_t dropped = 0;
  for (int i = 0; i < WR_DROP_COUNT; i++) dropped += stats.drop[i];
  CHECK_EQ(stats.datagrams_in, stats.consumed + dropped);
}

static void finish(wire *w) {
  peer *peers[] = {&w->a, &w->b};
  for (int i = 0; i < 2; i++) {
    check_conservation(peers[i]->conn);
    wr_conn_wipe(peers[i]->conn);
    free(peers[i]->conn);
  }
  CHECK_EQ(wr_pool_n_free(pool), N_BLOCKS);
}

static void on_event(peer *p, const wr_event *event) {
  switch (event->kind) {
    case WR_EVENT_STATE:
      p->state = event->state;
      p->end = event->end;
      break;
    case WR_EVENT_PATH: p->n_paths++; break;
    case WR_EVENT_AUDIO:
      p->n_audio++;
      p->audio = event->audio;
      memcpy(p->audio_bytes, event->audio.payload.data, event->audio.payload.len);
      break;
    case WR_EVENT_AUDIO_ENDED: p->ended = true; break;
    case WR_EVENT_DATA_READY: p->data_ready = true; break;
    case WR_EVENT_CHANNEL_OPEN:
      p->n_channels++;
      p->channel = event->channel;
      break;
    case WR_EVENT_MESSAGE:
      p->n_messages++;
      p->message_len = event->message.len;
      if (event->message.len) memcpy(p->message, event->message.data, event->message.len);
      break;
    case WR_EVENT_CHANNEL_CLOSED: p->n_closed++; break;
    case WR_EVENT_MESSAGE_TOO_BIG:
    case WR_EVENT_CANDIDATE:
    case WR_EVENT_VIDEO:
    case WR_EVENT_BUFFERED_LOW: break;
  }
}

/* Drains |from| into |to|; true if anything happened. */
static bool pump(wire *w, peer *from, peer *to) {
  uint8_t bytes[WR_CONN_MTU];
  wr_out out;
  bool busy = false;
  for (;;) {
    wr_conn_poll(from->conn, bytes, sizeof bytes, &out, w->now);
    if (out.kind == WR_OUT_IDLE) return busy;
    busy = true;
    if (out.kind == WR_OUT_EVENT) {
      on_event(from, &out.event);
      continue;
    }
    CHECK(out.len <= WR_CONN_MTU);
    w->n_datagrams++;
    w->to = out.path.remote;
    if (w->lets_pass && !w->lets_pass(w, from, bytes, out.len)) continue;
    wr_path path = {.local = to->addr, .remote = from->addr};
    if (from->nat_port) path.remote.port = from->nat_port;
    (void)wr_conn_recv(to->conn, &path, (wr_span){bytes, out.len}, w->now);
    return true; /* it is drained before the next */
  }
}

static void settle(wire *w) {
  for (int i = 0; i < 1000; i++) {
    bool busy = pump(w, &w->a, &w->b);
    busy = pump(w, &w->b, &w->a) || busy;
    if (!busy) return;
  }
  CHECK(false); /* the peers never fall silent */
}

static void run_until(wire *w, wr_time end) {
  settle(w);
  for (int i = 0; i < 100000; i++) {
    wr_time at = wr_time_min(wr_conn_deadline(w->a.conn), wr_conn_deadline(w->b.conn));
    if (at > end) break;
    w->now = at > w->now ? at : w->now + 1;
    wr_conn_tick(w->a.conn, w->now);
    wr_conn_tick(w->b.conn, w->now);
    settle(w);
  }
  w->now = end;
}

static void negotiate(wire *w) {
  char offer[8192], answer[8192];
  size_t offer_len, answer_len;
  wr_sdp_error error;
  CHECK_EQ(wr_conn_create_offer(w->a.conn, offer, sizeof offer, &offer_len, w->now), WR_OK);
  wr_err err = wr_conn_accept_offer(w->b.conn, wr_bytes_of(offer, offer_len), &scratch, &error, answer,
                                    sizeof answer, &answer_len, w->now);
  CHECK_EQ(err, WR_OK);
  CHECK_EQ(wr_conn_accept_answer(w->a.conn, wr_bytes_of(answer, answer_len), &scratch, &error, w->now), WR_OK);
}

static void connect(wire *w, void (*adjust_a)(wr_conn_settings *), void (*adjust_b)(wr_conn_settings *)) {
  begin(w, adjust_a, adjust_b);
  negotiate(w);
  wr_channel_settings chat = {.label = "chat"};
  uint16_t channel;
  CHECK_EQ(wr_conn_open_channel(w->a.conn, &chat, &channel, w->now), WR_OK);
  settle(w);
}

TEST(conn_connects_without_the_clock_moving) {
  wire *w = calloc(1, sizeof *w);
  connect(w, NULL, NULL);
  CHECK_EQ(w->a.state, WR_CONN_CONNECTED);
  CHECK_EQ(w->b.state, WR_CONN_CONNECTED);
  CHECK(w->a.data_ready && w->b.data_ready);
  CHECK_EQ(w->a.n_channels, 1);
  CHECK_EQ(w->b.n_channels, 1);
  CHECK(w->n_datagrams < 40);
  finish(w);
  free(w);
}

static void passive(wr_conn_settings *settings) { settings->dtls_passive = true; }
static void lite(wr_conn_settings *settings) { settings->ice_lite = true; }
static void data_only(wr_conn_settings *settings) { settings->audio = false; }
static void audio_only(wr_conn_settings *settings) { settings->data = false; }

static void check_connects(void (*adjust_a)(wr_conn_settings *), void (*adjust_b)(wr_conn_settings *), bool data) {
  wire *w = calloc(1, sizeof *w);
  begin(w, adjust_a, adjust_b);
  negotiate(w);
  run_until(w, w->now + WR_S(2));
  CHECK_EQ(w->a.state, WR_CONN_CONNECTED);
  CHECK_EQ(w->b.state, WR_CONN_CONNECTED);
  CHECK_EQ(w->a.data_ready, data);
  finish(w);
  free(w);
}

TEST(conn_connects_in_every_role) {
  check_connects(NULL, passive, true);
  check_connects(lite, NULL, true);
  check_connects(NULL, lite, true);
  check_connects(data_only, NULL, true);
  check_connects(NULL, data_only, true);
  check_connects(audio_only, NULL, false);
}

TEST(conn_carries_audio_both_ways) {
  wire *w = calloc(1, sizeof *w);
  connect(w, NULL, NULL);
  uint8_t frame[120];
  for (unsigned i = 0; i < 50; i++) {
    memset(frame, (int)i, sizeof frame);
    CHECK_EQ(wr_conn_send_audio(w->a.conn, wr_bytes_of(frame, sizeof frame), i * 960, i == 0, w->now), WR_OK);
    CHECK_EQ(wr_conn_send_audio(w->b.conn, wr_bytes_of(frame, 60), i * 960, i == 0, w->now), WR_OK);
    run_until(w, w->now + WR_MS(20));
    CHECK_EQ(w->b.n_audio, i + 1);
    CHECK_EQ(w->a.n_audio, i + 1);
    CHECK_BYTES(w->b.audio_bytes, w->b.audio.payload.len, frame, sizeof frame);
    CHECK_BYTES(w->a.audio_bytes, w->a.audio.payload.len, frame, 60);
  }
  wr_conn_stats stats;
  wr_conn_get_stats(w->a.conn, &stats);
  CHECK_EQ(stats.rtp_packets_in, 50);
  CHECK_EQ(stats.rtp_lost, 0);
  CHECK_EQ(stats.srtp_profile, WR_SRTP_AEAD_AES_128_GCM);
  CHECK_EQ(wr_conn_send_audio(w->a.conn, wr_bytes_of(message_buffer, WR_CONN_AUDIO_MAX + 1), 0, false, w->now),
           WR_ERR_LIMIT);
  finish(w);
  free(w);
}

static bool drop_every_fifth_rtp(wire *w, peer *from, uint8_t *bytes, size_t len) {
  if (from != &w->a || bytes[0] < 128 || (bytes[1] >= 192 && bytes[1] <= 223)) return true;
  (void)len;
  return bytes[3] % 5 != 0; /* low byte of the sequence number */
}

TEST(conn_tells_of_lost_audio) {
  wire *w = calloc(1, sizeof *w);
  connect(w, NULL, NULL);
  w->lets_pass = drop_every_fifth_rtp;
  for (unsigned i = 0; i < 100; i++) {
    CHECK_EQ(wr_conn_send_audio(w->a.conn, WR_BYTES_LITERAL("\x78opus"), i * 960, i == 0, w->now), WR_OK);
    run_until(w, w->now + WR_MS(20));
  }
  run_until(w, w->now + WR_S(3));
  wr_conn_stats stats;
  wr_conn_get_stats(w->b.conn, &stats);
  CHECK_EQ(w->b.n_audio, stats.rtp_packets_in);
  CHECK(stats.rtp_packets_in >= 78 && stats.rtp_packets_in <= 82);
  CHECK(stats.rtp_lost >= 18 && stats.rtp_lost <= 21);
  wr_conn_get_stats(w->a.conn, &stats);
  CHECK(stats.rtt_us < 1000);
  finish(w);
  free(w);
}

/* Sent again, it comes through. */
static bool drop_every_fifth_rtp_once(wire *w, peer *from, uint8_t *bytes, size_t len) {
  static bool dropped[256];
  if (drop_every_fifth_rtp(w, from, bytes, len)) return true;
  dropped[bytes[3]] = !dropped[bytes[3]];
  return !dropped[bytes[3]];
}

/* 100 frames through a wire that drops every fifth packet; what the other side made of it. */
static wr_conn_stats lossy(uint8_t copies, bool asks, unsigned *n_audio) {
  wire *w = calloc(1, sizeof *w);
  wr_conn_stats stats;
  connect(w, NULL, NULL);
  w->a.conn->agreement.opus_nack = w->b.conn->agreement.opus_nack = asks;
  w->lets_pass = asks ? drop_every_fifth_rtp_once : drop_every_fifth_rtp;
  wr_conn_set_audio_copies(w->a.conn, copies);
  for (unsigned i = 0; i < 100; i++) {
    uint8_t frame[80] = {0x78, (uint8_t)i};
    unsigned heard = w->b.n_audio;
    CHECK_EQ(wr_conn_send_audio(w->a.conn, wr_bytes_of(frame, sizeof frame), i * 960, i == 0, w->now), WR_OK);
    run_until(w, w->now + WR_MS(20));
    uint32_t at = w->a.conn->media.sender.timestamp_offset + w->b.audio_bytes[1] * 960u;
    if (w->b.n_audio > heard) CHECK_EQ(w->b.audio.timestamp, at);
  }
  run_until(w, w->now + WR_MS(100)); /* what still waits behind a hole */
  wr_conn_get_stats(w->b.conn, &stats);
  *n_audio = w->b.n_audio;
  finish(w);
  free(w);
  return stats;
}

TEST(conn_repairs_lost_audio_from_copies) {
  unsigned n_audio;
  wr_conn_stats plain = lossy(0, false, &n_audio);
  CHECK(plain.rtp_frames_repaired == 0 && plain.rtp_lost >= 18 && n_audio <= 82);
  static const uint8_t copies[] = {1, 2, 5, 7};
  for (size_t i = 0; i < sizeof copies; i++) {
    wr_conn_stats stats = lossy(copies[i], false, &n_audio);
    CHECK(n_audio >= 97); /* the last ones have nobody to carry their copy */
    CHECK(stats.rtp_frames_repaired >= 17 && stats.rtp_lost <= 1);
    CHECK_EQ(stats.rtp_packets_in + stats.rtp_frames_repaired, n_audio);
    CHECK_EQ(stats.drop[WR_DROP_RTP_MALFORMED] + stats.drop[WR_DROP_RTP_PAYLOAD_TYPE], 0);
    CHECK(stats.rtp_bytes_in > plain.rtp_bytes_in * 19 / 10);
  }
}

TEST(conn_asks_for_lost_audio_and_sends_it_again) {
  unsigned n_audio;
  wr_conn_stats stats = lossy(0, true, &n_audio);
  /* Nothing shows the loss of the first ones and of the last ones; the numbers 255 and 256 are lost together. */
  CHECK(n_audio >= 96 && stats.rtp_lost == 0);
  CHECK(stats.rtp_asked >= 15 && stats.rtp_asked <= 25);
  CHECK_EQ(stats.rtp_recovered, stats.rtp_asked);
  CHECK_EQ(stats.rtp_delivered, n_audio);
  CHECK_EQ(stats.rtp_held_us, 0); /* the wire takes no time */
  CHECK_EQ(stats.rtp_late + stats.rtp_duplicate + stats.drop[WR_DROP_SRTP_REPLAYED], 0);
  stats = lossy(1, true, &n_audio);
  CHECK(n_audio >= 97 && stats.rtp_frames_repaired >= 17);
  CHECK(stats.rtp_asked <= 1); /* the copy comes first, but where two in a row are lost */
}

TEST(conn_sends_no_copies_to_who_does_not_know_them) {
  wire *w = calloc(1, sizeof *w);
  connect(w, NULL, NULL);
  w->a.conn->agreement.red_payload_type = 0;
  wr_conn_set_audio_copies(w->a.conn, 1);
  for (unsigned i = 0; i < 3; i++) {
    CHECK_EQ(wr_conn_send_audio(w->a.conn, WR_BYTES_LITERAL("\x78opus"), i * 960, i == 0, w->now), WR_OK);
    run_until(w, w->now + WR_MS(20));
  }
  wr_conn_stats stats;
  wr_conn_get_stats(w->b.conn, &stats);
  CHECK_EQ(stats.rtp_bytes_in, 15);
  finish(w);
  free(w);
}

TEST(conn_forgets_audio_that_is_said_anew) {
  wire *w = calloc(1, sizeof *w);
  connect(w, NULL, NULL);
  wr_conn_set_audio_copies(w->a.conn, 1);
  wr_conn_stats stats;
  for (unsigned i = 0; i < 6; i++) {
    if (i == 3) wr_conn_forget_audio(w->a.conn);
    CHECK_EQ(wr_conn_send_audio(w->a.conn, WR_BYTES_LITERAL("\x78opus"), i * 960, i == 0, w->now), WR_OK);
    run_until(w, w->now + WR_MS(20));
  }
  wr_conn_get_stats(w->b.conn, &stats);
  CHECK_EQ(w->b.n_audio, 6);
  CHECK_EQ(stats.rtp_bytes_in, 4 * (5 + 4 + 1 + 5) + 2 * 5); /* the first and the one after that come alone */
  finish(w);
  free(w);
}

TEST(conn_carries_messages_up_to_its_limit) {
  wire *w = calloc(1, sizeof *w);
  connect(w, NULL, NULL);
  static uint8_t big[65536];
  for (size_t i = 0; i < sizeof big; i++) big[i] = (uint8_t)(i * 7 + i / 251);
  CHECK_EQ(wr_conn_send_message(w->a.conn, w->b.channel, false, wr_bytes_of(big, sizeof big), w->now), WR_OK);
  run_until(w, w->now + WR_S(1));
  CHECK_EQ(w->b.n_messages, 1);
  CHECK_BYTES(w->b.message, w->b.message_len, big, sizeof big);
  CHECK_EQ(wr_conn_send_message(w->a.conn, w->b.channel, false, wr_bytes_of(message_buffer, 65537), w->now),
           WR_ERR_LIMIT);
  CHECK_EQ(wr_conn_send_message(w->b.conn, w->b.channel, true, WR_BYTES_LITERAL("{}"), w->now), WR_OK);
  CHECK_EQ(wr_conn_send_message(w->b.conn, w->b.channel, true, wr_bytes_of("", 0), w->now), WR_OK);
  run_until(w, w->now + WR_S(1));
  CHECK_EQ(w->a.n_messages, 2);
  CHECK_EQ(w->a.message_len, 0);
  CHECK_EQ(wr_conn_close_channel(w->a.conn, w->b.channel, w->now), WR_OK);
  run_until(w, w->now + WR_S(1));
  CHECK_EQ(w->a.n_closed, 1);
  CHECK_EQ(w->b.n_closed, 1);
  finish(w);
  free(w);
}

TEST(conn_says_goodbye) {
  wire *w = calloc(1, sizeof *w);
  connect(w, NULL, NULL);
  wr_conn_close(w->a.conn, w->now);
  settle(w);
  CHECK_EQ(w->a.state, WR_CONN_CLOSED);
  CHECK_EQ(w->a.end, WR_END_LOCAL);
  CHECK_EQ(w->b.state, WR_CONN_CLOSED);
  CHECK_EQ(w->b.end, WR_END_REMOTE);
  CHECK_EQ(wr_conn_deadline(w->a.conn), WR_NEVER);
  CHECK_EQ(wr_conn_send_audio(w->b.conn, WR_BYTES_LITERAL("x"), 0, false, w->now), WR_ERR_STATE);
  finish(w);
  free(w);
}

static bool break_every_byte(wire *w, peer *from, uint8_t *bytes, size_t len) {
  static uint32_t n;
  (void)w;
  (void)from;
  bytes[n++ % len] ^= 0x40;
  return true;
}

TEST(conn_counts_what_it_drops_and_lives) {
  wire *w = calloc(1, sizeof *w);
  connect(w, NULL, NULL);
  w->lets_pass = break_every_byte;
  for (unsigned i = 0; i < 200; i++) {
    CHECK_EQ(wr_conn_send_audio(w->a.conn, WR_BYTES_LITERAL("\x78opus frame"), i * 960, false, w->now), WR_OK);
    run_until(w, w->now + WR_MS(20));
  }
  wr_conn_stats stats;
  wr_conn_get_stats(w->b.conn, &stats);
  CHECK(stats.drop[WR_DROP_SRTP_TAG] > 50);
  static const uint8_t rubbish[] = {0, 20, 70, 127, 128, 192, 255};
  for (size_t i = 0; i < sizeof rubbish; i++) {
    uint8_t bytes[40] = {rubbish[i]};
    wr_path elsewhere = {.local = w->b.addr, .remote = w->a.addr};
    elsewhere.remote.port = 7777;
    CHECK(!wr_conn_recv(w->b.conn, &elsewhere, (wr_span){bytes, sizeof bytes}, w->now));
    CHECK(!wr_conn_recv(w->b.conn, &elsewhere, (wr_span){bytes, 0}, w->now));
    settle(w);
  }
  w->lets_pass = NULL;
  unsigned before = w->b.n_audio;
  CHECK_EQ(wr_conn_send_audio(w->a.conn, WR_BYTES_LITERAL("\x78opus frame"), 0, false, w->now), WR_OK);
  run_until(w, w->now + WR_S(1));
  CHECK(w->b.n_audio > before);
  finish(w);
  free(w);
}

static bool blackhole(wire *w, peer *from, uint8_t *bytes, size_t len) {
  (void)w;
  (void)from;
  (void)bytes;
  (void)len;
  return false;
}

TEST(conn_notices_a_dead_path_and_recovers) {
  wire *w = calloc(1, sizeof *w);
  connect(w, NULL, NULL);
  run_until(w, w->now + WR_S(20));
  CHECK_EQ(w->a.state, WR_CONN_CONNECTED);
  w->lets_pass = blackhole;
  run_until(w, w->now + WR_S(15));
  CHECK_EQ(w->a.state, WR_CONN_DISCONNECTED);
  w->lets_pass = NULL;
  run_until(w, w->now + WR_S(8));
  CHECK_EQ(w->a.state, WR_CONN_CONNECTED);
  CHECK_EQ(w->b.state, WR_CONN_CONNECTED);
  w->lets_pass = blackhole;
  run_until(w, w->now + WR_S(40));
  CHECK_EQ(w->a.state, WR_CONN_CLOSED);
  CHECK_EQ(w->a.end, WR_END_ICE_FAILED);
  finish(w);
  free(w);
}

static wr_time sent_at[2]; /* the last datagram of each peer */
static bool swallow(wire *w, peer *from, uint8_t *bytes, size_t len) {
  (void)bytes;
  (void)len;
  sent_at[from == &w->b] = w->now;
  return false;
}

/* RFC 7675: whoever does not say that he wants it gets nothing more, not even checks, 30 s after he was heard last.
 */
TEST(conn_silence_of_the_peer_ends_all_sending_in_30_s) {
  static const uint8_t opus[60] = {0xfc};
  wire *w = calloc(1, sizeof *w);
  uint32_t timestamp = 0, n_sent = 0;
  connect(w, NULL, NULL);
  run_until(w, w->now + WR_S(8));
  w->lets_pass = swallow;
  sent_at[0] = sent_at[1] = 0;
  for (wr_time began = w->now; w->now < began + WR_S(90); timestamp += 960) {
    n_sent += wr_conn_send_audio(w->a.conn, wr_bytes_of(opus, sizeof opus), timestamp, false, w->now) == WR_OK;
    (void)wr_conn_send_audio(w->b.conn, wr_bytes_of(opus, sizeof opus), timestamp, false, w->now);
    run_until(w, w->now + WR_MS(20));
    if (w->now != began + WR_S(30)) continue;
    CHECK(n_sent > 250); /* it was speaking */
    CHECK(w->a.state == WR_CONN_CLOSED && w->a.end == WR_END_ICE_FAILED);
    CHECK(sent_at[0] > began && sent_at[0] <= began + WR_S(30) && sent_at[1] <= began + WR_S(30));
    printf("  the last datagrams after %lld and %lld ms of silence\n", (long long)((sent_at[0] - began) / 1000),
           (long long)((sent_at[1] - began) / 1000));
    sent_at[0] = sent_at[1] = 0;
  }
  CHECK_EQ(sent_at[0], 0);
  CHECK_EQ(sent_at[1], 0);
  finish(w);
  free(w);
}

/* a's NAT has forgotten: nothing that goes to its old port arrives. */
static wr_time checked_at;
static bool past_the_old_port(wire *w, peer *from, uint8_t *bytes, size_t len) {
  (void)len;
  if (from == &w->b) return w->to.port == w->a.nat_port;
  if (!checked_at && bytes[0] == 0 && bytes[1] == 1) checked_at = w->now;
  return true;
}

TEST(conn_moves_with_a_nat_that_forgets) {
  wire *w = calloc(1, sizeof *w);
  connect(w, NULL, NULL);
  run_until(w, w->now + WR_S(10));
  w->a.nat_port = 1777;
  w->lets_pass = past_the_old_port;
  checked_at = 0;
  wr_path path = {0};
  for (wr_time end = w->now + WR_S(7); w->now < end && path.remote.port != 1777;) {
    run_until(w, w->now + WR_MS(1));
    CHECK(wr_conn_selected_path(w->b.conn, &path));
  }
  CHECK_EQ(path.remote.port, 1777);
  CHECK(checked_at && w->now - checked_at <= WR_MS(1)); /* the wire takes no time: a round trip is nothing */
  CHECK_EQ(w->a.state, WR_CONN_CONNECTED);
  CHECK_EQ(w->b.state, WR_CONN_CONNECTED);
  unsigned heard = w->a.n_audio, said = w->b.n_messages;
  CHECK_EQ(wr_conn_send_audio(w->b.conn, WR_BYTES_LITERAL("sound"), 960, true, w->now), WR_OK);
  CHECK_EQ(wr_conn_send_message(w->a.conn, w->a.channel, true, WR_BYTES_LITERAL("hello"), w->now), WR_OK);
  run_until(w, w->now + WR_S(1));
  CHECK_EQ(w->a.n_audio, heard + 1);
  CHECK_EQ(w->b.n_messages, said + 1);
  finish(w);
  free(w);
}

TEST(conn_refuses_a_wrong_certificate) {
  wire *w = calloc(1, sizeof *w);
  begin(w, NULL, NULL);
  char offer[8192], answer[8192];
  size_t len;
  wr_sdp_error error;
  CHECK_EQ(wr_conn_create_offer(w->a.conn, offer, sizeof offer, &len, w->now), WR_OK);
  char *fingerprint = strstr(offer, "sha-256 ");
  REQUIRE(fingerprint != NULL);
  for (; fingerprint; fingerprint = strstr(fingerprint + 9, "sha-256 "))
    fingerprint[8] = fingerprint[8] == '0' ? '1' : '0';
  CHECK_EQ(wr_conn_accept_offer(w->b.conn, wr_bytes_of(offer, len), &scratch, &error, answer, sizeof answer, &len,
                                w->now),
           WR_OK);
  CHECK_EQ(wr_conn_accept_answer(w->a.conn, wr_bytes_of(answer, len), &scratch, &error, w->now), WR_OK);
  settle(w);
  CHECK_EQ(w->b.state, WR_CONN_CLOSED);
  CHECK_EQ(w->b.end, WR_END_FINGERPRINT);
  CHECK_EQ(w->a.n_audio, 0);
  finish(w);
  free(w);
}

TEST(conn_restarts_ice_by_fragment) {
  wire *w = calloc(1, sizeof *w);
  connect(w, NULL, NULL);
  char reply[2048], before[64];
  size_t len;
  wr_sdp_error error;
  memcpy(before, wr_conn_local_ufrag(w->b.conn), strlen(wr_conn_local_ufrag(w->b.conn)) + 1);
  CHECK_EQ(wr_conn_accept_fragment(w->b.conn, WR_BYTES_LITERAL("a=ice-ufrag:newufrag\r\n"), &error, reply,
                                   sizeof reply, &len, w->now),
           WR_ERR_SYNTAX);
  CHECK_EQ(wr_conn_accept_fragment(
               w->b.conn, WR_BYTES_LITERAL("a=ice-ufrag:newufrag\r\na=ice-pwd:newpasswordnewpasswordxx\r\n"),
               &error, reply, sizeof reply, &len, w->now),
           WR_OK);
  CHECK(len > 0);
  CHECK(strcmp(before, wr_conn_local_ufrag(w->b.conn)) != 0);
  settle(w);
  finish(w);
  free(w);
}

static wr_err restart(wire *w, peer *offerer, peer *answerer) {
  char offer[8192], answer[8192];
  size_t offer_len, answer_len;
  wr_sdp_error error;
  wr_err err = wr_conn_restart_offer(offerer->conn, offer, sizeof offer, &offer_len, w->now);
  if (err) return err;
  CHECK_EQ(wr_conn_accept_offer(answerer->conn, wr_bytes_of(offer, offer_len), &scratch, &error, answer,
                                sizeof answer, &answer_len, w->now),
           WR_OK);
  return wr_conn_accept_answer(offerer->conn, wr_bytes_of(answer, answer_len), &scratch, &error, w->now);
}

static bool reads_each_other(wire *w) {
  unsigned n_a = w->a.n_messages, n_b = w->b.n_messages;
  wr_bytes text = WR_BYTES_LITERAL("still there?");
  CHECK_EQ(wr_conn_send_message(w->a.conn, w->a.channel, true, text, w->now), WR_OK);
  CHECK_EQ(wr_conn_send_message(w->b.conn, w->b.channel, true, text, w->now), WR_OK);
  run_until(w, w->now + WR_S(1));
  return w->a.n_messages == n_a + 1 && w->b.n_messages == n_b + 1;
}

TEST(conn_restarts_ice_from_either_side) {
  wire *w = calloc(1, sizeof *w);
  connect(w, NULL, NULL);
  char before[64];
  for (int round = 0; round < 4; round++) {
    unsigned n_paths = w->a.n_paths;
    memcpy(before, wr_conn_local_ufrag(w->a.conn), strlen(wr_conn_local_ufrag(w->a.conn)) + 1);
    CHECK_EQ(round % 2 ? restart(w, &w->b, &w->a) : restart(w, &w->a, &w->b), WR_OK);
    CHECK(strcmp(before, wr_conn_local_ufrag(w->a.conn)) != 0);
    settle(w);
    CHECK_EQ(w->a.n_paths, n_paths + 1);
    CHECK(reads_each_other(w));
  }
  CHECK_EQ(w->a.state, WR_CONN_CONNECTED);
  finish(w);
  free(w);
}

static bool nothing_passes(wire *w, peer *from, uint8_t *bytes, size_t len) {
  (void)w, (void)from, (void)bytes, (void)len;
  return false;
}

/* The host has moved: the old path is dead, what is said meanwhile arrives over the new one. */
/* The peer is seen from another port and says nothing but data for now, as browsers between two checks; what still
 * goes to the old port is lost. */
static bool has_moved(wire *w, peer *from, uint8_t *bytes, size_t len) {
  if (from == &w->b) return w->to.port == w->a.nat_port;
  wr_path path = {.local = w->b.addr, .remote = w->a.addr};
  path.remote.port = w->a.nat_port;
  if (bytes[0] < 20) return bytes[0] == 1; /* answers, no checks */
  wr_path known;
  if (wr_conn_selected_path(w->b.conn, &known) && wr_addr_equal(&known.remote, &path.remote)) return true;
  if (!wr_conn_may_be_of(w->b.conn, wr_bytes_of(bytes, len), w->now)) return false;
  w->n_asked++;
  wr_conn_ask_at(w->b.conn, &path, w->now);
  return false;
}

TEST(conn_follows_data_to_a_new_address) {
  for (int sound = 0; sound < 2; sound++) {
    wire *w = calloc(1, sizeof *w);
    connect(w, NULL, NULL);
    CHECK_EQ(wr_conn_send_message(w->a.conn, w->a.channel, true, WR_BYTES_LITERAL("here"), w->now), WR_OK);
    CHECK_EQ(wr_conn_send_audio(w->a.conn, WR_BYTES_LITERAL("sound"), 960, true, w->now), WR_OK);
    run_until(w, w->now + WR_MS(300));
    run_until(w, w->now + WR_MS(70)); /* silence */
    CHECK_EQ(w->b.n_messages, 1);
    wr_time moved_at = w->now;
    w->a.nat_port = 1777;
    w->lets_pass = has_moved;
    if (sound)
      CHECK_EQ(wr_conn_send_audio(w->a.conn, WR_BYTES_LITERAL("sound"), 1920, false, w->now), WR_OK);
    else
      CHECK_EQ(wr_conn_send_message(w->a.conn, w->a.channel, true, WR_BYTES_LITERAL("there"), w->now), WR_OK);
    run_until(w, moved_at + WR_MS(1));
    wr_path path;
    CHECK(wr_conn_selected_path(w->b.conn, &path) && path.remote.port == 1777);
    CHECK_EQ(w->n_asked, 1);
    run_until(w, moved_at + WR_S(2)); /* what gave the hint was lost: SCTP repeats it */
    CHECK_EQ(w->b.n_messages, sound ? 1 : 2);
    CHECK(reads_each_other(w));
    finish(w);
    free(w);
  }
}

TEST(conn_restart_leads_to_a_new_address) {
  wire *w = calloc(1, sizeof *w);
  connect(w, NULL, NULL);
  w->lets_pass = nothing_passes;
  CHECK_EQ(wr_conn_send_message(w->a.conn, w->a.channel, true, WR_BYTES_LITERAL("moving"), w->now), WR_OK);
  run_until(w, w->now + WR_S(12));
  CHECK_EQ(w->a.state, WR_CONN_DISCONNECTED);
  wr_conn_stats before, after;
  wr_conn_get_stats(w->a.conn, &before);
  w->lets_pass = NULL;
  w->a.addr.port = 1001;
  CHECK_EQ(wr_conn_add_local(w->a.conn, &w->a.addr, &w->a.addr, w->now), WR_OK);
  CHECK_EQ(restart(w, &w->a, &w->b), WR_OK);
  run_until(w, w->now + WR_S(1));
  wr_path path;
  CHECK(wr_conn_selected_path(w->a.conn, &path) && path.local.port == 1001);
  wr_conn_get_stats(w->a.conn, &after);
  CHECK(before.checks_answered > 0 && after.checks_answered > before.checks_answered);
  CHECK_EQ(w->a.state, WR_CONN_CONNECTED);
  CHECK_EQ(w->b.state, WR_CONN_CONNECTED);
  run_until(w, w->now + WR_S(60)); /* SCTP's timer had backed off */
  CHECK_EQ(w->b.n_messages, 1);
  CHECK(reads_each_other(w));
  finish(w);
  free(w);
}

TEST(conn_restart_without_an_answer_may_be_repeated_and_harms_nothing) {
  wire *w = calloc(1, sizeof *w);
  begin(w, NULL, NULL);
  char offer[8192], other[8192];
  size_t len;
  wr_sdp_error error;
  CHECK_EQ(wr_conn_restart_offer(w->a.conn, offer, sizeof offer, &len, w->now), WR_ERR_STATE);
  finish(w);
  connect(w, NULL, NULL);
  CHECK_EQ(wr_conn_restart_offer(w->a.conn, offer, 4096, &len, w->now), WR_ERR_LIMIT);
  CHECK_EQ(wr_conn_accept_answer(w->a.conn, WR_BYTES_LITERAL("v=0\r\n"), &scratch, &error, w->now), WR_ERR_STATE);
  for (int i = 0; i < 3; i++) {
    CHECK_EQ(wr_conn_restart_offer(w->a.conn, offer, sizeof offer, &len, w->now), WR_OK);
    CHECK(reads_each_other(w));
  }
  /* Somebody else's answer is refused, ours is still awaited. */
  peer stranger;
  make_peer(&stranger, 3000, NULL);
  CHECK_EQ(wr_conn_accept_offer(stranger.conn, wr_bytes_of(offer, len), &scratch, &error, other, sizeof other, &len,
                                w->now),
           WR_OK);
  char *fingerprint = strstr(other, "sha-256 ");
  REQUIRE(fingerprint != NULL);
  for (; fingerprint; fingerprint = strstr(fingerprint + 9, "sha-256 "))
    fingerprint[8] = fingerprint[8] == '0' ? '1' : '0';
  CHECK_EQ(wr_conn_accept_answer(w->a.conn, wr_bytes_of(other, len), &scratch, &error, w->now), WR_ERR_UNSUPPORTED);
  wr_conn_wipe(stranger.conn);
  free(stranger.conn);
  CHECK_EQ(restart(w, &w->a, &w->b), WR_OK);
  CHECK(reads_each_other(w));
  finish(w);
  free(w);
}

TEST(conn_refuses_descriptions_out_of_turn) {
  wire *w = calloc(1, sizeof *w);
  begin(w, NULL, NULL);
  char text[8192];
  size_t len;
  wr_sdp_error error;
  wr_bytes garbage = WR_BYTES_LITERAL("v=0\r\nthis is not sdp\r\n");
  CHECK_EQ(wr_conn_accept_answer(w->a.conn, garbage, &scratch, &error, w->now), WR_ERR_STATE);
  CHECK_EQ(wr_conn_accept_offer(w->a.conn, garbage, &scratch, &error, text, sizeof text, &len, w->now),
           WR_ERR_SYNTAX);
  CHECK(error.line > 0);
  CHECK_EQ(wr_conn_create_offer(w->a.conn, text, 100, &len, w->now), WR_ERR_LIMIT);
  CHECK_EQ(wr_conn_create_offer(w->a.conn, text, sizeof text, &len, w->now), WR_OK);
  CHECK_EQ(wr_conn_create_offer(w->a.conn, text, sizeof text, &len, w->now), WR_ERR_STATE);
  wr_channel_settings chat = {.label = "chat"};
  uint16_t channel;
  CHECK_EQ(wr_conn_open_channel(w->a.conn, &chat, &channel, w->now), WR_ERR_STATE);
  CHECK(wr_conn_agreement(w->a.conn) == NULL);
  finish(w);
  free(w);
}

TEST(conn_keeps_a_hello_that_overtakes_the_answer) {
  wire *w = calloc(1, sizeof *w);
  begin(w, NULL, NULL);
  char offer[8192], answer[8192];
  size_t offer_len, answer_len;
  wr_sdp_error error;
  CHECK_EQ(wr_conn_create_offer(w->a.conn, offer, sizeof offer, &offer_len, w->now), WR_OK);
  CHECK_EQ(wr_conn_accept_offer(w->b.conn, wr_bytes_of(offer, offer_len), &scratch, &error, answer, sizeof answer,
                                &answer_len, w->now),
           WR_OK);
  settle(w); /* b's check is answered and its ClientHello arrives while the answer is still on its way */
  CHECK_EQ(wr_conn_accept_answer(w->a.conn, wr_bytes_of(answer, answer_len), &scratch, &error, w->now), WR_OK);
  settle(w); /* no time passes: nothing was sent twice */
  CHECK_EQ(w->a.state, WR_CONN_CONNECTED);
  CHECK_EQ(w->b.state, WR_CONN_CONNECTED);
  finish(w);
  free(w);
}

/* Nobody signed it: the caller must not learn its address (RFC 8445 11 has indications without integrity). */
TEST(conn_does_not_vouch_for_an_indication) {
  wire *w = calloc(1, sizeof *w);
  connect(w, NULL, NULL);
  uint8_t bytes[20] = {0x00, 0x11, 0, 0, 0x21, 0x12, 0xa4, 0x42};
  wr_path elsewhere = {.local = w->b.addr, .remote = w->a.addr};
  elsewhere.remote.port = 7777;
  CHECK(!wr_conn_recv(w->b.conn, &elsewhere, (wr_span){bytes, sizeof bytes}, w->now));
  settle(w);
  finish(w);
  free(w);
}

static void send_bye(wire *w, uint32_t ssrc) {
  uint8_t bytes[200];
  wr_writer out = wr_writer_of(bytes, sizeof bytes);
  wr_rtcp_write_rr(&out, w->a.conn->media.sender.ssrc, NULL, 0);
  wr_rtcp_write_bye(&out, ssrc);
  size_t len = wr_srtp_protect_rtcp(&w->a.conn->srtp, bytes, wr_writer_len(&out), sizeof bytes);
  wr_path path = {.local = w->b.addr, .remote = w->a.addr};
  CHECK(wr_conn_recv(w->b.conn, &path, (wr_span){bytes, len}, w->now));
  settle(w);
}

TEST(conn_audio_ends_only_with_the_bye_of_its_source) {
  wire *w = calloc(1, sizeof *w);
  connect(w, NULL, NULL);
  CHECK_EQ(wr_conn_send_audio(w->a.conn, WR_BYTES_LITERAL("\x78opus frame"), 0, false, w->now), WR_OK);
  settle(w);
  CHECK_EQ(w->b.n_audio, 1);
  uint32_t ssrc = w->a.conn->media.sender.ssrc;
  send_bye(w, ssrc + 1);
  CHECK(!w->b.ended);
  send_bye(w, ssrc);
  CHECK(w->b.ended);
  finish(w);
  free(w);
}

TEST(conn_counts_of_lost_audio_survive_a_new_source) {
  wire *w = calloc(1, sizeof *w);
  connect(w, NULL, NULL);
  wr_conn_stats stats;
  uint32_t frame_no = 0;
  for (unsigned i = 0; i < 6; i++, frame_no++) {
    if (i == 3) w->a.conn->media.sender.ssrc++;
    if (i == 1 || i == 4) {
      w->a.conn->media.sender.seq = (uint16_t)(w->a.conn->media.sender.seq + 2);
      frame_no += 2;
    }
    wr_bytes opus = WR_BYTES_LITERAL("\x78opus frame");
    CHECK_EQ(wr_conn_send_audio(w->a.conn, opus, frame_no * 960, false, w->now), WR_OK);
    run_until(w, w->now + WR_MS(100));
    if (i == 2 || i == 3) {
      wr_conn_get_stats(w->b.conn, &stats);
      CHECK_EQ(stats.rtp_lost, 2);
    }
  }
  wr_conn_get_stats(w->b.conn, &stats);
  CHECK_EQ(stats.rtp_lost, 4);
  CHECK_EQ(w->b.n_audio, 6);
  finish(w);
  free(w);
}

/* What the answer says counts from then on, payload types too (RFC 3264 8.3.2). */
TEST(conn_renegotiation_may_renumber_opus) {
  wire *w = calloc(1, sizeof *w);
  begin(w, NULL, NULL);
  char offer[8192], answer[8192], *at;
  size_t offer_len, answer_len;
  wr_sdp_error error;
  CHECK_EQ(wr_conn_create_offer(w->a.conn, offer, sizeof offer, &offer_len, w->now), WR_OK);
  CHECK_EQ(wr_conn_accept_offer(w->b.conn, wr_bytes_of(offer, offer_len), &scratch, &error, answer, sizeof answer,
                                &answer_len, w->now),
           WR_OK);
  CHECK_EQ(wr_conn_accept_answer(w->a.conn, wr_bytes_of(answer, answer_len), &scratch, &error, w->now), WR_OK);
  run_until(w, w->now + WR_S(1));
  while ((at = strstr(offer, "SAVPF 111")) || (at = strstr(offer, ":111 "))) memcpy(strstr(at, "111"), "109", 3);
  CHECK_EQ(wr_conn_accept_offer(w->b.conn, wr_bytes_of(offer, offer_len), &scratch, &error, answer, sizeof answer,
                                &answer_len, w->now),
           WR_OK);
  CHECK(strstr(answer, "a=rtpmap:109 opus"));
  settle(w);
  w->a.conn->agreement.opus_payload_type = 109;
  CHECK_EQ(wr_conn_send_audio(w->a.conn, WR_BYTES_LITERAL("\x78opus frame"), 0, false, w->now), WR_OK);
  run_until(w, w->now + WR_MS(100));
  CHECK_EQ(w->b.n_audio, 1);
  finish(w);
  free(w);
}

TEST(conn_refuses_channel_names_without_end) {
  wire *w = calloc(1, sizeof *w);
  connect(w, NULL, NULL);
  char name[66];
  uint16_t channel;
  memset(name, 'x', 65);
  name[65] = 0;
  CHECK_EQ(wr_conn_open_channel(w->a.conn, &(wr_channel_settings){.label = name}, &channel, w->now), WR_ERR_LIMIT);
  CHECK_EQ(
      wr_conn_open_channel(w->a.conn, &(wr_channel_settings){.label = "x", .protocol = name}, &channel, w->now),
      WR_ERR_LIMIT);
  name[64] = 0;
  CHECK_EQ(
      wr_conn_open_channel(w->a.conn, &(wr_channel_settings){.label = name, .protocol = name}, &channel, w->now),
      WR_OK);
  settle(w);
  finish(w);
  free(w);
}
