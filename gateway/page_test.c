/* gateway/page_test.c - what is said again to a caller who comes back, or opens another channel. The caller is one
 * with a WebSocket, so that there is no path, and no time: a worker runs for one turn over what the test put into
 * its mailbox, and what the caller was told lies in the HTTP thread's. Other messages: tests/system/run. */
#define _GNU_SOURCE /* mmsghdr */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "gateway/log.h"
#include "gateway/udp.h"
#include "gateway/worker.h"
#include "wr/crypto_openssl.h"

#define SECRET 0x5a /* of all sessions: each byte of it */

static const gw_ref session = {.worker = 0, .slot = 0, .generation = 1};

typedef struct rig {
  gw_worker worker;
  gw_mailbox http;
  gw_locals locals;
  gw_config config;
  const wr_crypto *crypto;
} rig;

static void fill(void *ctx, uint8_t *out, size_t len) {
  (void)ctx;
  memset(out, SECRET, len);
}

static void open_rig(rig *r) {
  const char *error;
  char text[GW_CONFIG_ERROR_MAX];
  wr_addr any_port, bound;
  memset(r, 0, sizeof(*r));
  gw_log_setup("off", "text");
  gw_config_default(&r->config);
  CHECK(wr_crypto_openssl_open(&r->crypto) == WR_OK);
  CHECK(gw_mailbox_open(&r->http, 128, NULL, NULL));
  CHECK(wr_addr_parse(&any_port, WR_BYTES_LITERAL("127.0.0.1"), 0));
  int fd = gw_udp_bind(&any_port, false, &bound, text);
  gw_worker_settings settings = {.n_workers = 1,
                                 .n_slots = 1,
                                 .config = &r->config,
                                 .crypto = r->crypto,
                                 .rng = {fill, NULL},
                                 .udp_socket = fd,
                                 .tcp_socket = -1,
                                 .bound = bound,
                                 .locals = &r->locals,
                                 .http = &r->http,
                                 .workers = &r->worker};
  CHECK(gw_worker_open(&r->worker, &settings, &error));
}

static void close_rig(rig *r) {
  gw_worker_close(&r->worker);
  gw_mailbox_close(&r->http);
  wr_crypto_openssl_close(r->crypto);
}

/* |heard| -1: not said. */
static void call(rig *r, uint32_t number, bool resumes, int64_t heard) {
  gw_request *request = calloc(1, sizeof(*request) + 1);
  REQUIRE(request != NULL);
  request->number = number;
  request->purpose = GW_FOR_SOCKET;
  request->resumes = resumes;
  request->heard = heard;
  memset(request->secret, SECRET, sizeof(request->secret));
  gw_message message = {.kind = GW_OFFER, .owned = request, .ref = session};
  if (!resumes) message.ref.slot = GW_SLOT_NONE;
  CHECK(gw_mailbox_send(&r->worker.inbox, &message, NULL, 0));
}

static void say(rig *r, uint32_t number, const char *text) {
  gw_message message = {.kind = GW_CALLER_TEXT, .number = number, .ref = session};
  CHECK(gw_mailbox_send(&r->worker.inbox, &message, text, strlen(text)));
}

static void run(rig *r) {
  CHECK(gw_mailbox_send(&r->worker.inbox, &(gw_message){.kind = GW_STOP}, NULL, 0));
  REQUIRE(gw_worker_start(&r->worker));
  gw_worker_join(&r->worker);
}

/* Numbers of what the socket |number| was told: "1 2 2 ". Others' messages stay. */
static const char *told(rig *r, uint32_t number) {
  static char text[256];
  text[0] = 0;
  for (uint32_t at = r->http.head; at != atomic_load(&r->http.tail); at++) {
    const gw_message *m = &r->http.cells[at & (r->http.n_cells - 1)].message;
    if (m->kind != GW_CALLER_SAY || m->number != number) continue;
    json_t *said = m->owned ? json_loadb(m->owned, m->owned_len, 0, NULL)
                            : json_loadb((const char *)m->bytes, m->len, 0, NULL);
    long long n = json_integer_value(json_object_get(said, "n"));
    size_t len = strlen(text);
    if (n) snprintf(text + len, sizeof(text) - len, "%lld ", n);
    json_decref(said);
  }
  return text;
}

TEST(page_says_again_what_was_not_heard) {
  static rig r;
  open_rig(&r);
  call(&r, 1, false, -1);
  for (int i = 0; i < 3; i++) say(&r, 1, "{}"); /* an error each, which is part of the conversation */
  call(&r, 2, true, 1);
  say(&r, 2, "{}");
  call(&r, 3, true, -1); /* an older page */
  say(&r, 3, "{}");
  call(&r, 4, true, 5); /* all there was */
  run(&r);
  CHECK_TEXT(told(&r, 1), "1 2 3 ");
  CHECK_TEXT(told(&r, 2), "2 3 4 ");
  CHECK_TEXT(told(&r, 3), "5 ");
  CHECK_TEXT(told(&r, 4), "");
  CHECK_EQ(r.worker.metrics.counter[GW_MESSAGES_AGAIN], 2);
  CHECK_EQ(r.worker.metrics.counter[GW_SESSIONS_RESUMED], 3);
  close_rig(&r);
}

TEST(page_says_again_once_on_a_channel) {
  static rig r;
  open_rig(&r);
  call(&r, 1, false, -1);
  say(&r, 1, "{}");
  say(&r, 1, "{}");
  say(&r, 1, "{\"type\":\"heard\",\"n\":0}"); /* there was none before it */
  call(&r, 2, true, -1);
  say(&r, 2, "{}"); /* news, before what was lost */
  say(&r, 2, "{\"type\":\"heard\",\"n\":1}");
  say(&r, 2, "{\"type\":\"heard\",\"n\":0}");
  say(&r, 2, "{}");
  run(&r);
  CHECK_TEXT(told(&r, 1), "1 2 ");
  CHECK_TEXT(told(&r, 2), "3 2 3 4 ");
  CHECK_EQ(r.worker.metrics.counter[GW_MESSAGES_AGAIN], 2);
  close_rig(&r);
}
