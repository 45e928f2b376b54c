/* cli/token.c - see token.h. */
#include "cli/token.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "wr/crypto_openssl.h"

#define TTL_S 3600
#define TTL_MAX_S (366 * 86400)

void token_help(FILE *out) {
  fputs(
      "Prints a token that --token-secret signs: whoever brings it may call until it ends.\n"
      "  --ttl S         seconds until it ends [3600]\n"
      "  --mac MAC       for the device with this address only\n"
      "  --session ID    for this session only, to keep it; opens none\n"
      "  --offers N      opens at most so many sessions (a page that is loaded again opens another) [any number]\n"
      "  --link URL      prints a link to that page instead, which brings the token in its fragment\n",
      out);
}

static bool read_number(int64_t *out, const char *text, int64_t most) {
  char *end;
  errno = 0;
  *out = strtoll(text, &end, 10);
  return !errno && *text && !*end && *out >= 1 && *out <= most;
}

static bool set(token_options *o, const char *name, const char *value, const char **why) {
  int64_t number;
  uint8_t id[16];
  if (strcmp(name, "--ttl") == 0) {
    *why = "--ttl: not a number of seconds from 1 to 31622400";
    return read_number(&o->ttl_s, value, TTL_MAX_S);
  }
  if (strcmp(name, "--offers") == 0) {
    *why = "--offers: not a whole number from 1 to 1000000";
    if (!read_number(&number, value, GW_TOKEN_OFFERS_MAX)) return false;
    o->claims.offers = (unsigned)number;
    return true;
  }
  if (strcmp(name, "--mac") == 0) {
    *why = "--mac: not six bytes in hexadecimal, separated by colons";
    return xz_mac_read(o->claims.mac, value);
  }
  if (strcmp(name, "--session") == 0) {
    *why = "--session: not the id of a session, 32 hexadecimal digits in lower case";
    if (strlen(value) != GW_ID_HEX || !gw_unhex(id, sizeof(id), value)) return false;
    memcpy(o->claims.session, value, GW_ID_HEX + 1);
    return true;
  }
  o->link = value;
  return true;
}

int token_take(token_options *options, int argc, char **argv, const char **why) {
  static const char *const names[] = {"--ttl", "--offers", "--mac", "--session", "--link"};
  *options = (token_options){.ttl_s = TTL_S};
  int left = 0;
  for (int i = 0; i < argc; i++) {
    size_t k = 0, len = strcspn(argv[i], "=");
    while (k < sizeof(names) / sizeof(names[0]) && (strncmp(names[k], argv[i], len) != 0 || names[k][len])) k++;
    if (k == sizeof(names) / sizeof(names[0])) {
      argv[left++] = argv[i];
      continue;
    }
    const char *value = argv[i][len] ? argv[i] + len + 1 : ++i < argc ? argv[i] : "";
    if (!set(options, names[k], value, why)) return -1;
  }
  return left;
}

int token_run(const gw_config *config, const token_options *options) {
  const wr_crypto *crypto;
  char token[GW_TOKEN_MAX];
  uint64_t nonce;
  gw_claims claims = options->claims;
  if (!config->token_secret[0]) {
    fputs("xiaozhi-rtc: token: there is nothing to sign with; set --token-secret-file FILE, as for 'serve'\n",
          stderr);
    return 2;
  }
  if (wr_crypto_openssl_open(&crypto) != WR_OK) return 1;
  wr_rng rng = wr_crypto_openssl_rng();
  wr_rng_fill(&rng, &nonce, sizeof(nonce));
  int64_t now_s = time(NULL);
  claims.expires_at = now_s + options->ttl_s;
  bool ok = gw_auth_sign(token, &claims, config->token_secret, now_s, nonce, crypto);
  wr_crypto_openssl_close(crypto);
  if (!ok) return 1;
  if (options->link)
    printf("%s#token=%s\n", options->link, token);
  else
    puts(token);
  return 0;
}
