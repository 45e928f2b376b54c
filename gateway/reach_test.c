#define _GNU_SOURCE /* mmsghdr */
#include "gateway/reach.h"

#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "check.h"
#include "wr/crypto_openssl.h"

/* What needs a STUN or TURN server is in tests/ice/reach. */
static gw_config config;

static void configure(const char *reach, const char *server, const char *more) {
  char error[GW_CONFIG_ERROR_MAX];
  gw_config_default(&config);
  CHECK(gw_config_set(&config, "reach", reach, error));
  CHECK(gw_config_set(&config, "ice-server", server, error));
  if (more) CHECK(gw_config_set(&config, "ice-server", more, error));
}

static void find(gw_reach_servers *servers) {
  gw_reach_want(servers, &config, "/dev/null", NULL);
  gw_reach_find(servers, &config.ice_servers);
}

static wr_addr at(const char *ip, uint16_t port) {
  wr_addr addr = {0};
  CHECK(wr_addr_parse(&addr, wr_bytes_of(ip, strlen(ip)), port));
  return addr;
}

TEST(reach_servers_are_those_that_are_asked_for) {
  static const char *const turn = "turn:127.0.0.2:9,turn:127.0.0.2:9?transport=tcp,turns:127.0.0.2:9 ann secret";
  gw_reach_servers servers;
  char error[GW_CONFIG_ERROR_MAX];
  static const char *const rotated = "turn:127.0.0.2:9";
  configure("direct", "stun:127.0.0.1:7", turn);
  find(&servers);
  CHECK(!servers.n_stun && !servers.n_relays);
  configure("stun", "stun:127.0.0.1:7", turn);
  find(&servers);
  CHECK(servers.n_stun == 1 && !servers.n_relays && servers.stun[0].port == 7);
  configure("relay", "stun:127.0.0.1:7,stuns:127.0.0.1:8", turn);
  find(&servers);
  CHECK(servers.n_stun == 1 && servers.n_relays == 2); /* no certificates, so none by TLS */
  CHECK(!servers.relay[0].url.tcp && servers.relay[1].url.tcp && !strcmp(servers.relay[1].username, "ann"));
  gw_reach_want(&servers, &config, "tests/no-such-file", SSL_CTX_new(TLS_client_method()));
  gw_reach_find(&servers, &config.ice_servers);
  CHECK(servers.n_relays == 3 && servers.relay[2].url.secured);
  SSL_CTX_free(servers.tls);
  configure("relay", rotated, NULL);
  CHECK(gw_config_set(&config, "turn-secret", "new", error) &&
        gw_config_set(&config, "turn-secret-old", "old", error));
  find(&servers);
  CHECK(servers.n_relays == 2 && !servers.relay[0].knows_old && servers.relay[1].knows_old);
}

static gw_reach *open_reach(const gw_reach_servers *servers, bool asks) {
  static gw_reach reach;
  static gw_locals locals;
  static const wr_crypto *crypto;
  if (!crypto) CHECK(wr_crypto_openssl_open(&crypto) == WR_OK);
  locals.n = 1;
  locals.at[0].base = locals.at[0].shown = at("10.0.0.2", 51001);
  CHECK(gw_reach_open(&reach, servers, &locals, asks, crypto, wr_crypto_openssl_rng(), WR_S(1)));
  return &reach;
}

TEST(reach_without_servers_does_nothing) {
  gw_reach *r = open_reach(NULL, true);
  wr_path path = {at("192.0.2.1", 1), at("192.0.2.2", 2)};
  wr_span datagram;
  CHECK_EQ(gw_reach_deadline(r), WR_NEVER);
  CHECK(!gw_reach_is_stun(r, &path.remote) && !gw_reach_recv(r, &path, &datagram, WR_S(1)));
  CHECK(!gw_reach_send(r, &path, WR_BYTES_LITERAL("x"), WR_S(1)));
  gw_reach_close(r);
}

TEST(reach_a_new_address_takes_the_place_of_the_former) {
  gw_reach_servers servers;
  configure("stun", "stun:127.0.0.1:7", NULL);
  find(&servers);
  gw_reach *r = open_reach(&servers, true);
  CHECK(gw_reach_is_stun(r, &servers.stun[0]) && gw_reach_deadline(r) <= WR_S(1));
  for (uint16_t port = 1; port < 4; port++)
    gw_reach_learn(r, &(gw_reach_address){at("10.0.0.2", 51001), at("192.0.2.1", port), WR_CANDIDATE_SRFLX});
  CHECK(r->n == 1 && r->address[0].shown.port == 3);
  gw_reach_learn(r, &(gw_reach_address){at("10.0.0.3", 51001), at("192.0.2.1", 9), WR_CANDIDATE_SRFLX});
  CHECK_EQ(r->n, 2);
  gw_reach_close(r);
}

TEST(reach_takes_other_servers_while_it_runs) {
  gw_reach_servers first, second;
  configure("relay", "stun:127.0.0.1:7", NULL);
  find(&first);
  configure("relay", "stun:127.0.0.1:8", "turn:127.0.0.2:1?transport=tcp u p");
  find(&second);
  gw_reach *r = open_reach(&first, true);
  CHECK_EQ(r->retry_at, WR_NEVER);
  const wr_gather *before = r->stun;
  CHECK(before && gw_reach_replace(r, &first, WR_S(2)) && r->stun == before); /* the mapping is kept alive */
  CHECK(gw_reach_replace(r, &second, WR_S(2)));
  CHECK(gw_reach_is_stun(r, &second.stun[0]) && !gw_reach_is_stun(r, &first.stun[0]));
  CHECK(r->retry_at == WR_S(2) && gw_reach_deadline(r) <= WR_S(2));
  CHECK(gw_reach_replace(r, &first, WR_S(3)));
  CHECK(r->retry_at == WR_NEVER && gw_reach_is_stun(r, &first.stun[0]));
  gw_reach_close(r);
}

/* Nobody listens at these: the next one is tried, later and later. */
TEST(reach_relays_are_tried_in_turn) {
  gw_reach_servers servers;
  configure("relay", "turn:127.0.0.1:1?transport=tcp u p", "turn:127.0.0.2:1?transport=tcp u p");
  find(&servers);
  REQUIRE(servers.n_relays == 2);
  gw_reach *r = open_reach(&servers, false);
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  wr_time now = WR_S(1), waited = 0;
  for (size_t i = 0; i < 4; i++) {
    CHECK_EQ(r->at, i % 2);
    for (unsigned n = 0; n < 1000 && (r->retry_at == WR_NEVER || r->retry_at <= now); n++) {
      gw_reach_tick(r, NULL, epoll, now);
      if (r->way.connecting) usleep(1000);
    }
    REQUIRE(r->retry_at != WR_NEVER);
    CHECK(r->retry_at - now > waited);
    waited = r->retry_at - now;
    now = r->retry_at;
  }
  close(epoll);
  gw_reach_close(r);
}
