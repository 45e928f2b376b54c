/* gateway/config.c - the settings table and everything generated from it.
 *
 * Layers are applied from weak to strong, so that "later wins" is the whole precedence rule. Only the file name
 * must be known before: it is looked for in flags, then in the environment. */
#include "gateway/config.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gateway/auth.h"
#include "gateway/avatars.h"
#include "gateway/origin.h"
#include "gateway/otlp.h"

typedef enum kind { TEXT, SECRET, LIST, SERVERS, NUMBER, CHOICE, FLAG } kind;

typedef struct row {
  kind kind;
  const char *key, *def, *argument, *help;
  size_t offset;
  int64_t number, least, most;
} row;

#define AT(field) offsetof(gw_config, field)
static const row rows[] = {
#define GW_TEXT(field, key, def, argument, help) {TEXT, key, def, argument, help, AT(field), 0, 0, 0},
#define GW_SECRET(field, key, argument, help) {SECRET, key, "", argument, help, AT(field), 0, 0, 0},
#define GW_LIST(field, key, argument, help) {LIST, key, "", argument, help, AT(field), 0, 0, 0},
#define GW_SERVERS(field, key, argument, help) {SERVERS, key, "", argument, help, AT(field), 0, 0, 0},
#define GW_NUMBER(field, key, def, least, most, help) {NUMBER, key, #def, "N", help, AT(field), def, least, most},
#define GW_CHOICE(field, key, def, choices, help) {CHOICE, key, def, choices, help, AT(field), 0, 0, 0},
#define GW_FLAG(field, key, help) {FLAG, key, "", "", help, AT(field), 0, 0, 0},
#include "gateway/config.def"
};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static void *field_of(gw_config *config, const row *r) { return (char *)config + r->offset; }

/* Old names people have in their environments. */
static const struct {
  const char *name, *key, *before;
} aliases[] = {
    {"PORT", "listen", "127.0.0.1:"}, /* a bare number */
    {"OTA_URL", "backend", "ota:"},
    {"TURN_KEY_ID", "turn-key-id", ""},
    {"TURN_KEY_API_TOKEN", "turn-key-api-token", ""},
    {"CLOUDFLARE_TURN_KEY_ID", "turn-key-id", ""},
    {"CLOUDFLARE_TURN_KEY_API_TOKEN", "turn-key-api-token", ""},
};

void gw_config_default(gw_config *config) {
  memset(config, 0, sizeof(*config));
  for (size_t i = 0; i < N_ROWS; i++) {
    const row *r = &rows[i];
    if (r->kind == NUMBER) *(int64_t *)field_of(config, r) = r->number;
    if (r->kind == TEXT || r->kind == CHOICE) snprintf(field_of(config, r), GW_TEXT_MAX, "%s", r->def);
  }
}

/* Levenshtein distance with two rows: keys are short. */
static size_t distance(const char *a, const char *b) {
  size_t n = strlen(b), previous[64], current[64];
  if (n >= 64) return SIZE_MAX;
  for (size_t j = 0; j <= n; j++) previous[j] = j;
  for (size_t i = 0; a[i]; i++) {
    current[0] = i + 1;
    for (size_t j = 0; j < n; j++) {
      size_t best = previous[j] + (a[i] != b[j]);
      if (previous[j + 1] + 1 < best) best = previous[j + 1] + 1;
      if (current[j] + 1 < best) best = current[j] + 1;
      current[j + 1] = best;
    }
    memcpy(previous, current, sizeof(previous));
  }
  return previous[n];
}

static const row *row_find(const char *key) {
  for (size_t i = 0; i < N_ROWS; i++)
    if (strcmp(rows[i].key, key) == 0) return &rows[i];
  return NULL;
}

static const char *nearest_key(const char *key) {
  size_t best = SIZE_MAX;
  const char *name = rows[0].key;
  for (size_t i = 0; i < N_ROWS; i++) {
    size_t d = distance(key, rows[i].key);
    if (d < best) best = d, name = rows[i].key;
  }
  return name;
}

static bool set_number(gw_config *config, const row *r, const char *value, char *error) {
  char *end = NULL;
  errno = 0;
  long long number = strtoll(value, &end, 10);
  if (errno || end == value || *end || number < r->least || number > r->most) {
    snprintf(error, GW_CONFIG_ERROR_MAX, "%s: '%.60s' is not a whole number from %lld to %lld", r->key, value,
             (long long)r->least, (long long)r->most);
    return false;
  }
  *(int64_t *)field_of(config, r) = number;
  return true;
}

static bool set_text(gw_config *config, const row *r, const char *value, char *error) {
  if (strlen(value) >= GW_TEXT_MAX) {
    snprintf(error, GW_CONFIG_ERROR_MAX, "%s: longer than %d characters", r->key, GW_TEXT_MAX - 1);
    return false;
  }
  snprintf(field_of(config, r), GW_TEXT_MAX, "%s", value);
  return true;
}

static bool is_one_of(const char *value, const char *choices) {
  size_t len = strlen(value);
  for (const char *at = choices; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
    if (len && strncmp(at, value, len) == 0 && (at[len] == '|' || at[len] == 0)) return true;
  return false;
}

static bool set_choice(gw_config *config, const row *r, const char *value, char *error) {
  if (is_one_of(value, r->argument)) return set_text(config, r, value, error);
  snprintf(error, GW_CONFIG_ERROR_MAX, "%s: '%.60s' is none of %s", r->key, value, r->argument);
  return false;
}

static bool set_flag(gw_config *config, const row *r, const char *value, char *error) {
  if (!is_one_of(value, "true|yes|1|on") && !is_one_of(value, "false|no|0|off")) {
    snprintf(error, GW_CONFIG_ERROR_MAX, "%s: '%.60s' is neither true nor false", r->key, value);
    return false;
  }
  *(bool *)field_of(config, r) = is_one_of(value, "true|yes|1|on");
  return true;
}

static bool add_items(gw_config *config, const row *r, const char *value, char *error) {
  gw_list *list = field_of(config, r);
  while (*value) {
    size_t len = strcspn(value, ",");
    wr_addr addr;
    if (!wr_addr_parse(&addr, wr_bytes_of(value, len), 0) || list->n == GW_LIST_MAX) {
      snprintf(error, GW_CONFIG_ERROR_MAX, "%s: '%.60s' is not an IP address, or more than %d are given", r->key,
               value, GW_LIST_MAX);
      return false;
    }
    snprintf(list->item[list->n++], WR_ADDR_TEXT_MAX, "%.*s", (int)len, value);
    value += len + (value[len] == ',');
  }
  return true;
}

static bool add_server(gw_config *config, const row *r, const char *value, char *error) {
  char why[GW_ICE_WHY_MAX];
  if (gw_ice_list_add(field_of(config, r), value, why)) return true;
  snprintf(error, GW_CONFIG_ERROR_MAX, "%s: %s", r->key, why);
  return false;
}

static bool set_value(gw_config *config, const row *r, const char *value, char *error) {
  switch (r->kind) {
    case TEXT:
    case SECRET: return set_text(config, r, value, error);
    case LIST: return add_items(config, r, value, error);
    case SERVERS: return add_server(config, r, value, error);
    case NUMBER: return set_number(config, r, value, error);
    case CHOICE: return set_choice(config, r, value, error);
    case FLAG: return set_flag(config, r, value, error);
  }
  return false;
}

static bool set_row(gw_config *config, const row *r, const char *value, char *error) {
  if (!set_value(config, r, value, error)) return false;
  config->origin[r - rows] = (uint8_t)config->layer;
  return true;
}

/* "auth-token-file": the first line of that file is the secret. */
static bool set_secret_file(gw_config *config, const row *r, const char *path, char *error) {
  char line[GW_TEXT_MAX];
  FILE *file = fopen(path, "re");
  bool got = file && fgets(line, sizeof(line), file);
  if (file) fclose(file);
  if (!got) {
    snprintf(error, GW_CONFIG_ERROR_MAX, "%s-file: cannot read '%.200s': %s", r->key, path, strerror(errno));
    return false;
  }
  line[strcspn(line, "\r\n")] = 0;
  return set_row(config, r, line, error);
}

static const row *row_of_secret_file(const char *key) {
  char base[64];
  size_t len = strlen(key);
  if (len <= 5 || len >= sizeof(base) || strcmp(key + len - 5, "-file") != 0) return NULL;
  snprintf(base, sizeof(base), "%.*s", (int)(len - 5), key);
  const row *r = row_find(base);
  return r && r->kind == SECRET ? r : NULL;
}

bool gw_config_set(gw_config *config, const char *key, const char *value, char error[GW_CONFIG_ERROR_MAX]) {
  const row *r = row_find(key), *secret = row_of_secret_file(key);
  if (r) return set_row(config, r, value, error);
  if (secret) return set_secret_file(config, secret, value, error);
  snprintf(error, GW_CONFIG_ERROR_MAX, "unknown setting '%.60s'; did you mean '%s'?", key, nearest_key(key));
  return false;
}

static char *trimmed(char *text) {
  while (isspace((unsigned char)*text)) text++;
  char *end = text + strlen(text);
  while (end > text && isspace((unsigned char)end[-1])) *--end = 0;
  return text;
}

bool gw_config_read_text(gw_config *config, const char *name, char *text, char error[GW_CONFIG_ERROR_MAX]) {
  char *rest = text;
  for (int number = 1; rest; number++) {
    char *line = rest, why[GW_CONFIG_ERROR_MAX] = "not 'key = value'";
    rest = strchr(line, '\n');
    if (rest) *rest++ = 0;
    line = trimmed(line);
    if (*line == 0 || *line == '#') continue;
    char *equals = strchr(line, '=');
    if (equals) *equals = 0;
    if (equals && gw_config_set(config, trimmed(line), trimmed(equals + 1), why)) continue;
    snprintf(error, GW_CONFIG_ERROR_MAX, "%.120s line %d: %.300s", name, number, why);
    return false;
  }
  return true;
}

static bool read_file(gw_config *config, const char *path, char *error) {
  static char text[32 * 1024];
  FILE *file = fopen(path, "re");
  if (!file) {
    snprintf(error, GW_CONFIG_ERROR_MAX, "config: cannot read '%.200s': %s", path, strerror(errno));
    return false;
  }
  size_t len = fread(text, 1, sizeof(text) - 1, file);
  fclose(file);
  if (len == sizeof(text) - 1) {
    snprintf(error, GW_CONFIG_ERROR_MAX, "config: '%.200s' is longer than 32 KiB", path);
    return false;
  }
  text[len] = 0;
  return gw_config_read_text(config, path, text, error);
}

/* XZ_MAX_SESSIONS -> max-sessions */
static void key_of_variable(const char *name, size_t len, char *key, size_t cap) {
  size_t n = len < cap - 1 ? len : cap - 1;
  for (size_t i = 0; i < n; i++) key[i] = name[i] == '_' ? '-' : (char)tolower((unsigned char)name[i]);
  key[n] = 0;
}

static bool read_alias(gw_config *config, const char *variable, size_t len, const char *value, char *error) {
  for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
    if (strlen(aliases[i].name) != len || strncmp(aliases[i].name, variable, len) != 0) continue;
    char text[GW_TEXT_MAX], why[GW_CONFIG_ERROR_MAX];
    snprintf(text, sizeof(text), "%s%s", aliases[i].before, value);
    if (gw_config_set(config, aliases[i].key, text, why)) return true;
    snprintf(error, GW_CONFIG_ERROR_MAX, "environment variable %s: %.300s", aliases[i].name, why);
    return false;
  }
  return true;
}

static const char *variable_of(char *const *environment, const char *name) {
  size_t len = strlen(name);
  for (char *const *at = environment; at && *at; at++)
    if (strncmp(*at, name, len) == 0 && (*at)[len] == '=') return *at + len + 1;
  return "";
}

/* TURN_SERVER_COUNT, TURN_SERVER_n_URLS, _USERNAME, _CREDENTIAL. */
static bool read_turn_variables(gw_config *config, char *const *environment, char *error) {
  static const char *const parts[] = {"URLS", "USERNAME", "CREDENTIAL"};
  const char *count = variable_of(environment, "TURN_SERVER_COUNT"), *value[3];
  unsigned long n = strtoul(count, NULL, 10);
  if (strspn(count, "0123456789") != strlen(count) || n > GW_ICE_SERVERS_MAX) {
    snprintf(error, GW_CONFIG_ERROR_MAX, "TURN_SERVER_COUNT: '%.60s' is not a whole number from 0 to %d", count,
             GW_ICE_SERVERS_MAX);
    return false;
  }
  for (unsigned i = 1; i <= n; i++) {
    char name[64], why[GW_ICE_WHY_MAX];
    for (unsigned j = 0; j < 3; j++) {
      snprintf(name, sizeof(name), "TURN_SERVER_%u_%s", i, parts[j]);
      value[j] = variable_of(environment, name);
    }
    config->origin[GW_ROW_ice_servers] = GW_ENVIRONMENT;
    if (gw_ice_list_add_parts(&config->ice_servers, value[0], value[1], value[2], why)) continue;
    snprintf(error, GW_CONFIG_ERROR_MAX, "environment variables TURN_SERVER_%u_..: %s", i, why);
    return false;
  }
  return true;
}

static bool read_environment(gw_config *config, char *const *environment, char *error) {
  for (char *const *at = environment; at && *at; at++) {
    const char *equals = strchr(*at, '=');
    if (!equals) continue;
    size_t len = (size_t)(equals - *at);
    char key[64], why[GW_CONFIG_ERROR_MAX];
    if (strncmp(*at, "XZ_", 3) != 0) {
      if (!read_alias(config, *at, len, equals + 1, error)) return false;
      continue;
    }
    key_of_variable(*at + 3, len - 3, key, sizeof(key));
    if (gw_config_set(config, key, equals + 1, why)) continue;
    snprintf(error, GW_CONFIG_ERROR_MAX, "environment variable %.*s: %.300s", (int)(len < 80 ? len : 80), *at, why);
    return false;
  }
  return true;
}

/* Takes one flag off |argv|. Returns how many words it used, 0 on error. */
static int read_flag(gw_config *config, int argc, char *const *argv, char *error) {
  char key[64];
  const char *word = argv[0], *equals = strchr(word, '=');
  if (strncmp(word, "--", 2) != 0) {
    snprintf(error, GW_CONFIG_ERROR_MAX, "unexpected argument '%.60s'", word);
    return 0;
  }
  size_t len = equals ? (size_t)(equals - word) - 2 : strlen(word) - 2;
  snprintf(key, sizeof(key), "%.*s", (int)(len < 60 ? len : 60), word + 2);
  const row *r = row_find(key);
  if (r && r->kind == FLAG && !equals) return gw_config_set(config, key, "true", error) ? 1 : 0;
  if (equals) return gw_config_set(config, key, equals + 1, error) ? 1 : 0;
  if (argc < 2 && (r || row_of_secret_file(key))) {
    snprintf(error, GW_CONFIG_ERROR_MAX, "--%s needs a value", key);
    return 0;
  }
  return gw_config_set(config, key, argc < 2 ? "" : argv[1], error) ? 2 : 0;
}

static const char *file_name(int argc, char *const *argv, char *const *environment) {
  for (int i = 0; i < argc; i++) {
    if (strncmp(argv[i], "--config=", 9) == 0) return argv[i] + 9;
    if (strcmp(argv[i], "--config") == 0 && i + 1 < argc) return argv[i + 1];
  }
  for (char *const *at = environment; at && *at; at++)
    if (strncmp(*at, "XZ_CONFIG=", 10) == 0) return *at + 10;
  return NULL;
}

gw_config_result gw_config_load(gw_config *config, int argc, char *const *argv, char *const *environment,
                                char error[GW_CONFIG_ERROR_MAX]) {
  gw_config_default(config);
  for (int i = 0; i < argc; i++)
    if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) return GW_CONFIG_HELP;
  const char *path = file_name(argc, argv, environment);
  config->layer = GW_FILE;
  if (path && *path && !read_file(config, path, error)) return GW_CONFIG_BAD;
  config->layer = GW_ENVIRONMENT;
  if (!read_environment(config, environment, error)) return GW_CONFIG_BAD;
  if (!read_turn_variables(config, environment, error)) return GW_CONFIG_BAD;
  config->layer = GW_COMMAND_LINE;
  for (int i = 0; i < argc;) {
    int used = read_flag(config, argc - i, argv + i, error);
    if (!used) return GW_CONFIG_BAD;
    i += used;
  }
  return gw_config_check(config, error) ? GW_CONFIG_OK : GW_CONFIG_BAD;
}

bool gw_host_port(const char *text, wr_addr *addr) {
  const char *colon = strrchr(text, ':');
  if (!colon || !colon[1] || strlen(colon + 1) > 5 || strspn(colon + 1, "0123456789") != strlen(colon + 1))
    return false;
  unsigned long port = strtoul(colon + 1, NULL, 10);
  size_t len = (size_t)(colon - text);
  if (len >= 2 && text[0] == '[' && text[len - 1] == ']') text++, len -= 2;
  if (len == 9 && strncmp(text, "localhost", 9) == 0) text = "127.0.0.1";
  return port <= 65535 && wr_addr_parse(addr, wr_bytes_of(text, len), (uint16_t)port);
}

void gw_authority(char out[GW_AUTHORITY_MAX], const char *host, int port, bool tls) {
  bool bare_v6 = strchr(host, ':') && host[0] != '[';
  char suffix[16] = "";
  if (port != (tls ? 443 : 80)) snprintf(suffix, sizeof(suffix), ":%d", port);
  snprintf(out, GW_AUTHORITY_MAX, bare_v6 ? "[%.255s]%s" : "%.255s%s", host, suffix);
}

bool gw_config_udp(const gw_config *config, wr_addr *addr) {
  if (config->udp[0]) return gw_host_port(config->udp, addr);
  if (!gw_host_port(config->listen, addr)) return false;
  addr->port = 51001;
  /* Firefox sends no media to loopback addresses: beside a page served on loopback, media is on every address of
   * this machine. Nobody gets further than a STUN check there without the credentials of an offer made over HTTP.
   */
  if (gw_addr_is_loopback(addr)) memset(addr->ip, 0, sizeof(addr->ip));
  return true;
}

bool gw_addr_is_loopback(const wr_addr *addr) {
  static const uint8_t v6[16] = {[15] = 1};
  return addr->family == 4 ? addr->ip[0] == 127 : memcmp(addr->ip, v6, 16) == 0;
}

bool gw_addr_is_any(const wr_addr *addr) {
  static const uint8_t zeros[16];
  return memcmp(addr->ip, zeros, addr->family == 4 ? 4 : 16) == 0;
}

static bool backend_is_known(const char *backend) {
  return strcmp(backend, "embedded") == 0 || strcmp(backend, "echo") == 0 || strncmp(backend, "ws:ws://", 8) == 0 ||
         strncmp(backend, "ws:wss://", 9) == 0 || strncmp(backend, "ws://", 5) == 0 ||
         strncmp(backend, "wss://", 6) == 0 || strcmp(backend, "ota:official") == 0 ||
         strncmp(backend, "ota:http://", 11) == 0 || strncmp(backend, "ota:https://", 12) == 0;
}

const char *gw_config_provider(const gw_config *config) {
  if (strcmp(config->turn_provider, "none") != 0) return config->turn_provider;
  return config->turn_key_id[0] && config->turn_key_api_token[0] ? "cloudflare" : "none";
}

static void judge_provider(const gw_config *config, gw_ice_issues *issues) {
  const char *provider = gw_config_provider(config), *url = config->turn_provider_url;
  bool asked = strcmp(provider, "none") != 0;
  if (asked && !config->turn_key_id[0] && !(url[0] && strcmp(provider, "metered") == 0))
    gw_ice_issue(issues, true, "turn-provider: %s needs --turn-key-id", provider);
  if (asked && !config->turn_key_api_token[0])
    gw_ice_issue(issues, true, "turn-provider: %s needs --turn-key-api-token", provider);
  if (!asked && (config->turn_key_id[0] || config->turn_key_api_token[0]))
    gw_ice_issue(issues, true, "turn-key-id and turn-key-api-token belong together: one of them is missing");
  if (url[0] && !asked) gw_ice_issue(issues, true, "turn-provider-url: without --turn-provider nobody is asked");
  if (url[0] && strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0)
    gw_ice_issue(issues, true, "turn-provider-url: begins neither with https:// nor with http://");
  else if (strncmp(url, "http://", 7) == 0 && strncmp(url, "http://127.0.0.1", 16) != 0)
    gw_ice_issue(issues, true, "turn-provider-url: the token would travel in the clear; use https://");
  if (strpbrk(config->turn_key_id, " /?#%") || strpbrk(config->turn_key_api_token, " \t"))
    gw_ice_issue(issues, true, "turn-key-id, turn-key-api-token: a character that belongs into neither");
}

void gw_config_judge_ice(const gw_config *config, gw_ice_issues *issues) {
  gw_ice_counts counts = gw_ice_list_count(&config->ice_servers);
  bool signs = config->turn_secret[0] != 0, relayed = strcmp(config->ice_transport_policy, "relay") == 0;
  gw_ice_list_judge(&config->ice_servers, signs, issues);
  judge_provider(config, issues);
  if (config->turn_secret_old[0] && !signs)
    gw_ice_issue(issues, true, "turn-secret-old: without --turn-secret there is no newer one");
  if (signs && strcmp(config->turn_secret, config->turn_secret_old) == 0)
    gw_ice_issue(issues, true, "turn-secret-old: the same as --turn-secret");
  if (signs && !counts.turn) gw_ice_issue(issues, true, "turn-secret: no --ice-server turn:.. to use it with");
  if (relayed && !counts.turn && strcmp(gw_config_provider(config), "none") == 0)
    gw_ice_issue(issues, true, "ice-transport-policy: relay needs a TURN server, or nobody could connect");
}

static bool check_ice(const gw_config *config, char *error) {
  gw_ice_issues issues = {0};
  gw_config_judge_ice(config, &issues);
  for (size_t i = 0; issues.n_errors && i < issues.n; i++) {
    if (!issues.is_error[i]) continue;
    snprintf(error, GW_CONFIG_ERROR_MAX, "%s", issues.text[i]);
    return false;
  }
  return true;
}

bool gw_config_asks_token(const gw_config *config) { return config->auth_token[0] || config->token_secret[0]; }

/* NULL: nothing is wrong with it. */
static const char *judge_tokens(const gw_config *config) {
  if (config->token_secret[0] && strlen(config->token_secret) < GW_TOKEN_SECRET_MIN)
    return "token-secret: shorter than 16 characters, which could be guessed from one token";
  if (config->token_secret_old[0] && !config->token_secret[0])
    return "token-secret-old: without --token-secret there is no newer one";
  if (config->token_secret_old[0] && strlen(config->token_secret_old) < GW_TOKEN_SECRET_MIN)
    return "token-secret-old: shorter than 16 characters, which could be guessed from one token";
  return NULL;
}

static const char *judge_reach(const gw_config *config) {
  if (strcmp(config->reach, "direct") == 0 || strcmp(gw_config_provider(config), "none") != 0) return NULL;
  if (!config->ice_servers.n)
    return "reach: stun and relay need --ice-server with the server to ask, or --turn-provider";
  if (strcmp(config->reach, "relay") == 0 && !gw_ice_list_count(&config->ice_servers).turn)
    return "reach: relay needs a TURN server among --ice-server, or --turn-provider";
  return NULL;
}

static const char *judge_traces(const gw_config *config) {
  char url[GW_OTLP_URL_MAX];
  gw_otlp_headers headers;
  if (config->otlp_url[0] && !gw_otlp_url(url, config->otlp_url))
    return "otlp-url: not an address, as http://127.0.0.1:4318 or https://collector.example/v1/traces";
  if (config->otlp_headers[0] && !gw_otlp_headers_read(&headers, config->otlp_headers))
    return "otlp-headers: not of the form NAME=VALUE,NAME=VALUE, at most 8, percent-encoded where it has to be";
  if (config->otlp_headers[0] && !config->otlp_url[0])
    return "otlp-headers: without --otlp-url there is nobody to send them to";
  return NULL;
}

bool gw_config_check(const gw_config *config, char error[GW_CONFIG_ERROR_MAX]) {
  wr_addr addr, devices = {0};
  const char *why = NULL;
  if (!gw_host_port(config->listen, &addr))
    why = "listen: not of the form HOST:PORT with HOST an IP address (or localhost) and PORT 0..65535";
  else if (!gw_addr_is_loopback(&addr) && !gw_config_asks_token(config) && !config->no_auth)
    why =
        "listen: serving beyond loopback needs --auth-token TOKEN or --token-secret SECRET, or --no-auth if "
        "everybody "
        "who can reach this address may use it";
  else if (!gw_config_udp(config, &addr))
    why = "udp: not of the form HOST:PORT with HOST an IP address (or localhost) and PORT 0..65535";
  else if (config->tcp[0] && !gw_host_port(config->tcp, &addr))
    why = "tcp: not of the form HOST:PORT with HOST an IP address (or localhost) and PORT 0..65535";
  else if (config->tcp[0] && addr.port && addr.port < 1024 && addr.port != 80 && addr.port != 443)
    why = "tcp: browsers take no media port below 1024 but 80 and 443";
  else if (config->devices[0] && !gw_host_port(config->devices, &devices))
    why = "devices: not of the form HOST:PORT with HOST an IP address (or localhost) and PORT 0..65535";
  else if (config->devices[0] && strcmp(config->backend, "embedded") != 0)
    why = "devices: they are served by the embedded assistant; it is not the backend";
  else if (config->devices[0] && !gw_addr_is_loopback(&devices) && !config->auth_token[0] && !config->no_auth &&
           !config->device_activation)
    why = "devices: serving beyond loopback needs --device-activation, --auth-token TOKEN or --no-auth";
  else if (config->wake_word[0] && !config->stt_url[0] && strcasecmp(config->wake_word, "computer") != 0)
    why = "wake-word: the built-in recogniser knows 'computer'; another one needs --stt-url";
  else if (strlen(config->wake_word) > 63)
    why = "wake-word: at most 63 bytes";
  else if ((config->stt_url[0] || config->llm_url[0] || config->tts_url[0]) &&
           strcmp(config->backend, "embedded") != 0)
    why = "stt-url, llm-url, tts-url: they are stages of the embedded assistant; it is not the backend";
  else if (config->device_activation && !config->admin_token[0])
    why = "device-activation: needs --admin-token TOKEN, with which codes are confirmed";
  else if (!backend_is_known(config->backend))
    why =
        "backend: must be embedded, echo, ota:official, ota:URL (as in ota:http://host:8002/xiaozhi/ota/) or "
        "ws:URL (as in ws:wss://host/xiaozhi/v1/)";
  else if (!gw_avatar_licences_known(config->avatar_licence))
    why = "avatar-licence: live2d, vrm, or both separated by a comma";
  else if (!config->tls_cert[0] != !config->tls_key[0])
    why = "tls-cert and tls-key belong together: one of them is missing";
  else if (!gw_origins_are_good(config->cors_origin))
    why = "cors-origin: not a list of origins, as https://app.example,https://other.example:8443";
  else if (!gw_nets_are_good(config->trusted_proxy))
    why = "trusted-proxy: not a list of addresses or networks, as 127.0.0.1,10.0.0.0/8";
  else
    why = judge_traces(config);
  if (!why) why = judge_tokens(config);
  if (!why) why = judge_reach(config);
  if (!why) return check_ice(config, error);
  snprintf(error, GW_CONFIG_ERROR_MAX, "%s", why);
  return false;
}

void gw_config_help(FILE *out) {
  fprintf(out, "Settings (flag > environment XZ_... > --config file > default):\n");
  for (size_t i = 0; i < N_ROWS; i++) {
    const row *r = &rows[i];
    char left[80];
    snprintf(left, sizeof(left), "--%s %s", r->key, r->argument);
    fprintf(out, "  %-34s %s", left, r->help);
    if (r->def[0]) fprintf(out, " [%s]", r->def);
    fputc('\n', out);
  }
  fprintf(out, "Secrets may come from a file: --auth-token-file FILE and so on.\n");
}

/* An address may bring a name and a password. */
static void show_text(const char *text, FILE *out) {
  const char *scheme = strstr(text, "://"), *at = scheme ? strchr(scheme, '@') : NULL;
  if (!at || (size_t)(at - scheme - 3) != strcspn(scheme + 3, "/@"))
    fputs(text, out);
  else
    fprintf(out, "%.*s(not shown)%s", (int)(scheme + 3 - text), text, at);
}

static void show_servers(const gw_ice_list *list, FILE *out) {
  for (size_t i = 0; i < list->n; i++) {
    const gw_ice_server *server = &list->server[i];
    for (size_t k = 0; k < server->n_urls; k++) fprintf(out, "%s%s", k ? "," : i ? "; " : "", server->url[k]);
    if (server->username[0]) fprintf(out, " %s (not shown)", server->username);
  }
}

static void show_value(const gw_config *config, const row *r, FILE *out) {
  const void *value = (const char *)config + r->offset;
  const gw_list *list = value;
  switch (r->kind) {
    case SECRET: fputs(*(const char *)value ? "(set, not shown)" : "", out); break;
    case TEXT:
    case CHOICE: show_text(value, out); break;
    case NUMBER: fprintf(out, "%lld", (long long)*(const int64_t *)value); break;
    case FLAG: fputs(*(const bool *)value ? "true" : "false", out); break;
    case SERVERS: show_servers(value, out); break;
    case LIST:
      for (size_t i = 0; i < list->n; i++) fprintf(out, "%s%s", i ? "," : "", list->item[i]);
      break;
  }
}

void gw_config_show(const gw_config *config, FILE *out) {
  static const char *const layers[] = {"default", "file", "environment", "flag"};
  for (size_t i = 0; i < N_ROWS; i++) {
    fprintf(out, "%-22s %-12s", rows[i].key, layers[config->origin[i]]);
    show_value(config, &rows[i], out);
    fputc('\n', out);
  }
}

/* Read by the HTTP thread alone, and anew for each request; or by what gw_http_reload calls. */
static const uint8_t reloadable[] = {GW_ROW_auth_token,   GW_ROW_token_secret,  GW_ROW_token_secret_old,
                                     GW_ROW_admin_token,  GW_ROW_turn_secret,   GW_ROW_offer_rate,
                                     GW_ROW_address_rate, GW_ROW_token_rate,    GW_ROW_turn_secret_old,
                                     GW_ROW_turn_ttl,     GW_ROW_ice_rate,      GW_ROW_host,
                                     GW_ROW_cors_origin,  GW_ROW_trusted_proxy, GW_ROW_hsts,
                                     GW_ROW_overload,     GW_ROW_drain_seconds, GW_ROW_history_retention,
                                     GW_ROW_history_size, GW_ROW_log_level,     GW_ROW_ice_transport_policy,
                                     GW_ROW_ice_servers};

static bool may_take(size_t i) { return memchr(reloadable, (int)i, sizeof(reloadable)) != NULL; }

static size_t size_of(const row *r) {
  switch (r->kind) {
    case LIST: return sizeof(gw_list);
    case SERVERS: return sizeof(gw_ice_list);
    case NUMBER: return sizeof(int64_t);
    case FLAG: return sizeof(bool);
    case TEXT:
    case SECRET:
    case CHOICE: break;
  }
  return GW_TEXT_MAX;
}

void gw_config_reload(gw_config *live, const gw_config *fresh, gw_config_say *say, void *ctx) {
  for (size_t i = 0; i < N_ROWS; i++) {
    const row *r = &rows[i];
    const void *now = (const char *)fresh + r->offset;
    bool is_text = r->kind == TEXT || r->kind == SECRET || r->kind == CHOICE;
    if (is_text ? strcmp(field_of(live, r), now) == 0 : memcmp(field_of(live, r), now, size_of(r)) == 0) continue;
    bool takes = may_take(i);
    if (takes) memcpy(field_of(live, r), now, size_of(r));
    say(ctx, r->key, takes);
  }
}
