/* assistant/devices.c - bound devices in a file of lines: first the secret of the tokens, then one address each. It
 * is written beside and renamed, so it is always whole. */
#include "assistant/devices.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { SECRET_BYTES = 32, VISITORS = 1024, ID_BYTES = 64 };

typedef struct pending {
  char mac[XZ_MAC_BYTES], code[7];
  int64_t since_s;
} pending;

/* How often somebody came of late: a bucket that empties by one each second. */
typedef struct visitor {
  char id[ID_BYTES];
  int64_t at_s;
  int64_t level;
} visitor;

struct as_devices {
  char *file;
  uint8_t secret[SECRET_BYTES];
  size_t n_bound;
  char bound[AS_DEVICES_MAX][XZ_MAC_BYTES];
  size_t n_codes;
  pending codes[AS_CODES_MAX];
  visitor visitors[VISITORS]; /* by hash; who comes later has the place */
};

/* ---- the file ---- */

static void secret_text(const as_devices *d, char out[2 * SECRET_BYTES + 1]) {
  for (size_t i = 0; i < SECRET_BYTES; i++) snprintf(out + 2 * i, 3, "%02x", d->secret[i]);
}

static bool read_secret(as_devices *d, const char *text) {
  if (strlen(text) != 2 * SECRET_BYTES) return false;
  for (size_t i = 0; i < SECRET_BYTES; i++) {
    unsigned byte;
    if (sscanf(text + 2 * i, "%2x", &byte) != 1) return false;
    d->secret[i] = (uint8_t)byte;
  }
  return true;
}

static bool save(const as_devices *d) {
  char beside[1100], text[2 * SECRET_BYTES + 1];
  if (!d->file) return true;
  snprintf(beside, sizeof beside, "%.1000s.new", d->file);
  int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
  if (!out) return false;
  secret_text(d, text);
  bool ok = fprintf(out, "%s\n", text) > 0;
  for (size_t i = 0; i < d->n_bound; i++) ok = fprintf(out, "%s\n", d->bound[i]) > 0 && ok;
  ok = fflush(out) == 0 && fsync(fd) == 0 && ok;
  ok = fclose(out) == 0 && ok;
  return ok && rename(beside, d->file) == 0;
}

/* false: the file is not of ours. */
static bool read_lines(as_devices *d, FILE *in) {
  char line[128];
  for (bool first = true; fgets(line, sizeof line, in); first = false) {
    line[strcspn(line, "\r\n")] = 0;
    if (first && !read_secret(d, line)) return false;
    if (first) continue;
    if (d->n_bound == AS_DEVICES_MAX || !xz_mac_read(d->bound[d->n_bound], line)) return false;
    d->n_bound++;
  }
  return true;
}

static bool load(as_devices *d, char *error, size_t cap) {
  FILE *in = d->file ? fopen(d->file, "re") : NULL;
  bool fine = true;
  if (in) {
    fine = read_lines(d, in);
    fclose(in);
    if (!fine) snprintf(error, cap, "'%s' is not a list of devices", d->file);
  } else if (!save(d)) { /* a new one, as it must be possible to write it later */
    snprintf(error, cap, "the list of devices '%s' cannot be written: %s", d->file, strerror(errno));
    fine = false;
  }
  return fine;
}

as_devices *as_devices_open(const char *file, char *error, size_t error_cap) {
  as_devices *d = calloc(1, sizeof *d);
  snprintf(error, error_cap, "out of memory");
  if (!d) return NULL;
  if (file && *file) d->file = strdup(file);
  bool fine = getrandom(d->secret, sizeof d->secret, 0) == (ssize_t)sizeof d->secret;
  if (fine && load(d, error, error_cap)) return d;
  as_devices_close(d);
  return NULL;
}

void as_devices_close(as_devices *d) {
  if (!d) return;
  OPENSSL_cleanse(d->secret, sizeof d->secret);
  free(d->file);
  free(d);
}

/* ---- bound and unbound ---- */

static size_t find_bound(const as_devices *d, const char *mac) {
  size_t i = 0;
  while (i < d->n_bound && strcmp(d->bound[i], mac)) i++;
  return i;
}

bool as_devices_is_bound(const as_devices *d, const char *mac) { return find_bound(d, mac) < d->n_bound; }

const char *as_devices_at(const as_devices *d, size_t i) { return i < d->n_bound ? d->bound[i] : NULL; }

static void drop_code(as_devices *d, size_t i) {
  memmove(d->codes + i, d->codes + i + 1, (--d->n_codes - i) * sizeof *d->codes);
}

static void drop_old_codes(as_devices *d, int64_t now_s) {
  for (size_t i = d->n_codes; i-- > 0;)
    if (now_s - d->codes[i].since_s >= AS_CODE_LIFE_S || now_s < d->codes[i].since_s) drop_code(d, i);
}

static bool is_taken(const as_devices *d, const char *code) {
  for (size_t i = 0; i < d->n_codes; i++)
    if (!strcmp(d->codes[i].code, code)) return true;
  return false;
}

bool as_devices_code(as_devices *d, const char *mac, char code[7], uint32_t *left_s, int64_t now_s) {
  drop_old_codes(d, now_s);
  size_t i = 0;
  while (i < d->n_codes && strcmp(d->codes[i].mac, mac)) i++;
  bool is_new = i == d->n_codes;
  if (is_new) {
    if (d->n_codes == AS_CODES_MAX) drop_code(d, 0);
    i = d->n_codes;
    pending *p = &d->codes[i];
    do {
      uint32_t random = 0;
      if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random) abort();
      snprintf(p->code, sizeof p->code, "%06u", random % 1000000);
    } while (is_taken(d, p->code));
    snprintf(p->mac, sizeof p->mac, "%s", mac);
    p->since_s = now_s;
    d->n_codes++;
  }
  memcpy(code, d->codes[i].code, 7);
  *left_s = (uint32_t)(d->codes[i].since_s + AS_CODE_LIFE_S - now_s);
  return is_new;
}

bool as_devices_bind(as_devices *d, const char *code, char mac[XZ_MAC_BYTES], bool *saved, int64_t now_s) {
  drop_old_codes(d, now_s);
  size_t i = 0;
  while (i < d->n_codes && strcmp(d->codes[i].code, code)) i++;
  if (i == d->n_codes || d->n_bound == AS_DEVICES_MAX) return false;
  memcpy(mac, d->codes[i].mac, XZ_MAC_BYTES);
  memcpy(d->bound[d->n_bound++], mac, XZ_MAC_BYTES);
  drop_code(d, i);
  *saved = save(d);
  return true;
}

bool as_devices_forget(as_devices *d, const char *mac, bool *saved) {
  size_t i = find_bound(d, mac);
  if (i == d->n_bound) return false;
  memmove(d->bound + i, d->bound + i + 1, (--d->n_bound - i) * sizeof *d->bound);
  *saved = save(d);
  return true;
}

/* ---- tokens ---- */

/* base64url without padding of HMAC-SHA256(secret, "client|mac|time"). */
static void signature(const as_devices *d, const char *mac, const char *client, int64_t at_s, char out[44]) {
  uint8_t text[160], digest[32], base64[48];
  unsigned len = 0;
  int n = snprintf((char *)text, sizeof text, "%.64s|%s|%lld", client, mac, (long long)at_s);
  HMAC(EVP_sha256(), d->secret, SECRET_BYTES, text, (size_t)n, digest, &len);
  EVP_EncodeBlock(base64, digest, 32);
  for (size_t i = 0; i < 43; i++) out[i] = (char)(base64[i] == '+' ? '-' : base64[i] == '/' ? '_' : base64[i]);
  out[43] = 0;
}

void as_devices_sign(const as_devices *d, const char *mac, const char *client, char token[AS_TOKEN_MAX],
                     int64_t now_s) {
  char text[44];
  signature(d, mac, client, now_s, text);
  snprintf(token, AS_TOKEN_MAX, "%s.%lld", text, (long long)now_s);
}

bool as_devices_verify(const as_devices *d, const char *mac, const char *client, const char *token, int64_t now_s) {
  char expected[44], *end = NULL;
  if (strlen(token) < 45 || strlen(token) >= AS_TOKEN_MAX || token[43] != '.') return false;
  if (strspn(token + 44, "0123456789") != strlen(token + 44)) return false;
  long long at_s = strtoll(token + 44, &end, 10);
  signature(d, mac, client, at_s, expected);
  return CRYPTO_memcmp(expected, token, 43) == 0 && at_s <= now_s && now_s - at_s < AS_TOKEN_LIFE_S;
}

/* ---- how often ---- */

bool as_devices_visit(as_devices *d, const char *id, int64_t now_s) {
  uint32_t hash = 2166136261u;
  for (const char *c = id; *c; c++) hash = (hash ^ (uint8_t)*c) * 16777619u;
  visitor *v = &d->visitors[hash % VISITORS];
  if (strncmp(v->id, id, ID_BYTES - 1)) {
    *v = (visitor){.at_s = now_s};
    snprintf(v->id, sizeof v->id, "%s", id);
  }
  int64_t passed = now_s > v->at_s ? now_s - v->at_s : 0;
  v->level = passed < v->level ? v->level - passed : 0;
  v->at_s = now_s;
  if (v->level >= AS_VISITS_MAX) return false;
  v->level++;
  return true;
}
