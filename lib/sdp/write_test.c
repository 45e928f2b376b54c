/* Every browser offer of tests/fixtures/sdp is parsed, agreed to and answered; the answer is read back as the
 * browser's side would read it. */
#include "base/io.h"
#include "check.h"
#include "sdp/text.h"
#include "wr/sdp.h"

typedef struct fixture {
  const char *file;
  uint16_t n_media;
  uint8_t opus, red, mid_id, level_id, data_index;
  const char *ufrag;
  uint32_t max_message_bytes;
  bool trickle;
  int n_candidates; /* of the section that owns the transport, component 1 */
  const char *group;
} fixture;

static const fixture fixtures[] = {
    {"chromium-156-default.sdp", 2, 111, 63, 4, 1, 1, "dt9L", 262144, true, 2, "a=group:BUNDLE 0 1\r\n"},
    {"chromium-156-snap.sdp", 2, 111, 63, 4, 1, 1, "2m/r", 262144, true, 2, "a=group:BUNDLE 0 1\r\n"},
    {"chromium-156-warp.sdp", 2, 111, 63, 4, 1, 1, "WmWT", 262144, true, 2, "a=group:BUNDLE 0 1\r\n"},
    {"chromium-156-av.sdp", 3, 111, 63, 4, 1, 2, "xilj", 262144, true, 4, "a=group:BUNDLE 0 2\r\n"},
    {"chromium-156-av-nomic.sdp", 3, 111, 63, 4, 1, 2, "RaBf", 262144, true, 4, "a=group:BUNDLE 0 2\r\n"},
    {"firefox-153-av-plain.sdp", 3, 109, 0, 3, 1, 2, "fcf2c72f", 1073741823, true, 4, "a=group:BUNDLE 0 2\r\n"},
    {"firefox-153-av-mdns.sdp", 3, 109, 0, 3, 1, 2, "854b3be4", 1073741823, true, 4, "a=group:BUNDLE 0 2\r\n"},
};

static wr_sdp offer, answer;
static wr_agreement agreement, reverse;
static wr_sdp_error error;
static char text[65536], written[32768];

static wr_bytes bytes_of(const char *s) { return wr_bytes_of(s, strlen(s)); }

static const wr_fingerprint local_fingerprint = {.hash = WR_HASH_SHA256, .len = 32, .bytes = {0xab, 0xcd, 1}};

static wr_candidate host_candidate(void) {
  wr_candidate candidate = {.type = WR_CANDIDATE_HOST, .priority = 2130706431, .component = 1, .foundation = "1"};
  CHECK(wr_addr_parse(&candidate.addr, WR_BYTES_LITERAL("192.0.2.7"), 51001));
  return candidate;
}

/* What both writers are given in these tests; |candidate| must outlive the call. */
static wr_sdp_local local_with(const wr_candidate *candidate) {
  return (wr_sdp_local){.session_id = 4711,
                        .session_version = 2,
                        .ufrag = "ourUfrag",
                        .pwd = "ourPasswordIsTwentyFour.",
                        .fingerprint = &local_fingerprint,
                        .setup = WR_SETUP_ACTIVE,
                        .end_of_candidates = true,
                        .candidates = candidate,
                        .n_candidates = 1,
                        .audio_ssrc = 3735928559u,
                        .cname = "xz",
                        .max_message_bytes = 65536,
                        .offer_audio = true,
                        .offer_data = true,
                        .audio_direction = WR_SENDRECV};
}

/* Parses |offer_text|, agrees to audio and data, writes the answer into |written| and reads it back into |answer|
 * and |reverse|. false: it failed, and a check has said so. */
static bool negotiate(wr_bytes offer_text) {
  wr_candidate candidate = host_candidate();
  wr_sdp_local local = local_with(&candidate);
  wr_err err = wr_sdp_parse(&offer, offer_text, &error);
  CHECK_TEXT(error.what ? error.what : "", "");
  if (err) return false;
  err = wr_sdp_agree(&offer, true, true, &agreement, &error);
  CHECK_TEXT(error.what ? error.what : "", "");
  if (err) return false;
  size_t len = wr_sdp_write_answer(&offer, &agreement, &local, written, sizeof written);
  CHECK(len > 0 && len == strlen(written));
  err = wr_sdp_parse(&answer, bytes_of(written), &error);
  CHECK_TEXT(error.what ? error.what : "", "");
  if (err) return false;
  err = wr_sdp_agree(&answer, true, true, &reverse, &error);
  CHECK_TEXT(error.what ? error.what : "", "");
  return err == WR_OK;
}

/* What must hold of any answer to any offer. */
static void check_mirror(void) {
  CHECK_EQ(answer.n_media, offer.n_media);
  for (size_t i = 0; i < offer.n_media && i < answer.n_media; i++) {
    const wr_sdp_media *o = &offer.media[i], *a = &answer.media[i];
    bool accepted =
        (agreement.audio && i == agreement.audio_index) || (agreement.data && i == agreement.data_index);
    CHECK(wr_bytes_equal(o->type, a->type));
    CHECK(wr_bytes_equal(o->protocol, a->protocol));
    CHECK(wr_bytes_equal(o->mid, a->mid));
    CHECK_EQ(a->port, accepted ? 9 : 0);
    CHECK_EQ(a->bundled, accepted && o->bundled);
    CHECK(wr_text_is(a->ufrag, "ourUfrag"));
    CHECK(wr_text_is(a->pwd, "ourPasswordIsTwentyFour."));
    CHECK_BYTES(a->fingerprint.bytes, a->fingerprint.len, local_fingerprint.bytes, 32);
    CHECK(a->setup == WR_SETUP_ACTIVE || a->setup == WR_SETUP_PASSIVE);
    CHECK(a->setup != o->setup);
    if (!accepted) CHECK_EQ(a->direction, WR_INACTIVE);
  }
  CHECK_EQ(reverse.audio, agreement.audio);
  CHECK_EQ(reverse.data, agreement.data);
  CHECK_EQ(reverse.audio_index, agreement.audio_index);
  CHECK_EQ(reverse.data_index, agreement.data_index);
  CHECK_EQ(reverse.opus_payload_type, agreement.opus_payload_type);
  CHECK_EQ(reverse.mid_extension, agreement.mid_extension);
  CHECK_EQ(reverse.level_extension, agreement.level_extension);
  CHECK_EQ(reverse.rtcp_rsize, agreement.rtcp_rsize);
  CHECK_TEXT(reverse.audio_mid, agreement.audio_mid);
  CHECK_TEXT(reverse.data_mid, agreement.data_mid);
  CHECK_TEXT(reverse.remote_ufrag, "ourUfrag");
}

static int count_candidates(const wr_sdp_media *media) {
  wr_candidate candidate;
  size_t at = 0;
  int n = 0;
  while (wr_sdp_next_candidate(media, &at, &candidate)) n++;
  return n;
}

/* The fixture as bytes in |text|, of which at least |spare| stay free. */
static size_t read_fixture(const fixture *f, size_t spare) {
  char path[128];
  wr_writer w = wr_writer_of((uint8_t *)path, sizeof path);
  wr_write_text(&w, "tests/fixtures/sdp/");
  wr_write_text(&w, f->file);
  wr_write_u8(&w, 0);
  return check_read_file(path, text, sizeof text - spare);
}

static void check_fixture(const fixture *f) {
  size_t len = read_fixture(f, 0);
  REQUIRE(negotiate(wr_bytes_of(text, len)));
  check_mirror();
  CHECK_EQ(offer.n_media, f->n_media);
  CHECK_EQ(offer.ice_trickle, f->trickle);
  CHECK_EQ(agreement.opus_payload_type, f->opus);
  CHECK_EQ(agreement.red_payload_type, f->red);
  CHECK_EQ(agreement.mid_extension, f->mid_id);
  CHECK_EQ(agreement.level_extension, f->level_id);
  CHECK(agreement.twcc_extension && agreement.transport_cc);
  CHECK(!agreement.sent_extension && strstr(written, "abs-send-time") == NULL); /* for pictures: video_test.c */
  CHECK_EQ(agreement.audio_index, 0);
  CHECK_EQ(agreement.data_index, f->data_index);
  CHECK_EQ(agreement.transport_index, 0);
  CHECK_EQ(agreement.audio_direction, WR_SENDRECV);
  CHECK_EQ(agreement.remote_setup, WR_SETUP_ACTPASS);
  CHECK_EQ(agreement.remote_fingerprint.hash, WR_HASH_SHA256);
  CHECK_EQ(agreement.remote_sctp_port, 5000);
  CHECK_EQ(agreement.remote_max_message_bytes, f->max_message_bytes);
  CHECK(agreement.opus_fec);
  CHECK(agreement.remote_audio_ssrc != 0);
  CHECK_TEXT(agreement.remote_ufrag, f->ufrag);
  CHECK_EQ(count_candidates(&offer.media[0]), f->n_candidates);
  CHECK(strstr(written, f->group) != NULL);
  CHECK(strstr(written, "sctp-init") == NULL);
  CHECK(strstr(written, "sped") == NULL);
  CHECK(strstr(written, " transport-cc\r\n") != NULL);
  CHECK(!agreement.ccfb && strstr(written, "ccfb") == NULL);
  CHECK_EQ(agreement.xr_rtt, strstr(written, "a=rtcp-xr:rcvr-rtt=all\r\n") != NULL);
  CHECK_EQ(count_candidates(&answer.media[0]), 1);
  CHECK(answer.media[0].end_of_candidates);
}

TEST(sdp_answers_every_recorded_browser_offer) {
  for (size_t i = 0; i < sizeof fixtures / sizeof *fixtures; i++) check_fixture(&fixtures[i]);
}

/* ---- variants of the forms in the field, written for these tests ---- */

#define HEAD "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
#define ICE "a=ice-ufrag:them\r\na=ice-pwd:theirPasswordOf24Letters\r\n"
#define FINGERPRINT        \
  "a=fingerprint:sha-256 " \
  "7B:37:34:35:C8:AF:E8:96:1A:9E:23:E3:03:E4:20:48:01:BB:A1:38:EC:9C:73:17:14:25:AB:DC:CD:D5:D4:60\r\n"
#define TRANSPORT ICE FINGERPRINT "a=setup:actpass\r\n"
#define OPUS "a=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n"
#define AUDIO "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\n"
#define DATA "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n"

/* The text of section |index| of our last answer, NUL-terminated. */
static const char *answered(size_t index) {
  static char section[4096];
  const char *at = written;
  for (size_t i = 0; i <= index; i++) {
    at = strstr(at, "\r\nm=");
    if (!at) return "";
    at += 2;
  }
  const char *end = strstr(at, "\r\nm=");
  size_t len = end ? (size_t)(end - at) + 2 : strlen(at);
  if (len >= sizeof section) len = sizeof section - 1;
  memcpy(section, at, len);
  section[len] = 0;
  return section;
}

static bool says(size_t index, const char *line) { return strstr(answered(index), line) != NULL; }

TEST(sdp_answer_of_safari_form) {
  REQUIRE(negotiate(bytes_of(
      "v=0\r\no=- 7614219274584779017 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE audio data\r\n"
      "a=extmap-allow-mixed\r\na=msid-semantic: WMS stream\r\n"
      "m=audio 58779 UDP/TLS/RTP/SAVPF 96 63 9 102 0 8 13 110 126\r\nc=IN IP4 192.0.2.4\r\n"
      "a=candidate:1 1 udp 2113937151 192.0.2.4 58779 typ host generation 0 network-cost 999\r\n" TRANSPORT
      "a=ice-options:trickle\r\na=mid:audio\r\na=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"
      "a=extmap:5 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=sendrecv\r\na=rtcp-mux\r\na=rtcp-rsize\r\n"
      "a=rtpmap:96 opus/48000/2\r\na=rtcp-fb:96 transport-cc\r\na=fmtp:96 minptime=10; UseInbandFEC=1; stereo=1\r\n"
      "a=rtpmap:63 red/48000/2\r\na=fmtp:63 96/96\r\na=rtpmap:102 ILBC/8000\r\na=ssrc:0 cname:x\r\n"
      "a=ssrc:55 cname:x\r\n" DATA TRANSPORT "a=mid:data\r\na=sctp-port:5000\r\na=max-message-size:65536\r\n")));
  check_mirror();
  CHECK_EQ(agreement.opus_payload_type, 96);
  CHECK_EQ(agreement.red_payload_type, 63);
  CHECK_EQ(agreement.mid_extension, 5);
  CHECK(agreement.opus_fec && agreement.opus_stereo_allowed && !agreement.opus_nack && !agreement.transport_cc);
  CHECK_EQ(agreement.remote_audio_ssrc, 55);
  CHECK(strstr(written, "a=group:BUNDLE audio data\r\n") != NULL);
  CHECK(says(0, "m=audio 9 UDP/TLS/RTP/SAVPF 96 63\r\n"));
  CHECK(says(0, "a=rtpmap:96 opus/48000/2\r\na=fmtp:96 minptime=10;useinbandfec=1\r\n"));
  CHECK(says(0, "a=rtpmap:63 red/48000/2\r\na=fmtp:63 96/96\r\n"));
  CHECK(says(0, "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"));
  CHECK(says(0, "a=extmap:5 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"));
  CHECK(says(0, "a=extmap-allow-mixed\r\n") && says(0, "a=rtcp-rsize\r\n"));
  CHECK(says(0, "a=msid:xz audio\r\n") && says(0, "a=ssrc:3735928559 cname:xz\r\n"));
  CHECK(says(0, "a=ice-options:trickle\r\n") && says(0, "a=setup:active\r\n"));
  CHECK(says(1, "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n") && says(1, "a=sctp-port:5000\r\n"));
}

/* No bundle, no mid, no trickle, everything that may be said at session level said there, LF line ends. */
TEST(sdp_answer_of_a_pbx_form) {
  REQUIRE(negotiate(bytes_of(
      "v=0\no=FreeSWITCH 1700000000 1700000001 IN IP4 198.51.100.1\nc=IN IP4 198.51.100.1\nt=0 0\n"
      "a=msid-semantic: WMS abc\na=ice-ufrag:pbxufrag\na=ice-pwd:pbxpasswordpbxpassword12\na=setup:actpass\n"
      "a=fingerprint:sha-256 "
      "7B:37:34:35:C8:AF:E8:96:1A:9E:23:E3:03:E4:20:48:01:BB:A1:38:EC:9C:73:17:14:25:AB:DC:CD:D5:D4:60\n"
      "m=audio 17168 RTP/SAVPF 0 102 101\na=rtpmap:0 PCMU/8000\na=rtpmap:102 opus/48000/2\n"
      "a=fmtp:102 useinbandfec=1; maxaveragebitrate=30000\na=rtpmap:101 telephone-event/48000\n"
      "a=rtcp:17168 IN IP4 198.51.100.1\na=rtcp-mux\na=ssrc:4242 cname:pbx\n"
      "a=candidate:1 1 udp 659136 198.51.100.1 17168 typ host generation 0\n")));
  check_mirror();
  CHECK_TEXT(agreement.remote_ufrag, "pbxufrag");
  CHECK_EQ(agreement.opus_payload_type, 102);
  CHECK_EQ(agreement.remote_fingerprint.bytes[0], 0x7b);
  CHECK_TEXT(agreement.audio_mid, "0");
  CHECK(strstr(written, "BUNDLE") == NULL && strstr(written, "trickle") == NULL);
  CHECK(says(0, "m=audio 9 RTP/SAVPF 102\r\n") && says(0, "a=mid:0\r\n"));
  CHECK(!says(0, "rtcp-rsize") && !says(0, "extmap"));
}

TEST(sdp_answer_refuses_what_we_have_no_use_for_in_order) {
  REQUIRE(negotiate(bytes_of(
      HEAD "a=group:BUNDLE d a1 a2 v\r\n" DATA TRANSPORT "a=mid:d\r\n"
           "m=audio 9 UDP/TLS/RTP/SAVPF 0 8\r\n" TRANSPORT
           "a=mid:a1\r\na=rtcp-mux\r\na=rtpmap:8 PCMA/8000\r\n" AUDIO TRANSPORT "a=mid:a2\r\n" OPUS
           "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n" TRANSPORT
           "a=mid:v\r\na=rtcp-mux\r\na=rtpmap:97 VP9/90000\r\n" AUDIO TRANSPORT "a=mid:a3\r\n" OPUS
           "m=text 11000 RTP/AVP 98\r\na=mid:t\r\nm=image 9 udptl t38\r\n" DATA TRANSPORT "a=mid:d2\r\n")));
  check_mirror();
  CHECK_EQ(agreement.audio_index, 2);
  CHECK_EQ(agreement.data_index, 0);
  CHECK(strstr(written, "a=group:BUNDLE d a2\r\n") != NULL);
  CHECK(says(1, "m=audio 0 UDP/TLS/RTP/SAVPF 8\r\n") && says(1, "a=mid:a1\r\n"));
  CHECK(says(3, "m=video 0 UDP/TLS/RTP/SAVPF 97\r\n") && says(3, "a=rtpmap:97 VP9/90000\r\n"));
  CHECK(says(4, "m=audio 0 UDP/TLS/RTP/SAVPF 111\r\n") && !says(4, "a=ssrc"));
  CHECK(says(5, "m=text 0 RTP/AVP 98\r\n"));
  CHECK(says(6, "m=image 0 udptl t38\r\n"));
  CHECK(says(7, "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n") && !says(7, "sctp-port"));
  CHECK(says(0, "a=candidate:1 1 udp 2130706431 192.0.2.7 51001 typ host\r\na=end-of-candidates\r\n"));
  CHECK(!says(2, "a=candidate"));
}

/* Chromium with max-bundle: only the first section has a transport, and it is a video we do not want. */
TEST(sdp_answer_keeps_the_section_that_owns_the_transport) {
  REQUIRE(negotiate(bytes_of(HEAD "a=group:BUNDLE 0 1 2\r\nm=video 40000 UDP/TLS/RTP/SAVPF 96\r\n" TRANSPORT
                                  "a=candidate:1 1 udp 1 192.0.2.4 40000 typ host\r\na=mid:0\r\na=rtcp-mux\r\n"
                                  "a=rtpmap:96 VP8/90000\r\n" AUDIO TRANSPORT "a=mid:1\r\n" OPUS DATA TRANSPORT
                                  "a=mid:2\r\n")));
  CHECK_EQ(agreement.transport_index, 0);
  CHECK_EQ(reverse.transport_index, 0);
  CHECK_EQ(agreement.audio_index, 1);
  CHECK(strstr(written, "a=group:BUNDLE 0 1 2\r\n") != NULL);
  CHECK(says(0, "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n") && says(0, "a=inactive\r\n") && says(0, "a=candidate"));
  CHECK(says(0, "a=rtpmap:96 VP8/90000\r\n") && !says(0, "a=ssrc"));
  CHECK(says(1, "m=audio 9 ") && !says(1, "a=candidate"));
}

/* Firefox after a renegotiation: the order of the group is not that of the sections, one is bundle-only. */
TEST(sdp_transport_is_that_of_the_first_in_the_group) {
  REQUIRE(negotiate(
      bytes_of(HEAD "a=group:BUNDLE 1 0\r\nm=audio 0 UDP/TLS/RTP/SAVPF 111\r\na=bundle-only\r\na=mid:0\r\n" OPUS
                    "m=application 4000 UDP/DTLS/SCTP webrtc-datachannel\r\n" TRANSPORT "a=mid:1\r\n")));
  check_mirror();
  CHECK_EQ(agreement.transport_index, 1);
  CHECK_TEXT(agreement.remote_ufrag, "them");
  CHECK_EQ(agreement.remote_fingerprint.bytes[31], 0x60);
  CHECK(strstr(written, "a=group:BUNDLE 1 0\r\n") != NULL);
  CHECK(says(1, "a=candidate") && !says(0, "a=candidate"));
}

TEST(sdp_answer_of_the_old_data_form) {
  REQUIRE(negotiate(bytes_of(HEAD "m=application 50000 DTLS/SCTP 5001\r\n" TRANSPORT
                                  "a=mid:data\r\na=sctpmap:5001 webrtc-datachannel 65535\r\n")));
  check_mirror();
  CHECK(!agreement.audio && agreement.data);
  CHECK_EQ(agreement.remote_sctp_port, 5001);
  CHECK_EQ(agreement.remote_max_message_bytes, 65536);
  CHECK(says(0, "m=application 9 DTLS/SCTP 5000\r\n") && says(0, "a=sctpmap:5000 webrtc-datachannel 65535\r\n"));
  CHECK(!says(0, "a=sctp-port"));
  CHECK_EQ(reverse.remote_sctp_port, 5000);
}

#define TWCC "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"

TEST(sdp_answer_mirrors_the_direction) {
  static const struct {
    const char *offered, *answered;
    bool sends;
  } cases[] = {{"a=sendrecv\r\n", "a=sendrecv\r\n", true},
               {"a=sendonly\r\n", "a=recvonly\r\n", false},
               {"a=recvonly\r\n", "a=sendonly\r\n", true},
               {"a=inactive\r\n", "a=inactive\r\n", false},
               {"", "a=sendrecv\r\n", true}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    wr_writer w = wr_writer_of((uint8_t *)text, sizeof text);
    wr_write_text(&w, HEAD AUDIO TRANSPORT OPUS);
    wr_write_text(&w, cases[i].offered);
    REQUIRE(negotiate(wr_bytes_of(text, wr_writer_len(&w))));
    CHECK(says(0, cases[i].answered));
    CHECK_EQ(says(0, "a=ssrc:"), cases[i].sends);
    CHECK_EQ(says(0, "a=msid:"), cases[i].sends);
  }
}

TEST(sdp_answer_takes_the_role_that_is_left) {
  REQUIRE(negotiate(bytes_of(HEAD AUDIO ICE FINGERPRINT "a=setup:active\r\n" OPUS)));
  CHECK(says(0, "a=setup:passive\r\n"));
  REQUIRE(negotiate(bytes_of(HEAD AUDIO ICE FINGERPRINT "a=setup:passive\r\n" OPUS)));
  CHECK(says(0, "a=setup:active\r\n"));
  REQUIRE(negotiate(bytes_of(HEAD AUDIO ICE FINGERPRINT OPUS)));
  CHECK(says(0, "a=setup:active\r\n"));
  CHECK_EQ(wr_sdp_answer_setup(WR_SETUP_ACTPASS, WR_SETUP_PASSIVE), WR_SETUP_PASSIVE);
  CHECK_EQ(wr_sdp_answer_setup(WR_SETUP_ACTPASS, WR_SETUP_NONE), WR_SETUP_ACTIVE);
  CHECK_EQ(wr_sdp_answer_setup(WR_SETUP_PASSIVE, WR_SETUP_PASSIVE), WR_SETUP_ACTIVE);
}

TEST(sdp_answer_mirrors_extensions_and_feedback) {
  REQUIRE(negotiate(bytes_of(HEAD AUDIO TRANSPORT OPUS
                             "a=rtcp-fb:111 nack\r\na=rtcp-fb:111 transport-cc\r\n"
                             "a=extmap:20/sendonly urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"
                             "a=extmap:2/inactive urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
                             "a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
                             "a=extmap:4 http://www.ietf.org/id/"
                             "draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n")));
  CHECK_EQ(agreement.level_extension, 20);
  CHECK_EQ(agreement.mid_extension, 3);
  CHECK_EQ(agreement.twcc_extension, 4);
  CHECK(agreement.opus_nack && agreement.transport_cc);
  CHECK(says(0, "a=extmap:20/recvonly urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"));
  CHECK(says(0, "a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"));
  CHECK(says(0, "a=rtcp-fb:111 nack\r\n") && says(0, "a=rtcp-fb:111 transport-cc\r\n"));
  CHECK(says(0, "a=extmap:4 " TWCC "\r\n") && !says(0, "allow-mixed"));
}

/* RFC 8888 instead of transport-wide feedback, and the reference times of RFC 3611, where they are offered. */
TEST(sdp_answer_agrees_to_ccfb_and_reference_times) {
  REQUIRE(negotiate(bytes_of(HEAD AUDIO TRANSPORT OPUS
                             "a=rtcp-fb:111 transport-cc\r\na=rtcp-fb:* ack ccfb\r\na=rtcp-fb:111 rrtr\r\n"
                             "a=rtcp-xr:pkt-loss-rle rcvr-rtt=all:1 stat-summary\r\n"
                             "a=extmap:4 " TWCC "\r\n")));
  CHECK(agreement.ccfb && agreement.opus_rrtr && agreement.xr_rtt);
  CHECK(!agreement.transport_cc && !agreement.twcc_extension);
  CHECK(says(0, "a=rtcp-fb:* ack ccfb\r\n") && says(0, "a=rtcp-fb:111 rrtr\r\n"));
  CHECK(says(0, "a=rtcp-xr:rcvr-rtt=all\r\n"));
  CHECK(!says(0, "transport-cc") && !says(0, TWCC) && !says(0, "pkt-loss-rle"));
  REQUIRE(negotiate(bytes_of(HEAD AUDIO TRANSPORT OPUS "a=rtcp-xr:rcvr-rtt=sender\r\na=rtcp-fb:111 ack\r\n")));
  CHECK(!agreement.ccfb && !agreement.opus_rrtr && !agreement.xr_rtt);
  CHECK(!says(0, "rtcp-xr") && !says(0, "ccfb") && !says(0, "rrtr"));
}

/* Transport-wide feedback needs both, the numbers in the packets and the word that they are told of. */
TEST(sdp_answer_agrees_to_transport_feedback_only_with_its_extension) {
  REQUIRE(negotiate(bytes_of(HEAD AUDIO TRANSPORT OPUS "a=rtcp-fb:111 transport-cc\r\n")));
  CHECK(!agreement.transport_cc && !says(0, "transport-cc"));
  REQUIRE(negotiate(bytes_of(HEAD AUDIO TRANSPORT OPUS "a=extmap:4 " TWCC "\r\n")));
  CHECK(!agreement.twcc_extension && !says(0, TWCC));
}

TEST(sdp_answer_to_an_ice_lite_peer) {
  REQUIRE(negotiate(bytes_of(HEAD "a=ice-lite\r\n" AUDIO TRANSPORT OPUS)));
  CHECK(agreement.remote_ice_lite);
  CHECK(strstr(written, "a=ice-lite") == NULL);
}

TEST(sdp_offer_is_what_the_other_side_expects) {
  wr_candidate candidate = host_candidate();
  wr_sdp_local local = local_with(&candidate);
  static char offered[4096];
  local.setup = WR_SETUP_ACTPASS;
  for (int which = 1; which <= 3; which++) {
    local.offer_audio = which & 1;
    local.offer_data = which & 2;
    size_t len = wr_sdp_write_offer(&local, offered, sizeof offered);
    REQUIRE(len > 0 && len == strlen(offered));
    CHECK_EQ(wr_sdp_write_offer(&local, written, len), 0);
    REQUIRE(negotiate(wr_bytes_of(offered, len)));
    check_mirror();
    CHECK_EQ(agreement.audio, (which & 1) != 0);
    CHECK_EQ(agreement.data, (which & 2) != 0);
    CHECK_EQ(agreement.remote_setup, WR_SETUP_ACTPASS);
    CHECK_EQ(count_candidates(&offer.media[0]), 1);
  }
  CHECK_EQ(agreement.opus_payload_type, 111);
  CHECK_EQ(agreement.mid_extension, 4);
  CHECK_EQ(agreement.level_extension, 1);
  CHECK(agreement.opus_fec && agreement.rtcp_rsize);
  CHECK_EQ(agreement.remote_audio_ssrc, 3735928559u);
  CHECK_TEXT(agreement.audio_mid, "0");
  CHECK_TEXT(agreement.data_mid, "1");
  CHECK(strstr(offered, "a=msid:xz audio\r\n") != NULL &&
        strstr(offered, "a=ssrc:3735928559 cname:xz\r\n") != NULL);
  CHECK(strstr(offered, "m=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\n") != NULL);
  CHECK_EQ(agreement.red_payload_type, 63);
}

TEST(sdp_message_size_without_limit_is_written_as_zero) {
  wr_candidate candidate = host_candidate();
  wr_sdp_local local = local_with(&candidate);
  local.max_message_bytes = UINT32_MAX;
  REQUIRE(wr_sdp_write_offer(&local, text, sizeof text) > 0);
  CHECK(strstr(text, "a=max-message-size:0\r\n") != NULL);
  REQUIRE(negotiate(bytes_of(text)));
  CHECK_EQ(agreement.remote_max_message_bytes, UINT32_MAX);
}

/* ---- properties ---- */

/* Damages |len| bytes of |text|: bytes, lines doubled, lines dropped, the end cut off. Returns the new length. */
static size_t damage(size_t len, check_rng *rng) {
  size_t n_changes = 1 + check_rng_u32(rng) % 6;
  for (size_t i = 0; i < n_changes && len > 2; i++) {
    size_t at = check_rng_u32(rng) % len, room = sizeof text - len;
    size_t n = 1 + check_rng_u32(rng) % (len - at < 200 ? len - at : 200);
    switch (check_rng_u32(rng) % 5) {
      case 0: text[at] = (char)check_rng_u32(rng); break;
      case 1: text[at] = " :/=\r\n0a"[check_rng_u32(rng) % 8]; break;
      case 2:
        memmove(text + at, text + at + n, len - at - n);
        len -= n;
        break;
      case 3:
        if (n > room) break;
        memmove(text + at + n, text + at, len - at);
        len += n;
        break;
      default:
        if (check_rng_u32(rng) % 8 == 0) len = at + 1;
        break;
    }
  }
  return len;
}

TEST(sdp_damaged_offers_are_refused_with_a_reason_or_answered) {
  check_rng rng = {.state = 1};
  unsigned n_answered = 0, n_refused = 0;
  wr_candidate candidate = host_candidate();
  wr_sdp_local local = local_with(&candidate);
  for (int round = 0; round < 6000; round++) {
    const fixture *f = &fixtures[(size_t)round % (sizeof fixtures / sizeof *fixtures)];
    size_t len = damage(read_fixture(f, 4096), &rng);
    wr_err err = wr_sdp_parse(&offer, wr_bytes_of(text, len), &error);
    if (!err) err = wr_sdp_agree(&offer, true, true, &agreement, &error);
    if (err) {
      REQUIRE(error.what != NULL);
      n_refused++;
      continue;
    }
    REQUIRE(wr_sdp_write_answer(&offer, &agreement, &local, written, sizeof written) > 0);
    REQUIRE(wr_sdp_parse(&answer, bytes_of(written), &error) == WR_OK);
    REQUIRE(wr_sdp_agree(&answer, true, true, &reverse, &error) == WR_OK);
    REQUIRE(reverse.audio == agreement.audio && reverse.data == agreement.data);
    REQUIRE(answer.n_media == offer.n_media);
    n_answered++;
  }
  CHECK(n_answered > 1000 && n_refused > 1000);
}

TEST(sdp_answer_needs_exactly_its_room) {
  wr_candidate candidate = host_candidate();
  wr_sdp_local local = local_with(&candidate);
  REQUIRE(negotiate(bytes_of(HEAD AUDIO TRANSPORT OPUS)));
  size_t len = strlen(written);
  for (size_t cap = 0; cap <= len; cap++)
    REQUIRE(wr_sdp_write_answer(&offer, &agreement, &local, written, cap) == 0);
  CHECK_EQ(wr_sdp_write_answer(&offer, &agreement, &local, written, len + 1), len);
}
