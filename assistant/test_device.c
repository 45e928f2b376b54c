/* assistant/test_device.c - a blocking WebSocket client (RFC 6455) of the least kind, and speech to send by it. */
#define _GNU_SOURCE /* memmem */
#include "assistant/test_device.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <opus/opus.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "assistant/resample.h"
#include "assistant/voice.h"

enum { RATE = 16000, FRAME = RATE / 1000 * 60 };

static int64_t now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int connect_to(uint16_t port) {
  struct sockaddr_in to = {
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (s >= 0 && connect(s, (const struct sockaddr *)(const void *)&to, sizeof to)) {
    close(s);
    s = -1;
  }
  return s;
}

static void send_all(int s, const void *data, size_t len) {
  for (const uint8_t *at = data; len;) {
    ssize_t n = send(s, at, len, MSG_NOSIGNAL);
    if (n <= 0) return;
    at += n;
    len -= (size_t)n;
  }
}

/* Reads more into the buffer. false: nothing came in time, or the end. */
static bool receive_more(test_device *d, int64_t deadline) {
  int64_t left = deadline - now_ms();
  struct pollfd p = {.fd = d->socket, .events = POLLIN};
  if (poll(&p, 1, left > 0 ? (int)left : 0) <= 0) return false;
  ssize_t n = recv(d->socket, d->buffer + d->n_buffer, sizeof d->buffer - d->n_buffer, 0);
  if (n <= 0) {
    if (!d->close_code) d->close_code = -1;
    return false;
  }
  d->n_buffer += (size_t)n;
  return true;
}

static void take_from_buffer(test_device *d, size_t n) {
  memmove(d->buffer, d->buffer + n, d->n_buffer - n);
  d->n_buffer -= n;
}

static void send_frame(test_device *d, uint8_t opcode, const uint8_t *data, size_t len) {
  uint8_t head[14] = {(uint8_t)(0x80 | opcode)};
  size_t n = 2;
  if (len < 126) {
    head[1] = (uint8_t)(0x80 | len);
  } else {
    head[1] = 0x80 | 126;
    head[2] = (uint8_t)(len >> 8);
    head[3] = (uint8_t)len;
    n = 4;
  }
  n += 4; /* a mask of zeros changes nothing */
  send_all(d->socket, head, n);
  send_all(d->socket, data, len);
}

void test_device_flush(test_device *d) {
  xz_send send;
  while (xz_client_peek(&d->client, &send)) {
    if (send.kind != XZ_SEND_CLOSE)
      send_frame(d, send.kind == XZ_SEND_TEXT ? 1 : 2, send.bytes.data, send.bytes.len);
    xz_client_pop(&d->client);
  }
}

static size_t head_length(const test_device *d) {
  const uint8_t *end = d->n_buffer ? memmem(d->buffer, d->n_buffer, "\r\n\r\n", 4) : NULL;
  return end ? (size_t)(end - d->buffer) + 4 : 0;
}

static int open_with(test_device *d, uint16_t port, const char *query, const char *headers) {
  char request[900];
  memset(d, 0, sizeof *d);
  d->socket = connect_to(port);
  int n = snprintf(request, sizeof request,
                   "GET /xiaozhi/v1/%s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUpgrade: websocket\r\n"
                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
                   query, port, headers);
  send_all(d->socket, request, (size_t)n);
  int64_t deadline = now_ms() + 5000;
  while (!head_length(d) && receive_more(d, deadline)) continue;
  int status = d->n_buffer > 12 ? (int)strtol((const char *)d->buffer + 9, NULL, 10) : 0;
  take_from_buffer(d, head_length(d));
  xz_client_settings settings;
  xz_client_settings_default(&settings);
  xz_client_init(&d->client, &settings);
  if (status != 101) return status;
  xz_client_opened(&d->client, 0);
  test_device_flush(d);
  return status;
}

int test_device_open(test_device *d, uint16_t port, const char *device_id, const char *token) {
  char headers[400];
  snprintf(headers, sizeof headers,
           "Connection: Upgrade\r\nProtocol-Version: 1\r\nDevice-Id: %s\r\nClient-Id: c\r\n"
           "Authorization: Bearer %s\r\n",
           device_id, token);
  return open_with(d, port, "", headers);
}

int test_page_open(test_device *d, uint16_t port, const char *device_id, const char *token) {
  char query[400];
  snprintf(query, sizeof query, "?device-id=%s&client-id=c&authorization=Bearer%%20%s", device_id, token);
  return open_with(d, port, query, "Connection: keep-alive, Upgrade\r\nOrigin: http://page.example\r\n");
}

void test_device_close(test_device *d) {
  if (d->socket >= 0) close(d->socket);
  xz_client_wipe(&d->client);
}

/* Gives one whole frame to the client. false: there is none in the buffer. */
static bool take_frame(test_device *d) {
  if (d->n_buffer < 2) return false;
  size_t at = 2, len = d->buffer[1] & 127;
  if (len == 126) {
    if (d->n_buffer < 4) return false;
    len = (size_t)d->buffer[2] << 8 | d->buffer[3];
    at = 4;
  }
  if (d->n_buffer < at + len) return false;
  uint8_t opcode = d->buffer[0] & 15;
  wr_bytes bytes = {d->buffer + at, len};
  if (opcode == 1) xz_client_recv_text(&d->client, bytes, 0);
  if (opcode == 2) xz_client_recv_binary(&d->client, bytes, 0);
  if (opcode == 8) d->close_code = len >= 2 ? bytes.data[0] << 8 | bytes.data[1] : 1005;
  if (opcode == 9) send_frame(d, 10, bytes.data, len);
  return true;
}

static size_t frame_length(const test_device *d) {
  size_t len = d->buffer[1] & 127;
  return len == 126 ? 4 + ((size_t)d->buffer[2] << 8 | d->buffer[3]) : 2 + len;
}

/* Events borrow from the buffer, so a frame leaves it when the next event is asked for. */
bool test_device_next(test_device *d, xz_client_event *event, int limit_ms) {
  int64_t deadline = now_ms() + limit_ms;
  for (;;) {
    if (xz_client_poll(&d->client, event)) return true;
    test_device_flush(d);
    while (!take_frame(d))
      if (d->close_code || !receive_more(d, deadline)) return false;
    if (!xz_client_poll(&d->client, event)) {
      take_from_buffer(d, frame_length(d));
      continue;
    }
    static uint8_t kept[4096]; /* the packet outlives its frame until the next call */
    if (event->kind == XZ_CLIENT_EVENT_AUDIO && event->opus.len <= sizeof kept) {
      memcpy(kept, event->opus.data, event->opus.len);
      event->opus.data = kept;
    }
    take_from_buffer(d, frame_length(d));
    return true;
  }
}

bool test_device_await(test_device *d, xz_client_event_kind kind, xz_client_event *event, int limit_ms) {
  int64_t deadline = now_ms() + limit_ms;
  while (test_device_next(d, event, (int)(deadline - now_ms())))
    if (event->kind == kind) return true;
  return false;
}

void test_device_say(test_device *d, const int16_t *samples, size_t n, int bit_rate) {
  int error;
  OpusEncoder *encoder = opus_encoder_create(RATE, 1, OPUS_APPLICATION_VOIP, &error);
  opus_encoder_ctl(encoder, OPUS_SET_BITRATE(bit_rate));
  for (size_t at = 0; at + FRAME <= n; at += FRAME) {
    uint8_t packet[1275];
    int len = opus_encode(encoder, samples + at, FRAME, packet, sizeof packet);
    if (len > 0 && xz_client_send_audio(&d->client, wr_bytes_of(packet, (size_t)len), 0)) break;
    test_device_flush(d);
  }
  opus_encoder_destroy(encoder);
}

static int16_t *speak_with_espeak(const char *options, const char *text, size_t *n, unsigned *rate) {
  char command[400];
  snprintf(command, sizeof command, "espeak-ng %s --stdout \"%s\"", options, text);
  FILE *pipe = popen(command, "r");
  size_t cap = 4 << 20, len = 0;
  uint8_t *wav = malloc(cap);
  for (size_t got; pipe && (got = fread(wav + len, 1, cap - len, pipe)) > 0;) len += got;
  if (pipe) pclose(pipe);
  *n = len > 44 ? (len - 44) / 2 : 0;
  *rate = 22050;
  int16_t *samples = malloc(*n * 2 + 2);
  memcpy(samples, wav + 44, *n * 2);
  free(wav);
  return samples;
}

int16_t *test_phrase(const char *voice, const char *text, int quiet_before_ms, int quiet_after_ms, size_t *n) {
  char error[200];
  size_t n_spoken = 0;
  unsigned rate = RATE;
  int16_t *spoken = !strcmp(voice, "flite")
                        ? as_voice_samples(AS_ENGLISH, text, &n_spoken, &rate, error, sizeof error)
                        : speak_with_espeak(voice, text, &n_spoken, &rate);
  size_t before = (size_t)quiet_before_ms * RATE / 1000, after = (size_t)quiet_after_ms * RATE / 1000;
  size_t length = spoken ? as_resample_length(n_spoken, rate, RATE) : 0;
  *n = before + length + after;
  int16_t *out = calloc(*n + FRAME, sizeof *out);
  if (spoken) as_resample(out + before, RATE, spoken, n_spoken, rate);
  uint32_t noise = 1;
  for (size_t i = 0; i < *n; i++) {
    noise = noise * 1664525u + 1013904223u;
    out[i] = (int16_t)(out[i] * 2 / 3 + (int)(noise >> 26) - 32);
  }
  free(spoken);
  return out;
}

int test_http(uint16_t port, const char *head, const void *body, size_t n_body, char *reply, size_t cap) {
  static test_device d;
  memset(&d, 0, sizeof d);
  d.socket = connect_to(port);
  send_all(d.socket, head, strlen(head));
  if (n_body) send_all(d.socket, body, n_body);
  int64_t deadline = now_ms() + 5000;
  int status = 0;
  for (;;) {
    size_t at = head_length(&d);
    const uint8_t *length = at ? memmem(d.buffer, at, "content-length: ", 16) : NULL;
    size_t want = length ? (size_t)strtol((const char *)length + 16, NULL, 10) : 0;
    if (at && d.n_buffer >= at + want) {
      status = (int)strtol((const char *)d.buffer + 9, NULL, 10);
      snprintf(reply, cap, "%.*s", (int)want, (const char *)d.buffer + at);
      break;
    }
    if (!receive_more(&d, deadline)) break;
  }
  close(d.socket);
  return status;
}
