#include "client/servers.h"

#include <stdlib.h>

#include "check.h"
#include "wr/crypto_openssl.h"

TEST(client_servers_are_those_by_udp_of_the_family) {
  wr_addr addr;
  bool relays;
  CHECK(servers_address("stun:192.0.2.1", 4, &addr, &relays) && !relays && addr.port == 3478 && addr.ip[3] == 1);
  CHECK(servers_address("turn:192.0.2.2:80?transport=udp", 4, &addr, &relays) && relays && addr.port == 80);
  CHECK(servers_address("turn:[2001:db8::3]:81", 6, &addr, &relays) && relays && addr.port == 81 &&
        addr.ip[15] == 3);
  CHECK(!servers_address("stun:192.0.2.1", 6, &addr, &relays));
  CHECK(!servers_address("turn:192.0.2.2?transport=tcp", 4, &addr, &relays));
  CHECK(!servers_address("turns:192.0.2.2", 4, &addr, &relays));
  CHECK(!servers_address("stun:", 4, &addr, &relays) && !servers_address("stun:[2001:db8::3", 6, &addr, &relays));
}

TEST(client_servers_make_a_gathering_if_there_are_any) {
  const wr_crypto *crypto = NULL;
  REQUIRE(wr_crypto_openssl_open(&crypto) == WR_OK);
  wr_addr base = {.family = 4, .ip = {127, 0, 0, 1}, .port = 5000};
  static const char *const texts[] = {
      "[{\"urls\":[\"stun:127.0.0.1:1\",\"turn:127.0.0.1:2\"],\"username\":\"u\",\"credential\":\"p\"}]",
      "[{\"urls\":\"stun:127.0.0.1:1\"}]", "[{\"urls\":\"turn:127.0.0.1:2\"}]", "[{\"urls\":7},3]", "[]"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    json_t *list = json_loads(texts[i], 0, NULL);
    wr_gather *gather = servers_gather(list, &base, crypto, wr_crypto_openssl_rng(), WR_S(1));
    CHECK_EQ(gather != NULL, i < 2); /* a relay without credentials is none */
    if (gather) CHECK(wr_gather_add_base(gather, &base, WR_S(1)) == WR_OK && !wr_gather_is_done(gather));
    if (gather) wr_gather_wipe(gather);
    free(gather);
    json_decref(list);
  }
  wr_crypto_openssl_close(crypto);
}
