/* bench/devices.c - many XiaoZhi devices at one server, in one thread: what their sound costs, and whether the
 * server keeps the clock of its own.
 *
 *   devices PORT N SECONDS
 *
 * Each device listens in realtime mode, so its 60 ms frames go up all the time: 1.3 s of voice, then a quiet room
 * until the answer has been heard. An answer is played from its first packet on, without any buffer: packet i must
 * be there 60 ms * i after the first. One that is not is a missed deadline. Prints one JSON object. Times are taken
 * where poll returns, so what this program itself was late by counts against the server; "own_ms" is the longest
 * that a frame of a device went up after its time. */
#define _GNU_SOURCE /* ppoll */
#include <opus/opus.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "assistant/test_device.h"

enum {
  MOST = 1000,
  N_VOICE = 22,
  N_QUIET = 10,
  N_FRAMES = N_VOICE + N_QUIET,
  RATE = 16000,
  FRAME = RATE / 1000 * 60
};
#define FRAME_US WR_MS(60)
#define PAUSE_US WR_MS(500) /* after an answer, before the next words */
#define N_BUCKETS 2000      /* of a tenth of a millisecond */

typedef struct device {
  test_device at;
  bool open;
  unsigned i_frame; /* of what it says */
  wr_time next_at;  /* of its next frame */
  wr_time speaks_at;
  wr_time first_at; /* of the answer's first packet */
  unsigned n_heard; /* packets of this answer */
} device;

static struct {
  unsigned opened, closed, answers, frames, missed, sent;
  wr_time worst, own;
  unsigned bucket[N_BUCKETS + 1]; /* how long after its slot a packet came */
} seen;

static device *devices[MOST];
static unsigned n_devices;
static struct {
  uint8_t bytes[400];
  size_t len;
} frames[N_FRAMES];

static wr_time now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return WR_S(t.tv_sec) + t.tv_nsec / 1000;
}

/* Voice as far as a detector of voice goes: loud noise; then quiet noise. */
static void encode(void) {
  int error;
  uint32_t noise = 1;
  OpusEncoder *encoder = opus_encoder_create(RATE, 1, OPUS_APPLICATION_VOIP, &error);
  if (!encoder) exit(1);
  opus_encoder_ctl(encoder, OPUS_SET_BITRATE(24000));
  for (int i = 0; i < N_FRAMES; i++) {
    int16_t samples[FRAME];
    for (int j = 0; j < FRAME; j++) {
      noise = noise * 1664525u + 1013904223u;
      samples[j] = (int16_t)((int)(noise >> 16) - 32768);
      samples[j] = (int16_t)(samples[j] / (i < N_VOICE ? 6 : 1000));
    }
    int len = opus_encode(encoder, samples, FRAME, frames[i].bytes, sizeof frames[i].bytes);
    frames[i].len = len > 0 ? (size_t)len : 0;
  }
  opus_encoder_destroy(encoder);
}

static void open_device(uint16_t port, unsigned i, wr_time now) {
  device *d = calloc(1, sizeof *d);
  char id[24];
  xz_client_event e;
  if (!d) exit(1);
  devices[n_devices++] = d;
  snprintf(id, sizeof id, "02:00:00:00:%02x:%02x", i >> 8 & 255, i & 255);
  if (test_device_open(&d->at, port, id, "") != 101) return;
  if (!test_device_await(&d->at, XZ_CLIENT_EVENT_READY, &e, 5000)) return;
  if (xz_client_listen_start(&d->at.client, XZ_MODE_REALTIME)) return;
  test_device_flush(&d->at);
  d->open = true;
  d->next_at = d->speaks_at = now;
  seen.opened++;
}

/* The frame that is due: of the words, or of the room. */
static void send_frame(device *d, wr_time now) {
  bool speaks = now >= d->speaks_at;
  if (speaks && d->i_frame < N_VOICE) d->i_frame++;
  unsigned i = speaks && d->i_frame < N_VOICE ? d->i_frame : N_VOICE + seen.sent % N_QUIET;
  if (now - d->next_at > seen.own) seen.own = now - d->next_at;
  d->next_at += FRAME_US;
  if (d->next_at < now) d->next_at = now; /* we slept: no burst */
  if (!xz_client_send_audio(&d->at.client, wr_bytes_of(frames[i].bytes, frames[i].len), 0)) seen.sent++;
  test_device_flush(&d->at);
}

static void on_packet(device *d, wr_time now) {
  unsigned i = d->n_heard++;
  if (!i) d->first_at = now;
  wr_time slot = d->first_at + (i ? i - 1 : 0) * FRAME_US, late = now > slot ? now - slot : 0;
  size_t bucket = (size_t)(late / 100);
  seen.frames++;
  seen.bucket[bucket < N_BUCKETS ? bucket : N_BUCKETS]++;
  if (late > seen.worst) seen.worst = late;
  if (late > FRAME_US) seen.missed++;
}

static void hear(device *d, wr_time now) {
  xz_client_event e;
  while (test_device_next(&d->at, &e, 0)) {
    if (e.kind == XZ_CLIENT_EVENT_TTS_START) d->n_heard = 0;
    if (e.kind == XZ_CLIENT_EVENT_AUDIO) on_packet(d, now);
    if (e.kind != XZ_CLIENT_EVENT_TTS_STOP) continue;
    seen.answers += d->n_heard > 0;
    d->i_frame = 0;
    d->speaks_at = now + PAUSE_US;
  }
  if (!d->at.close_code) return;
  d->open = false;
  seen.closed++;
}

static void wait_and_hear(wr_time until) {
  struct pollfd fds[MOST];
  for (unsigned i = 0; i < n_devices; i++)
    fds[i] = (struct pollfd){.fd = devices[i]->open ? devices[i]->at.socket : -1, .events = POLLIN};
  wr_time wait = until - now_us();
  struct timespec timeout = {.tv_nsec = wait > 0 ? (wait < WR_MS(50) ? wait : WR_MS(50)) * 1000 : 0};
  if (ppoll(fds, n_devices, &timeout, NULL) <= 0) return;
  wr_time now = now_us();
  for (unsigned i = 0; i < n_devices; i++)
    if (fds[i].revents) hear(devices[i], now);
}

static double percentile(double share) {
  unsigned wanted = (unsigned)(share * seen.frames), n = 0;
  for (unsigned i = 0; i <= N_BUCKETS; i++)
    if ((n += seen.bucket[i]) >= wanted) return i / 10.0;
  return 0;
}

static void print_result(void) {
  printf(
      "{\"opened\":%u,\"closed\":%u,\"answers\":%u,\"frames_up\":%u,\"frames_down\":%u,\"missed\":%u,"
      "\"late_ms_p50\":%.1f,\"late_ms_p99\":%.1f,\"late_ms_max\":%.1f,\"own_ms\":%.1f}\n",
      seen.opened, seen.closed, seen.answers, seen.sent, seen.frames, seen.missed, percentile(0.5),
      percentile(0.99), (double)seen.worst / 1000, (double)seen.own / 1000);
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  unsigned n = (unsigned)strtoul(argv[2], NULL, 10);
  uint16_t port = (uint16_t)strtoul(argv[1], NULL, 10);
  if (n < 1 || n > MOST) return 2;
  encode();
  wr_time now = now_us(), end = now + WR_S(strtoul(argv[3], NULL, 10)), open_at = now;
  while ((now = now_us()) < end) {
    wr_time next = end;
    if (n_devices < n && now >= open_at) { /* one every 10 ms */
      open_device(port, n_devices, now);
      open_at = now + WR_MS(10);
    }
    if (n_devices < n) next = open_at;
    for (unsigned i = 0; i < n_devices; i++) {
      device *d = devices[i];
      if (d->open && now >= d->next_at) send_frame(d, now);
      if (d->open) next = wr_time_min(next, d->next_at);
    }
    wait_and_hear(next);
  }
  print_result();
  return 0;
}
