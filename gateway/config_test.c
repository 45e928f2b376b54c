#include "gateway/config.h"

#include "check.h"

static gw_config_result load(gw_config *config, char *const *argv, char *const *environment, char *error) {
  int argc = 0;
  while (argv[argc]) argc++;
  error[0] = 0;
  return gw_config_load(config, argc, argv, environment, error);
}

TEST(config_defaults_are_loopback_and_embedded) {
  gw_config config;
  char error[GW_CONFIG_ERROR_MAX];
  CHECK_EQ(load(&config, (char *[]){NULL}, (char *[]){NULL}, error), GW_CONFIG_OK);
  CHECK_TEXT(config.listen, "127.0.0.1:51000");
  CHECK_TEXT(config.backend, "embedded");
  wr_addr udp;
  CHECK(gw_config_udp(&config, &udp));
  CHECK_EQ(udp.port, 51001);
  CHECK(gw_addr_is_any(&udp)); /* Firefox sends no media to loopback */
}

TEST(config_flag_beats_environment_beats_file) {
  gw_config config;
  char error[GW_CONFIG_ERROR_MAX], file[] = "# sample\nworkers = 3\nmax-sessions=7\nresume-seconds = 9\n";
  gw_config_default(&config);
  CHECK(gw_config_read_text(&config, "x.conf", file, error));
  CHECK_EQ(config.workers, 3);
  CHECK_EQ(config.resume_seconds, 9);
  char *environment[] = {"XZ_WORKERS=4", "XZ_MAX_SESSIONS=8", "HOME=/", NULL};
  CHECK_EQ(load(&config, (char *[]){"--workers", "5", NULL}, environment, error), GW_CONFIG_OK);
  CHECK_EQ(config.workers, 5);
  CHECK_EQ(config.max_sessions, 8);
}

TEST(config_unknown_key_names_the_nearest) {
  gw_config config;
  char error[GW_CONFIG_ERROR_MAX];
  CHECK_EQ(load(&config, (char *[]){"--lissten", "1", NULL}, (char *[]){NULL}, error), GW_CONFIG_BAD);
  CHECK(strstr(error, "did you mean 'listen'") != NULL);
  CHECK_EQ(load(&config, (char *[]){NULL}, (char *[]){"XZ_WORKER=1", NULL}, error), GW_CONFIG_BAD);
  CHECK(strstr(error, "XZ_WORKER") && strstr(error, "'workers'"));
  char file[] = "\n\nmax_sesions = 1\n";
  CHECK(!gw_config_read_text(&config, "x.conf", file, error));
  CHECK(strstr(error, "x.conf line 3") && strstr(error, "'max-sessions'"));
}

TEST(config_says_what_is_allowed) {
  gw_config config;
  char error[GW_CONFIG_ERROR_MAX];
  static const struct {
    const char *key, *value, *said;
  } bad[] = {{"workers", "many", "from 0 to 63"},
             {"workers", "64", "from 0 to 63"},
             {"log-level", "loud", "debug|info|warn"},
             {"log-level", "deb", "none of"},
             {"public-ip", "example.org", "not an IP"},
             {"no-auth", "perhaps", "neither true nor false"},
             {"auth-token-file", "/nonexistent", "cannot read"}};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    gw_config_default(&config);
    CHECK(!gw_config_set(&config, bad[i].key, bad[i].value, error));
    CHECK(strstr(error, bad[i].said) != NULL);
  }
}

TEST(config_refuses_an_open_relay) {
  gw_config config;
  char error[GW_CONFIG_ERROR_MAX];
  char *open[] = {"--listen", "0.0.0.0:8000", NULL};
  CHECK_EQ(load(&config, open, (char *[]){NULL}, error), GW_CONFIG_BAD);
  CHECK(strstr(error, "--auth-token") && strstr(error, "--no-auth"));
  char *said[] = {"--listen", "0.0.0.0:8000", "--no-auth", NULL};
  CHECK_EQ(load(&config, said, (char *[]){NULL}, error), GW_CONFIG_OK);
  char *token[] = {"--listen=[::]:8000", "--auth-token=x", NULL};
  CHECK_EQ(load(&config, token, (char *[]){NULL}, error), GW_CONFIG_OK);
}

TEST(config_wakes_by_words_that_can_be_heard) {
  gw_config config;
  char error[GW_CONFIG_ERROR_MAX];
  CHECK_EQ(load(&config, (char *[]){"--wake-word", "Computer", NULL}, NULL, error), GW_CONFIG_OK);
  CHECK_EQ(load(&config, (char *[]){"--wake-word", "xiao zhi", NULL}, NULL, error), GW_CONFIG_BAD);
  CHECK(strstr(error, "'computer'") && strstr(error, "--stt-url"));
  char *plugged[] = {"--wake-word", "xiao zhi", "--stt-url", "http://127.0.0.1:1", NULL};
  CHECK_EQ(load(&config, plugged, NULL, error), GW_CONFIG_OK);
}

TEST(config_backends) {
  gw_config config;
  char error[GW_CONFIG_ERROR_MAX];
  CHECK_EQ(load(&config, (char *[]){"--backend", "ws:ws://127.0.0.1:1/x", NULL}, NULL, error), GW_CONFIG_OK);
  CHECK_EQ(load(&config, (char *[]){"--backend", "ota:official", NULL}, NULL, error), GW_CONFIG_OK);
  CHECK_EQ(load(&config, (char *[]){"--backend", "ota:http://h/ota/", NULL}, NULL, error), GW_CONFIG_OK);
  CHECK_EQ(load(&config, (char *[]){"--backend", "ota:ftp://h/", NULL}, NULL, error), GW_CONFIG_BAD);
  CHECK(strstr(error, "ota:official") != NULL);
  CHECK_EQ(load(&config, (char *[]){NULL}, (char *[]){"OTA_URL=https://h/xiaozhi/ota/", NULL}, error),
           GW_CONFIG_OK);
  CHECK_TEXT(config.backend, "ota:https://h/xiaozhi/ota/");
  CHECK_EQ(load(&config, (char *[]){"--backend", "nonsense", NULL}, NULL, error), GW_CONFIG_BAD);
  CHECK_EQ(load(&config, (char *[]){"--workers", NULL}, NULL, error), GW_CONFIG_BAD);
  CHECK(strstr(error, "needs a value") != NULL);
}

TEST(config_traces) {
  gw_config config;
  char error[GW_CONFIG_ERROR_MAX];
  CHECK_EQ(load(&config, (char *[]){"--otlp-url", "http://127.0.0.1:4318", NULL}, NULL, error), GW_CONFIG_OK);
  CHECK_EQ(load(&config, (char *[]){"--otlp-url", "127.0.0.1:4318", NULL}, NULL, error), GW_CONFIG_BAD);
  CHECK(strstr(error, "otlp-url") != NULL);
  CHECK_EQ(load(&config, (char *[]){"--otlp-headers", "a=s3cret", NULL}, NULL, error), GW_CONFIG_BAD);
  CHECK(strstr(error, "otlp-url") && !strstr(error, "s3cret"));
  char *both[] = {"--otlp-url", "http://127.0.0.1:4318", "--otlp-headers", "s3cret", NULL};
  CHECK_EQ(load(&config, both, NULL, error), GW_CONFIG_BAD);
  CHECK(strstr(error, "NAME=VALUE") && !strstr(error, "s3cret"));
}

TEST(config_avatar_licences) {
  gw_config config;
  char error[GW_CONFIG_ERROR_MAX];
  CHECK_EQ(load(&config, (char *[]){"--avatar-licence", "vrm, live2d", NULL}, NULL, error), GW_CONFIG_OK);
  CHECK_EQ(load(&config, (char *[]){"--avatar-licence", "vrm,image", NULL}, NULL, error), GW_CONFIG_BAD);
  CHECK(strstr(error, "avatar-licence: live2d, vrm") != NULL);
}

TEST(config_host_port_forms) {
  wr_addr addr;
  CHECK(gw_host_port("localhost:80", &addr) && addr.family == 4 && addr.port == 80);
  CHECK(gw_host_port("[::1]:443", &addr) && addr.family == 6 && gw_addr_is_loopback(&addr));
  CHECK(gw_host_port("0.0.0.0:0", &addr) && gw_addr_is_any(&addr));
  CHECK(!gw_host_port("example.org:80", &addr));
  CHECK(!gw_host_port("127.0.0.1", &addr));
  CHECK(!gw_host_port("127.0.0.1:70000", &addr));
  CHECK(!gw_host_port("127.0.0.1:8x", &addr));
}

TEST(config_authority_names_the_port_unless_it_goes_without_saying) {
  char text[GW_AUTHORITY_MAX];
  gw_authority(text, "assistant.example", 8000, false);
  CHECK_TEXT(text, "assistant.example:8000");
  gw_authority(text, "assistant.example", 443, true);
  CHECK_TEXT(text, "assistant.example");
  gw_authority(text, "assistant.example", 80, true);
  CHECK_TEXT(text, "assistant.example:80");
  gw_authority(text, "::1", 8000, false);
  CHECK_TEXT(text, "[::1]:8000");
}

static void note(void *ctx, const char *key, bool taken) {
  char *text = ctx;
  snprintf(text + strlen(text), 200 - strlen(text), "%s%s ", taken ? "+" : "-", key);
}

TEST(config_reload_takes_what_may_change_and_names_the_rest) {
  static gw_config live, fresh;
  char error[GW_CONFIG_ERROR_MAX], said[200] = "";
  gw_config_default(&live);
  gw_config_default(&fresh);
  CHECK(gw_config_set(&fresh, "offer-rate", "7", error) && gw_config_set(&fresh, "auth-token", "new", error));
  CHECK(gw_config_set(&fresh, "max-sessions", "3", error) &&
        gw_config_set(&fresh, "ice-server", "stun:a.example", error));
  gw_config_reload(&live, &fresh, note, said);
  CHECK(strcmp(said, "+ice-server -max-sessions +offer-rate +auth-token ") == 0);
  CHECK_EQ(live.offer_rate, 7);
  CHECK(strcmp(live.auth_token, "new") == 0);
  CHECK_EQ(live.max_sessions, 1000);
  CHECK_EQ(live.ice_servers.n, 1);
  said[0] = 0;
  gw_config_reload(&live, &live, note, said);
  CHECK(!said[0]);
}

TEST(config_show_names_origins_and_hides_secrets) {
  static gw_config config;
  char error[GW_CONFIG_ERROR_MAX], text[8192] = "";
  char *const argv[] = {"--auth-token",         "s3cret",       "--backend",
                        "ws:ws://me:pw@host/x", "--ice-server", "turn:t.example me pw2"};
  char *const environment[] = {"XZ_WORKERS=3", NULL};
  CHECK_EQ(gw_config_load(&config, 6, argv, environment, error), GW_CONFIG_OK);
  FILE *out = fmemopen(text, sizeof(text), "w");
  CHECK(out != NULL);
  gw_config_show(&config, out);
  CHECK(fclose(out) == 0);
  CHECK(!strstr(text, "s3cret") && !strstr(text, "pw@") && !strstr(text, "pw2"));
  CHECK(strstr(text, "auth-token             flag        (set, not shown)") != NULL);
  CHECK(strstr(text, "workers                environment 3\n") != NULL);
  CHECK(strstr(text, "max-sessions           default     1000\n") != NULL);
  CHECK(strstr(text, "ws:ws://(not shown)@host/x") && strstr(text, "turn:t.example me (not shown)"));
}
