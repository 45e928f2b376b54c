/* client/options.h - the command line of `xiaozhi-rtc call`. */
#ifndef CLIENT_OPTIONS_H
#define CLIENT_OPTIONS_H

#include <stdbool.h>

#define CLIENT_MAX_SESSIONS 5000
#define CLIENT_MAX_ECHO_BYTES 65536

typedef struct client_options {
  const char *url; /* http://HOST:PORT, or with a path that is posted to as it stands (an echo server's /offer) */
  const char *in_path;  /* NULL: silence */
  const char *out_path; /* NULL: nothing is written */
  const char *text;     /* typed text, NULL: none */
  const char *mode;     /* auto | manual | realtime */
  const char *token;    /* bearer token, NULL: none */
  double duration_s;    /* 0: until the answer was heard */
  unsigned n_sessions;
  double ramp_per_s; /* 0: all at once */
  bool sequential;   /* the next one begins when the one before hung up */
  bool echo_test;    /* text, echo_bytes and two seconds of audio must come back */
  unsigned echo_bytes;
  bool udp, tcp; /* how media may go */
  bool media;    /* load: send and time 50 packets/s per session */
  bool json, quiet;
} client_options;

/* false: usage was wrong (said on stderr) or help was asked for (said on stdout); *exit_code is set. */
bool client_options_read(client_options *options, int argc, char **argv, int *exit_code);
/* More than one session: figures instead of a conversation. */
static inline bool client_is_load(const client_options *options) { return options->n_sessions > 1; }

#endif
