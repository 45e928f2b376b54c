/* fuzz/fuzz_conn.c - a connection under a hostile network: the fuzzer drops, changes, repeats and delays the
 * datagrams between two peers on the null crypto backend, injects its own, and chooses what the applications do.
 * One of the peers may have a camera; media and reports of the fuzzer's making are encrypted as the peer would, so
 * that they get where a hostile peer's would. Whatever it finds, no invariant may break, no memory may be misused,
 * and every block must come back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conn/conn_state.h"
#include "wr/conn.h"
#include "wr/crypto_openssl.h"

#define N_BLOCKS 96

typedef struct input {
  const uint8_t *at, *end;
} input;

static uint8_t next(input *in) { return in->at < in->end ? *in->at++ : 0; }

static void fill(void *ctx, uint8_t *out, size_t len) {
  uint32_t *state = ctx;
  for (size_t i = 0; i < len; i++) {
    *state = *state * 1664525u + 1013904223u;
    out[i] = (uint8_t)(*state >> 24);
  }
}

static _Alignas(16) uint8_t pool_memory[(WR_CONN_POOL_BLOCK + 16) * (N_BLOCKS + 1)];
static uint8_t message_buffer[65536], video_buffer[8192];
static wr_sdp scratch;

static wr_conn *make(wr_pool *pool, uint32_t *seed, const wr_addr *local, bool lite, bool video) {
  wr_conn_settings settings;
  wr_conn_settings_default(&settings);
  settings.crypto = wr_crypto_null();
  settings.rng = (wr_rng){fill, seed};
  settings.pool = pool;
  settings.message_buffer = message_buffer;
  settings.message_buffer_bytes = sizeof message_buffer;
  settings.ice_lite = lite;
  settings.video = video;
  settings.video_buffer = video_buffer;
  settings.video_buffer_bytes = sizeof video_buffer;
  wr_conn *conn = wr_conn_init(aligned_alloc(16, (wr_conn_size() + 15) / 16 * 16), &settings, 0);
  (void)wr_conn_add_local(conn, local, local, 0);
  return conn;
}

/* One datagram from |from| to |to|, as the fuzzer likes it. */
static void pass(input *in, wr_conn *to, const wr_addr *here, const wr_addr *there, uint8_t *bytes, size_t len,
                 wr_time now) {
  wr_path path = {.local = *here, .remote = *there};
  uint8_t fate = next(in);
  if (fate >= 250) return; /* lost */
  if (fate >= 240) bytes[next(in) % len] ^= next(in);
  if (fate >= 235 && fate < 240) len = next(in) % (len + 1);
  if (fate >= 230 && fate < 235) {
    path.remote.port ^= 1;
    if (wr_conn_may_be_of(to, wr_bytes_of(bytes, len), now)) wr_conn_ask_at(to, &path, now);
  }
  uint8_t copy[WR_CONN_MTU];
  memcpy(copy, bytes, len);
  (void)wr_conn_recv(to, &path, (wr_span){bytes, len}, now);
  if (fate >= 225 && fate < 230) (void)wr_conn_recv(to, &path, (wr_span){copy, len}, now);
}

static void drain(input *in, wr_conn *from, wr_conn *to, const wr_addr *here, const wr_addr *there, wr_time now) {
  uint8_t bytes[WR_CONN_MTU];
  wr_out out;
  for (int i = 0; i < 400; i++) {
    wr_conn_poll(from, bytes, sizeof bytes, &out, now);
    if (out.kind == WR_OUT_IDLE) return;
    if (out.kind == WR_OUT_DATAGRAM) pass(in, to, there, here, bytes, out.len, now);
  }
  __builtin_trap(); /* poll never ends */
}

static void settle(input *in, wr_conn *a, wr_conn *b, const wr_addr *at_a, const wr_addr *at_b, wr_time now) {
  for (int i = 0; i < 6; i++) {
    drain(in, a, b, at_a, at_b, now);
    drain(in, b, a, at_b, at_a, now);
  }
  /* What b's last answers caused in a must be drained before a is used again. */
  uint8_t bytes[WR_CONN_MTU];
  wr_out out;
  do wr_conn_poll(a, bytes, sizeof bytes, &out, now);
  while (out.kind != WR_OUT_IDLE);
}

static void inject(input *in, wr_conn *to, const wr_addr *here, const wr_addr *there, wr_time now) {
  uint8_t bytes[256];
  size_t len = next(in);
  for (size_t i = 0; i < len; i++) bytes[i] = next(in);
  wr_path path = {.local = *here, .remote = *there};
  (void)wr_conn_recv(to, &path, (wr_span){bytes, len}, now);
}

/* RTP of the agreed kinds, or RTCP: a header that fits, and what the fuzzer likes in it, as |from| would encrypt
 * it. */
static void forge(input *in, wr_conn *from, wr_conn *to, const wr_addr *here, const wr_addr *there, wr_time now) {
  static const uint8_t types[] = {111, 63, 96, 97};
  uint8_t bytes[WR_CONN_MTU], kind = next(in);
  size_t whole = 0, len = next(in), spare = WR_SRTP_MAX_EXPANSION;
  if (!from->keyed) return;
  if (kind & 1) {
    wr_rtp_outgoing header = {.marker = kind & 2,
                              .payload_type = types[kind >> 2 & 3],
                              .seq = (uint16_t)(from->media.sender.seq + next(in)),
                              .timestamp = (uint32_t)next(in) * 960,
                              .ssrc = kind & 16 ? from->media.sender.ssrc : 4711u + (kind >> 2 & 3),
                              .twcc_id = to->agreement.twcc_extension,
                              .twcc_seq = next(in)};
    whole = wr_rtp_write_header(&header, bytes, sizeof bytes - spare - 255);
  } else { /* one packet, about the stream that |to| sends */
    wr_writer w = wr_writer_of(bytes, sizeof bytes);
    len = len / 4 * 4;
    wr_write_u8(&w, (uint8_t)(0x80 | next(in) % 32));
    wr_write_u8(&w, (uint8_t)(200 + next(in) % 8));
    wr_write_u16(&w, (uint16_t)(len / 4 + (kind & 2 ? 2u : 1u)));
    wr_write_u32(&w, from->media.sender.ssrc);
    if (kind & 2) wr_write_u32(&w, to->media.sender.ssrc);
    whole = wr_writer_len(&w);
  }
  for (size_t i = 0; i < len; i++) bytes[whole++] = next(in);
  whole = kind & 1 ? wr_srtp_protect_rtp(&from->srtp, bytes, whole, sizeof bytes)
                   : wr_srtp_protect_rtcp(&from->srtp, bytes, whole, sizeof bytes);
  wr_path path = {.local = *here, .remote = *there};
  if (whole) (void)wr_conn_recv(to, &path, (wr_span){bytes, whole}, now);
}

/* What is agreed on, as other offers than ours would have it. */
static void agree(uint8_t how, wr_conn *conn) {
  wr_agreement *agreement = &conn->agreement;
  agreement->ccfb = agreement->video_ccfb = how & 1;
  if (agreement->ccfb) agreement->twcc_extension = 0;
  agreement->opus_nack = how & 2;
  agreement->rtcp_rsize = agreement->video_rsize = how & 4;
}

static void act(input *in, wr_conn *conn, wr_time now) {
  uint16_t channel;
  wr_sdp_error error;
  char reply[2048];
  size_t len;
  switch (next(in) % 8) {
    case 0:
      (void)wr_conn_open_channel(conn, &(wr_channel_settings){.label = "x", .unordered = next(in) & 1}, &channel,
                                 now);
      break;
    case 1:
      (void)wr_conn_send_message(conn, next(in) % 4, true, wr_bytes_of(message_buffer, (size_t)next(in) * 64), now);
      break;
    case 2: (void)wr_conn_send_audio(conn, wr_bytes_of(message_buffer, next(in)), (uint32_t)now, false, now); break;
    case 3: (void)wr_conn_close_channel(conn, next(in) % 4, now); break;
    case 4:
      if (next(in) > 200) wr_conn_close(conn, now);
      break;
    case 5: {
      size_t n = next(in);
      if (n > (size_t)(in->end - in->at)) n = (size_t)(in->end - in->at);
      (void)!wr_conn_accept_fragment(conn, wr_bytes_of(in->at, n), &error, reply, sizeof reply, &len, now);
      in->at += n;
      break;
    }
    case 6: (void)wr_conn_request_key_frame(conn, now); break;
    case 7: wr_conn_set_audio_copies(conn, next(in)); break;
    default: break;
  }
}

#define CAMERA                                                                                       \
  "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\na=sendonly\r\na=rtcp-mux\r\n" \
  "a=rtpmap:96 %s\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\n"

/* A camera behind what |offer| has. */
static size_t add_camera(char *offer, size_t len, size_t cap, uint8_t which) {
  static const char *const codec[] = {"VP8/90000", "VP9/90000",
                                      "H264/90000\r\na=fmtp:96 packetization-mode=1;profile-level-id=42e01f"};
  char *group = strstr(offer, "BUNDLE 0 1");
  if (!group) __builtin_trap();
  memmove(group + 12, group + 10, len - (size_t)(group + 10 - offer) + 1);
  memcpy(group + 10, " 2", 2);
  return len + 2 + (size_t)snprintf(offer + len + 2, cap - len - 2, CAMERA, codec[which % 3]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  input in = {data, data + size};
  uint32_t seed = 1;
  wr_addr at_a, at_b;
  wr_sdp_error error;
  char offer[8192], answer[8192];
  size_t offer_len, answer_len;
  wr_time now = WR_S(1);
  (void)wr_addr_parse(&at_a, WR_BYTES_LITERAL("127.0.0.1"), 1000);
  (void)wr_addr_parse(&at_b, WR_BYTES_LITERAL("127.0.0.1"), 2000);
  wr_pool *pool = wr_pool_init(pool_memory, WR_CONN_POOL_BLOCK, N_BLOCKS);
  uint8_t modes = next(&in);
  wr_conn *a = make(pool, &seed, &at_a, modes & 1, false), *b = make(pool, &seed, &at_b, modes & 2, true);
  if (wr_conn_create_offer(a, offer, sizeof offer, &offer_len, now) != WR_OK) __builtin_trap();
  if (modes & 8) offer_len = add_camera(offer, offer_len, sizeof offer, next(&in));
  if (modes & 4) offer[next(&in) * 8u % offer_len] = (char)next(&in);
  if (wr_conn_accept_offer(b, wr_bytes_of(offer, offer_len), &scratch, &error, answer, sizeof answer, &answer_len,
                           now) == WR_OK &&
      wr_conn_accept_answer(a, wr_bytes_of(answer, answer_len), &scratch, &error, now) == WR_OK) {
    if (modes & 16) {
      uint8_t how = next(&in);
      agree(how, a);
      agree(how, b);
    }
    for (int step = 0; step < 200 && in.at < in.end; step++) {
      settle(&in, a, b, &at_a, &at_b, now);
      uint8_t choice = next(&in);
      if (choice & 1)
        act(&in, choice & 2 ? a : b, now);
      else if (choice & 4)
        inject(&in, choice & 2 ? a : b, choice & 2 ? &at_a : &at_b, choice & 2 ? &at_b : &at_a, now);
      else if (choice & 8)
        forge(&in, choice & 2 ? b : a, choice & 2 ? a : b, choice & 2 ? &at_a : &at_b, choice & 2 ? &at_b : &at_a,
              now);
      settle(&in, a, b, &at_a, &at_b, now);
      now += (wr_time)next(&in) * next(&in) * 16;
      wr_conn_tick(a, now);
      settle(&in, a, b, &at_a, &at_b, now);
      wr_conn_tick(b, now);
    }
  }
  wr_conn_wipe(a);
  wr_conn_wipe(b);
  free(a);
  free(b);
  if (wr_pool_n_free(pool) != N_BLOCKS) __builtin_trap(); /* a block leaked */
  return 0;
}
