#include "check.h"
#include "sdp/text.h"
#include "wr/sdp.h"

static wr_sdpfrag fragment;
static wr_sdp_error error;

static wr_err parse(const char *text) {
  return wr_sdpfrag_parse(&fragment, wr_bytes_of(text, strlen(text)), &error);
}

static int count(void) {
  wr_candidate candidate;
  size_t at = 0;
  int n = 0;
  while (wr_sdpfrag_next_candidate(&fragment, &at, &candidate)) n++;
  return n;
}

/* The shape of RFC 8840 9.2: credentials, then a pseudo section for each mid. */
TEST(sdpfrag_of_trickle_over_http) {
  REQUIRE(parse("a=ice-ufrag:EsAw\r\n"
                "a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n"
                "a=group:BUNDLE 0 1\r\n"
                "m=audio 9 RTP/AVP 0\r\n"
                "a=mid:0\r\n"
                "a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw\r\n"
                "a=candidate:1387637174 2 udp 2122260222 192.0.2.1 61765 typ host generation 0 ufrag EsAw\r\n"
                "a=candidate:473322822 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active\r\n"
                "m=audio 9 RTP/AVP 0\r\n"
                "a=mid:1\r\n"
                "a=candidate:3 1 udp 1 abc.local 61766 typ host\n"
                "a=end-of-candidates\r\n") == WR_OK);
  CHECK(wr_text_is(fragment.ufrag, "EsAw"));
  CHECK(wr_text_is(fragment.pwd, "P2uYro0UCOQ4zxjKXaWCBui1"));
  CHECK(fragment.end_of_candidates);
  CHECK_EQ(count(), 3);
}

TEST(sdpfrag_may_say_nothing) {
  REQUIRE(parse("") == WR_OK);
  CHECK(!fragment.end_of_candidates);
  CHECK_EQ(fragment.ufrag.len, 0);
  CHECK_EQ(count(), 0);
  REQUIRE(parse("a=end-of-candidates") == WR_OK);
  CHECK(fragment.end_of_candidates);
}

TEST(sdpfrag_errors_name_the_line) {
  CHECK_EQ(parse("a=mid:0\r\n\r\nrubbish\r\n"), WR_ERR_SYNTAX);
  CHECK_EQ(error.line, 3);
  CHECK_TEXT(error.what, "not of the form x=...");
  CHECK_EQ(parse("a=ice-ufrag:abc\r\n"), WR_ERR_SYNTAX);
  CHECK_EQ(error.line, 1);
  CHECK_EQ(parse("a=mid:0\na=ice-pwd:short\n"), WR_ERR_SYNTAX);
  CHECK_EQ(error.line, 2);
  CHECK_EQ(parse("a=mid:0\ra=mid:1\r\n"), WR_ERR_SYNTAX);
  CHECK_EQ(error.line, 1);
  static char large[WR_SDP_MAX_BYTES + 2];
  memset(large, 'a', sizeof large - 1);
  CHECK_EQ(parse(large), WR_ERR_LIMIT);
}

TEST(sdpfrag_reads_back_what_it_writes) {
  check_rng rng = {.state = 8};
  for (int round = 0; round < 500; round++) {
    wr_candidate list[8], got;
    size_t n = check_rng_u32(&rng) % 9, at = 0, i = 0;
    bool end = check_rng_u32(&rng) & 1;
    memset(list, 0, sizeof list);
    for (size_t k = 0; k < n; k++) {
      list[k] = (wr_candidate){.priority = check_rng_u32(&rng), .component = 1, .foundation = "f"};
      list[k].addr = (wr_addr){.family = 4, .port = (uint16_t)(1 + k)};
      check_rng_fill(&rng, list[k].addr.ip, 4);
    }
    char text[2048];
    size_t len = wr_sdpfrag_write("ufrag123", "passwordpasswordpassword", "0", list, n, end, text, sizeof text);
    REQUIRE(len > 0 && len == strlen(text));
    REQUIRE(parse(text) == WR_OK);
    CHECK(wr_text_is(fragment.ufrag, "ufrag123"));
    CHECK(wr_text_is(fragment.pwd, "passwordpasswordpassword"));
    CHECK_EQ(fragment.end_of_candidates, end);
    while (wr_sdpfrag_next_candidate(&fragment, &at, &got)) {
      REQUIRE(i < n);
      CHECK(wr_addr_equal(&got.addr, &list[i].addr) && got.priority == list[i].priority);
      i++;
    }
    CHECK_EQ(i, n);
    CHECK_EQ(wr_sdpfrag_write("ufrag123", "passwordpasswordpassword", "0", list, n, end, text, len), 0);
  }
}
