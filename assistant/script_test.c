/* assistant/script_test.c - the scripted stages give what the real ones do: words, and packets of the frame
 * duration. */
#include "assistant/script.h"

#include <string.h>

#include "check.h"
#include "xiaozhi/frame.h"

static as_job job;

TEST(as_script_speaks_in_packets_of_the_frame_duration) {
  static const unsigned frames[] = {20, 40, 60};
  for (size_t i = 0; i < 3; i++) {
    job = (as_job){.kind = AS_JOB_SPEAK, .frame_ms = frames[i]};
    as_script_speak(&job);
    REQUIRE(!job.failed && job.speech.packets);
    CHECK_EQ(job.speech.n_packets, AS_SCRIPT_MS / frames[i]);
    const uint8_t *at = job.speech.packets, *end = at + job.speech.bytes;
    size_t n = 0;
    for (; at < end; n++) {
      uint16_t len;
      memcpy(&len, at, 2);
      CHECK_EQ(xz_opus_ms(wr_bytes_of(at + 2, len)), frames[i]);
      at += 2 + len;
    }
    CHECK_EQ(n, job.speech.n_packets);
    as_speech_free(&job.speech);
  }
}

TEST(as_script_hears_the_same_of_everything) {
  job = (as_job){.kind = AS_JOB_HEAR};
  as_script_hear(&job);
  CHECK_TEXT(job.heard.text, "hello");
}
