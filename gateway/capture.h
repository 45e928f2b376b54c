/* gateway/capture.h - a record of one call, decrypted, on the operator's demand: gateway/pcapng.h into a pipe.
 *
 * The HTTP thread makes it (gateway/http_capture.c): the file, the pipe, and a thread that does nothing but carry
 * one into the other, so that a slow disk holds up no packet. The session's worker writes; a packet that the pipe
 * does not take is counted as missing, in the file and in the log. Bounded in time and bytes. */
#ifndef GATEWAY_CAPTURE_H
#define GATEWAY_CAPTURE_H

#include "wr/conn.h"

#define GW_CAPTURE_SECONDS_MAX 600
#define GW_CAPTURE_BYTES_MAX (64u * 1024 * 1024)
#define GW_CAPTURES_MAX 4 /* at a time */

typedef struct gw_capture {
  int pipe; /* non-blocking; owned */
  char id[33];
  unsigned seconds; /* 0: this is no record but the wish to end one */
  uint64_t bytes_left;
  wr_time until;           /* from begin on */
  int64_t begun_us, shift; /* unix time, and its distance to our clock's */
  uint64_t n_packets, n_refused;
  bool is_full;
} gw_capture;

/* malloc'ed; takes |pipe|. NULL: no memory. */
gw_capture *gw_capture_new(int pipe, const char *id, unsigned seconds, uint64_t bytes);
void gw_capture_begin(gw_capture *capture, wr_time now); /* announces it in the log, as a warning */
/* A wr_tap; |ctx| is the capture. */
void gw_capture_see(void *ctx, wr_tap_kind kind, bool outgoing, wr_bytes packet, wr_time now);
bool gw_capture_is_over(const gw_capture *capture, wr_time now);
/* Frees it. |why| for the log; NULL: it never began. */
void gw_capture_end(gw_capture *capture, const char *why, wr_time now);

#endif
