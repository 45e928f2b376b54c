/* cli/main.c - the program's commands. Each lives in its own room; here they are found by name.
 *
 * Exit codes: 0 fine, 1 the operation failed, 2 bad usage or configuration. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/check.h"
#include "gateway/gateway.h"
#ifdef HAVE_ASSISTANT
#include "assistant/assistant.h"
#endif
#ifdef HAVE_CLIENT
#include "client/client.h"
#endif

typedef int command(int argc, char **argv);

static const char usage[] =
    "usage: xiaozhi-rtc COMMAND [OPTIONS]\n"
    "  serve      the gateway: serves the page, answers calls, talks to a XiaoZhi server\n"
    "  call URL   connects to a gateway as a browser would; with --sessions a load generator\n"
    "  assistant  only the embedded XiaoZhi server\n"
    "  check      looks for what would keep 'serve' from working\n"
    "  version    prints the version\n"
    "  help       prints this\n"
    "Every command explains its options with --help.\n";

static int bad_usage(const char *why) {
  fprintf(stderr, "xiaozhi-rtc: %s\n", why);
  return 2;
}

/* false: |*code| is the exit code. */
static bool load_config(gw_config *config, const char *name, int argc, char **argv, int *code) {
  char error[GW_CONFIG_ERROR_MAX];
  switch (gw_config_load(config, argc, argv, environ, error)) {
    case GW_CONFIG_OK: return true;
    case GW_CONFIG_HELP:
      printf("usage: xiaozhi-rtc %s [OPTIONS]\n", name);
      gw_config_help(stdout);
      *code = 0;
      return false;
    case GW_CONFIG_BAD: *code = bad_usage(error); return false;
  }
  return false;
}

static gw_config config;

static int serve(int argc, char **argv) {
  int code;
  if (!load_config(&config, "serve", argc, argv, &code)) return code;
  char url[128] = "";
#ifdef HAVE_ASSISTANT
  assistant *helper = NULL;
  if (strcmp(config.backend, "embedded") == 0) {
    assistant_settings settings;
    assistant_settings_default(&settings);
    uint16_t port = 0;
    const char *error = NULL;
    helper = assistant_start(&settings, &port, &error);
    if (!helper) return bad_usage(error ? error : "the embedded assistant cannot start");
    snprintf(url, sizeof(url), "ws://127.0.0.1:%u/xiaozhi/v1/", port);
  }
#else
  if (strcmp(config.backend, "embedded") == 0)
    return bad_usage("backend: this program was built without the embedded assistant; use echo or ws:URL");
#endif
  code = gw_serve(&config, url[0] ? url : NULL);
#ifdef HAVE_ASSISTANT
  if (helper) assistant_stop(helper);
#endif
  return code;
}

static int call(int argc, char **argv) {
#ifdef HAVE_CLIENT
  return client_main(argc + 1, argv - 1); /* its argv[0] is the name */
#else
  (void)argc, (void)argv;
  return bad_usage("call: this program was built without the client");
#endif
}

static int assist(int argc, char **argv) {
  (void)argc, (void)argv;
  return bad_usage("assistant: this program was built without the embedded assistant");
}

static int check(int argc, char **argv) {
  int code;
  return load_config(&config, "check", argc, argv, &code) ? check_run(&config) : code;
}

static int version(int argc, char **argv) {
  (void)argc, (void)argv;
  printf("xiaozhi-rtc %s\n", GW_VERSION);
  return 0;
}

static int help(int argc, char **argv) {
  (void)argc, (void)argv;
  fputs(usage, stdout);
  return 0;
}

static const struct {
  const char *name;
  command *run;
} commands[] = {{"serve", serve}, {"call", call}, {"assistant", assist},
                {"check", check}, {"help", help}, {"version", version},
                {"--help", help}, {"-h", help},   {"--version", version}};

int main(int argc, char **argv) {
  if (argc < 2) {
    fputs(usage, stderr);
    return 2;
  }
  for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
    if (strcmp(argv[1], commands[i].name) == 0) return commands[i].run(argc - 2, argv + 2);
  char why[128];
  snprintf(why, sizeof(why), "unknown command '%.60s'; 'xiaozhi-rtc help' lists them", argv[1]);
  return bad_usage(why);
}
