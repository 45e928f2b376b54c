/* assistant/endpoint_test.c */
#include "assistant/endpoint.h"

#include "check.h"

TEST(endpoint_takes_bases_and_whole_addresses) {
  static const struct {
    const char *url, *host, *authority, *path;
    unsigned port;
    bool tls, address;
  } rows[] = {
      {"http://127.0.0.1:11434", "127.0.0.1", "127.0.0.1:11434", "/v1/chat/completions", 11434, false, true},
      {"http://127.0.0.1:11434/v1/", "127.0.0.1", "127.0.0.1:11434", "/v1/chat/completions", 11434, false, true},
      {"https://api.example/openai/v1", "api.example", "api.example", "/openai/v1/chat/completions", 443, true,
       false},
      {"http://h/x/chat/completions", "h", "h", "/x/chat/completions", 80, false, false},
      {"http://[::1]:8080", "::1", "[::1]:8080", "/v1/chat/completions", 8080, false, true},
      {"https://[fe80::1]/", "fe80::1", "[fe80::1]", "/v1/chat/completions", 443, true, true},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    as_endpoint e;
    char error[200];
    CHECK(as_endpoint_read(&e, rows[i].url, "/chat/completions", error, sizeof error));
    CHECK_TEXT(e.host, rows[i].host);
    CHECK_TEXT(e.authority, rows[i].authority);
    CHECK_TEXT(e.path, rows[i].path);
    CHECK_EQ(e.port, rows[i].port);
    CHECK_EQ(e.tls, rows[i].tls);
    CHECK_EQ(as_endpoint_is_address(&e), rows[i].address);
  }
}

TEST(endpoint_refuses_the_rest_in_words) {
  static const char *const rows[] = {"",
                                     "ftp://h",
                                     "http://",
                                     "http://u:p@h/v1",
                                     "http://h:0",
                                     "http://h:70000",
                                     "http://h:80a",
                                     "http://[::1",
                                     "http://h /",
                                     "http://h/a?b=c",
                                     "http://h/a\r\nX: y",
                                     "http://[::1]x"};
  char url[500] = "http://h/";
  as_endpoint e;
  char error[200];
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    error[0] = 0;
    CHECK(!as_endpoint_read(&e, rows[i], "/audio/speech", error, sizeof error));
    CHECK(error[0] != 0);
  }
  memset(url + 9, 'a', 400);
  CHECK(!as_endpoint_read(&e, url, "/audio/speech", error, sizeof error));
}
