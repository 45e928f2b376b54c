/* ICE over TCP (RFC 6544): two agents, one that connects and one that listens, and a wire that knows connections.
 */
#include "check.h"
#include "ice/ice_agent.h"
#include "wr/crypto_openssl.h"

#define DELAY_US 20000
#define N_FLYING 256
#define N_LINES 16

typedef struct flying {
  wr_time at; /* WR_NEVER: free */
  int to;
  unsigned line; /* of the connection; 0: UDP */
  wr_path path;  /* as the receiver sees it */
  size_t len;
  uint8_t bytes[640];
} flying;

typedef struct wire {
  check_rng rng;
  wr_time now;
  bool udp_blocked, refuses; /* |refuses|: the listener takes no connection */
  _Alignas(16) uint8_t mem[2][24 * 1024];
  wr_ice *ice[2]; /* 0 connects, 1 listens */
  flying flying[N_FLYING];
  unsigned line; /* of the connection that is open; 0: none. Its port is 40000 + line */
  unsigned n_opened, n_udp_checks, n_tcp_checks;
  wr_path path[2]; /* selected */
  wr_time selected_at[2];
} wire;

static wire w;
static const wr_addr udp[2] = {{.family = 4, .ip = {10, 0, 0, 1}, .port = 4000},
                               {.family = 4, .ip = {10, 0, 0, 2}, .port = 4000}};
static const wr_addr listener = {.family = 4, .ip = {10, 0, 0, 2}, .port = 443, .transport = WR_TCP};
static const wr_addr outgoing = {.family = 4, .ip = {10, 0, 0, 1}, .transport = WR_TCP};

static wr_addr port_of(unsigned line) {
  wr_addr addr = outgoing;
  addr.port = (uint16_t)(40000 + line);
  return addr;
}

static const wr_crypto *openssl(void) {
  static const wr_crypto *crypto;
  if (!crypto) CHECK_EQ(wr_crypto_openssl_open(&crypto), WR_OK);
  return crypto;
}

static void signal_to(int to) {
  const wr_candidate *list;
  wr_ice *from = w.ice[1 - to];
  CHECK_EQ(wr_ice_set_remote(w.ice[to], wr_ice_local_ufrag(from), wr_ice_local_pwd(from), false, w.now), WR_OK);
  size_t n = wr_ice_local_candidates(from, &list);
  for (size_t i = 0; i < n; i++) {
    char text[160];
    wr_candidate read;
    REQUIRE(wr_candidate_write(&list[i], text, sizeof text) > 0);
    REQUIRE(wr_candidate_read(&read, wr_bytes_of(text, strlen(text))) == WR_OK);
    CHECK_EQ(wr_ice_add_remote(w.ice[to], &read, w.now), WR_OK);
  }
  wr_ice_end_of_remote(w.ice[to], w.now);
}

static void open_wire(bool with_udp, int controlling, uint64_t seed) {
  memset(&w, 0, sizeof w);
  w.rng.state = seed;
  w.now = WR_S(1000);
  for (size_t i = 0; i < N_FLYING; i++) w.flying[i].at = WR_NEVER;
  for (int i = 0; i < 2; i++) {
    wr_ice_settings s = {.rng = {check_rng_fill, &w.rng}, .crypto = openssl(), .controlling = i == controlling};
    w.ice[i] = wr_ice_init(w.mem[i], &s, w.now);
    if (with_udp) CHECK_EQ(wr_ice_add_local(w.ice[i], &udp[i], &udp[i], WR_CANDIDATE_HOST, w.now), WR_OK);
  }
  CHECK_EQ(wr_ice_add_local(w.ice[0], &outgoing, &outgoing, WR_CANDIDATE_HOST, w.now), WR_OK);
  CHECK_EQ(wr_ice_add_local(w.ice[1], &listener, &listener, WR_CANDIDATE_HOST, w.now), WR_OK);
  signal_to(0);
  signal_to(1);
}

static void fly(int to, unsigned line, const wr_path *path, const uint8_t *bytes, size_t len, wr_time delay_us) {
  for (size_t i = 0; i < N_FLYING; i++) {
    flying *f = &w.flying[i];
    if (f->at != WR_NEVER) continue;
    *f = (flying){.at = w.now + delay_us, .to = to, .line = line, .path = *path, .len = len};
    memcpy(f->bytes, bytes, len);
    return;
  }
  CHECK(false); /* there is no room for what flies */
}

static void send_tcp(int from, const wr_path *path, const uint8_t *bytes, size_t len) {
  w.n_tcp_checks += bytes[0] == 0;
  if (from == 1) { /* only over the connection there is */
    wr_addr there = port_of(w.line);
    CHECK(wr_addr_equal(&path->local, &listener));
    wr_path seen = {outgoing, listener};
    if (w.line && wr_addr_equal(&path->remote, &there)) fly(0, w.line, &seen, bytes, len, DELAY_US);
    return;
  }
  CHECK(wr_addr_equal(&path->local, &outgoing) && wr_addr_equal(&path->remote, &listener));
  if (w.refuses) {
    wr_ice_path_closed(w.ice[0], path, w.now);
    return;
  }
  bool is_new = !w.line;
  if (is_new) w.line = ++w.n_opened;
  wr_path seen = {listener, port_of(w.line)};
  fly(1, w.line, &seen, bytes, len, is_new ? 3 * DELAY_US : DELAY_US); /* SYN, SYN ACK */
}

static void drain(int side) {
  uint8_t out[640];
  wr_path path;
  wr_ice_event event;
  size_t len;
  for (unsigned n = 0; (len = wr_ice_poll(w.ice[side], &path, out, sizeof out, w.now)) > 0; n++) {
    REQUIRE(n < 32);
    wr_path seen = {path.remote, path.local};
    if (path.remote.transport == WR_TCP) {
      send_tcp(side, &path, out, len);
    } else {
      w.n_udp_checks += out[0] == 0;
      if (!w.udp_blocked) fly(1 - side, 0, &seen, out, len, DELAY_US);
    }
  }
  while (wr_ice_poll_event(w.ice[side], &event)) {
    if (event.kind != WR_ICE_EVENT_SELECTED) continue;
    w.path[side] = event.path;
    w.selected_at[side] = w.now;
  }
}

/* The connection ends and both sides are told. */
static void hang_up(void) {
  wr_path mine = {outgoing, listener}, theirs = {listener, port_of(w.line)};
  w.line = 0;
  wr_ice_path_closed(w.ice[0], &mine, w.now);
  wr_ice_path_closed(w.ice[1], &theirs, w.now);
}

static void run(wr_time us) {
  for (wr_time end = w.now + us; w.now < end; w.now += 1000) {
    for (size_t i = 0; i < N_FLYING; i++) {
      flying *f = &w.flying[i];
      if (f->at > w.now) continue;
      f->at = WR_NEVER;
      if (f->line == 0 || f->line == w.line)
        (void)wr_ice_recv(w.ice[f->to], &f->path, wr_bytes_of(f->bytes, f->len), w.now);
    }
    for (int side = 0; side < 2; side++) {
      if (w.now >= wr_ice_deadline(w.ice[side])) wr_ice_tick(w.ice[side], w.now);
      drain(side);
    }
  }
}

static bool both(wr_ice_state state) {
  return wr_ice_get_state(w.ice[0]) == state && wr_ice_get_state(w.ice[1]) == state;
}

TEST(ice_tcp_candidates_say_who_connects) {
  open_wire(true, 0, 1);
  const wr_candidate *list;
  char text[160];
  REQUIRE(wr_ice_local_candidates(w.ice[0], &list) == 2);
  CHECK(wr_candidate_write(&list[1], text, sizeof text) > 0);
  CHECK_TEXT(text, "candidate:2 1 tcp 1524629247 10.0.0.1 9 typ host tcptype active");
  REQUIRE(wr_ice_local_candidates(w.ice[1], &list) == 2);
  CHECK(wr_candidate_write(&list[1], text, sizeof text) > 0);
  CHECK_TEXT(text, "candidate:2 1 tcp 1520434943 10.0.0.2 443 typ host tcptype passive");
}

TEST(ice_tcp_connects_where_udp_is_blocked) {
  for (int controlling = 0; controlling < 2; controlling++) {
    open_wire(true, controlling, 2 + (uint64_t)controlling);
    w.udp_blocked = true;
    run(WR_S(1));
    CHECK(both(WR_ICE_CONNECTED));
    CHECK_EQ(w.path[0].remote.transport, WR_TCP);
    CHECK(wr_addr_equal(&w.path[0].remote, &listener) && wr_addr_equal(&w.path[1].local, &listener));
    wr_addr there = port_of(1);
    CHECK(wr_addr_equal(&w.path[1].remote, &there));
    /* The connection and one check there and back: three round trips of nothing else. */
    CHECK(w.selected_at[0] - WR_S(1000) <= 2 * 2 * DELAY_US + 2 * WR_ICE_TA_US);
    run(WR_S(60));
    CHECK(both(WR_ICE_CONNECTED));
    CHECK_EQ(w.n_opened, 1);
  }
}

TEST(ice_tcp_gives_way_to_udp) {
  open_wire(true, 0, 4);
  run(WR_S(2));
  CHECK(both(WR_ICE_CONNECTED));
  CHECK_EQ(w.path[0].remote.transport, WR_UDP);
  CHECK_EQ(w.path[1].remote.transport, WR_UDP);
  /* Late as well: a firewall opens in the middle of the call. */
  for (int controlling = 0; controlling < 2; controlling++) {
    open_wire(true, controlling, 5 + (uint64_t)controlling);
    w.udp_blocked = true;
    run(WR_S(20));
    CHECK_EQ(w.path[0].remote.transport, WR_TCP);
    w.udp_blocked = false;
    run(WR_S(40));
    CHECK(both(WR_ICE_CONNECTED));
    CHECK_EQ(w.path[0].remote.transport, WR_UDP);
    CHECK_EQ(w.path[1].remote.transport, WR_UDP);
    CHECK_EQ(w.n_opened, 1);
  }
}

TEST(ice_tcp_checks_are_sent_once_and_refused_connections_tried_in_time) {
  open_wire(false, 0, 7);
  w.refuses = true;
  run(WR_S(10));
  CHECK(w.n_tcp_checks >= 5 && w.n_tcp_checks <= 11); /* one a second */
  w.refuses = false;
  run(WR_S(3));
  CHECK(both(WR_ICE_CONNECTED));
}

TEST(ice_tcp_reconnects_when_its_connection_ends) {
  for (int controlling = 0; controlling < 2; controlling++) {
    open_wire(false, controlling, 8 + (uint64_t)controlling);
    run(WR_S(2));
    CHECK(both(WR_ICE_CONNECTED));
    hang_up();
    run(WR_S(2));
    CHECK_EQ(w.n_opened, 2);
    wr_addr there = port_of(2);
    CHECK(wr_addr_equal(&w.path[1].remote, &there)); /* the listener follows */
    run(WR_S(60));
    CHECK(both(WR_ICE_CONNECTED));
    CHECK_EQ(w.n_opened, 2);
  }
}

TEST(ice_tcp_falls_back_when_udp_ends) {
  open_wire(true, 0, 10);
  run(WR_S(3));
  CHECK_EQ(w.path[0].remote.transport, WR_UDP);
  w.udp_blocked = true;
  run(WR_S(20));
  CHECK(both(WR_ICE_CONNECTED));
  CHECK_EQ(w.path[0].remote.transport, WR_TCP);
  CHECK_EQ(w.path[1].remote.transport, WR_TCP);
}

TEST(ice_tcp_a_passive_agent_sends_nothing_to_a_description_s_tcp_addresses) {
  open_wire(true, 1, 11);
  w.udp_blocked = true;
  wr_candidate victim = {.addr = {.family = 4, .ip = {203, 0, 113, 9}, .port = 80, .transport = WR_TCP},
                         .type = WR_CANDIDATE_HOST,
                         .tcp = WR_TCP_PASSIVE,
                         .priority = UINT32_MAX / 2,
                         .component = 1};
  CHECK_EQ(wr_ice_add_remote(w.ice[1], &victim, w.now), WR_OK);
  for (size_t i = 0; i < WR_ICE_MAX_PAIRS; i++) {
    const wr_ice_pair *p = &w.ice[1]->pairs.slot[i];
    CHECK(!p->used || !w.ice[1]->remotes.slot[p->remote].tcp);
  }
}

TEST(ice_tcp_lost_during_a_restart_leaves_no_deadline_behind) {
  for (int controlling = 0; controlling < 2; controlling++) {
    open_wire(false, controlling, 12 + (uint64_t)controlling);
    run(WR_S(2));
    CHECK(both(WR_ICE_CONNECTED));
    wr_ice_restart(w.ice[0], w.now); /* nobody brings the descriptions across, and the way that worked ends */
    wr_ice_restart(w.ice[1], w.now);
    w.refuses = true;
    hang_up();
    run(WR_ICE_CONSENT_TIMEOUT_US + WR_ICE_UPGRADE_US + WR_S(1));
    for (int i = 0; i < 2; i++) {
      wr_path path;
      uint32_t rtt_us;
      CHECK(!wr_ice_selected(w.ice[i], &path, &rtt_us));
      CHECK(wr_ice_deadline(w.ice[i]) >= w.now);
    }
  }
}
