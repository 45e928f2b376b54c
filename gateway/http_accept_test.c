#include "gateway/http_accept.h"

#include "check.h"

#define ALL (1u << WEB_PLAIN | 1u << WEB_GZIP | 1u << WEB_BROTLI)
#define NO_BROTLI (1u << WEB_PLAIN | 1u << WEB_GZIP)

TEST(http_accept_takes_the_smallest_of_what_a_browser_takes) {
  CHECK_EQ(gw_accept_coding("gzip, deflate, br, zstd", ALL), WEB_BROTLI);
  CHECK_EQ(gw_accept_coding("gzip, deflate, br, zstd", NO_BROTLI), WEB_GZIP);
  CHECK_EQ(gw_accept_coding("gzip, deflate", ALL), WEB_GZIP);
  CHECK_EQ(gw_accept_coding("GZip", ALL), WEB_GZIP);
  CHECK_EQ(gw_accept_coding("x-gzip", ALL), WEB_GZIP);
  CHECK_EQ(gw_accept_coding("br", 1u << WEB_PLAIN), WEB_PLAIN);
  CHECK_EQ(gw_accept_coding("", ALL), WEB_PLAIN);
  CHECK_EQ(gw_accept_coding("brotli, gzipped, identity", ALL), WEB_PLAIN);
}

TEST(http_accept_obeys_qualities) {
  CHECK_EQ(gw_accept_coding("br;q=0.5, gzip;q=0.8", ALL), WEB_GZIP);
  CHECK_EQ(gw_accept_coding("br;q=0.801,gzip;q=0.8", ALL), WEB_BROTLI);
  CHECK_EQ(gw_accept_coding("br ; Q=1.000 , gzip", ALL), WEB_BROTLI);
  CHECK_EQ(gw_accept_coding("br;q=0, gzip", ALL), WEB_GZIP);
  CHECK_EQ(gw_accept_coding("br;q=0, gzip;q=0.000", ALL), WEB_PLAIN);
  CHECK_EQ(gw_accept_coding("identity;q=1, gzip;q=0.5", ALL), WEB_PLAIN);
  CHECK_EQ(gw_accept_coding("identity;q=0.5, gzip;q=0.5", ALL), WEB_GZIP);
  CHECK_EQ(gw_accept_coding("gzip;q=0.001", ALL), WEB_GZIP);
}

TEST(http_accept_knows_the_star) {
  CHECK_EQ(gw_accept_coding("*", ALL), WEB_BROTLI);
  CHECK_EQ(gw_accept_coding("*;q=0.1, gzip", ALL), WEB_GZIP);
  CHECK_EQ(gw_accept_coding("*, br;q=0", ALL), WEB_GZIP);
  CHECK_EQ(gw_accept_coding("*;q=0", ALL), WEB_PLAIN);
  CHECK_EQ(gw_accept_coding("identity;q=0, *;q=0", ALL), WEB_PLAIN); /* better than nothing */
  CHECK_EQ(gw_accept_coding("br, *;q=0", NO_BROTLI), WEB_PLAIN);
}

TEST(http_accept_takes_nothing_from_rubbish) {
  static const char *const rubbish[] = {",",      ",,;,",    "br;q=",     "br;q=2",     "br;q=1.001", "br;q=0.1234",
                                        "br;q=x", "br;q=-1", "br;q=0.5x", "br;level=1", "br;",        "br gzip",
                                        ";q=1",   "q=1",     "b\tr",      "\xff\x01",   "br;q=1;q=1", "br;q=.5"};
  for (size_t i = 0; i < sizeof(rubbish) / sizeof(rubbish[0]); i++)
    CHECK_EQ(gw_accept_coding(rubbish[i], ALL), WEB_PLAIN);
  CHECK_EQ(gw_accept_coding(" ,\t, gzip ,", ALL), WEB_GZIP);
  CHECK_EQ(gw_accept_coding("br;q=1x, gzip", ALL), WEB_GZIP);
}

TEST(http_accept_finds_an_etag_in_a_list) {
  CHECK(gw_accept_etag("\"a\"", "\"a\""));
  CHECK(gw_accept_etag("\"x\", W/\"a\"", "\"a\""));
  CHECK(gw_accept_etag("*", "\"a\""));
  CHECK(gw_accept_etag("\"x,y\",\"a\"", "\"a\""));
  static const char *const others[] = {"",   "a",   "\"b\"", "\"ab\"",  "\"a-br\"", "\"a",
                                       "W/", "W/a", "\"",    "x \"a\"", ","};
  for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) CHECK(!gw_accept_etag(others[i], "\"a\""));
}

TEST(http_accept_finds_the_piece_that_is_asked_for) {
  static const struct {
    const char *range;
    size_t first, last;
  } pieces[] = {{"bytes=0-9", 0, 9},   {"bytes=0-", 0, 99},    {"bytes=10-19", 10, 19}, {"bytes=90-200", 90, 99},
                {"bytes=-10", 90, 99}, {"bytes=-1000", 0, 99}, {"bytes=99-99", 99, 99}};
  static const char *const all[] = {"",           "bytes=",     "bytes=-",       "bytes=-0",
                                    "bytes=100-", "bytes=5-4",  "bytes=0-9,20-", "lines=0-9",
                                    "bytes=x-9",  "bytes=0-9x", "bytes=0 -9",    "bytes=99999999999999999999999-",
                                    "bytes=0"};
  size_t first, last;
  for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
    CHECK(gw_accept_range(pieces[i].range, 100, &first, &last));
    CHECK_EQ(first, pieces[i].first);
    CHECK_EQ(last, pieces[i].last);
  }
  for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) CHECK(!gw_accept_range(all[i], 100, &first, &last));
  CHECK(!gw_accept_range("bytes=0-", 0, &first, &last));
}
