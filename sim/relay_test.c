#include "sim/relay.h"

#include "check.h"
#include "stun/stun.h"
#include "wr/crypto_openssl.h"

/* What a client is told is in lib/conn/gather_test.c; here: what a stranger is. */
TEST(sim_relay_tells_addresses_and_challenges) {
  sim_net *net = sim_net_open(1);
  sim_host_id server = sim_net_add_host(net, "192.0.2.1"), host = sim_net_add_host(net, "192.0.2.2");
  sim_relay *relay = sim_relay_open(net, &(sim_relay_settings){.crypto = wr_crypto_null(), .v4 = server, .v6 = -1});
  CHECK(sim_relay_is_host(relay, server) && !sim_relay_is_host(relay, host) && !sim_relay_is_host(relay, -1));
  static const uint16_t methods[] = {WR_STUN_BINDING, 3, 4, 8, 9};
  for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
    uint8_t bytes[64], id[WR_STUN_ID_BYTES] = {(uint8_t)i};
    wr_writer w = wr_writer_of(bytes, sizeof bytes);
    wr_stun_begin(&w, WR_STUN_REQUEST, methods[i], id);
    size_t len = wr_stun_end(&w, wr_crypto_null(), wr_bytes_of(NULL, 0));
    wr_path path = {sim_net_addr(net, host, 9), sim_net_addr(net, server, SIM_RELAY_PORT)};
    sim_net_send(net, host, &path, wr_bytes_of(bytes, len));
    sim_delivery d;
    REQUIRE(sim_net_recv(net, WR_S(1), &d));
    sim_relay_recv(relay, &d);
    REQUIRE(sim_net_recv(net, WR_S(1), &d) && d.host == host);
    wr_stun answer;
    REQUIRE(wr_stun_parse(&answer, wr_span_bytes(d.bytes)) == WR_OK);
    if (methods[i] == WR_STUN_BINDING)
      CHECK(wr_addr_equal(&answer.mapped, &path.local));
    else
      CHECK(answer.error_code == 401 && answer.realm.len && answer.nonce.len);
  }
  CHECK_EQ(sim_relay_stats_of(relay)->n_allocations, 0);
  sim_relay_close(relay);
  sim_net_close(net);
}
