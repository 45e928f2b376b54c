/* Video received by a connection, of a peer whose packets the test makes with that peer's keys. */
#include <stdlib.h>

#include "check.h"
#include "conn/conn_state.h"
#include "conn_settings.h"

enum { N_BLOCKS = 300, VP8 = 96, RTX = 97, SSRC = 4711, RTX_SSRC = 4712 };

static _Alignas(16) uint8_t pool_memory[(WR_CONN_POOL_BLOCK + 16) * (N_BLOCKS + 1)];
static uint8_t message_buffer[65536], video_buffer[8192];
static char offer[16384], answer[16384];
static wr_sdp scratch;
static wr_pool *pool;
static const wr_crypto *crypto;
static wr_conn *a, *b; /* a sends video, b receives it */
static wr_addr at_a, at_b;
static wr_time now;

/* What b did since |reset|. */
static unsigned n_frames, n_plis, n_firs, n_nacks;
static uint16_t nacked[64];
static wr_video last;
static uint8_t last_byte;

static wr_conn *make(const wr_addr *at, bool video) {
  wr_conn_settings settings = conn_settings(crypto, pool, message_buffer, sizeof message_buffer);
  settings.video = video;
  settings.video_buffer = video_buffer;
  settings.video_buffer_bytes = sizeof video_buffer;
  wr_conn *conn = wr_conn_init(aligned_alloc(16, (wr_conn_size() + 15) / 16 * 16), &settings, now);
  CHECK_EQ(wr_conn_add_local(conn, at, at, now), WR_OK);
  return conn;
}

/* Feedback of b's, opened with a's keys. false: the datagram is something else. */
static bool read_feedback(uint8_t *bytes, size_t len) {
  wr_rtcp_packet packet;
  uint16_t seq;
  bool found = false;
  if (!a->keyed || bytes[0] < 128 || !wr_rtcp_is(wr_bytes_of(bytes, len))) return false;
  uint8_t copy[WR_CONN_MTU];
  memcpy(copy, bytes, len);
  wr_srtp keys = a->srtp; /* the reading must not count as a's */
  if (wr_srtp_unprotect_rtcp(&keys, copy, &len) != WR_SRTP_OK) return false;
  wr_reader r = wr_reader_of(wr_bytes_of(copy, len));
  while (wr_rtcp_read(&packet, &r)) {
    if (packet.kind == WR_RTCP_PLI) n_plis++;
    if (packet.kind == WR_RTCP_FIR) n_firs++;
    if (packet.kind == WR_RTCP_PLI || packet.kind == WR_RTCP_NACK) CHECK_EQ(packet.media_ssrc, SSRC);
    for (size_t at = 0; n_nacks < 64 && wr_rtcp_next_nack(&packet, &at, &seq);) nacked[n_nacks++] = seq;
    found = true;
  }
  return found;
}

static void pump(wr_conn *from, wr_conn *to, const wr_addr *here, const wr_addr *there) {
  uint8_t bytes[WR_CONN_MTU];
  wr_out out;
  while (wr_conn_poll(from, bytes, sizeof bytes, &out, now), out.kind != WR_OUT_IDLE) {
    if (out.kind == WR_OUT_EVENT && out.event.kind == WR_EVENT_VIDEO) {
      n_frames++;
      last = out.event.video;
      last_byte = last.frame.data[last.frame.len - 1];
    }
    if (out.kind != WR_OUT_DATAGRAM) continue;
    if (from == b) (void)read_feedback(bytes, out.len);
    wr_path path = {.local = *there, .remote = *here};
    (void)wr_conn_recv(to, &path, (wr_span){bytes, out.len}, now);
  }
}

static void settle(void) {
  for (int i = 0; i < 20; i++) {
    pump(a, b, &at_a, &at_b);
    pump(b, a, &at_b, &at_a);
  }
}

static void pass_time(wr_time us) {
  for (wr_time end = now + us; now < end;) {
    now = wr_time_min(end, now + WR_MS(5));
    wr_conn_tick(a, now);
    wr_conn_tick(b, now);
    settle();
  }
}

static void reset(void) { n_frames = n_plis = n_firs = n_nacks = 0; }

/* A call of a's offer with the lines of a video section behind it, and b's answer. */
static void call(const char *video_lines) {
  size_t len;
  wr_sdp_error error;
  now = WR_S(1);
  reset();
  pool = wr_pool_init(pool_memory, WR_CONN_POOL_BLOCK, N_BLOCKS);
  if (!crypto) CHECK_EQ(wr_crypto_openssl_open(&crypto), WR_OK);
  CHECK(wr_addr_parse(&at_a, WR_BYTES_LITERAL("127.0.0.1"), 1000));
  CHECK(wr_addr_parse(&at_b, WR_BYTES_LITERAL("127.0.0.1"), 2000));
  a = make(&at_a, false);
  b = make(&at_b, true);
  REQUIRE(wr_conn_create_offer(a, answer, sizeof answer, &len, now) == WR_OK);
  char *group = strstr(answer, "BUNDLE 0 1");
  REQUIRE(group);
  size_t before = (size_t)(group - answer) + 10;
  memcpy(offer, answer, before);
  memcpy(offer + before, " 2", 2);
  memcpy(offer + before + 2, group + 10, len - before);
  memcpy(offer + len + 2, video_lines, strlen(video_lines) + 1);
  REQUIRE(wr_conn_accept_offer(b, wr_bytes_of(offer, strlen(offer)), &scratch, &error, answer, sizeof answer, &len,
                               now) == WR_OK);
  REQUIRE(wr_conn_accept_answer(a, wr_bytes_of(answer, len), &scratch, &error, now) == WR_OK);
  pass_time(WR_MS(200));
  REQUIRE(wr_conn_get_state(b) == WR_CONN_CONNECTED);
}

#define SECTION                                                                                      \
  "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\na=sendonly\r\na=rtcp-mux\r\n" \
  "a=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n"
#define ALL_FEEDBACK "a=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\na=rtcp-fb:96 ccm fir\r\na=rtcp-rsize\r\n"

static void hang_up(void) {
  wr_conn_stats stats;
  wr_conn_get_stats(b, &stats);
  uint64_t dropped = 0;
  for (int i = 0; i < WR_DROP_COUNT; i++) dropped += stats.drop[i];
  CHECK_EQ(stats.datagrams_in, stats.consumed + dropped);
  wr_conn_wipe(a);
  wr_conn_wipe(b);
  free(a);
  free(b);
  CHECK_EQ(wr_pool_n_free(pool), N_BLOCKS);
}

static void send(const wr_rtp_outgoing *header, const uint8_t *payload, size_t len) {
  uint8_t bytes[WR_CONN_MTU];
  size_t whole = wr_rtp_write_header(header, bytes, sizeof bytes);
  memcpy(bytes + whole, payload, len);
  whole = wr_srtp_protect_rtp(&a->srtp, bytes, whole + len, sizeof bytes);
  wr_path path = {.local = at_b, .remote = at_a};
  CHECK(wr_conn_recv(b, &path, (wr_span){bytes, whole}, now));
  settle();
}

/* A frame of one packet. */
static void send_frame(uint16_t seq, bool key) {
  uint8_t payload[] = {0x10, key ? 0x50 : 0x51, (uint8_t)seq};
  wr_rtp_outgoing header = {
      .marker = true, .payload_type = VP8, .seq = seq, .timestamp = seq * 3000u, .ssrc = SSRC};
  send(&header, payload, sizeof payload);
}

static void send_again(uint16_t seq, bool key) {
  static uint16_t rtx_seq;
  uint8_t payload[] = {(uint8_t)(seq >> 8), (uint8_t)seq, 0x10, key ? 0x50 : 0x51, (uint8_t)seq};
  wr_rtp_outgoing header = {
      .marker = true, .payload_type = RTX, .seq = rtx_seq++, .timestamp = seq * 3000u, .ssrc = RTX_SSRC};
  send(&header, payload, sizeof payload);
}

TEST(conn_video_frames_come_out_as_they_were_sent) {
  wr_conn_stats stats;
  call(SECTION ALL_FEEDBACK);
  size_t n_free = wr_pool_n_free(pool);
  send_frame(100, true);
  CHECK_EQ(n_frames, 1);
  CHECK(last.is_key && last.codec == WR_VIDEO_VP8 && last.timestamp == 300000 && last_byte == 100);
  send_frame(101, false);
  CHECK(n_frames == 2 && !last.is_key && last.frame.len == 2);
  CHECK_EQ(wr_pool_n_free(pool), n_free - 1); /* the ring; no packet is kept */
  wr_conn_get_stats(b, &stats);
  CHECK_EQ(stats.video_packets_in, 2);
  CHECK(stats.video_frames == 2 && stats.video_key_frames == 1 && stats.video_frames_dropped == 0);
  CHECK_EQ(stats.rtp_packets_in, 0); /* that is the audio */
  pass_time(WR_S(2));
  CHECK(n_plis == 0 && n_nacks == 0);
  hang_up();
}

TEST(conn_video_off_refuses_the_section_and_takes_no_memory) {
  call(SECTION ALL_FEEDBACK);
  size_t len, n_free = wr_pool_n_free(pool);
  wr_sdp_error error;
  wr_conn *c = make(&at_b, false);
  REQUIRE(wr_conn_accept_offer(c, wr_bytes_of(offer, strlen(offer)), &scratch, &error, answer, sizeof answer, &len,
                               now) == WR_OK);
  CHECK(!wr_conn_agreement(c)->video && strstr(answer, "m=video 0 "));
  CHECK_EQ(wr_conn_request_key_frame(c, now), WR_ERR_STATE);
  wr_conn_wipe(c);
  free(c);
  CHECK_EQ(wr_pool_n_free(pool), n_free);
  hang_up();
}

TEST(conn_video_lost_packets_are_asked_for_and_come_back) {
  wr_conn_stats stats;
  call(SECTION ALL_FEEDBACK);
  send_frame(65534, true);
  send_frame(1, false); /* 65535 and 0 are missing */
  CHECK_EQ(n_nacks, 0); /* perhaps they are only late */
  pass_time(WR_MS(10));
  REQUIRE(n_nacks == 2);
  CHECK(nacked[0] == 65535 && nacked[1] == 0);
  send_again(0, false);
  pass_time(WR_MS(30));
  CHECK_EQ(nacked[n_nacks - 1], 65535); /* the other one again */
  send_again(65535, false);
  CHECK_EQ(n_frames, 4);
  CHECK_EQ(last_byte, 1);
  reset();
  send_again(65535, false); /* twice, and one of nobody's */
  send_again(30000, false);
  pass_time(WR_MS(200));
  CHECK(n_frames == 0 && n_nacks == 0 && n_plis == 0);
  wr_conn_get_stats(b, &stats);
  CHECK_EQ(stats.video_packets_repaired, 2);
  hang_up();
}

TEST(conn_video_a_hole_that_stays_calls_for_a_key_frame) {
  wr_conn_stats stats;
  call(SECTION ALL_FEEDBACK);
  send_frame(10, true);
  send_frame(12, false);
  pass_time(WR_MS(80));
  CHECK(n_frames == 1 && n_plis == 0);
  pass_time(WR_MS(50));
  CHECK_EQ(n_plis, 1);
  send_frame(13, false); /* refers to what is lost */
  CHECK_EQ(n_frames, 1);
  pass_time(WR_S(2));
  CHECK(n_plis >= 3 && n_plis <= 6); /* again, and less often */
  reset();
  send_frame(14, true);
  send_frame(15, false);
  CHECK_EQ(n_frames, 2);
  pass_time(WR_S(5));
  CHECK_EQ(n_plis, 0);
  wr_conn_get_stats(b, &stats);
  CHECK(stats.video_frames_dropped >= 2);
  hang_up();
}

TEST(conn_video_key_frames_on_request) {
  call(SECTION ALL_FEEDBACK);
  send_frame(10, true);
  CHECK_EQ(wr_conn_request_key_frame(b, now), WR_OK);
  settle();
  CHECK_EQ(n_plis, 1);
  send_frame(11, true);
  CHECK_EQ(wr_conn_request_key_frame(b, now), WR_OK);
  settle();
  CHECK_EQ(n_plis, 1); /* too soon after the last one */
  pass_time(WR_MS(300));
  CHECK_EQ(n_plis, 2);
  pass_time(WR_S(60));
  CHECK(n_plis >= 10 && n_plis <= 16); /* in vain: it gives up */
  reset();
  pass_time(WR_S(10));
  CHECK_EQ(n_plis, 0);
  hang_up();
}

TEST(conn_video_asks_by_fir_where_there_is_no_pli) {
  call(SECTION "a=rtcp-fb:96 ccm fir\r\n");
  send_frame(10, false);
  CHECK(n_firs == 1 && n_plis == 0 && n_nacks == 0);
  CHECK_EQ(n_frames, 0);
  hang_up();
}

TEST(conn_video_follows_one_source) {
  call(SECTION ALL_FEEDBACK);
  send_frame(10, true);
  uint8_t payload[] = {0x10, 0x50, 77};
  wr_rtp_outgoing other = {.marker = true, .payload_type = VP8, .seq = 5000, .timestamp = 9, .ssrc = 99};
  send(&other, payload, sizeof payload);
  CHECK_EQ(n_frames, 1); /* another layer */
  pass_time(WR_MS(1100));
  other.seq++;
  send(&other, payload, sizeof payload);
  CHECK(n_frames == 2 && last_byte == 77); /* the first one has gone */
  hang_up();
}

/* A packet that says when it was sent. */
static void send_late(uint16_t seq, wr_time late_us) {
  uint8_t bytes[WR_CONN_MTU], payload[] = {0x10, 0x50, (uint8_t)seq};
  uint64_t sent = (uint64_t)(now - late_us) * (1 << 18) / 1000000;
  wr_writer w = wr_writer_of(bytes, sizeof bytes);
  wr_write_u8(&w, 0x90);
  wr_write_u8(&w, 0x80 | VP8);
  wr_write_u16(&w, seq);
  wr_write_u32(&w, seq * 3000u);
  wr_write_u32(&w, SSRC);
  wr_write_u32(&w, 0xbede0001);
  wr_write_u32(&w, 0x52000000 | (uint32_t)(sent & 0xffffff)); /* id 5, three bytes */
  wr_write_bytes(&w, wr_bytes_of(payload, sizeof payload));
  size_t whole = wr_srtp_protect_rtp(&a->srtp, bytes, wr_writer_len(&w), sizeof bytes);
  wr_path path = {.local = at_b, .remote = at_a};
  CHECK(wr_conn_recv(b, &path, (wr_span){bytes, whole}, now));
  settle();
}

TEST(conn_video_tells_the_queue_on_the_way_in) {
  call(SECTION ALL_FEEDBACK "a=extmap:5 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n");
  uint16_t seq = 100;
  for (int i = 0; i < 10; i++, now += WR_MS(20)) send_late(seq++, WR_MS(15));
  CHECK_EQ(wr_conn_queue_in_us(b, now), 0);
  for (unsigned i = 0; i < 10; i++, now += WR_MS(20)) send_late(seq++, WR_MS(15) + WR_MS(20) * i);
  uint32_t queue_us = wr_conn_queue_in_us(b, now); /* the least of the last three */
  CHECK(queue_us > 139000 && queue_us < 141000);
  hang_up();
  call(SECTION ALL_FEEDBACK);
  for (unsigned i = 0; i < 10; i++, now += WR_MS(20)) send_late(seq++, WR_MS(20) * i);
  CHECK_EQ(wr_conn_queue_in_us(b, now), 0); /* not agreed */
  hang_up();
}
