#include "client/audio.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"

/* A mono 16-bit WAV of a square wave, |rate_hz|, half a second. */
static void write_wav(const char *path, uint32_t rate_hz) {
  FILE *file = fopen(path, "wb");
  REQUIRE(file != NULL);
  uint32_t bytes = rate_hz, header[] = {0x46464952, 36 + bytes,  0x45564157, 0x20746d66, 16,   0x00010001,
                                        rate_hz,    rate_hz * 2, 0x00100002, 0x61746164, bytes};
  CHECK_EQ(fwrite(header, 4, 11, file), 11);
  for (uint32_t i = 0; i < bytes / 2; i++) {
    int16_t sample = i * 400 / rate_hz % 2 ? 8000 : -8000;
    CHECK_EQ(fwrite(&sample, 2, 1, file), 1);
  }
  fclose(file);
}

TEST(call_files_of_any_rate_become_opus_and_are_heard_again) {
  static const uint32_t rates[] = {8000, 16000, 22050, 44100, 48000};
  for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
    char in[] = "/tmp/call-in-XXXXXX", out[] = "/tmp/call-out-XXXXXX";
    close(mkstemp(in));
    close(mkstemp(out));
    write_wav(in, rates[i]);
    client_track track, again;
    const char *why;
    REQUIRE(client_track_read(&track, in, &why));
    CHECK(track.n >= 25 && track.n <= 26); /* half a second of 20 ms */
    client_recorder *recorder = client_recorder_open(out, &why);
    REQUIRE(recorder != NULL);
    for (size_t n = 0; n < track.n; n++)
      client_recorder_add(recorder, track.packet[n].bytes, track.packet[n].len,
                          (uint32_t)(n > 10 ? n + 50 : n) * 960);
    CHECK(client_recorder_loud_seconds(recorder) > 0.4);
    CHECK(client_recorder_close(recorder));
    REQUIRE(client_track_read(&again, out, &why));
    CHECK_EQ(again.n, track.n + 50); /* the second of silence between the packets is there */
    client_track_free(&track);
    client_track_free(&again);
    unlink(in);
    unlink(out);
  }
}

TEST(call_refuses_files_that_are_no_sound) {
  char path[] = "/tmp/call-bad-XXXXXX";
  close(mkstemp(path));
  client_track track;
  const char *why;
  CHECK(!client_track_read(&track, path, &why));
  CHECK(!client_track_read(&track, "/nonexistent.wav", &why));
  CHECK_TEXT(why, "cannot be opened");
  CHECK(client_recorder_open("/nonexistent/out.wav", &why) == NULL);
  unlink(path);
}

TEST(call_silence_is_silent) {
  client_packet packet;
  const char *why;
  REQUIRE(client_track_silence(&packet));
  client_recorder *recorder = client_recorder_open(NULL, &why);
  REQUIRE(recorder != NULL);
  for (uint32_t i = 0; i < 50; i++) client_recorder_add(recorder, packet.bytes, packet.len, i * 960);
  CHECK(client_recorder_seconds(recorder) > 0.99);
  CHECK(client_recorder_loud_seconds(recorder) < 0.05);
  CHECK(client_recorder_close(recorder));
}
