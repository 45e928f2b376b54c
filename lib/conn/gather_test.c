#include "wr/gather.h"

#include "check.h"
#include "sim/relay.h"
#include "stun/stun.h"
#include "wr/crypto_openssl.h"

/* One gathering on a host of the virtual network, beside a real server; real cryptography. */
typedef struct world {
  sim_net *net;
  sim_host_id host, server, other;
  sim_relay *relay;
  check_rng dice;
  _Alignas(16) uint8_t mem[64 * 1024];
  wr_gather *gather;
  wr_gather_server servers[2];
  wr_gather_event event[16];
  unsigned n_events, n_sent;
  sim_pipe pipe;
  bool deaf; /* nobody hears the server */
  wr_path came_by;
  uint8_t came[64];
  size_t n_came, n_inner;
} world;

static const wr_crypto *crypto(void) {
  static const wr_crypto *opened;
  if (!opened) CHECK_EQ(wr_crypto_openssl_open(&opened), WR_OK);
  return opened;
}

static void begin(world *w, const wr_gather_server *servers, size_t n, wr_time keep_us) {
  memset(w, 0, sizeof *w);
  w->net = sim_net_open(7);
  w->host = sim_net_add_host(w->net, "10.0.0.2");
  w->server = sim_net_add_host(w->net, "192.0.2.1");
  w->other = sim_net_add_host(w->net, "192.0.2.7");
  sim_net_put_behind_nat(w->net, w->host,
                         sim_net_add_nat(w->net, "198.51.100.1", sim_nat_classic(SIM_NAT_PORT_RESTRICTED)));
  w->relay = sim_relay_open(w->net, &(sim_relay_settings){.crypto = crypto(), .v4 = w->server, .v6 = -1});
  w->dice.state = 3;
  sim_pipe_init(&w->pipe, WR_MS(10));
  wr_addr base = sim_net_addr(w->net, w->host, 5000);
  for (size_t i = 0; i < n; i++) {
    w->servers[i] = servers[i];
    if (!servers[i].addr.family) w->servers[i].addr = sim_net_addr(w->net, w->server, SIM_RELAY_PORT);
    w->servers[i].base = base;
    if (servers[i].stream) sim_relay_attach(w->relay, &w->pipe);
  }
  wr_gather_settings settings = {.rng = {check_rng_fill, &w->dice},
                                 .crypto = crypto(),
                                 .servers = w->servers,
                                 .n_servers = n,
                                 .keep_us = keep_us};
  REQUIRE(wr_gather_size(&settings) <= sizeof w->mem);
  w->gather = wr_gather_init(w->mem, &settings, 0);
  CHECK_EQ(wr_gather_add_base(w->gather, &base, 0), WR_OK);
}

static void end(world *w) {
  wr_gather_wipe(w->gather);
  sim_relay_close(w->relay);
  sim_net_close(w->net);
}

static void drain(world *w) {
  uint8_t out[WR_GATHER_OUT_MAX];
  wr_gather_way way;
  wr_time now = sim_net_now(w->net);
  size_t len;
  for (unsigned n = 0; (len = wr_gather_poll(w->gather, &way, out, sizeof out, now)) > 0; n++) {
    REQUIRE(n < 100);
    w->n_sent++;
    if (way.stream >= 0)
      sim_pipe_send(&w->pipe, 1, wr_bytes_of(out, len), now);
    else
      sim_net_send(w->net, w->host, &way.path, wr_bytes_of(out, len));
  }
  while (w->n_events < 16 && wr_gather_poll_event(w->gather, &w->event[w->n_events])) w->n_events++;
}

static void note(world *w, wr_gather_input input, const wr_path *path, wr_span inner) {
  if (input != WR_GATHER_RELAYED) return;
  w->came_by = *path;
  w->n_came++;
  w->n_inner = inner.len;
  memcpy(w->came, inner.data, inner.len < sizeof w->came ? inner.len : sizeof w->came);
}

static void take_pipe(world *w) {
  wr_bytes bytes;
  while ((bytes = wr_span_bytes(sim_pipe_recv(&w->pipe, 0, sim_net_now(w->net)))).len)
    while (bytes.len) {
      wr_path path;
      wr_span inner;
      size_t taken;
      note(w, wr_gather_recv_stream(w->gather, 0, bytes, &taken, &path, &inner, sim_net_now(w->net)), &path, inner);
      REQUIRE(taken <= bytes.len);
      bytes = wr_bytes_of(bytes.data + taken, bytes.len - taken);
    }
}

static void run(world *w, wr_time us) {
  wr_time until = sim_net_now(w->net) + us;
  drain(w);
  while (sim_net_now(w->net) < until) {
    wr_time at = wr_time_min(wr_time_min(wr_gather_deadline(w->gather), sim_pipe_deadline(&w->pipe)),
                             wr_time_min(sim_net_deadline(w->net), until));
    if (at < sim_net_now(w->net)) at = sim_net_now(w->net);
    sim_delivery d;
    while (sim_net_recv(w->net, at, &d)) {
      wr_path path;
      wr_span inner;
      if (d.host == w->server && !w->deaf) sim_relay_recv(w->relay, &d);
      if (d.host == w->host)
        note(w, wr_gather_recv(w->gather, &d.path, d.bytes, &path, &inner, d.at), &path, inner);
    }
    sim_relay_recv_pipes(w->relay);
    take_pipe(w);
    drain(w);
  }
}

static const wr_gather_server stun = {0},
                              turn = {.relay = true, .username = SIM_RELAY_USER, .password = SIM_RELAY_PASSWORD};

TEST(gather_stun_tells_the_address_a_nat_shows) {
  world w;
  begin(&w, &stun, 1, WR_S(20));
  CHECK(!wr_gather_is_done(w.gather));
  run(&w, WR_MS(1));
  REQUIRE(w.n_events == 1);
  CHECK_EQ(w.event[0].kind, WR_GATHER_EVENT_CANDIDATE);
  CHECK_EQ(w.event[0].type, WR_CANDIDATE_SRFLX);
  CHECK(w.event[0].shown.ip[0] == 198 && w.event[0].base.port == 5000);
  CHECK(wr_gather_is_done(w.gather) && w.n_sent == 1);
  run(&w, WR_S(70));
  CHECK(w.n_events == 1 && w.n_sent == 4); /* asked again, and nothing is new */
  sim_net_forget_mappings(w.net, 0);
  run(&w, WR_S(20));
  CHECK(w.n_events == 2 && !wr_addr_equal(&w.event[0].shown, &w.event[1].shown));
  end(&w);
}

TEST(gather_silent_server_is_given_up) {
  world w;
  begin(&w, &stun, 1, 0);
  w.deaf = true;
  run(&w, WR_S(6));
  CHECK(!w.n_events && !wr_gather_is_done(w.gather));
  run(&w, WR_S(1));
  CHECK(w.n_events == 1 && w.event[0].kind == WR_GATHER_EVENT_FAILED && w.n_sent == 5);
  CHECK(wr_gather_is_done(w.gather));
  CHECK_EQ(wr_gather_deadline(w.gather), WR_NEVER);
  end(&w);
}

/* An answer must come from the server that was asked, under the id that was drawn. */
TEST(gather_strangers_are_not_believed) {
  world w;
  uint8_t bytes[64], id[WR_STUN_ID_BYTES] = {1};
  wr_path path, inner_path;
  wr_span inner;
  begin(&w, &stun, 1, 0);
  w.deaf = true;
  run(&w, WR_MS(1));
  wr_writer out = wr_writer_of(bytes, sizeof bytes);
  wr_addr lie = sim_net_addr(w.net, w.other, 9);
  wr_stun_begin(&out, WR_STUN_SUCCESS, WR_STUN_BINDING, id);
  wr_stun_write_mapped(&out, &lie);
  wr_span forged = {bytes, wr_stun_end(&out, crypto(), wr_bytes_of(NULL, 0))};
  path = (wr_path){w.servers[0].base, lie};
  CHECK_EQ(wr_gather_recv(w.gather, &path, forged, &inner_path, &inner, WR_MS(1)), WR_GATHER_NOT_MINE);
  path.remote = w.servers[0].addr;
  CHECK_EQ(wr_gather_recv(w.gather, &path, forged, &inner_path, &inner, WR_MS(1)), WR_GATHER_TAKEN);
  drain(&w);
  CHECK(!w.n_events && !wr_gather_is_done(w.gather));
  end(&w);
}

static void talk_through(world *w, const wr_addr *relayed) {
  uint8_t out[WR_GATHER_OUT_MAX];
  wr_gather_way way;
  wr_addr peer = sim_net_addr(w->net, w->other, 7);
  wr_path path = {*relayed, peer}, back = {peer, *relayed};
  CHECK(wr_gather_is_relayed(w->gather, relayed) && !wr_gather_is_relayed(w->gather, &peer));
  sim_net_send(w->net, w->other, &back, WR_BYTES_LITERAL("too early"));
  run(w, WR_MS(50));
  CHECK_EQ(w->n_came, 0);
  wr_time now = sim_net_now(w->net);
  CHECK_EQ(wr_gather_send(w->gather, &path, WR_BYTES_LITERAL("kept"), &way, out, sizeof out, now), 0);
  uint64_t n = sim_relay_stats_of(w->relay)->n_relayed;
  run(w, WR_MS(100));
  CHECK_EQ(sim_relay_stats_of(w->relay)->n_relayed, n + 1); /* it left with the permission */
  size_t len = wr_gather_send(w->gather, &path, WR_BYTES_LITERAL("now"), &way, out, sizeof out, now);
  CHECK(len == (way.stream >= 0 ? 8u : 7u)); /* a channel, padded in a stream */
  sim_net_send(w->net, w->other, &back, WR_BYTES_LITERAL("hello"));
  run(w, WR_MS(50));
  REQUIRE(w->n_came == 1);
  CHECK(wr_addr_equal(&w->came_by.local, relayed) && wr_addr_equal(&w->came_by.remote, &peer));
  CHECK(w->n_inner == 5 && !memcmp(w->came, "hello", 5));
}

TEST(gather_turn_gives_two_candidates_and_relays) {
  world w;
  begin(&w, &turn, 1, 0);
  run(&w, WR_MS(50));
  REQUIRE(w.n_events == 2);
  CHECK(w.event[0].type == WR_CANDIDATE_SRFLX && w.event[0].shown.ip[0] == 198);
  CHECK(w.event[1].type == WR_CANDIDATE_RELAY && w.event[1].shown.ip[0] == 192);
  talk_through(&w, &w.event[1].shown);
  wr_gather_close(w.gather, sim_net_now(w.net));
  run(&w, WR_MS(50));
  CHECK_EQ(sim_relay_stats_of(w.relay)->n_given_back, 1);
  CHECK_EQ(wr_gather_deadline(w.gather), WR_NEVER);
  end(&w);
}

TEST(gather_turn_over_a_stream_and_its_end) {
  world w;
  wr_gather_server s = turn;
  s.stream = true;
  begin(&w, &s, 1, 0);
  run(&w, WR_MS(50));
  CHECK(!w.n_events && !w.n_sent); /* not connected yet */
  wr_gather_stream_up(w.gather, 0, sim_net_now(w.net));
  run(&w, WR_MS(100));
  REQUIRE(w.n_events == 1);
  wr_addr relayed = w.event[0].shown;
  talk_through(&w, &relayed);
  wr_gather_stream_down(w.gather, 0, sim_net_now(w.net));
  drain(&w);
  CHECK(w.n_events == 2 && w.event[1].kind == WR_GATHER_EVENT_LOST && wr_addr_equal(&w.event[1].shown, &relayed));
  CHECK(!wr_gather_is_relayed(w.gather, &relayed));
  end(&w);
}

TEST(gather_refusals_are_told) {
  world w;
  wr_gather_server s = turn;
  s.password = "wrong";
  begin(&w, &s, 1, 0);
  run(&w, WR_MS(100));
  CHECK(w.n_events == 1 && w.event[0].kind == WR_GATHER_EVENT_FAILED && w.event[0].code == 401);
  CHECK_TEXT(w.event[0].why, "the credentials are refused");
  CHECK(wr_gather_is_done(w.gather));
  end(&w);
  s.stream = true; /* no connection comes about */
  begin(&w, &s, 1, 0);
  wr_gather_stream_down(w.gather, 0, 0);
  drain(&w);
  CHECK(w.n_events == 1 && w.event[0].kind == WR_GATHER_EVENT_FAILED && wr_gather_is_done(w.gather));
  end(&w);
}

TEST(gather_first_requests_are_paced) {
  world w;
  const wr_gather_server both[2] = {stun, turn};
  begin(&w, both, 2, 0);
  drain(&w);
  CHECK_EQ(w.n_sent, 1);
  CHECK_EQ(wr_gather_deadline(w.gather), WR_GATHER_TA_US);
  run(&w, WR_GATHER_TA_US);
  CHECK(w.n_sent >= 2);
  for (uint16_t i = 1; i < WR_GATHER_BASES; i++) {
    wr_addr base = sim_net_addr(w.net, w.host, (uint16_t)(5000 + i));
    CHECK_EQ(wr_gather_add_base(w.gather, &base, 0), WR_OK);
    CHECK_EQ(wr_gather_add_base(w.gather, &base, 0), WR_OK);
  }
  wr_addr more = sim_net_addr(w.net, w.host, 6000);
  CHECK_EQ(wr_gather_add_base(w.gather, &more, 0), WR_ERR_LIMIT);
  end(&w);
}
