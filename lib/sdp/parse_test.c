/* How lenient and how exact the parser is. */
#include "base/io.h"
#include "check.h"
#include "sdp/text.h"
#include "wr/sdp.h"

#define FINGERPRINT_256 \
  "sha-256 7B:37:34:35:C8:AF:E8:96:1A:9E:23:E3:03:E4:20:48:01:BB:A1:38:EC:9C:73:17:14:25:AB:DC:CD:D5:D4:60"
#define HEAD "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n" /* four lines */

static wr_sdp sdp;
static wr_sdp_error error;
static char text[WR_SDP_MAX_BYTES + 64];

static wr_err parse(const char *description) {
  return wr_sdp_parse(&sdp, wr_bytes_of(description, strlen(description)), &error);
}

static void check_refused(const char *description, uint16_t line, const char *what) {
  CHECK_EQ(parse(description), WR_ERR_SYNTAX);
  CHECK_EQ(error.line, line);
  CHECK_TEXT(error.what ? error.what : "", what);
}

TEST(sdp_errors_name_the_line_and_the_reason) {
  check_refused("", 0, "empty");
  check_refused("\r\n\r\n", 0, "empty");
  check_refused("{\"sdp\":1}", 1, "does not begin with v=0");
  check_refused("v=1\r\n", 1, "does not begin with v=0");
  check_refused("v=0\r\n\r\nhello\r\n", 3, "not of the form x=...");
  check_refused(HEAD "m=audio\r\n", 5, "m= without a port");
  check_refused(HEAD "m=audio 70000 RTP/AVP 0\r\n", 5, "m= without a port");
  check_refused(HEAD "m=audio 9 RTP/AVP\r\n", 5, "m= without a protocol or a format");
  check_refused(HEAD "m=audio 9 RTP/AVP 0\r\na=rtpmap:x opus/48000\r\n", 6, "a=rtpmap without a payload type");
  check_refused(HEAD "m=audio 9 RTP/AVP 0\r\na=rtpmap:0 opus\r\n", 6, "a=rtpmap without a clock rate");
  check_refused(HEAD "m=audio 9 RTP/AVP 0\r\na=rtpmap:0\r\n", 6, "a=rtpmap without an encoding name");
  check_refused(HEAD "m=audio 9 RTP/AVP 0\r\na=rtpmap:0 opus/48000/z\r\n", 6, "a=rtpmap with a bad channel count");
  check_refused(HEAD "a=extmap:x urn:x\r\n", 5, "a=extmap without an id");
  check_refused(HEAD "a=extmap:1\r\n", 5, "a=extmap without a URI");
  check_refused(HEAD "a=extmap:1/up urn:x\r\n", 5, "a=extmap with an unknown direction");
  check_refused(HEAD "a=setup:both\r\n", 5, "a=setup is none of actpass, active, passive");
  check_refused(HEAD "a=ice-ufrag:abc\r\n", 5, "a=ice-ufrag is not 4 to 256 printable characters");
  check_refused(HEAD "a=ice-ufrag:ab:cd\r\n", 5, "a=ice-ufrag is not 4 to 256 printable characters");
  check_refused(HEAD "a=ice-pwd:tooshort\r\n", 5, "a=ice-pwd is not 22 to 256 printable characters");
  check_refused(HEAD "a=fingerprint:md5 00:11\r\n", 5, "a=fingerprint without a known hash");
  check_refused(HEAD "a=fingerprint:sha-256 00:11\r\n", 5,
                "a=fingerprint is not as many pairs of hex digits as its hash has bytes");
  check_refused(HEAD "m=audio 9 RTP/AVP 0\r\na=mid:a b\r\n", 6, "a=mid is not a word");
  check_refused(HEAD "m=audio 9 RTP/AVP 0\r\na=ssrc:abc cname:x\r\n", 6, "a=ssrc without a number");
  check_refused(HEAD "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=sctp-port:99999\r\n", 6,
                "a=sctp-port is not a port");
  check_refused(HEAD "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=max-message-size:-1\r\n", 6,
                "a=max-message-size is not a number");
  check_refused(HEAD "m=audio 9 RTP/AVP 0\r\na=mid:0\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n", 7,
                "two sections have the same a=mid");
  check_refused(HEAD "a=x\rm=audio 9 RTP/AVP 0\r\n", 5, "a NUL or a carriage return within the line");
}

TEST(sdp_fingerprint_of_unknown_hash_is_an_error_only_alone) {
  check_refused(HEAD "m=audio 9 RTP/AVP 0\r\na=fingerprint:md5 00:11\r\na=mid:0\r\nm=audio 9 RTP/AVP 0\r\n", 6,
                "a=fingerprint without a known hash");
  REQUIRE(parse(HEAD "a=fingerprint:md5 00:11\r\na=fingerprint:" FINGERPRINT_256 "\r\n"
                     "m=audio 9 RTP/AVP 0\r\n") == WR_OK);
  CHECK_EQ(sdp.media[0].fingerprint.hash, WR_HASH_SHA256);
  REQUIRE(parse(HEAD "m=audio 9 RTP/AVP 0\r\na=fingerprint:" FINGERPRINT_256 "\r\na=fingerprint:md5 00:11\r\n") ==
          WR_OK);
  CHECK_EQ(sdp.media[0].fingerprint.bytes[0], 0x7b);
  CHECK_EQ(sdp.media[0].fingerprint.bytes[31], 0x60);
}

#define FINGERPRINT_1 "a=fingerprint:SHA-1 00:01:02:03:04:05:06:07:08:09:0a:0b:0c:0d:0e:0f:10:11:12:13\r\n"

TEST(sdp_strongest_fingerprint_wins_within_a_level) {
  REQUIRE(parse(HEAD "a=fingerprint:" FINGERPRINT_256 "\r\n" FINGERPRINT_1
                     "m=audio 9 RTP/AVP 0\r\nm=audio 9 RTP/AVP 0\r\n" FINGERPRINT_1) == WR_OK);
  CHECK_EQ(sdp.media[0].fingerprint.hash, WR_HASH_SHA256);
  CHECK_EQ(sdp.media[1].fingerprint.hash, WR_HASH_SHA1); /* the section's own replaces the session's */
  CHECK_EQ(sdp.media[1].fingerprint.len, 20);
  CHECK_EQ(sdp.media[1].fingerprint.bytes[19], 0x13);
}

TEST(sdp_session_level_applies_to_sections) {
  REQUIRE(
      parse("v=0\no=x 77 1 IN IP4 0.0.0.0\na=ice-ufrag:sess\na=ice-pwd:0123456789012345678901\na=setup:passive\n"
            "a=fingerprint:" FINGERPRINT_256 "\na=recvonly\na=ice-lite\na=ice-options:ice2 trickle renomination\n"
            "a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid\na=mid:never\na=rtpmap:0 never/8000\n"
            "m=audio 9 UDP/TLS/RTP/SAVPF 0\na=sendonly\na=ice-ufrag:sect\n"
            "m=audio 9 UDP/TLS/RTP/SAVPF 0\na=extmap:4 urn:x\na=setup:active\n") == WR_OK);
  CHECK(sdp.ice_lite && sdp.ice_trickle && sdp.ice_renomination);
  CHECK(wr_text_is(sdp.session_id, "77"));
  CHECK(wr_text_is(sdp.media[0].ufrag, "sect"));
  CHECK(wr_text_is(sdp.media[1].ufrag, "sess"));
  CHECK_EQ(sdp.media[0].setup, WR_SETUP_PASSIVE);
  CHECK_EQ(sdp.media[1].setup, WR_SETUP_ACTIVE);
  CHECK_EQ(sdp.media[0].direction, WR_SENDONLY);
  CHECK_EQ(sdp.media[1].direction, WR_RECVONLY);
  CHECK_EQ(sdp.media[0].n_extensions, 1);
  CHECK_EQ(sdp.media[1].n_extensions, 2);
  CHECK(wr_text_is(sdp.media[0].mid, "0")); /* an a=mid of the session is none */
  CHECK(wr_text_is(sdp.media[1].mid, "1"));
  CHECK_EQ(sdp.media[0].codec[0].name.len, 0);
}

TEST(sdp_codecs_are_those_of_the_m_line) {
  REQUIRE(parse(HEAD "m=audio 9/2 UDP/TLS/RTP/SAVPF 111 200 9 x\r\n"
                     "a=fmtp:111 before=the;rtpmap=1\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:200 big/1\r\n"
                     "a=rtpmap:9 G722/8000\r\na=rtpmap:77 other/8000\r\na=rtcp-fb:* nack\r\n"
                     "a=rtcp-fb:111 transport-cc\r\na=rtcp-fb:9 nack pli\r\n") == WR_OK);
  const wr_sdp_media *media = &sdp.media[0];
  REQUIRE(media->n_codecs == 2);
  CHECK(wr_text_is(media->codec[0].name, "opus"));
  CHECK(wr_text_is(media->codec[0].fmtp, "before=the;rtpmap=1"));
  CHECK_EQ(media->codec[0].clock_hz, 48000);
  CHECK_EQ(media->codec[0].channels, 2);
  CHECK(media->codec[0].nack && media->codec[0].transport_cc);
  CHECK_EQ(media->codec[1].payload_type, 9);
  CHECK_EQ(media->codec[1].channels, 1);
  CHECK(media->codec[1].nack && !media->codec[1].transport_cc);
}

TEST(sdp_bundle_is_the_first_group_of_that_name) {
  REQUIRE(parse(HEAD "a=group:LS b a\r\na=group:BUNDLE b a\r\na=group:BUNDLE c\r\n"
                     "m=audio 9 RTP/AVP 0\r\na=mid:a\r\nm=audio 9 RTP/AVP 0\r\na=mid:b\r\n"
                     "m=audio 0 RTP/AVP 0\r\na=mid:c\r\na=bundle-only\r\n") == WR_OK);
  CHECK(wr_text_is(sdp.bundle, "b a"));
  CHECK(sdp.media[0].bundled && sdp.media[1].bundled && !sdp.media[2].bundled);
  CHECK(sdp.media[2].bundle_only);
}

TEST(sdp_data_sections_of_both_forms) {
  REQUIRE(parse(HEAD
                "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"
                "m=application 9 DTLS/SCTP 5001\r\na=sctpmap:5001 webrtc-datachannel 256\r\n"
                "m=application 9 TCP/DTLS/SCTP webrtc-datachannel\r\na=sctp-port:6000\r\na=max-message-size:0\r\n"
                "m=application 9 UDP/BFCP *\r\n"
                "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=max-message-size:99999999999\r\n") == WR_OK);
  CHECK_EQ(sdp.media[0].kind, WR_MEDIA_DATA);
  CHECK_EQ(sdp.media[0].sctp_port, 5000);
  CHECK_EQ(sdp.media[0].max_message_bytes, 65536);
  CHECK_EQ(sdp.media[1].sctp_port, 5001);
  CHECK_EQ(sdp.media[2].sctp_port, 6000);
  CHECK_EQ(sdp.media[2].max_message_bytes, UINT32_MAX);
  CHECK_EQ(sdp.media[3].kind, WR_MEDIA_OTHER);
  CHECK_EQ(sdp.media[4].max_message_bytes, UINT32_MAX);
}

/* |head| and |n| times |line|. */
static wr_err parse_repeated(const char *head, int n, const char *line) {
  wr_writer w = wr_writer_of((uint8_t *)text, sizeof text);
  wr_write_text(&w, head);
  for (int i = 0; i < n; i++) wr_write_text(&w, line);
  return wr_sdp_parse(&sdp, wr_bytes_of(text, wr_writer_len(&w)), &error);
}

TEST(sdp_limits) {
  REQUIRE(parse_repeated(HEAD, WR_SDP_MAX_MEDIA, "m=audio 9 RTP/AVP 0\r\n") == WR_OK);
  CHECK_EQ(sdp.n_media, WR_SDP_MAX_MEDIA);
  CHECK(wr_text_is(sdp.media[15].mid, "15"));
  CHECK_EQ(parse_repeated(HEAD, WR_SDP_MAX_MEDIA + 1, "m=audio 9 RTP/AVP 0\r\n"), WR_ERR_LIMIT);
  CHECK_EQ(error.line, 4 + 17);
  /* more codecs and extensions than fit are left out */
  REQUIRE(parse_repeated(HEAD "m=audio 9 RTP/AVP", 100, " 7") == WR_OK);
  CHECK_EQ(sdp.media[0].n_codecs, WR_SDP_MAX_CODECS);
  REQUIRE(parse_repeated(HEAD "m=audio 9 RTP/AVP 0\r\na=extmap:300 urn:x\r\n", 100, "a=extmap:7 urn:x\r\n") ==
          WR_OK);
  CHECK_EQ(sdp.media[0].n_extensions, WR_SDP_MAX_EXTENSIONS);
  CHECK_EQ(sdp.media[0].extension[0].id, 7);
}

TEST(sdp_one_line_may_be_as_long_as_the_description) {
  static const char head[] = HEAD "a=unknown:";
  memcpy(text, head, sizeof head - 1);
  memset(text + sizeof head - 1, 'x', sizeof text - sizeof head + 1);
  CHECK_EQ(wr_sdp_parse(&sdp, wr_bytes_of(text, WR_SDP_MAX_BYTES), &error), WR_OK);
  CHECK_EQ(wr_sdp_parse(&sdp, wr_bytes_of(text, WR_SDP_MAX_BYTES + 1), &error), WR_ERR_LIMIT);
  memset(text, '\n', sizeof text);
  CHECK_EQ(wr_sdp_parse(&sdp, wr_bytes_of(text, WR_SDP_MAX_BYTES), &error), WR_ERR_SYNTAX);
}

TEST(sdp_candidates_of_a_section_are_walked_past_other_lines) {
  REQUIRE(parse(HEAD "a=candidate:9 1 udp 1 192.0.2.9 9 typ host\r\nm=audio 9 RTP/AVP 0\r\n"
                     "a=candidate:1 1 udp 1 192.0.2.1 1001 typ host\r\na=candidate:broken\r\na=sendrecv\r\n"
                     "a=candidate:1 2 udp 1 192.0.2.1 1002 typ host\r\n"
                     "a=candidate:1 1 udp 1 192.0.2.1 1003 typ host\r\na=end-of-candidates\r\n"
                     "m=audio 9 RTP/AVP 0\r\na=candidate:1 1 udp 1 192.0.2.1 1004 typ host") == WR_OK);
  wr_candidate candidate;
  size_t at = 0;
  REQUIRE(wr_sdp_next_candidate(&sdp.media[0], &at, &candidate));
  CHECK_EQ(candidate.addr.port, 1001);
  REQUIRE(wr_sdp_next_candidate(&sdp.media[0], &at, &candidate));
  CHECK_EQ(candidate.addr.port, 1003);
  CHECK(!wr_sdp_next_candidate(&sdp.media[0], &at, &candidate));
  CHECK(sdp.media[0].end_of_candidates && !sdp.media[1].end_of_candidates);
  at = 0;
  REQUIRE(wr_sdp_next_candidate(&sdp.media[1], &at, &candidate));
  CHECK_EQ(candidate.addr.port, 1004);
  CHECK(!wr_sdp_next_candidate(&sdp.media[1], &at, &candidate));
}
