#include "client/options.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "check.h"

/* Usage goes to the terminal; here it goes nowhere. */
static bool read_options(client_options *options, int argc, char **argv, int *exit_code) {
  fflush(NULL);
  int out = dup(1), err = dup(2), null = open("/dev/null", O_WRONLY);
  dup2(null, 1);
  dup2(null, 2);
  bool ok = client_options_read(options, argc, argv, exit_code);
  fflush(NULL);
  dup2(out, 1);
  dup2(err, 2);
  close(out);
  close(err);
  close(null);
  return ok;
}

TEST(call_options_are_read) {
  char *argv[] = {"call",       "--text", "hello",  "http://h:1", "--mode",       "manual", "--sessions", "200",
                  "--duration", "2.5s",   "--ramp", "50/s",       "--sequential", "--json", "--no-media"};
  client_options options;
  int exit_code;
  REQUIRE(read_options(&options, sizeof argv / sizeof *argv, argv, &exit_code));
  CHECK_TEXT(options.url, "http://h:1");
  CHECK_TEXT(options.text, "hello");
  CHECK_TEXT(options.mode, "manual");
  CHECK_EQ(options.n_sessions, 200);
  CHECK(options.duration_s == 2.5);
  CHECK(options.ramp_per_s == 50);
  CHECK(options.sequential && options.json && !options.media && !options.quiet);
  CHECK(client_is_load(&options));
}

TEST(call_options_say_how_media_goes) {
  static const struct {
    char *option, *value;
    bool udp, tcp;
  } rows[] = {{"--mode", "auto", true, true},
              {"--sessions", "2", true, false},
              {"--transport", "any", true, true},
              {"--transport", "udp", true, false},
              {"--transport", "tcp", false, true}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char *argv[] = {"call", "http://a", rows[i].option, rows[i].value};
    client_options options;
    int exit_code;
    REQUIRE(read_options(&options, 4, argv, &exit_code));
    CHECK(options.udp == rows[i].udp && options.tcp == rows[i].tcp);
  }
}

TEST(call_options_refuse_what_makes_no_sense) {
  static char *const bad[][4] = {{"call", NULL, NULL, NULL},
                                 {"call", "http://a", "http://b", NULL},
                                 {"call", "http://a", "--mode", "loud"},
                                 {"call", "http://a", "--sessions", "0"},
                                 {"call", "http://a", "--sessions", "many"},
                                 {"call", "http://a", "--duration", "-1"},
                                 {"call", "http://a", "--ramp", "5/m"},
                                 {"call", "http://a", "--echo-bytes", "65537"},
                                 {"call", "http://a", "--transport", "sctp"},
                                 {"call", "http://a", "--unknown", NULL}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    char *argv[4];
    int argc = 0, exit_code = 0;
    for (; argc < 4 && bad[i][argc]; argc++) argv[argc] = bad[i][argc];
    client_options options;
    CHECK(!read_options(&options, argc, argv, &exit_code));
    CHECK_EQ(exit_code, 2);
  }
}

TEST(call_help_is_no_error) {
  char *argv[] = {"call", "--help"};
  client_options options;
  int exit_code = 9;
  CHECK(!read_options(&options, 2, argv, &exit_code));
  CHECK_EQ(exit_code, 0);
}
