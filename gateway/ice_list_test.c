#include "gateway/ice_list.h"

#include "check.h"
#include "gateway/config.h"
#include "wr/crypto_openssl.h"

/* One configuration per row, as command-line words separated by ';'. |said|: part of the one message, in an error
 * or in an issue; NULL: nothing is wrong. */
typedef struct row {
  const char *words, *said;
  bool is_error;
} row;

#define GOOD(words) \
  { words, NULL, false }
#define BAD(words, said) \
  { words, said, true }
#define WARN(words, said) \
  { words, said, false }
#define S "--ice-server;"
#define T " u p"

static const row table[] = {
    GOOD(""),
    GOOD(S "stun:stun.example.org"),
    GOOD(S "stun:stun.example.org:19302"),
    GOOD(S "stuns:stun.example.org"),
    GOOD(S "stun:192.0.2.1"),
    GOOD(S "stun:[2001:db8::1]"),
    GOOD(S "stun:[2001:db8::1]:3479"),
    GOOD(S "STUN:Stun.Example.ORG:3478"),
    GOOD(S "stun:localhost"),
    GOOD(S "stun:a_b.example"),
    GOOD(S "stun:example.org."),
    GOOD(S "stun:a.example,stun:b.example"),
    GOOD(S "turn:turn.example.org" T),
    GOOD(S "turn:turn.example.org:3478?transport=udp" T),
    GOOD(S "turn:turn.example.org:80?transport=tcp" T),
    GOOD(S "turns:turn.example.org:443?transport=tcp" T),
    GOOD(S "turn:t.example,turn:t.example?transport=tcp,turns:t.example" T),
    GOOD(S "stun:t.example,turn:t.example" T),
    GOOD(S "turn:t.example?transport=TCP" T),
    GOOD(S "turn:t.example;--turn-secret;s"),
    GOOD(S "turn:t.example;--turn-secret;s;--turn-secret-old;r"),
    GOOD(S "turn:t.example;--turn-secret;s;--turn-ttl;3600"),
    GOOD(S "turn:t.example" T ";--ice-transport-policy;relay"),
    GOOD("--turn-provider;cloudflare;--turn-key-id;k;--turn-key-api-token;t"),
    GOOD("--turn-key-id;k;--turn-key-api-token;t"),
    GOOD("--turn-provider;twilio;--turn-key-id;AC1;--turn-key-api-token;t"),
    GOOD("--turn-provider;metered;--turn-key-id;app;--turn-key-api-token;t"),
    GOOD("--turn-provider;metered;--turn-provider-url;https://m.example/x;--turn-key-api-token;t"),
    GOOD("--turn-provider;cloudflare;--turn-key-id;k;--turn-key-api-token;t;--ice-transport-policy;relay"),
    BAD(S "", "no address is given"),
    BAD(S "stun.example.org", "begins with none of stun:, stuns:, turn:, turns:"),
    BAD(S "http://stun.example.org", "begins with none of"),
    BAD(S "turnx:a.example" T, "begins with none of"),
    BAD(S "stun://stun.example.org", "no // belongs after 'stun:'"),
    BAD(S "turns://t.example" T, "no // belongs after 'turns:'"),
    BAD(S "stun:", "the host is missing"),
    BAD(S "stun::3478", "the host is missing"),
    BAD(S "stun:[]", "the host is missing"),
    BAD(S "turn:?transport=udp" T, "the host is missing"),
    BAD(S "stun:a..b", "'a..b' is neither a name nor an address"),
    BAD(S "stun:-a.example", "neither a name nor an address"),
    BAD(S "stun:a-.example", "neither a name nor an address"),
    BAD(S "stun:a*b", "neither a name nor an address"),
    BAD(S "stun:.", "'.' is not an IPv4 address"),
    BAD(S "stun:192.0.2", "'192.0.2' is not an IPv4 address"),
    BAD(S "stun:192.0.2.256", "is not an IPv4 address"),
    BAD(S "stun:2001:db8::1", "an IPv6 address needs [brackets]"),
    BAD(S "stun:[2001:db8::1", "the ']' is missing"),
    BAD(S "stun:[192.0.2.1]", "'192.0.2.1' is not an IPv6 address"),
    BAD(S "stun:[fe80::1%eth0]", "is not an IPv6 address"),
    BAD(S "stun:[2001:db8::1]3478", "after ']' comes ':' and a port"),
    BAD(S "stun:0.0.0.0", "no address of a single machine"),
    BAD(S "stun:[::]", "no address of a single machine"),
    BAD(S "stun:224.0.0.1", "no address of a single machine"),
    BAD(S "stun:255.255.255.255", "no address of a single machine"),
    BAD(S "stun:a.example:", "a port is missing after ':'"),
    BAD(S "stun:a.example:0", "the port '0' is not a number from 1 to 65535"),
    BAD(S "stun:a.example:65536", "the port '65536' is not"),
    BAD(S "stun:a.example:port", "the port 'port' is not"),
    BAD(S "stun:a.example:-1", "the port '-1' is not"),
    BAD(S "stun:a.example?transport=udp", "stun takes no '?transport=udp'"),
    BAD(S "turn:a.example?transport=sctp" T, "the transport 'sctp' is neither udp nor tcp"),
    BAD(S "turn:a.example?transport=" T, "the transport '' is neither udp nor tcp"),
    BAD(S "turn:a.example?tcp" T, "only ?transport=udp or tcp may follow"),
    BAD(S "turn:a.example/path" T, "nothing may follow host and port"),
    BAD(S "turn:a.example#x" T, "nothing may follow host and port"),
    BAD(S "turn:u@a.example" T, "credentials do not belong into the address"),
    BAD(S "turn:a.example", "turn needs USERNAME and CREDENTIAL, or --turn-secret"),
    BAD(S "turns:a.example", "turn needs USERNAME and CREDENTIAL"),
    BAD(S "turn:a.example u", "a username, but no credential"),
    BAD(S "turn:a.example u p x", "more than URL[,URL..] USERNAME CREDENTIAL"),
    BAD(S "stun:a.example" T, "stun takes no credentials"),
    BAD(S "stun:a.example,,stun:b.example", "an address between commas is empty"),
    BAD(S "stun:a.example,", "missing after the last comma"),
    BAD(S "stun:a.example;" S "stun:A.example:3478", "stun:A.example:3478: given twice"),
    BAD(S "turn:a.example,turn:a.example?transport=udp" T, "given twice"),
    BAD(S "stun:a,stun:b,stun:c,stun:d,stun:e,stun:f,stun:g,stun:h,stun:i,stun:j,stun:k", "more than 10 addresses"),
    BAD(S "stun:a;" S "stun:b;" S "stun:c;" S "stun:d;" S "stun:e;" S "stun:f;" S "stun:g;" S "stun:h;" S
          "stun:i;" S "stun:j;" S "stun:k;" S "stun:l;" S "stun:m",
        "more than 12 servers"),
    BAD("--turn-secret;s", "no --ice-server turn:.. to use it with"),
    BAD(S "turn:a.example" T ";--turn-secret-old;s", "without --turn-secret there is no newer one"),
    BAD(S "turn:a.example;--turn-secret;s;--turn-secret-old;s", "the same as --turn-secret"),
    BAD(S "turn:a.example;--turn-secret;s;--turn-ttl;10", "from 60 to 172800"),
    BAD("--ice-transport-policy;relay", "relay needs a TURN server"),
    BAD("--reach;stun", "stun and relay need --ice-server"),
    GOOD("--reach;relay;--turn-provider;cloudflare;--turn-key-id;k;--turn-key-api-token;t"),
    BAD(S "stun:a.example;--reach;relay", "reach: relay needs a TURN server"),
    BAD(S "stun:a.example;--reach;far", "direct|stun|relay"),
    BAD(S "stun:a.example;--ice-transport-policy;relay", "relay needs a TURN server"),
    BAD("--ice-transport-policy;some", "none of all|relay"),
    BAD("--turn-provider;xirsys", "none of none|cloudflare|twilio|metered"),
    BAD("--turn-provider;cloudflare;--turn-key-api-token;t", "cloudflare needs --turn-key-id"),
    BAD("--turn-provider;twilio;--turn-key-id;k", "twilio needs --turn-key-api-token"),
    BAD("--turn-key-id;k", "belong together"),
    BAD("--turn-provider-url;https://x.example/", "nobody is asked"),
    BAD("--turn-key-id;k;--turn-key-api-token;t;--turn-provider-url;ftp://x", "neither with https:// nor"),
    BAD("--turn-key-id;k;--turn-key-api-token;t;--turn-provider-url;http://x.example", "travel in the clear"),
    BAD("--turn-key-id;a/b;--turn-key-api-token;t", "a character that belongs into neither"),
    WARN(S "stun:a.example:53", "browsers block port 53"),
    WARN(S "turns:a.example?transport=udp" T, "no browser speaks TURN over DTLS"),
    WARN(S "turns:192.0.2.1" T, "certificates seldom name an IP address"),
    WARN(S "turn:127.0.0.1" T, "the caller's own machine"),
    WARN(S "stun:a;" S "stun:b;" S "stun:c;" S "stun:d;" S "stun:e", "5 servers: from 5 on"),
};

static void split(char *text, char **words) {
  size_t n = 0;
  for (char *at = text; *text && at;) {
    words[n++] = at;
    at = strchr(at, ';');
    if (at) *at++ = 0;
  }
  words[n] = NULL;
}

TEST(ice_list_table_of_configurations) {
  for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
    static gw_config config;
    char text[1024], *words[64], error[GW_CONFIG_ERROR_MAX] = "";
    gw_ice_issues issues = {0};
    int argc = 0;
    CHECK(strlen(table[i].words) < sizeof(text));
    memcpy(text, table[i].words, strlen(table[i].words) + 1);
    split(text, words);
    while (words[argc]) argc++;
    bool ok = gw_config_load(&config, argc, words, NULL, error) == GW_CONFIG_OK;
    if (ok) gw_config_judge_ice(&config, &issues);
    const char *said = ok ? issues.n ? issues.text[0] : "" : error;
    bool right = ok == !table[i].is_error && (table[i].said ? strstr(said, table[i].said) != NULL : !issues.n);
    if (!check_that(right, table[i].words, __FILE__, __LINE__))
      CHECK_TEXT(said, table[i].said ? table[i].said : "");
    CHECK(!ok || (issues.n_errors == 0 && issues.n <= 1));
  }
}

TEST(ice_list_variables_of_the_original) {
  static gw_config config;
  char error[GW_CONFIG_ERROR_MAX] = "";
  char *environment[] = {"TURN_SERVER_COUNT=2",
                         "TURN_SERVER_1_URLS=turn:a.example,turns:a.example",
                         "TURN_SERVER_1_USERNAME=u v",
                         "TURN_SERVER_1_CREDENTIAL=p",
                         "TURN_SERVER_2_URLS=stun:b.example",
                         "TURN_KEY_ID=k",
                         "CLOUDFLARE_TURN_KEY_API_TOKEN=t",
                         NULL};
  CHECK_EQ(gw_config_load(&config, 0, NULL, environment, error), GW_CONFIG_OK);
  CHECK_EQ(config.ice_servers.n, 2);
  CHECK_TEXT(config.ice_servers.server[0].url[1], "turns:a.example");
  CHECK_TEXT(config.ice_servers.server[0].username, "u v");
  CHECK_TEXT(gw_config_provider(&config), "cloudflare");
  static const struct {
    char *variable[4];
    const char *said;
  } bad[] = {
      {{"TURN_SERVER_COUNT=x"}, "'x' is not a whole number from 0 to 12"},
      {{"TURN_SERVER_COUNT=99"}, "'99' is not"},
      {{"TURN_SERVER_COUNT=1"}, "TURN_SERVER_1_..: no address is given"},
      {{"TURN_SERVER_COUNT=1", "TURN_SERVER_1_URLS=turn:a"}, "turn needs USERNAME"},
      {{"TURN_SERVER_COUNT=1", "TURN_SERVER_1_URLS=turn:a", "TURN_SERVER_1_USERNAME=u"}, "a username, but no"}};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    CHECK_EQ(gw_config_load(&config, 0, NULL, (char *const *)bad[i].variable, error), GW_CONFIG_BAD);
    CHECK(strstr(error, bad[i].said) != NULL);
  }
}

static bool read_reply(gw_ice_list *list, const char *text, int64_t *ttl_s) {
  static gw_ice_issues issues;
  json_t *reply = json_loads(text, 0, NULL);
  bool read = gw_ice_list_read(list, reply, ttl_s, &issues);
  json_decref(reply);
  return read;
}

TEST(ice_list_reads_what_providers_reply) {
  static gw_ice_list list;
  int64_t ttl_s = 5;
  CHECK(read_reply(
      &list,
      "{\"iceServers\":[{\"urls\":[\"stun:s.example\",\"stun:s.example:53\"]},{\"urls\":[\"turn:t.example:53\"],"
      "\"username\":\"u\",\"credential\":\"c\"}]}",
      &ttl_s));
  CHECK_EQ(list.n, 2);
  gw_ice_list_trim(&list);
  CHECK_EQ(list.n, 1);
  CHECK_EQ(list.server[0].n_urls, 1);
  CHECK_EQ(ttl_s, 5);
  CHECK(read_reply(&list, "{\"iceServers\":{\"urls\":\"turn:t.example\",\"username\":\"u\",\"credential\":\"c\"}}",
                   &ttl_s));
  CHECK_TEXT(list.server[0].credential, "c");
  CHECK(read_reply(
      &list,
      "{\"ttl\":\"86400\",\"password\":\"x\",\"ice_servers\":[{\"url\":\"stun:a\",\"urls\":\"stun:a\"},{\"url\":"
      "\"turn:a\",\"urls\":\"turn:a\",\"username\":\"u\",\"credential\":\"c\"}]}",
      &ttl_s));
  CHECK(list.n == 2 && ttl_s == 86400);
  CHECK(read_reply(&list, "[{\"urls\":\"stun:a\"},{\"urls\":\"turn:a\",\"username\":\"u\",\"credential\":\"c\"}]",
                   &ttl_s));
  CHECK_EQ(gw_ice_list_count(&list).turn, 1);
  CHECK(read_reply(&list, "{\"username\":\"u\",\"password\":\"p\",\"uris\":[\"turn:a\"],\"ttl\":60}", &ttl_s));
  CHECK(ttl_s == 60 && strcmp(list.server[0].credential, "p") == 0);
  static const char *const bad[] = {"{}",
                                    "[]",
                                    "[1]",
                                    "{\"iceServers\":7}",
                                    "{\"iceServers\":[{\"urls\":[\"bogus:a\"]}]}",
                                    "{\"error\":\"no\"}",
                                    "[{\"urls\":{}}]"};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) CHECK(!read_reply(&list, bad[i], &ttl_s));
}

TEST(ice_list_signs_as_turn_rest) {
  const wr_crypto *crypto = NULL;
  REQUIRE(wr_crypto_openssl_open(&crypto) == WR_OK);
  static gw_ice_server server;
  gw_ice_sign(&server, "north", 1700000000, "user", crypto);
  CHECK_TEXT(server.username, "1700000000:user");
  CHECK_TEXT(server.credential, "2uyGWnO1vHFmQfE0HWQNi1ldYAk=");
  wr_crypto_openssl_close(crypto);
}
