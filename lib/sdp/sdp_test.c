/* Every browser offer of tests/fixtures/sdp is parsed, agreed to and answered; the answer is read back as the
 * browser's side would read it. */
#include "wr/sdp.h"
#include "check.h"
#include "sdp/text.h"

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

static void check_fixture(const fixture *f) {
  char path[128] = "tests/fixtures/sdp/";
  strncat(path, f->file, sizeof path - strlen(path) - 1);
  size_t len = check_read_file(path, text, sizeof text);
  REQUIRE(negotiate(wr_bytes_of(text, len)));
  check_mirror();
  CHECK_EQ(offer.n_media, f->n_media);
  CHECK_EQ(offer.ice_trickle, f->trickle);
  CHECK_EQ(agreement.opus_payload_type, f->opus);
  CHECK_EQ(agreement.red_payload_type, f->red);
  CHECK_EQ(agreement.mid_extension, f->mid_id);
  CHECK_EQ(agreement.level_extension, f->level_id);
  CHECK_EQ(agreement.twcc_extension, 0);
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
  CHECK(strstr(written, "transport-cc") == NULL);
  CHECK(strstr(written, "rtcp-xr") == NULL);
  CHECK_EQ(count_candidates(&answer.media[0]), 1);
  CHECK(answer.media[0].end_of_candidates);
}

TEST(sdp_answers_every_recorded_browser_offer) {
  for (size_t i = 0; i < sizeof fixtures / sizeof *fixtures; i++) check_fixture(&fixtures[i]);
}
