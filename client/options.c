/* client/options.c - see options.h. */
#include "client/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: xiaozhi-rtc call URL [options]\n"
    "\n"
    "Connects to a gateway as a browser would, prints what both sides say, and exits 0 only if it connected and,\n"
    "where audio was asked for, audio came back. Once connected it heals itself: by an ICE restart, by coming back "
    "to\n"
    "its session, by a new one (not with a URL that has a path). STUN and TURN servers that the gateway names are "
    "used\n"
    "(by UDP; not under load).\n"
    "\n"
    "  URL               http://HOST:PORT, or with a path such as /offer (an echo server)\n"
    "  --in FILE         speak this file (.wav, or .opus in Ogg), then stay silent\n"
    "  --out FILE.wav    write what is heard\n"
    "  --text TEXT       send typed text\n"
    "  --mode MODE       auto (default), manual, realtime\n"
    "  --duration S      stay this long; default: until the answer was heard, at most 30\n"
    "  --transport HOW   of media: any (default: TCP where UDP gets nowhere), udp (default under load), tcp\n"
    "  --token TOKEN     bearer token of the gateway\n"
    "  --echo-test       the other side echoes: text, 64 KiB and 2 s of audio must come back\n"
    "  --echo-bytes N    as --echo-test with N bytes instead of 65536\n"
    "  --json            one JSON object per event\n"
    "  --quiet           only the exit code\n"
    "\n"
    "load:\n"
    "  --sessions N      this many calls (at most 5000)\n"
    "  --ramp N/s        begin N calls each second; default: all at once\n"
    "  --sequential      one after the other: connect, hang up, next\n"
    "  --no-media        connect only; default is 50 packets/s each way, timed through an echo backend\n";

typedef enum option_id {
  OPT_HELP = 1000,
  OPT_IN,
  OPT_OUT,
  OPT_TEXT,
  OPT_MODE,
  OPT_DURATION,
  OPT_TOKEN,
  OPT_TRANSPORT,
  OPT_JSON,
  OPT_QUIET,
  OPT_SESSIONS,
  OPT_RAMP,
  OPT_SEQUENTIAL,
  OPT_NO_MEDIA,
  OPT_ECHO_TEST,
  OPT_ECHO_BYTES
} option_id;

static const struct option table[] = {{"help", no_argument, NULL, OPT_HELP},
                                      {"in", required_argument, NULL, OPT_IN},
                                      {"out", required_argument, NULL, OPT_OUT},
                                      {"text", required_argument, NULL, OPT_TEXT},
                                      {"mode", required_argument, NULL, OPT_MODE},
                                      {"duration", required_argument, NULL, OPT_DURATION},
                                      {"token", required_argument, NULL, OPT_TOKEN},
                                      {"transport", required_argument, NULL, OPT_TRANSPORT},
                                      {"json", no_argument, NULL, OPT_JSON},
                                      {"quiet", no_argument, NULL, OPT_QUIET},
                                      {"sessions", required_argument, NULL, OPT_SESSIONS},
                                      {"ramp", required_argument, NULL, OPT_RAMP},
                                      {"sequential", no_argument, NULL, OPT_SEQUENTIAL},
                                      {"no-media", no_argument, NULL, OPT_NO_MEDIA},
                                      {"echo-test", no_argument, NULL, OPT_ECHO_TEST},
                                      {"echo-bytes", required_argument, NULL, OPT_ECHO_BYTES},
                                      {NULL, 0, NULL, 0}};

static bool number(const char *text, double least, double most, const char *suffix, double *out) {
  char *end;
  *out = strtod(text, &end);
  return end != text && (!*end || !strcmp(end, suffix)) && *out >= least && *out <= most;
}

static bool refuse(const char *option, const char *value, const char *allowed) {
  fprintf(stderr, "call: --%s %s: %s\n", option, value, allowed);
  return false;
}

static bool take_mode(client_options *options, const char *value) {
  options->mode = value;
  if (!strcmp(value, "auto") || !strcmp(value, "manual") || !strcmp(value, "realtime")) return true;
  return refuse("mode", value, "must be auto, manual or realtime");
}

static bool take_transport(client_options *options, const char *value) {
  options->udp = strcmp(value, "tcp") != 0;
  options->tcp = strcmp(value, "udp") != 0;
  if (!options->udp || !options->tcp || !strcmp(value, "any")) return true;
  return refuse("transport", value, "must be any, udp or tcp");
}

static bool take(client_options *options, int id, const char *value) {
  double n;
  switch (id) {
    case OPT_IN: options->in_path = value; return true;
    case OPT_OUT: options->out_path = value; return true;
    case OPT_TEXT: options->text = value; return true;
    case OPT_TOKEN: options->token = value; return true;
    case OPT_MODE: return take_mode(options, value);
    case OPT_TRANSPORT: return take_transport(options, value);
    case OPT_JSON: options->json = true; return true;
    case OPT_QUIET: options->quiet = true; return true;
    case OPT_SEQUENTIAL: options->sequential = true; return true;
    case OPT_NO_MEDIA: options->media = false; return true;
    case OPT_ECHO_TEST: options->echo_test = true; return true;
    case OPT_ECHO_BYTES:
      options->echo_test = true;
      if (!number(value, 1, CLIENT_MAX_ECHO_BYTES, "", &n)) return refuse("echo-bytes", value, "1 to 65536");
      options->echo_bytes = (unsigned)n;
      return true;
    case OPT_DURATION:
      if (!number(value, 0.1, 86400, "s", &options->duration_s))
        return refuse("duration", value, "seconds, 0.1 to 86400");
      return true;
    case OPT_RAMP:
      if (!number(value, 0.1, 10000, "/s", &options->ramp_per_s))
        return refuse("ramp", value, "calls per second, 0.1 to 10000");
      return true;
    case OPT_SESSIONS:
      if (!number(value, 1, CLIENT_MAX_SESSIONS, "", &n)) return refuse("sessions", value, "1 to 5000");
      options->n_sessions = (unsigned)n;
      return true;
    default: return false;
  }
}

bool client_options_read(client_options *options, int argc, char **argv, int *exit_code) {
  *options = (client_options){.mode = "auto", .n_sessions = 1, .media = true, .echo_bytes = CLIENT_MAX_ECHO_BYTES};
  *exit_code = 2;
  optind = 1;
  for (int id; (id = getopt_long(argc, argv, "", table, NULL)) != -1;) {
    if (id == OPT_HELP) {
      fputs(usage, stdout);
      *exit_code = 0;
      return false;
    }
    if (!take(options, id, optarg)) return false;
  }
  if (optind != argc - 1) {
    fputs("call: exactly one URL is needed; `xiaozhi-rtc call --help` shows the options\n", stderr);
    return false;
  }
  if (!options->udp && !options->tcp) {
    options->udp = true;
    options->tcp = !client_is_load(options);
  }
  options->url = argv[optind];
  return true;
}
