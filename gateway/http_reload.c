/* gateway/http_reload.c - SIGHUP: settings that may change, and the certificate, without touching a call.
 *
 * Whatever cannot be used is said in one line, and what was before goes on. */
#include <openssl/ssl.h>
#include <string.h>
#include <time.h>

#include "gateway/http.h"
#include "gateway/log.h"

#define KEYS_MAX 512

typedef struct lists {
  char taken[KEYS_MAX], waiting[KEYS_MAX];
} lists;

static void add(char *list, const char *key) {
  size_t len = strlen(list);
  snprintf(list + len, KEYS_MAX - len, "%s%s", len ? "," : "", key);
}

static void say(void *ctx, const char *key, bool taken) {
  lists *l = ctx;
  add(taken ? l->taken : l->waiting, key);
}

/* Tried on a context of its own first: half of a new pair would leave us without any. */
static bool is_pair(const char *cert, const char *key) {
  SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
  bool good = ctx && SSL_CTX_use_certificate_chain_file(ctx, cert) == 1 &&
              SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) == 1 && SSL_CTX_check_private_key(ctx) == 1;
  SSL_CTX_free(ctx);
  return good;
}

static void renew_certificate(gw_http *http) {
  const gw_config *config = http->config;
  if (!config->tls_cert[0]) return;
  bool good = is_pair(config->tls_cert, config->tls_key) &&
              lws_tls_cert_updated(http->lws, config->tls_cert, config->tls_key, NULL, 0, NULL, 0) == 0;
  if (!good) gw_errors_note(&http->errors, "settings", "certificate", NULL, time(NULL));
  gw_log(good ? GW_INFO : GW_ERROR, good ? "certificate" : "certificate_kept", "reason",
         good ? "read again" : "the new pair cannot be used", NULL);
}

void gw_http_reload(gw_http *http) {
  static gw_config fresh; /* large */
  char error[GW_CONFIG_ERROR_MAX];
  lists l = {0};
  if (!http->reload) return;
  if (!http->reload(&fresh, error)) {
    http->metrics.reloads_failed++;
    gw_errors_note(&http->errors, "settings", "refused", NULL, time(NULL));
    gw_log(GW_ERROR, "reload_refused", "reason", error, NULL);
    return;
  }
  http->metrics.reloads++;
  gw_config_reload(http->live, &fresh, say, &l);
  gw_log_level(http->config->log_level);
  gw_ice_service_reload(&http->ice);
  gw_ice_reach_anew(http);
  gw_history_reload(http);
  gw_log(GW_INFO, "reloaded", "changed", l.taken[0] ? l.taken : "none", "needs_restart",
         l.waiting[0] ? l.waiting : "none", NULL);
  renew_certificate(http);
}
