/* Video in an offer: what is agreed to, and what the answer says of it. */
#include "check.h"
#include "sdp/text.h"
#include "wr/sdp.h"

#define HEAD "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE a v w d\r\n"
#define TRANSPORT                                                                                     \
  "c=IN IP4 0.0.0.0\r\na=ice-ufrag:them\r\na=ice-pwd:theirPasswordOf24Letters\r\na=setup:actpass\r\n" \
  "a=fingerprint:sha-256 "                                                                            \
  "7B:37:34:35:C8:AF:E8:96:1A:9E:23:E3:03:E4:20:48:01:BB:A1:38:EC:9C:73:17:14:25:AB:DC:CD:D5:D4:60\r\n"
#define AUDIO \
  "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n" TRANSPORT "a=mid:a\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n"
#define VIDEO(formats, mid) "m=video 9 UDP/TLS/RTP/SAVPF " formats "\r\n" TRANSPORT "a=mid:" mid "\r\n"
#define MUX "a=rtcp-mux\r\n"
#define VP8 "a=rtpmap:96 VP8/90000\r\n"
#define H264                               \
  "a=rtpmap:102 H264/90000\r\na=fmtp:102 " \
  "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n"
#define H264_MODE_0 "a=rtpmap:103 H264/90000\r\na=fmtp:103 packetization-mode=0;profile-level-id=42e01f\r\n"
#define VP9 "a=rtpmap:98 VP9/90000\r\na=fmtp:98 profile-id=0\r\n"
#define VP9_PROFILE_2 "a=rtpmap:99 VP9/90000\r\na=fmtp:99 profile-id=2\r\n"

#define SENT(id) "a=extmap:" #id "/recvonly http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n"

static wr_sdp offer, answer;
static wr_agreement agreement;
static char text[65536], written[32768];
static const wr_fingerprint fingerprint = {.hash = WR_HASH_SHA256, .len = 32, .bytes = {1}};

static bool agree(wr_bytes description) {
  wr_sdp_error error;
  CHECK_EQ(wr_sdp_parse(&offer, description, &error), WR_OK);
  CHECK_EQ(wr_sdp_agree(&offer, true, true, &agreement, &error), WR_OK);
  wr_sdp_agree_video(&offer, &agreement);
  wr_sdp_local local = {.session_id = 1,
                        .ufrag = "ourUfrag",
                        .pwd = "ourPasswordIsTwentyFour.",
                        .fingerprint = &fingerprint,
                        .cname = "xz",
                        .max_message_bytes = 65536};
  CHECK(wr_sdp_write_answer(&offer, &agreement, &local, written, sizeof written) > 0);
  CHECK_EQ(wr_sdp_parse(&answer, wr_bytes_of(written, strlen(written)), &error), WR_OK);
  return agreement.video;
}
static bool agree_text(const char *description) { return agree(wr_bytes_of(description, strlen(description))); }
static bool agree_file(const char *path) {
  return agree(wr_bytes_of(text, check_read_file(path, text, sizeof text)));
}
static bool says(const char *what) { return strstr(written, what) != NULL; }

TEST(sdp_video_of_chromium) {
  REQUIRE(agree_file("tests/fixtures/sdp/chromium-156-av.sdp"));
  CHECK_EQ(agreement.video_codec, WR_VIDEO_VP8);
  CHECK_EQ(agreement.video_payload_type, 96);
  CHECK_EQ(agreement.rtx_payload_type, 97);
  CHECK(agreement.video_nack && agreement.video_pli && agreement.video_fir && agreement.video_rsize);
  CHECK_EQ(agreement.video_direction, WR_RECVONLY);
  CHECK(says("m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n") && says("a=group:BUNDLE 0 1 2\r\n"));
  CHECK(says("a=recvonly\r\na=rtcp-mux\r\na=rtcp-rsize\r\na=rtpmap:96 VP8/90000\r\n"));
  CHECK(says("a=rtcp-fb:96 ccm fir\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\n"));
  CHECK(says("a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n"));
  CHECK(agreement.sent_extension == 2 && agreement.video_sent_extension == 2);
  const char *sound = strstr(written, SENT(2));
  CHECK(sound && strstr(sound + 1, SENT(2)));
}

TEST(sdp_video_of_firefox) {
  REQUIRE(agree_file("tests/fixtures/sdp/firefox-153-av-plain.sdp"));
  CHECK_EQ(agreement.video_codec, WR_VIDEO_VP8);
  CHECK_EQ(agreement.video_payload_type, 120);
  CHECK_EQ(agreement.rtx_payload_type, 124);
  CHECK(agreement.sent_extension == 0 && agreement.video_sent_extension == 4);
  CHECK(says(SENT(4)));
}

TEST(sdp_when_packets_were_sent_is_asked_where_a_picture_may_come_later) {
  CHECK(!agree_file("tests/fixtures/sdp/chromium-156-default.sdp"));
  CHECK(agreement.sent_extension == 2 && says(SENT(2)));
}

TEST(sdp_video_prefers_vp8_then_h264_then_vp9) {
  CHECK(agree_text(HEAD AUDIO VIDEO("98 102 96", "v") MUX VP9 H264 VP8) && agreement.video_codec == WR_VIDEO_VP8);
  REQUIRE(agree_text(HEAD AUDIO VIDEO("98 103 102", "v") MUX VP9 H264_MODE_0 H264));
  CHECK(agreement.video_codec == WR_VIDEO_H264 && agreement.video_payload_type == 102);
  CHECK(says("a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n"));
  REQUIRE(agree_text(HEAD AUDIO VIDEO("99 103 98", "v") MUX VP9_PROFILE_2 H264_MODE_0 VP9));
  CHECK(agreement.video_codec == WR_VIDEO_VP9 && agreement.video_payload_type == 98);
  CHECK(says("a=fmtp:98 profile-id=0\r\n"));
}

TEST(sdp_video_without_feedback_is_taken_and_none_is_promised) {
  REQUIRE(agree_text(HEAD AUDIO VIDEO("96 97", "v") MUX VP8 "a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n"));
  CHECK(!agreement.video_nack && !agreement.video_pli && !agreement.video_fir);
  CHECK_EQ(agreement.rtx_payload_type, 0); /* nothing asks for packets to be sent again */
  CHECK(!says("a=rtcp-fb"));
}

TEST(sdp_video_refused) {
  static const char *const refused[] = {
      HEAD AUDIO VIDEO("103 99", "v") MUX H264_MODE_0 VP9_PROFILE_2,
      HEAD AUDIO VIDEO("96", "v") VP8,     /* no rtcp-mux */
      HEAD AUDIO VIDEO("96", "x") MUX VP8, /* outside the bundle */
      HEAD AUDIO "m=video 0 UDP/TLS/RTP/SAVPF 96\r\n" TRANSPORT "a=mid:v\r\n" MUX VP8,
      HEAD AUDIO VIDEO("102", "v") MUX
      "a=rtpmap:102 H264/90000\r\na=fmtp:102 packetization-mode=1;profile-level-id=4\r\n",
      HEAD AUDIO VIDEO("96", "v") MUX "a=rtpmap:96 VP8/8000\r\n",
  };
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    CHECK(!agree_text(refused[i]));
    CHECK(says("m=video 0 ") && says("a=group:BUNDLE a\r\n"));
  }
}

TEST(sdp_video_that_is_not_sent_stays_inactive) {
  REQUIRE(agree_text(HEAD AUDIO VIDEO("96", "v") MUX VP8 "a=recvonly\r\n"));
  CHECK_EQ(agreement.video_direction, WR_INACTIVE);
  CHECK(says("m=video 9 UDP/TLS/RTP/SAVPF 96\r\n") && answer.media[1].direction == WR_INACTIVE);
}

TEST(sdp_video_simulcast_and_a_second_section) {
  REQUIRE(agree_text(HEAD AUDIO VIDEO("96", "v") MUX VP8
                     "a=rid:h send\r\na=rid:l send\r\na=simulcast:send h;l\r\n" VIDEO("96", "w") MUX VP8));
  CHECK_EQ(agreement.video_index, 1);
  CHECK(!says("a=rid") && !says("a=simulcast"));
  CHECK(says("a=group:BUNDLE a v\r\n") && answer.media[2].port == 0);
}

TEST(sdp_video_first_in_the_bundle_carries_the_transport) {
  REQUIRE(agree_text("v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE v a\r\n" VIDEO("96", "v")
                         MUX VP8 AUDIO));
  CHECK_EQ(agreement.transport_index, 0);
  CHECK(says("a=group:BUNDLE v a\r\n") && answer.media[0].port == 9);
}
