#define _GNU_SOURCE /* mmsghdr */
#include "gateway/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "gateway/log.h"
#include "gateway/udp.h"
#include "wr/crypto_openssl.h"

/* Two workers that think they share a port; only the first runs, for one turn: it finds what the test put into its
 * mailbox and its socket, and a GW_STOP. */
typedef struct rig {
  gw_worker worker[2];
  gw_mailbox http;
  gw_locals locals;
  gw_config config;
} rig;

static rig *rig_open(void) {
  static rig r;
  const wr_crypto *crypto;
  const char *error;
  char text[GW_CONFIG_ERROR_MAX];
  wr_addr any_port, bound;
  memset(&r, 0, sizeof(r));
  CHECK(wr_crypto_openssl_open(&crypto) == WR_OK);
  CHECK(gw_mailbox_open(&r.http, 16, NULL, NULL));
  CHECK(wr_addr_parse(&any_port, WR_BYTES_LITERAL("127.0.0.1"), 0));
  for (uint16_t i = 0; i < 2; i++) {
    int fd = gw_udp_bind(&any_port, false, &bound, text);
    gw_worker_settings settings = {.index = i,
                                   .n_workers = 2,
                                   .n_slots = 1,
                                   .config = &r.config,
                                   .crypto = crypto,
                                   .rng = wr_crypto_openssl_rng(),
                                   .udp_socket = fd,
                                   .tcp_socket = -1,
                                   .bound = bound,
                                   .locals = &r.locals,
                                   .http = &r.http,
                                   .workers = r.worker};
    CHECK(gw_worker_open(&r.worker[i], &settings, &error));
  }
  return &r;
}

static void mail(rig *r, gw_kind kind, gw_ref ref, const wr_addr *remote, const void *bytes, size_t len) {
  gw_message message = {.kind = (uint16_t)kind, .ref = ref};
  if (remote) message.path.remote = *remote;
  CHECK(gw_mailbox_send(&r->worker[0].inbox, &message, bytes, len));
}

static uint64_t counter(const rig *r, gw_counter counter) { return r->worker[0].metrics.counter[counter]; }

static void run_one_turn(rig *r) {
  mail(r, GW_STOP, (gw_ref){0}, NULL, NULL, 0);
  REQUIRE(gw_worker_start(&r->worker[0]));
  gw_worker_join(&r->worker[0]);
}

static void rig_close(rig *r) {
  const wr_crypto *crypto = r->worker[0].settings.crypto;
  for (int i = 0; i < 2; i++) gw_worker_close(&r->worker[i]);
  gw_mailbox_close(&r->http);
  wr_crypto_openssl_close(crypto);
}

/* If each of two workers believes that the other one owns an address, a datagram must not go round for ever. */
TEST(worker_forwards_a_datagram_once) {
  rig *r = rig_open();
  wr_addr caller;
  CHECK(wr_addr_parse(&caller, WR_BYTES_LITERAL("192.0.2.1"), 1000));
  mail(r, GW_ROUTE, (gw_ref){.worker = 1}, &caller, NULL, 0);
  mail(r, GW_DATAGRAM, (gw_ref){0}, &caller, "\x80rtp", 4);
  run_one_turn(r);
  CHECK_EQ(counter(r, GW_FORWARDED), 0);
  CHECK_EQ(counter(r, GW_DROP_NO_SESSION), 1);
  rig_close(r);
}

/* Sends |bytes| to the first worker from a port of its own. */
static void send_as_stranger(rig *r, const void *bytes, size_t len, wr_addr *from) {
  char text[GW_CONFIG_ERROR_MAX];
  wr_addr any_port;
  CHECK(wr_addr_parse(&any_port, WR_BYTES_LITERAL("127.0.0.1"), 0));
  int fd = gw_udp_bind(&any_port, false, from, text);
  struct sockaddr_storage name;
  socklen_t name_len = sizeof(name);
  CHECK(getsockname(r->worker[0].settings.udp_socket, (struct sockaddr *)&name, &name_len) == 0);
  CHECK_EQ(sendto(fd, bytes, len, 0, (struct sockaddr *)&name, name_len), (ssize_t)len);
  close(fd);
}

/* Strangers that name sessions in STUN requests cannot make a worker forget where its colleagues' callers are. */
TEST(worker_keeps_its_routes_whatever_strangers_name) {
  rig *r = rig_open();
  uint8_t stun[32] = {0, 1, 0, 12, 0x21, 0x12, 0xa4, 0x42, [20] = 0, 6, 0, 6};
  char prefix[5];
  wr_addr stranger, caller;
  gw_ufrag_prefix(prefix, 1, 0);
  memcpy(stun + 24, prefix, 4);
  memcpy(stun + 28, ":x", 2);
  for (int i = 0; i < 30; i++) send_as_stranger(r, stun, sizeof(stun), &stranger);
  send_as_stranger(r, "\x80rtp", 4, &caller);
  mail(r, GW_ROUTE, (gw_ref){.worker = 1}, &caller, NULL, 0);
  run_one_turn(r);
  CHECK_EQ(counter(r, GW_FORWARDED), 31);
  CHECK_EQ(counter(r, GW_DROP_NO_SESSION), 0);
  rig_close(r);
}

/* The HTTP thread does not keep up: a call goes on without its spans, and they are counted. */
TEST(worker_counts_spans_that_find_no_room) {
  rig *r = rig_open();
  gw_log_setup("off", "text");
  gw_config_default(&r->config);
  snprintf(r->config.otlp_url, sizeof(r->config.otlp_url), "http://127.0.0.1:4318");
  while (gw_mailbox_send(&r->http, &(gw_message){.kind = GW_DRAINED}, NULL, 0)) continue;
  gw_request *request = calloc(1, sizeof(*request) + 1);
  REQUIRE(request != NULL);
  request->number = 1;
  request->purpose = GW_FOR_SOCKET;
  gw_message offer = {.kind = GW_OFFER, .owned = request, .ref = {.slot = GW_SLOT_NONE}};
  CHECK(gw_mailbox_send(&r->worker[0].inbox, &offer, NULL, 0));
  run_one_turn(r); /* its end ends the call */
  CHECK_EQ(counter(r, GW_SESSIONS_OPENED), 1);
  CHECK(counter(r, GW_TRACE_LOST) > 0);
  rig_close(r);
}
