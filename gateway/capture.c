/* gateway/capture.c - the worker's end of a record. */
#include "gateway/capture.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gateway/log.h"
#include "gateway/pcapng.h"

static int64_t unix_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* A pipe takes a piece of this size whole or not at all (PIPE_BUF). */
static bool write_block(gw_capture *c, const uint8_t *block, size_t len) {
  return write(c->pipe, block, len) == (ssize_t)len;
}

gw_capture *gw_capture_new(int pipe, const char *id, unsigned seconds, uint64_t bytes) {
  gw_capture *c = calloc(1, sizeof(*c));
  if (!c) return NULL;
  *c = (gw_capture){.pipe = pipe, .seconds = seconds, .bytes_left = bytes};
  snprintf(c->id, sizeof(c->id), "%s", id);
  return c;
}

void gw_capture_begin(gw_capture *c, wr_time now) {
  uint8_t block[GW_PCAPNG_BLOCK_MAX];
  char comment[GW_PCAPNG_COMMENT_MAX], seconds[16], bytes[24];
  c->until = now + WR_S(c->seconds);
  c->begun_us = unix_us();
  c->shift = c->begun_us - now;
  snprintf(comment, sizeof(comment),
           "session %s, decrypted; 192.0.2.1 is the caller, 192.0.2.2 the gateway: addresses and ports are made up",
           c->id);
  (void)write_block(c, block, gw_pcapng_begin(block, comment));
  snprintf(seconds, sizeof(seconds), "%u", c->seconds);
  snprintf(bytes, sizeof(bytes), "%" PRIu64, c->bytes_left);
  gw_log(GW_WARN, "capture", "session", c->id, "state", "started", "content", "decrypted", "seconds", seconds,
         "bytes", bytes, NULL);
}

void gw_capture_see(void *ctx, wr_tap_kind kind, bool outgoing, wr_bytes packet, wr_time now) {
  gw_capture *c = ctx;
  uint8_t block[GW_PCAPNG_BLOCK_MAX];
  if (c->is_full || now >= c->until) return;
  size_t len = gw_pcapng_packet(block, kind, outgoing, packet, now + c->shift);
  c->is_full = len > c->bytes_left;
  if (c->is_full) return;
  if (!write_block(c, block, len)) {
    c->n_refused++;
    return;
  }
  c->n_packets++;
  c->bytes_left -= len;
}

bool gw_capture_is_over(const gw_capture *c, wr_time now) { return c->is_full || now >= c->until; }

void gw_capture_end(gw_capture *c, const char *why, wr_time now) {
  uint8_t block[GW_PCAPNG_BLOCK_MAX];
  char packets[24], missing[24];
  if (why) {
    (void)write_block(c, block, gw_pcapng_end(block, c->n_packets, c->n_refused, c->begun_us, now + c->shift));
    snprintf(packets, sizeof(packets), "%" PRIu64, c->n_packets);
    snprintf(missing, sizeof(missing), "%" PRIu64, c->n_refused);
    gw_log(GW_WARN, "capture", "session", c->id, "state", "ended", "reason", c->is_full ? "full" : why, "packets",
           packets, "missing", missing, NULL);
  }
  if (c->pipe >= 0) close(c->pipe);
  free(c);
}
