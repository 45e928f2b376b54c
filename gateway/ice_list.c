/* gateway/ice_list.c - see the header. Nothing here reads a clock or a socket. */
#include "gateway/ice_list.h"

#include <libwebsockets.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAY(...) (snprintf(why, GW_ICE_WHY_MAX, __VA_ARGS__), false)

void gw_ice_issue(gw_ice_issues *issues, bool is_error, const char *format, ...) {
  va_list args;
  issues->n_errors += is_error;
  if (issues->n == GW_ICE_ISSUES_MAX && !is_error) return;
  if (issues->n == GW_ICE_ISSUES_MAX) issues->n--;
  issues->is_error[issues->n] = is_error;
  va_start(args, format);
  vsnprintf(issues->text[issues->n++], sizeof(issues->text[0]), format, args);
  va_end(args);
}

/* ---- from settings ---- */

static bool add_urls(gw_ice_server *server, const char *urls, char *why) {
  while (*urls) {
    size_t len = strcspn(urls, ",");
    if (!len) return SAY("an address between commas is empty");
    if (len >= GW_ICE_URL_MAX) return SAY("an address is longer than %d characters", GW_ICE_URL_MAX - 1);
    if (server->n_urls == GW_ICE_URLS_MAX) return SAY("more than %d addresses of one server", GW_ICE_URLS_MAX);
    snprintf(server->url[server->n_urls++], GW_ICE_URL_MAX, "%.*s", (int)len, urls);
    urls += len;
    if (*urls && !*++urls) return SAY("an address is missing after the last comma");
  }
  return server->n_urls ? true : SAY("no address is given");
}

bool gw_ice_list_add_parts(gw_ice_list *list, const char *urls, const char *username, const char *credential,
                           char why[GW_ICE_WHY_MAX]) {
  gw_ice_server server = {0};
  if (list->n == GW_ICE_SERVERS_MAX) return SAY("more than %d servers", GW_ICE_SERVERS_MAX);
  if (!add_urls(&server, urls, why)) return false;
  if (username[0] && !credential[0]) return SAY("a username, but no credential");
  if (credential[0] && !username[0]) return SAY("a credential, but no username");
  if (strlen(username) >= sizeof(server.username))
    return SAY("the username is longer than %zu bytes", sizeof(server.username) - 1);
  if (strlen(credential) >= sizeof(server.credential))
    return SAY("the credential is longer than %zu bytes", sizeof(server.credential) - 1);
  snprintf(server.username, sizeof(server.username), "%s", username);
  snprintf(server.credential, sizeof(server.credential), "%s", credential);
  list->server[list->n++] = server;
  return true;
}

bool gw_ice_list_add(gw_ice_list *list, const char *text, char why[GW_ICE_WHY_MAX]) {
  char copy[GW_ICE_URLS_MAX * GW_ICE_URL_MAX], *rest = NULL;
  if (strlen(text) >= sizeof(copy)) return SAY("longer than %zu characters", sizeof(copy) - 1);
  snprintf(copy, sizeof(copy), "%s", text);
  const char *urls = strtok_r(copy, " \t", &rest);
  const char *username = strtok_r(NULL, " \t", &rest), *credential = strtok_r(NULL, " \t", &rest);
  if (strtok_r(NULL, " \t", &rest)) return SAY("more than URL[,URL..] USERNAME CREDENTIAL");
  return gw_ice_list_add_parts(list, urls ? urls : "", username ? username : "", credential ? credential : "", why);
}

/* ---- judging ---- */

static void judge_url(const char *text, const gw_ice_url *url, gw_ice_issues *issues) {
  wr_addr addr;
  if (url->port == 53)
    gw_ice_issue(issues, false, "ice-server: %s: browsers block port 53, so it is not handed out", text);
  if (url->secured && url->relays && !url->tcp)
    gw_ice_issue(issues, false, "ice-server: %s: no browser speaks TURN over DTLS; use ?transport=tcp", text);
  if (url->secured && url->literal)
    gw_ice_issue(issues, false, "ice-server: %s: certificates seldom name an IP address", text);
  if (url->literal && wr_addr_parse(&addr, wr_bytes_of(url->host, strlen(url->host)), 0) &&
      (addr.family == 4 ? addr.ip[0] == 127 : strcmp(url->host, "::1") == 0))
    gw_ice_issue(issues, false, "ice-server: %s: for a caller elsewhere this is the caller's own machine", text);
}

static bool seen_before(const gw_ice_list *list, size_t server, size_t n, const gw_ice_url *url) {
  char why[GW_ICE_WHY_MAX];
  gw_ice_url other;
  for (size_t i = 0; i <= server; i++) {
    size_t end = i == server ? n : list->server[i].n_urls;
    for (size_t j = 0; j < end; j++)
      if (gw_ice_url_parse(&other, list->server[i].url[j], why) && gw_ice_url_same(&other, url)) return true;
  }
  return false;
}

static void judge_server(const gw_ice_list *list, size_t at, bool signs, gw_ice_issues *issues) {
  const gw_ice_server *server = &list->server[at];
  bool relays = false, parsed = true;
  for (size_t i = 0; i < server->n_urls; i++) {
    char why[GW_ICE_WHY_MAX];
    gw_ice_url url;
    if (!gw_ice_url_parse(&url, server->url[i], why)) {
      gw_ice_issue(issues, true, "ice-server: %s: %s", server->url[i], why);
      parsed = false;
      continue;
    }
    relays |= url.relays;
    if (seen_before(list, at, i, &url)) gw_ice_issue(issues, true, "ice-server: %s: given twice", server->url[i]);
    judge_url(server->url[i], &url, issues);
  }
  if (!parsed) return;
  if (relays && !server->username[0] && !signs)
    gw_ice_issue(issues, true, "ice-server: %s: turn needs USERNAME and CREDENTIAL, or --turn-secret",
                 server->url[0]);
  if (!relays && server->username[0])
    gw_ice_issue(issues, true, "ice-server: %s: stun takes no credentials", server->url[0]);
}

void gw_ice_list_judge(const gw_ice_list *list, bool signs, gw_ice_issues *issues) {
  for (size_t i = 0; i < list->n; i++) judge_server(list, i, signs, issues);
  if (list->n >= GW_ICE_MANY)
    gw_ice_issue(issues, false, "%zu servers: from %d on, browsers take longer to gather", list->n, GW_ICE_MANY);
}

static bool is_for_browsers(const char *text) {
  char why[GW_ICE_WHY_MAX];
  gw_ice_url url;
  return gw_ice_url_parse(&url, text, why) && url.port != 53;
}

void gw_ice_list_trim(gw_ice_list *list) {
  size_t n = 0;
  for (size_t i = 0; i < list->n; i++) {
    gw_ice_server *server = &list->server[i];
    size_t n_urls = 0;
    for (size_t j = 0; j < server->n_urls; j++) {
      if (!is_for_browsers(server->url[j])) continue;
      if (n_urls != j) memcpy(server->url[n_urls], server->url[j], GW_ICE_URL_MAX);
      n_urls++;
    }
    server->n_urls = n_urls;
    if (!n_urls) continue;
    if (n != i) list->server[n] = *server;
    n++;
  }
  list->n = n;
}

gw_ice_counts gw_ice_list_count(const gw_ice_list *list) {
  gw_ice_counts counts = {.total = (unsigned)list->n};
  for (size_t i = 0; i < list->n; i++) {
    bool relays = false;
    for (size_t j = 0; j < list->server[i].n_urls; j++)
      relays |= strncasecmp(list->server[i].url[j], "turn", 4) == 0;
    if (relays)
      counts.turn++;
    else
      counts.stun++;
  }
  return counts;
}

/* ---- JSON ---- */

static void read_url(gw_ice_server *server, const json_t *value, gw_ice_issues *issues) {
  char why[GW_ICE_WHY_MAX];
  gw_ice_url url;
  const char *text = json_string_value(value);
  if (!text) return;
  if (!gw_ice_url_parse(&url, text, why))
    gw_ice_issue(issues, false, "%.*s: %s", GW_ICE_URL_MAX - 1, text, why);
  else if (server->n_urls < GW_ICE_URLS_MAX)
    snprintf(server->url[server->n_urls++], GW_ICE_URL_MAX, "%s", text);
}

static const json_t *first_of(const json_t *object, const char *const *names) {
  for (; *names; names++) {
    const json_t *value = json_object_get(object, *names);
    if (value && !json_is_null(value)) return value;
  }
  return NULL;
}

static void read_text(char *out, size_t cap, const json_t *value) {
  const char *text = json_string_value(value);
  if (text && strlen(text) < cap) snprintf(out, cap, "%s", text);
}

static void read_server(gw_ice_list *list, const json_t *object, gw_ice_issues *issues) {
  static const char *const urls_names[] = {"urls", "url", "uris", NULL};
  static const char *const credential_names[] = {"credential", "password", NULL};
  gw_ice_server server = {0};
  const json_t *urls = first_of(object, urls_names);
  size_t i;
  json_t *value;
  if (list->n == GW_ICE_SERVERS_MAX || !urls) return;
  if (json_is_array(urls)) {
    json_array_foreach(urls, i, value) read_url(&server, value, issues);
  } else {
    read_url(&server, urls, issues);
  }
  read_text(server.username, sizeof(server.username), json_object_get(object, "username"));
  read_text(server.credential, sizeof(server.credential), first_of(object, credential_names));
  if (server.n_urls) list->server[list->n++] = server;
}

static void read_ttl(int64_t *ttl_s, const json_t *value) {
  const char *text = json_string_value(value);
  int64_t ttl = text ? strtoll(text, NULL, 10) : json_is_number(value) ? (int64_t)json_number_value(value) : 0;
  if (ttl > 0) *ttl_s = ttl;
}

bool gw_ice_list_read(gw_ice_list *list, const json_t *reply, int64_t *ttl_s, gw_ice_issues *issues) {
  static const char *const list_names[] = {"iceServers", "ice_servers", NULL};
  const json_t *servers = json_is_object(reply) ? first_of(reply, list_names) : reply;
  size_t i;
  json_t *value;
  list->n = 0;
  if (json_is_object(reply)) read_ttl(ttl_s, json_object_get(reply, "ttl"));
  if (!servers) servers = reply; /* TURN REST and Matrix: the reply is the server */
  if (json_is_array(servers)) {
    json_array_foreach(servers, i, value) read_server(list, value, issues);
  } else if (json_is_object(servers)) {
    read_server(list, servers, issues);
  }
  return list->n > 0;
}

json_t *gw_ice_list_json(const gw_ice_list *list) {
  json_t *array = json_array();
  for (size_t i = 0; array && i < list->n; i++) {
    const gw_ice_server *server = &list->server[i];
    json_t *urls = json_array();
    for (size_t j = 0; j < server->n_urls; j++) json_array_append_new(urls, json_string(server->url[j]));
    json_t *object = json_pack("{s:o}", "urls", urls);
    if (server->username[0]) {
      json_object_set_new(object, "username", json_string(server->username));
      json_object_set_new(object, "credential", json_string(server->credential));
    }
    json_array_append_new(array, object);
  }
  return array;
}

void gw_ice_sign(gw_ice_server *server, const char *secret, int64_t expires_s, const char *user,
                 const wr_crypto *crypto) {
  uint8_t mac[20];
  int len = snprintf(server->username, sizeof(server->username), "%lld:%s", (long long)expires_s, user);
  wr_bytes part = wr_bytes_of(server->username, (size_t)len);
  crypto->hmac_sha1(crypto->ctx, wr_bytes_of(secret, strlen(secret)), &part, 1, mac);
  lws_b64_encode_string((const char *)mac, sizeof(mac), server->credential, sizeof(server->credential));
}
