/* What is agreed to, and the reasons why not. The agreement of whole descriptions is tested in write_test.c. */
#include "check.h"
#include "sdp/model.h"

#define HEAD "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
#define ICE "a=ice-ufrag:them\r\na=ice-pwd:theirPasswordOf24Letters\r\n"
#define FINGERPRINT        \
  "a=fingerprint:sha-256 " \
  "7B:37:34:35:C8:AF:E8:96:1A:9E:23:E3:03:E4:20:48:01:BB:A1:38:EC:9C:73:17:14:25:AB:DC:CD:D5:D4:60\r\n"
#define TRANSPORT ICE FINGERPRINT "a=setup:actpass\r\n"
#define OPUS "a=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n"
#define AUDIO "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\n"
#define DATA "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n"

static wr_sdp offer;
static wr_agreement agreement;
static wr_sdp_error error;

static wr_bytes bytes_of(const char *s) { return wr_bytes_of(s, strlen(s)); }

static void check_disagree(const char *description, wr_err err, const char *what) {
  CHECK_EQ(wr_sdp_parse(&offer, bytes_of(description), &error), WR_OK);
  CHECK_EQ(wr_sdp_agree(&offer, true, true, &agreement, &error), err);
  CHECK_TEXT(error.what ? error.what : "", what);
  CHECK_EQ(error.line, 0);
}

TEST(sdp_agreement_says_why_not) {
  check_disagree(HEAD, WR_ERR_UNSUPPORTED, "neither an audio nor a data section");
  check_disagree(HEAD "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n" TRANSPORT, WR_ERR_UNSUPPORTED,
                 "neither an audio nor a data section");
  check_disagree(HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n" TRANSPORT "a=rtcp-mux\r\n", WR_ERR_UNSUPPORTED,
                 "no audio section has opus/48000/2 over RTP");
  check_disagree(HEAD "m=audio 0 UDP/TLS/RTP/SAVPF 111\r\n" TRANSPORT OPUS, WR_ERR_UNSUPPORTED,
                 "the audio section has port 0");
  check_disagree(HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n" TRANSPORT "a=rtpmap:111 opus/48000/2\r\n",
                 WR_ERR_SYNTAX, "no a=rtcp-mux in the audio section");
  check_disagree(HEAD AUDIO TRANSPORT OPUS DATA TRANSPORT, WR_ERR_SYNTAX,
                 "audio and data are not in one a=group:BUNDLE");
  check_disagree(HEAD AUDIO OPUS FINGERPRINT, WR_ERR_SYNTAX, "no a=ice-ufrag in the accepted section");
  check_disagree(HEAD AUDIO OPUS FINGERPRINT "a=ice-ufrag:them\r\n", WR_ERR_SYNTAX,
                 "no a=ice-pwd in the accepted section");
  check_disagree(HEAD AUDIO OPUS ICE, WR_ERR_SYNTAX, "no a=fingerprint in the accepted section");
  check_disagree(HEAD AUDIO TRANSPORT OPUS "a=mid:seventeen-letters\r\n", WR_ERR_LIMIT,
                 "a=mid of the audio section is longer than 16 characters");
  check_disagree(HEAD DATA TRANSPORT "a=mid:seventeen-letters\r\n", WR_ERR_LIMIT,
                 "a=mid of the data section is longer than 16 characters");
  check_disagree(HEAD DATA TRANSPORT "a=sctp-port:0\r\n", WR_ERR_UNSUPPORTED, "the data section has port 0");
}

TEST(sdp_agreement_takes_only_what_is_wanted) {
  REQUIRE(wr_sdp_parse(&offer, bytes_of(HEAD "a=group:BUNDLE 0 1\r\n" AUDIO TRANSPORT OPUS DATA TRANSPORT),
                       &error) == WR_OK);
  REQUIRE(wr_sdp_agree(&offer, false, true, &agreement, &error) == WR_OK);
  CHECK(!agreement.audio && agreement.data);
  REQUIRE(wr_sdp_agree(&offer, true, false, &agreement, &error) == WR_OK);
  CHECK(agreement.audio && !agreement.data);
  CHECK_EQ(wr_sdp_agree(&offer, false, false, &agreement, &error), WR_ERR_UNSUPPORTED);
}

#define VIDEO(port, mid) \
  "m=video " port " UDP/TLS/RTP/SAVPF 96\r\n" TRANSPORT "a=mid:" mid "\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\n"

static int transport_of(const char *description) {
  CHECK_EQ(wr_sdp_parse(&offer, bytes_of(description), &error), WR_OK);
  CHECK_EQ(wr_sdp_agree(&offer, true, true, &agreement, &error), WR_OK);
  return agreement.transport_index;
}

TEST(sdp_transport_skips_sections_that_cannot_carry_it) {
  static const char text_first[] = HEAD "a=group:BUNDLE t v a\r\nm=text 9 RTP/SAVPF 98\r\n" TRANSPORT
                                        "a=mid:t\r\n" VIDEO("9", "v") AUDIO TRANSPORT "a=mid:a\r\n" OPUS;
  static const char refused_first[] =
      HEAD "a=group:BUNDLE v a\r\n" VIDEO("0", "v") AUDIO TRANSPORT "a=mid:a\r\n" OPUS;
  static const char video_first[] =
      HEAD "a=group:BUNDLE v a\r\n" VIDEO("9", "v") AUDIO TRANSPORT "a=mid:a\r\n" OPUS;
  static const char not_bundled[] = HEAD "a=group:BUNDLE v\r\n" VIDEO("9", "v") AUDIO TRANSPORT "a=mid:a\r\n" OPUS;
  CHECK_EQ(transport_of(text_first), 2); /* only the first of the group is worth keeping unused */
  CHECK_EQ(transport_of(refused_first), 1);
  CHECK_EQ(transport_of(video_first), 0);
  CHECK_EQ(transport_of(not_bundled), 1);
}

TEST(sdp_agreement_without_setup_leaves_the_choice_to_us) {
  REQUIRE(wr_sdp_parse(&offer, bytes_of(HEAD AUDIO ICE FINGERPRINT OPUS), &error) == WR_OK);
  REQUIRE(wr_sdp_agree(&offer, true, true, &agreement, &error) == WR_OK);
  CHECK_EQ(agreement.remote_setup, WR_SETUP_ACTPASS);
}
