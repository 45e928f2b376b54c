/* gateway/identity.c - addresses and client ids of devices; the secret behind those we make. */
#include "gateway/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES 1024

static void sha256_48(uint8_t out[6], const void *data, size_t len) {
  uint8_t digest[SHA256_DIGEST_LENGTH];
  SHA256(data, len, digest);
  memcpy(out, digest, 6);
}

void gw_identity_set_client(gw_identity *id) {
  const char *m = id->mac;
  snprintf(id->client_id, sizeof(id->client_id), "78696120-7a68-4969-9274-%.2s%.2s%.2s%.2s%.2s%.2s", m, m + 3,
           m + 6, m + 9, m + 12, m + 15);
}

void gw_identity_from_random(gw_identity *id, const uint8_t random[6]) {
  unsigned first = (random[0] & 0xfcu) | 2;
  snprintf(id->mac, sizeof(id->mac), "%02x:%02x:%02x:%02x:%02x:%02x", first, random[1], random[2], random[3],
           random[4], random[5]);
  gw_identity_set_client(id);
}

void gw_identity_from_slot(gw_identity *id, const uint8_t secret[GW_SECRET_BYTES], uint16_t worker, uint32_t slot) {
  uint8_t text[GW_SECRET_BYTES + 6], hash[6];
  memcpy(text, secret, GW_SECRET_BYTES);
  for (unsigned i = 0; i < 2; i++) text[GW_SECRET_BYTES + i] = (uint8_t)(worker >> 8 * i);
  for (unsigned i = 0; i < 4; i++) text[GW_SECRET_BYTES + 2 + i] = (uint8_t)(slot >> 8 * i);
  sha256_48(hash, text, sizeof(text));
  gw_identity_from_random(id, hash);
}

/* ---- the file ---- */

bool gw_state_path(char *path, size_t cap, const char *name) {
  const char *state = getenv("STATE_DIRECTORY"), *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
  int n = -1;
  if (state && *state)
    n = snprintf(path, cap, "%s/%s", state, name);
  else if (xdg && *xdg)
    n = snprintf(path, cap, "%s/xiaozhi-rtc/%s", xdg, name);
  else if (home && *home)
    n = snprintf(path, cap, "%s/.local/state/xiaozhi-rtc/%s", home, name);
  return n > 0 && (size_t)n < cap;
}

static void make_folders(const char *path) {
  char folder[PATH_BYTES];
  snprintf(folder, sizeof(folder), "%s", path);
  for (char *at = strchr(folder + 1, '/'); at; at = strchr(at + 1, '/')) {
    *at = 0;
    (void)mkdir(folder, 0700); /* what is there already is fine; what is not is seen when the file is opened */
    *at = '/';
  }
}

/* 1: read, 0: there is no file, -1: there is one, and it is not ours to use. */
static int read_secret(uint8_t secret[GW_SECRET_BYTES], const char *path) {
  char text[2 * GW_SECRET_BYTES + 2] = "";
  FILE *file = fopen(path, "re");
  if (!file) return errno == ENOENT ? 0 : -1;
  bool got = fgets(text, sizeof(text), file) != NULL;
  fclose(file);
  text[strcspn(text, "\r\n")] = 0;
  if (got && gw_unhex(secret, GW_SECRET_BYTES, text)) return 1;
  errno = EINVAL;
  return -1;
}

/* Beside it first, then in its place; another gateway may have been quicker, then its file stands. */
static bool write_secret(const uint8_t secret[GW_SECRET_BYTES], const char *path) {
  char beside[PATH_BYTES + 32], text[2 * GW_SECRET_BYTES + 1];
  snprintf(beside, sizeof(beside), "%s.%ld", path, (long)getpid());
  gw_hex(text, secret, GW_SECRET_BYTES);
  int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  bool ok = dprintf(fd, "%s\n", text) == (int)sizeof(text) && fsync(fd) == 0;
  ok = close(fd) == 0 && ok;
  ok = ok && (link(beside, path) == 0 || errno == EEXIST);
  int why = errno;
  unlink(beside);
  errno = why;
  return ok;
}

bool gw_identity_load(uint8_t secret[GW_SECRET_BYTES], const char *path, char error[512]) {
  char chosen[PATH_BYTES];
  if (!*path && !gw_state_path(chosen, sizeof(chosen), "identity")) {
    snprintf(error, 512, "identity: there is no home folder to keep it in; name a file with --identity FILE");
    return false;
  }
  if (*path) snprintf(chosen, sizeof(chosen), "%s", path);
  make_folders(chosen);
  int found = read_secret(secret, chosen);
  if (!found) {
    bool made = getrandom(secret, GW_SECRET_BYTES, 0) == GW_SECRET_BYTES && write_secret(secret, chosen);
    found = made ? read_secret(secret, chosen) : -1;
  }
  if (found == 1) return true;
  snprintf(error, 512, "identity: cannot use '%.300s': %s", chosen,
           errno == EINVAL ? "it is not 32 hexadecimal digits" : strerror(errno));
  return false;
}
