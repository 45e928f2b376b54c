/* gateway/errand.c - see errand.h. */
#include "gateway/errand.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define STACK_BYTES (256u * 1024)

typedef struct errand {
  void (*work)(void *owned);
  gw_message message;
} errand;

static struct {
  pthread_mutex_t lock;
  gw_mailbox *inbox; /* NULL: nobody is at home */
} home = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void move_to(gw_mailbox *inbox) {
  pthread_mutex_lock(&home.lock);
  home.inbox = inbox;
  pthread_mutex_unlock(&home.lock);
}

void gw_errands_begin(gw_mailbox *inbox) { move_to(inbox); }

void gw_errands_end(void) { move_to(NULL); }

static bool is_home(const errand *e) {
  pthread_mutex_lock(&home.lock);
  bool arrived = !home.inbox || gw_mailbox_send(home.inbox, &e->message, NULL, 0);
  pthread_mutex_unlock(&home.lock);
  return arrived;
}

static void *run(void *ctx) {
  errand *e = ctx;
  e->work(e->message.owned);
  while (!is_home(e)) usleep(1000); /* a full mailbox of a busy thread */
  free(e);
  return NULL;
}

bool gw_errand_send(void (*work)(void *owned), const gw_message *message) {
  pthread_attr_t attr;
  pthread_t thread;
  errand *e = malloc(sizeof(*e));
  if (!e) return false;
  *e = (errand){work, *message};
  pthread_attr_init(&attr);
  pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attr, STACK_BYTES);
  bool sent = pthread_create(&thread, &attr, run, e) == 0;
  pthread_attr_destroy(&attr);
  if (!sent) free(e);
  return sent;
}
