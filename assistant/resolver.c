/* assistant/resolver.c - getaddrinfo on one thread. At the end that thread may still wait for a name server: then
 * it is left alone and frees what it uses when it is done. */
#include "assistant/resolver.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

typedef struct name {
  char *text;
  bool wanted, failed;
  int64_t asked_at;
  as_addresses addresses;
} name;

struct as_resolver {
  pthread_mutex_t lock;
  pthread_cond_t work;
  pthread_t thread;
  void (*wake)(void *ctx);
  void *ctx;
  bool stopping, asking;
  size_t n;
  name names[AS_NAMES_MAX];
};

static void look_up(const char *text, as_addresses *out) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
  out->n = 0;
  if (getaddrinfo(text, NULL, &hints, &list)) return;
  for (struct addrinfo *at = list; at && out->n < AS_ADDRESSES_MAX; at = at->ai_next)
    if (!getnameinfo(at->ai_addr, at->ai_addrlen, out->text[out->n], AS_ADDRESS_TEXT, NULL, 0, NI_NUMERICHOST))
      out->n++;
  freeaddrinfo(list);
}

static void wipe(as_resolver *r) {
  pthread_mutex_destroy(&r->lock);
  pthread_cond_destroy(&r->work);
  for (size_t i = 0; i < r->n; i++) free(r->names[i].text);
  free(r);
}

static name *next_wanted(as_resolver *r) {
  for (size_t i = 0; i < r->n; i++)
    if (r->names[i].wanted) return &r->names[i];
  return NULL;
}

static void *work(void *ctx) {
  as_resolver *r = ctx;
  pthread_mutex_lock(&r->lock);
  while (!r->stopping) {
    name *one = next_wanted(r);
    if (!one) {
      pthread_cond_wait(&r->work, &r->lock);
      continue;
    }
    as_addresses found;
    r->asking = true;
    pthread_mutex_unlock(&r->lock);
    look_up(one->text, &found); /* the text never changes */
    pthread_mutex_lock(&r->lock);
    r->asking = false;
    if (r->stopping) { /* nobody waits for us */
      pthread_mutex_unlock(&r->lock);
      wipe(r);
      return NULL;
    }
    one->wanted = false;
    one->failed = found.n == 0;
    if (found.n) one->addresses = found;
    r->wake(r->ctx);
  }
  pthread_mutex_unlock(&r->lock);
  return NULL;
}

as_resolver *as_resolver_start(const char *const *names, size_t n_names, void (*wake)(void *ctx), void *ctx) {
  as_resolver *r = calloc(1, sizeof *r);
  if (!r) return NULL;
  r->wake = wake;
  r->ctx = ctx;
  pthread_mutex_init(&r->lock, NULL);
  pthread_cond_init(&r->work, NULL);
  while (r->n < n_names && r->n < AS_NAMES_MAX && (r->names[r->n].text = strdup(names[r->n]))) r->n++;
  if (r->n == n_names && !pthread_create(&r->thread, NULL, work, r)) return r;
  wipe(r);
  return NULL;
}

void as_resolver_stop(as_resolver *r) {
  if (!r) return;
  pthread_mutex_lock(&r->lock);
  r->stopping = true;
  bool left_alone = r->asking;
  pthread_t thread = r->thread;
  pthread_cond_signal(&r->work);
  pthread_mutex_unlock(&r->lock);
  if (left_alone) {
    pthread_detach(thread);
  } else {
    pthread_join(thread, NULL);
    wipe(r);
  }
}

as_resolved as_resolver_get(as_resolver *r, size_t i, as_addresses *addresses, int64_t now_s) {
  pthread_mutex_lock(&r->lock);
  name *one = &r->names[i];
  int64_t life = one->failed || !one->addresses.n ? 1 : AS_NAME_LIFE_S;
  bool failed = one->failed && now_s - one->asked_at < life;
  if (!one->wanted && (!one->asked_at || now_s - one->asked_at >= life)) {
    one->wanted = true;
    one->asked_at = now_s;
    pthread_cond_signal(&r->work);
  }
  *addresses = one->addresses;
  as_resolved result = addresses->n ? AS_RESOLVED : failed ? AS_NO_SUCH_NAME : AS_RESOLVING;
  pthread_mutex_unlock(&r->lock);
  return result;
}
