/* cli/health.c - one GET, and its answer as an exit code: a small image has no curl. */
#include "cli/health.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/signalling.h"

#define PATIENCE_MS 5000

static int ask(const char *url, signalling *s) {
  const char *path = signalling_path(s);
  signalling_result result = {0};
  struct pollfd readable = {.fd = signalling_fd(s), .events = POLLIN};
  if (!path[0] || strcmp(path, "/") == 0) path = "/healthz";
  if (!signalling_request(s, 0, 0, "GET", path, "", wr_bytes_of("", 0))) return 1;
  if (poll(&readable, 1, PATIENCE_MS) != 1 || !signalling_take(s, &result)) {
    fprintf(stderr, "xiaozhi-rtc: %s: no answer within %d s\n", url, PATIENCE_MS / 1000);
    return 1;
  }
  printf("%d %.*s\n", result.status, (int)result.len, result.body ? result.body : "");
  free(result.body);
  return result.status == 200 ? 0 : 1;
}

int health_run(int argc, char **argv) {
  const char *url = argc ? argv[0] : "http://127.0.0.1:51000", *why = "";
  if (argc > 1 || url[0] == '-') {
    fprintf(argc == 1 && strcmp(url, "--help") == 0 ? stdout : stderr,
            "usage: xiaozhi-rtc health [URL]\n"
            "Asks a gateway (http://127.0.0.1:51000) for /healthz, or for the path of URL, such as /readyz.\n"
            "Exit code 0: it answered 200 within %d s.\n",
            PATIENCE_MS / 1000);
    return argc == 1 && strcmp(url, "--help") == 0 ? 0 : 2;
  }
  signalling *s = signalling_open(url, NULL, &why);
  if (!s) {
    fprintf(stderr, "xiaozhi-rtc: %s: %s\n", url, why);
    return 2;
  }
  int code = ask(url, s);
  signalling_close(s);
  return code;
}
