/* fuzz_sdp.c - any text as a remote description. What is agreed to must be answered, and the answer must be a
 * description the other side can agree to in the same way. */
#include "base/io.h"
#include "sdp/model.h"
#include "sdp/text.h"
#include "wr/sdp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const wr_fingerprint fingerprint = {.hash = WR_HASH_SHA256, .len = 32, .bytes = {1, 2, 3}};

/* Without a section that is merely kept for its transport, which may look usable in the answer. */
static void check_video(const wr_sdp *answer, const wr_agreement *agreement, wr_agreement *reverse) {
  wr_sdp_agree_video(answer, reverse);
  WR_ASSERT(reverse->video && reverse->video_index == agreement->video_index);
  WR_ASSERT(reverse->video_codec == agreement->video_codec);
  WR_ASSERT(reverse->video_payload_type == agreement->video_payload_type);
  WR_ASSERT(reverse->rtx_payload_type == agreement->rtx_payload_type);
}

static void check_answer(const wr_sdp *offer, const wr_agreement *agreement, const char *text, size_t len) {
  static wr_sdp answer;
  wr_agreement reverse;
  wr_sdp_error error;
  WR_ASSERT(wr_sdp_parse(&answer, wr_bytes_of(text, len), &error) == WR_OK);
  WR_ASSERT(answer.n_media == offer->n_media);
  for (size_t i = 0; i < answer.n_media; i++) {
    WR_ASSERT(wr_bytes_equal(answer.media[i].mid, offer->media[i].mid));
    WR_ASSERT(wr_bytes_equal(answer.media[i].type, offer->media[i].type));
  }
  WR_ASSERT(wr_sdp_agree(&answer, agreement->audio, agreement->data, &reverse, &error) == WR_OK);
  WR_ASSERT(reverse.audio == agreement->audio && reverse.data == agreement->data);
  WR_ASSERT(reverse.audio_index == agreement->audio_index && reverse.data_index == agreement->data_index);
  WR_ASSERT(reverse.opus_payload_type == agreement->opus_payload_type);
  if (agreement->video && wr_sdp_is_accepted(agreement, agreement->transport_index))
    check_video(&answer, agreement, &reverse);
  WR_ASSERT(reverse.remote_fingerprint.bytes[2] == 3);
}

static void walk_candidates(const wr_sdp *sdp) {
  for (size_t i = 0; i < sdp->n_media; i++) {
    wr_candidate candidate;
    size_t n = 0;
    for (size_t at = 0; wr_sdp_next_candidate(&sdp->media[i], &at, &candidate);) n++;
    WR_ASSERT(n <= WR_SDP_MAX_BYTES);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  static wr_sdp sdp;
  static char out[4 * WR_SDP_MAX_BYTES];
  wr_sdp_error error;
  wr_agreement agreement;
  wr_err err = wr_sdp_parse(&sdp, wr_bytes_of(data, len), &error);
  if (err) {
    WR_ASSERT(error.what != NULL && error.what[0] != 0);
    return 0;
  }
  walk_candidates(&sdp);
  if (wr_sdp_agree(&sdp, true, true, &agreement, &error)) {
    WR_ASSERT(error.what != NULL);
    return 0;
  }
  if (len & 1) wr_sdp_agree_video(&sdp, &agreement);
  wr_sdp_local local = {.session_id = 1,
                        .ufrag = "ufrg",
                        .pwd = "passwordpasswordpassword",
                        .fingerprint = &fingerprint,
                        .cname = "c",
                        .audio_ssrc = 7,
                        .max_message_bytes = 65536};
  size_t written = wr_sdp_write_answer(&sdp, &agreement, &local, out, sizeof out);
  WR_ASSERT(written > 0);
  if (written <= WR_SDP_MAX_BYTES) check_answer(&sdp, &agreement, out, written);
  WR_ASSERT(wr_sdp_write_answer(&sdp, &agreement, &local, out, written) == 0);
  return 0;
}
