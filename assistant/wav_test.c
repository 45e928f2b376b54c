/* assistant/wav_test.c */
#include "assistant/wav.h"

#include <stdlib.h>

#include "check.h"

static uint8_t file[1000];

static size_t make(size_t n_samples) {
  as_wav_head(file, n_samples, 22050);
  for (size_t i = 0; i < n_samples; i++) {
    file[AS_WAV_HEAD + 2 * i] = (uint8_t)i;
    file[AS_WAV_HEAD + 2 * i + 1] = 0xff;
  }
  return AS_WAV_HEAD + 2 * n_samples;
}

TEST(wav_reads_what_it_writes) {
  int16_t *samples = NULL;
  size_t n;
  unsigned rate;
  REQUIRE(as_wav_read(wr_bytes_of(file, make(100)), &samples, &n, &rate) == AS_WAV_OK);
  CHECK_EQ(n, 100);
  CHECK_EQ(rate, 22050);
  CHECK_EQ(samples[3], -253);
  free(samples);
}

TEST(wav_with_open_sizes_and_two_channels) {
  int16_t *samples = NULL;
  size_t n, len = make(100);
  unsigned rate;
  memset(file + 40, 0xff, 4);
  file[22] = 2;
  REQUIRE(as_wav_read(wr_bytes_of(file, len), &samples, &n, &rate) == AS_WAV_OK);
  CHECK_EQ(n, 50);
  CHECK_EQ(samples[1], (-254 - 253) / 2);
  free(samples);
}

TEST(wav_cut_anywhere_says_so) {
  size_t len = make(10);
  for (size_t i = 0; i < len; i++) {
    int16_t *samples = NULL;
    size_t n;
    unsigned rate;
    CHECK_EQ(as_wav_read(wr_bytes_of(file, i), &samples, &n, &rate), AS_WAV_CUT);
  }
}

TEST(wav_of_another_kind_is_refused) {
  static const struct {
    size_t at;
    uint8_t value;
  } rows[] = {{0, 'I'}, {8, 'A'}, {20, 3}, {22, 3}, {22, 0}, {24, 0}, {34, 8}, {16, 8}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    int16_t *samples = NULL;
    size_t n, len = make(10);
    unsigned rate;
    file[rows[i].at] = rows[i].value;
    if (rows[i].at == 24) file[25] = 1;
    CHECK_EQ(as_wav_read(wr_bytes_of(file, len), &samples, &n, &rate), AS_WAV_OTHER);
  }
  check_rng rng = {9};
  for (int i = 0; i < 3000; i++) {
    int16_t *samples = NULL;
    size_t n, len = make(100);
    unsigned rate;
    for (int k = 0; k < 4; k++) file[check_rng_u32(&rng) % AS_WAV_HEAD] = (uint8_t)check_rng_u32(&rng);
    as_wav_result result = as_wav_read(wr_bytes_of(file, len), &samples, &n, &rate);
    CHECK(result != AS_WAV_OK || (n > 0 && n <= 500 && rate >= 8000));
    if (result == AS_WAV_OK) free(samples);
  }
}
