/* crypto/openssl_provider.c - OpenSSL's default provider, less the key types a DTLS peer of ours cannot have.
 *
 * OpenSSL 3.0 reads the public key of every certificate through a decoder it builds for the occasion from all the
 * provider's decoders and key types, comparing names: a third of what a handshake costs, all of it for DSA, SM2,
 * DH and private keys in PVK files. Here the default provider is shown again under a library context of its own,
 * with the lists of key types and decoders cut short. Every algorithm is the default provider's.
 *
 * Left out: key types that no cipher suite of openssl_dtls.c uses, and every form of key but SubjectPublicKeyInfo.
 */
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/provider.h>
#include <string.h>

#include "crypto/openssl_backend.h"

#define MAX_ALGORITHMS 16

/* The default provider is the process's: loaded once, unloaded by OpenSSL at exit. */
static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
static OSSL_PROVIDER *whole;
static OSSL_ALGORITHM key_types[MAX_ALGORITHMS + 1], decoders[MAX_ALGORITHMS + 1];

/* Names of an algorithm are separated by colons. */
static bool is_one_of(const OSSL_ALGORITHM *algorithm, const char *const *names) {
  size_t len = strcspn(algorithm->algorithm_names, ":");
  for (; *names; names++)
    if (strlen(*names) == len && memcmp(*names, algorithm->algorithm_names, len) == 0) return true;
  return false;
}

static void pick(OSSL_ALGORITHM *out, int operation, const char *const *names, const char *property) {
  int no_cache;
  size_t n = 0;
  const OSSL_ALGORITHM *at = OSSL_PROVIDER_query_operation(whole, operation, &no_cache);
  for (; at && at->algorithm_names && n < MAX_ALGORITHMS; at++)
    if (is_one_of(at, names) && strstr(at->property_definition, property)) out[n++] = *at;
}

static void pick_once(void) {
  static const char *const key_names[] = {"EC", "RSA", "ED25519", "X25519", "HMAC", NULL}; /* HMAC: CBC records */
  static const char *const decoder_names[] = {"EC", "RSA", "ED25519", NULL};
  whole = OSSL_PROVIDER_load(NULL, "default");
  if (!whole) return;
  pick(key_types, OSSL_OP_KEYMGMT, key_names, "");
  pick(decoders, OSSL_OP_DECODER, decoder_names, "structure=SubjectPublicKeyInfo");
}

static const OSSL_ALGORITHM *query(void *ctx, int operation, int *no_cache) {
  (void)ctx;
  *no_cache = 0;
  if (operation == OSSL_OP_KEYMGMT) return key_types;
  if (operation == OSSL_OP_DECODER) return decoders;
  return OSSL_PROVIDER_query_operation(whole, operation, no_cache);
}

static int get_capabilities(void *ctx, const char *capability, OSSL_CALLBACK *callback, void *arg) {
  (void)ctx;
  return OSSL_PROVIDER_get_capabilities(whole, capability, callback, arg);
}

/* Algorithms are called with this provider's context: it must be the one they know. */
static int init(const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out, void **ctx) {
  static const OSSL_DISPATCH functions[] = {
      {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query},
      {OSSL_FUNC_PROVIDER_GET_CAPABILITIES, (void (*)(void))get_capabilities},
      {0, NULL},
  };
  (void)core;
  (void)in;
  *out = functions;
  *ctx = OSSL_PROVIDER_get0_provider_ctx(whole);
  return *ctx != NULL;
}

bool openssl_provider_open(openssl_backend *backend) {
  if (!CRYPTO_THREAD_run_once(&once, pick_once) || !whole) return false;
  backend->library = OSSL_LIB_CTX_new();
  return backend->library && OSSL_PROVIDER_add_builtin(backend->library, "wr", init) == 1 &&
         (backend->provider = OSSL_PROVIDER_load(backend->library, "wr")) != NULL;
}

void openssl_provider_close(openssl_backend *backend) {
  if (backend->provider) OSSL_PROVIDER_unload(backend->provider);
  OSSL_LIB_CTX_free(backend->library);
}
