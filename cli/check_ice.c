/* cli/check_ice.c - every STUN and TURN server as a caller would use it; one sentence for each address. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/check.h"
#include "cli/probe.h"
#include "gateway/http_turn.h"
#include "gateway/ice_service.h"
#include "gateway/udp.h"
#include "wr/crypto_openssl.h"

#define PATIENCE WR_S(5)

typedef struct doctor {
  const gw_config *config;
  check_finding *finding;
  probe_settings settings;
  gw_ice_service service;
  gw_ice_answer answer;
  wr_addr peers[4];
} doctor;

static void address_text(char out[80], const wr_addr *addr) {
  char ip[WR_ADDR_TEXT_MAX];
  wr_addr_text(addr, ip);
  snprintf(out, 80, addr->family == 6 ? "[%s]:%u" : "%s:%u", ip, addr->port);
}

/* What kept us from talking to the server at all. */
static void say_way(char *out, size_t cap, const probe *p, const gw_ice_url *url) {
  const char *kind = url->tcp ? "TCP" : "UDP";
  switch (p->end) {
    case WAY_FINE: break;
    case WAY_NO_NAME: snprintf(out, cap, "the name %s has no address", url->host); break;
    case WAY_NO_ROUTE: snprintf(out, cap, "it cannot be reached from here: %s", p->why); break;
    case WAY_NOBODY: snprintf(out, cap, "nobody listens on %s port %u there", kind, url->port); break;
    case WAY_SILENT:
      snprintf(out, cap, "no answer on %s port %u within %d s: a firewall drops it, or the server is down", kind,
               url->port, (int)(PATIENCE / 1000000));
      break;
    case WAY_CERTIFICATE: snprintf(out, cap, "its TLS certificate is not to be trusted: %s", p->why); break;
    case WAY_NO_TLS: snprintf(out, cap, "what listens on port %u does not speak TLS", url->port); break;
    case WAY_ENDED: snprintf(out, cap, "what listens on %s port %u is no TURN server", kind, url->port); break;
  }
}

/* Why a relay that talks to us does not serve us. */
static void say_turn(char *out, size_t cap, const probe *p, const gw_config *config, bool is_signed, bool is_old) {
  const char *wanted = config->turn_realm;
  bool other_realm = wanted[0] && strcmp(wanted, p->realm) != 0;
  if (p->turn == WR_TURN_UNAUTHORIZED && other_realm)
    snprintf(out, cap, "it refuses the credentials and its realm is '%.80s', not '%.80s'", p->realm, wanted);
  else if (p->turn == WR_TURN_UNAUTHORIZED && is_signed)
    snprintf(out, cap,
             "it refuses the credentials: its static-auth-secret is not --turn-secret%s, or its clock is wrong "
             "(realm '%.80s')",
             is_old ? "-old" : "", p->realm);
  else if (p->turn == WR_TURN_UNAUTHORIZED)
    snprintf(out, cap, "it refuses USERNAME or CREDENTIAL (realm '%.80s')", p->realm);
  else if (p->turn == WR_TURN_CHALLENGE)
    snprintf(out, cap, "it asks for no credentials that could be given: no realm, or lt-cred-mech is not set");
  else if (p->turn == WR_TURN_REFUSED)
    snprintf(out, cap, "it refuses to relay (error %u)", p->code);
  else
    snprintf(out, cap, "it does not relay: %s (error %u)", wr_turn_reason_text(p->turn), p->code);
}

/* false: broken. */
static bool say_relay(char *out, size_t cap, const probe *p, const gw_config *config) {
  char relayed[80], refused[80];
  const char *wanted = config->turn_realm;
  address_text(relayed, &p->relayed);
  if (wanted[0] && strcmp(wanted, p->realm) != 0) {
    snprintf(out, cap, "it relays, but its realm is '%.80s', not '%.80s': another server, or another configuration",
             p->realm, wanted);
    return false;
  }
  if (p->refused.family) {
    address_text(refused, &p->refused);
    snprintf(out, cap, "it relays, but not to this gateway at %s: see denied-peer-ip, or give --public-ip",
             refused);
    return false;
  }
  snprintf(out, cap, "relays, from %s (realm '%.80s', %d ms)", relayed, p->realm, (int)(p->took / 1000));
  return true;
}

static void check_url(doctor *d, const char *text, const gw_ice_server *server, bool is_signed, bool is_old) {
  char said[320], line[GW_ICE_URL_MAX + 340], why[GW_ICE_WHY_MAX];
  gw_ice_url url;
  probe p;
  bool ok = false;
  if (!gw_ice_url_parse(&url, text, why)) return; /* said before */
  if (url.secured && !url.tcp) {
    snprintf(line, sizeof(line), "%s: DTLS is not tried, for no browser does", text);
    d->finding(true, "turn", line);
    return;
  }
  if (url.relays)
    probe_turn(&p, &url, server, &d->settings);
  else
    probe_stun(&p, &url, &d->settings);
  if (p.end != WAY_FINE) {
    say_way(said, sizeof(said), &p, &url);
  } else if (p.turn != WR_TURN_FINE) {
    say_turn(said, sizeof(said), &p, d->config, is_signed, is_old);
  } else if (url.relays) {
    ok = say_relay(said, sizeof(said), &p, d->config);
  } else {
    char mapped[80];
    ok = true;
    address_text(mapped, &p.mapped);
    snprintf(said, sizeof(said), "answers; it sees us as %s (%d ms)", mapped, (int)(p.took / 1000));
  }
  /* While a secret is replaced a relay may well have forgotten the old one. */
  ok |= is_old && p.end == WAY_FINE && p.turn == WR_TURN_UNAUTHORIZED;
  snprintf(line, sizeof(line), "%s%s: %s", text, is_old ? " (old secret)" : "", said);
  d->finding(ok, url.relays ? "turn" : "stun", line);
}

static void find_peers(doctor *d) {
  wr_addr bound;
  gw_locals locals;
  if (!gw_config_udp(d->config, &bound)) return;
  if (!bound.port) bound.port = 51001;
  gw_locals_find(&locals, &bound, &d->config->public_ip);
  for (size_t i = 0; i < locals.n && d->settings.n_peers < 4; i++)
    if (!gw_addr_is_loopback(&locals.at[i].shown)) d->peers[d->settings.n_peers++] = locals.at[i].shown;
  d->settings.peers = d->peers;
}

/* ---- the provider, with a context of its own ---- */

typedef struct asking {
  doctor *d;
  bool done;
} asking;

static void on_outcome(void *ctx, const gw_turn_outcome *outcome) {
  asking *a = ctx;
  a->done = true;
  gw_ice_service_take(&a->d->service, outcome, way_now());
}

static void ask_provider(doctor *d) {
  static const struct lws_protocols protocols[] = {{"xz-turn", gw_turn_callback, 0, 4096, 0, NULL, 0},
                                                   {NULL, NULL, 0, 0, 0, NULL, 0}};
  static gw_turn_fetch fetch;
  char why[GW_ICE_WHY_MAX];
  asking a = {.d = d};
  struct lws_context_creation_info info = {.port = CONTEXT_PORT_NO_LISTEN,
                                           .protocols = protocols,
                                           .options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT,
                                           .gid = -1,
                                           .uid = -1};
  lws_set_log_level(0, NULL);
  struct lws_context *lws = lws_create_context(&info);
  if (!lws) return;
  (void)gw_ice_cache_begin(&d->service.cache, way_now());
  gw_turn_fetch_begin(&fetch, lws, NULL, d->config, on_outcome, &a);
  while (!a.done && lws_service(lws, 0) >= 0) continue;
  lws_context_destroy(lws);
  if (gw_ice_service_is_degraded(&d->service, why, way_now()))
    d->finding(false, "provider", why);
  else
    d->finding(true, "provider", d->service.provider);
}

void check_ice(const gw_config *config, check_finding *finding) {
  static doctor d;
  const wr_crypto *crypto = NULL;
  d = (doctor){.config = config, .finding = finding};
  if (wr_crypto_openssl_open(&crypto) != WR_OK) return;
  d.settings = (probe_settings){.crypto = crypto, .rng = wr_crypto_openssl_rng(), .patience = PATIENCE};
  find_peers(&d);
  gw_ice_service_init(&d.service, config, crypto, wr_crypto_openssl_rng(), way_now());
  for (size_t i = 0; i < d.service.issues.n; i++) finding(true, "ice", d.service.issues.text[i]);
  if (strcmp(d.service.provider, "none") != 0) ask_provider(&d);
  gw_ice_service_answer(&d.service, &d.answer, time(NULL), way_now());
  bool is_signed = strcmp(d.answer.source, "hmac") == 0;
  for (size_t i = 0; i < d.answer.list.n; i++) {
    const gw_ice_server *server = &d.answer.list.server[i];
    for (size_t j = 0; j < server->n_urls; j++)
      check_url(&d, server->url[j], server, is_signed && server->username[0], is_signed && i >= d.service.listed.n);
  }
  if (!d.answer.list.n) finding(true, "ice", "no STUN or TURN server is configured");
  wr_crypto_openssl_close(crypto);
}
