/* cli/check_ice.c - every STUN and TURN server as a caller would use it; one sentence for each address. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/check.h"
#include "cli/probe.h"
#include "gateway/http.h"
#include "gateway/reach.h"
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
  unsigned n_relays;          /* that work */
  char relay[GW_ICE_URL_MAX]; /* the first of them */
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
  if (ok && url.relays && !d->n_relays++) snprintf(d->relay, sizeof(d->relay), "%s", text);
  snprintf(line, sizeof(line), "%s%s: %s", text, is_old ? " (old secret)" : "", said);
  d->finding(ok, url.relays ? "turn" : "stun", line);
}

/* ---- --reach ---- */

/* Addresses that answer bindings over UDP, each once; a TURN server does as well. */
static size_t find_mirrors(wr_addr out[PROBE_MAPPINGS], const gw_reach_servers *servers) {
  wr_addr all[GW_REACH_STUN + GW_REACH_RELAYS];
  size_t n_all = 0, n = 0;
  for (size_t i = 0; i < servers->n_stun; i++) all[n_all++] = servers->stun[i];
  for (size_t i = 0; i < servers->n_relays; i++)
    if (!servers->relay[i].url.tcp) all[n_all++] = servers->relay[i].addr;
  for (size_t i = 0; i < n_all && n < PROBE_MAPPINGS; i++) {
    bool known = all[i].family != all[0].family;
    for (size_t k = 0; k < n; k++) known = known || wr_addr_equal(&out[k], &all[i]);
    if (!known) out[n++] = all[i];
  }
  return n;
}

/* Whether the address that a NAT shows is good for others than the server which told it. */
static void check_reach_stun(doctor *d, const gw_reach_servers *servers) {
  wr_addr mirror[PROBE_MAPPINGS], shown[PROBE_MAPPINGS];
  size_t n = find_mirrors(mirror, servers), n_answers = 0, first = 0;
  bool same = true;
  char text[80], line[320];
  probe_mapping(shown, mirror, n, &d->settings);
  for (size_t i = 0; i < n; i++) {
    if (!shown[i].family) continue;
    if (!n_answers++) first = i;
    same = same && wr_addr_equal(&shown[i], &shown[first]);
  }
  if (!n_answers) {
    d->finding(false, "reach", "no STUN server answers over UDP: the address that the NAT shows stays unknown");
    return;
  }
  address_text(text, &shown[first]);
  for (size_t i = 0; i < d->settings.n_peers; i++)
    if (memcmp(d->peers[i].ip, shown[first].ip, sizeof(shown[first].ip)) == 0) {
      snprintf(line, sizeof(line), "there is no NAT: %s is this machine's own address, --reach direct is enough",
               text);
      d->finding(true, "reach", line);
      return;
    }
  if (!same)
    snprintf(line, sizeof(line),
             "the NAT shows another address to each server (symmetric), %s to the first: many callers will not get "
             "through; --reach relay, or a forwarded port and --public-ip",
             text);
  else if (n_answers > 1)
    snprintf(line, sizeof(line), "the NAT shows %s to all %zu servers: callers behind most routers get through",
             text, n_answers);
  else
    snprintf(line, sizeof(line),
             "the NAT shows %s; whether others can use it one server alone does not tell: name a second one", text);
  d->finding(same, "reach", line);
}

static void check_reach(doctor *d) {
  static gw_reach_servers servers; /* large */
  char line[GW_ICE_URL_MAX + 80];
  gw_reach_want(&servers, d->config, gw_ca_file(d->config), NULL);
  if (!servers.wants) return;
  if (!servers.wants_relay) {
    servers.wants_relay = true; /* TURN servers answer bindings, too */
    gw_reach_find(&servers, &d->answer.list);
    check_reach_stun(d, &servers);
  } else {
    snprintf(line, sizeof(line), "callers get to this gateway through %s%s", d->relay,
             d->n_relays > 1 ? ", or another that works" : "");
    d->finding(d->n_relays > 0, "reach",
               d->n_relays ? line : "no relay works: callers get to this gateway directly, or not at all");
  }
  SSL_CTX_free(servers.tls);
}

static void find_peers(doctor *d) {
  wr_addr bound;
  gw_locals locals;
  if (!gw_config_udp(d->config, &bound)) return;
  if (!bound.port) bound.port = 51001;
  gw_locals_find(&locals, &bound, d->config);
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
  check_reach(&d);
  if (!d.answer.list.n) finding(true, "ice", "no STUN or TURN server is configured");
  wr_crypto_openssl_close(crypto);
}
