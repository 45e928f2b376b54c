/* cli/main.c - the program's commands. Each lives in its own room; here they are found by name.
 *
 * Exit codes: 0 fine, 1 the operation failed, 2 bad usage or configuration. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/check.h"
#include "cli/token.h"
#include "gateway/gateway.h"
#include "gateway/log.h"
#include "gateway/protocol.h"
#include "wr/crypto_openssl.h"
#ifdef HAVE_ASSISTANT
#include "assistant/assistant.h"
#include "cli/plugs.h"
#endif
#ifdef HAVE_CLIENT
#include "cli/health.h"
#include "client/client.h"
#endif

typedef int command(int argc, char **argv);

static const char usage[] =
    "usage: xiaozhi-rtc COMMAND [OPTIONS]\n"
    "  serve      the gateway: serves the page, answers calls, talks to a XiaoZhi server\n"
    "  call URL   connects to a gateway as a browser would; with --sessions a load generator\n"
    "  assistant  only the embedded XiaoZhi server\n"
    "  check      looks for what would keep 'serve' from working\n"
    "  config     prints every setting as 'serve' would have it, and where it comes from\n"
    "  token      prints a token with which somebody may call for a while\n"
    "  health     asks a running gateway whether it is well, for health checks\n"
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
static int serve_argc;
static char **serve_argv;

/* At SIGHUP: files may have changed since, the rest stays as it was. */
static bool reload(gw_config *fresh, char error[GW_CONFIG_ERROR_MAX]) {
  return gw_config_load(fresh, serve_argc, serve_argv, environ, error) == GW_CONFIG_OK;
}

#ifdef HAVE_ASSISTANT
static void log_assistant(void *ctx, as_log_level level, const char *line) {
  (void)ctx;
  gw_severity severity = level == AS_LOG_ERROR ? GW_ERROR : level == AS_LOG_WARNING ? GW_WARN : GW_DEBUG;
  gw_log(severity, "assistant", "line", line, NULL);
}

static as_assistant *start_assistant(const char *host, uint16_t port, const char *token) {
  char error[256] = "";
  as_assistant_settings settings;
  as_assistant_settings_default(&settings);
  settings.host = host;
  settings.port = port;
  settings.token = token;
  settings.activation = config.device_activation;
  settings.devices = config.device_list;
  settings.admin_token = config.admin_token;
  settings.n_sessions = (unsigned)config.max_sessions;
  settings.scripted = strcmp(config.speech, "scripted") == 0;
  plugs_read(&settings, &config);
  settings.log = log_assistant;
  gw_log_setup(config.log_level, config.log_format);
  as_assistant *helper = as_assistant_start(&settings, error, sizeof(error));
  if (!helper) fprintf(stderr, "xiaozhi-rtc: the embedded assistant cannot start: %s\n", error);
  return helper;
}

/* Where devices come, or nobody but this gateway. */
static void device_address(char host[WR_ADDR_TEXT_MAX], uint16_t *port, const char *text) {
  wr_addr addr;
  snprintf(host, WR_ADDR_TEXT_MAX, "127.0.0.1");
  *port = 0;
  if (!*text || !gw_host_port(text, &addr)) return;
  wr_addr_text(&addr, host);
  *port = addr.port;
}

/* This gateway is no device: it comes with the token that opens for everybody who has it. */
static const char *own_token(void) {
  static uint8_t random[16];
  if (!config.devices[0]) return NULL;
  if (config.auth_token[0]) {
    memcpy(config.backend_token, config.auth_token, sizeof(config.backend_token));
    return config.backend_token;
  }
  if (!config.device_activation) return NULL;
  wr_rng rng = wr_crypto_openssl_rng();
  wr_rng_fill(&rng, random, sizeof(random));
  gw_hex(config.backend_token, random, sizeof(random));
  return config.backend_token;
}

static int serve_embedded(void) {
  char url[128], host[WR_ADDR_TEXT_MAX];
  uint16_t port;
  wr_addr addr;
  device_address(host, &port, config.devices);
  as_assistant *helper = start_assistant(host, port, own_token());
  if (!helper) return 2;
  bool anywhere = config.devices[0] && gw_host_port(config.devices, &addr) && gw_addr_is_any(&addr);
  bool v6 = strchr(host, ':') != NULL;
  if (anywhere) snprintf(host, sizeof(host), v6 ? "::1" : "127.0.0.1");
  snprintf(url, sizeof(url), v6 ? "ws://[%s]:%u/xiaozhi/v1/" : "ws://%s:%u/xiaozhi/v1/", host,
           as_assistant_port(helper));
  gw_log(GW_INFO, "assistant", "websocket", url, NULL);
  int code = gw_serve(&config, url, reload);
  as_assistant_stop(helper);
  return code;
}

static int assist(int argc, char **argv) {
  int code;
  if (!load_config(&config, "assistant", argc, argv, &code)) return code;
  char host[WR_ADDR_TEXT_MAX];
  uint16_t port;
  sigset_t ends;
  int number;
  device_address(host, &port, config.devices[0] ? config.devices : config.listen);
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  sigprocmask(SIG_BLOCK, &ends, NULL); /* before its threads start: they inherit it */
  as_assistant *helper = start_assistant(host, port, config.auth_token);
  if (!helper) return 2;
  printf("xiaozhi-rtc assistant is ready: ws://%s:%u/xiaozhi/v1/ http://%s:%u/xiaozhi/ota/\n", host,
         as_assistant_port(helper), host, as_assistant_port(helper));
  fflush(stdout);
  sigwait(&ends, &number);
  as_assistant_stop(helper);
  return 0;
}
#else
static int serve_embedded(void) {
  return bad_usage("backend: this program was built without the embedded assistant; use echo or ws:URL");
}

static int assist(int argc, char **argv) {
  (void)argc, (void)argv;
  return bad_usage("assistant: this program was built without the embedded assistant");
}
#endif

static int serve(int argc, char **argv) {
  int code;
  if (!load_config(&config, "serve", argc, argv, &code)) return code;
  serve_argc = argc;
  serve_argv = argv;
  return strcmp(config.backend, "embedded") == 0 ? serve_embedded() : gw_serve(&config, NULL, reload);
}

static int call(int argc, char **argv) {
#ifdef HAVE_CLIENT
  return client_main(argc + 1, argv - 1); /* its argv[0] is the name */
#else
  (void)argc, (void)argv;
  return bad_usage("call: this program was built without the client");
#endif
}

static int check(int argc, char **argv) {
  int code;
  return load_config(&config, "check", argc, argv, &code) ? check_run(&config) : code;
}

static int token(int argc, char **argv) {
  token_options options;
  const char *why;
  int code, left = token_take(&options, argc, argv, &why);
  if (left < 0) return bad_usage(why);
  for (int i = 0; i < left; i++) {
    if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) token_help(stdout);
  }
  return load_config(&config, "token", left, argv, &code) ? token_run(&config, &options) : code;
}

static int health(int argc, char **argv) {
#ifdef HAVE_CLIENT
  return health_run(argc, argv);
#else
  (void)argc, (void)argv;
  return bad_usage("health: this program was built without the client");
#endif
}

static int show(int argc, char **argv) {
  int code;
  if (!load_config(&config, "config", argc, argv, &code)) return code;
  gw_config_show(&config, stdout);
  return 0;
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
} commands[] = {{"serve", serve},     {"call", call},   {"assistant", assist}, {"check", check},
                {"config", show},     {"token", token}, {"health", health},    {"help", help},
                {"version", version}, {"--help", help}, {"-h", help},          {"--version", version}};

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
