#include "gateway/pcm.h"

#include <math.h>
#include <opus/opus.h>

#include "check.h"

static void tone(uint8_t piece[GW_PCM_UP_BYTES], double amplitude, unsigned number) {
  for (unsigned i = 0; i < GW_PCM_UP_BYTES / 2; i++) {
    double t = (number * GW_PCM_UP_BYTES / 2 + i) / (double)GW_PCM_UP_HZ;
    uint16_t v = (uint16_t)(int16_t)lrint(amplitude * sin(2 * 3.14159265358979 * 440 * t));
    piece[2 * i] = (uint8_t)(v & 0xff);
    piece[2 * i + 1] = (uint8_t)(v >> 8);
  }
}

static double energy_of(const uint8_t *bytes, size_t len) {
  double sum = 0;
  for (size_t i = 0; i + 1 < len; i += 2) {
    double v = (int16_t)(uint16_t)(bytes[i] | bytes[i + 1] << 8);
    sum += v * v;
  }
  return sum / ((double)len / 2);
}

TEST(pcm_a_tone_goes_through_both_codecs) {
  gw_pcm *pcm = gw_pcm_open();
  REQUIRE(pcm != NULL);
  uint8_t piece[GW_PCM_UP_BYTES], opus[GW_PCM_OPUS_MAX], out[GW_PCM_DOWN_MAX], level;
  size_t bytes = 0, len = 0;
  for (unsigned i = 0; i < 50; i++) {
    tone(piece, 8000, i);
    size_t n = gw_pcm_encode(pcm, piece, opus, &level);
    CHECK(n > 0 && n <= GW_PCM_OPUS_MAX);
    CHECK_EQ(opus_packet_get_nb_samples(opus, (opus_int32)n, 48000), 960);
    CHECK_EQ(level, 15); /* 8000 / sqrt(2) of 32768 */
    bytes += n;
    len = gw_pcm_decode(pcm, wr_bytes_of(opus, n), out);
    CHECK_EQ(len, GW_PCM_DOWN_BYTES);
  }
  CHECK(bytes > 1500 && bytes < 4500); /* one second: 12 to 36 kbit/s */
  double got = energy_of(out, len), want = 8000.0 * 8000.0 / 2;
  CHECK(got > want / 2 && got < want * 2);
  gw_pcm_close(pcm);
}

TEST(pcm_levels) {
  gw_pcm *pcm = gw_pcm_open();
  REQUIRE(pcm != NULL);
  uint8_t piece[GW_PCM_UP_BYTES] = {0}, opus[GW_PCM_OPUS_MAX], level;
  CHECK(gw_pcm_encode(pcm, piece, opus, &level) > 0);
  CHECK_EQ(level, 127);
  for (size_t i = 0; i < sizeof(piece); i += 2) piece[i] = 0, piece[i + 1] = 0x80; /* -32768 */
  CHECK(gw_pcm_encode(pcm, piece, opus, &level) > 0);
  CHECK_EQ(level, 0);
  gw_pcm_close(pcm);
}

TEST(pcm_takes_what_assistants_send_and_survives_the_rest) {
  gw_pcm *pcm = gw_pcm_open();
  REQUIRE(pcm != NULL);
  uint8_t out[GW_PCM_DOWN_MAX];
  static const uint8_t silence[] = {0xF8, 0xFF, 0xFE}; /* full band, 20 ms */
  CHECK_EQ(gw_pcm_decode(pcm, wr_bytes_of(silence, sizeof silence), out), GW_PCM_DOWN_BYTES);
  CHECK(energy_of(out, GW_PCM_DOWN_BYTES) < 1);
  static const uint8_t sixty[] = {0x18, 0x00}; /* SILK, one frame of 60 ms */
  CHECK_EQ(gw_pcm_decode(pcm, wr_bytes_of(sixty, sizeof sixty), out), 3 * GW_PCM_DOWN_BYTES);
  CHECK_EQ(gw_pcm_decode(pcm, wr_bytes_of(NULL, 0), out), 0);
  check_rng rng = {7};
  uint8_t bytes[200];
  for (int i = 0; i < 500; i++) {
    check_rng_fill(&rng, bytes, sizeof bytes);
    CHECK(gw_pcm_decode(pcm, wr_bytes_of(bytes, check_rng_u32(&rng) % sizeof bytes), out) <= GW_PCM_DOWN_MAX);
  }
  gw_pcm_interrupt(pcm);
  CHECK_EQ(gw_pcm_decode(pcm, wr_bytes_of(silence, sizeof silence), out), GW_PCM_DOWN_BYTES);
  gw_pcm_close(pcm);
}
