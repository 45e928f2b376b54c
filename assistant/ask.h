/* assistant/ask.h - requests of ours to the servers of plugged-in stages, on libwebsockets' HTTP client, in the
 * loop that serves the devices: nothing here waits.
 *
 * Every request ends: |silence_us| without a byte from the server, or |total_us| in all. Certificates of https are
 * checked; redirects are not followed, for they would carry the key elsewhere. One connection per request. */
#ifndef ASSISTANT_ASK_H
#define ASSISTANT_ASK_H

#include <libwebsockets.h>

#include "assistant/endpoint.h"
#include "assistant/resolver.h"
#include "assistant/stage.h"
#include "wr/types.h"

enum {
  AS_ASKS_MAX = 128,      /* at a time */
  AS_ASK_ERROR_MAX = 300, /* bytes of an error's body that are looked at */
};

typedef struct as_asker {
  struct lws_context *lws;
  struct lws_vhost *vhost;
  as_resolver *resolver; /* NULL: every host is an address */
  struct as_ask *first;
  size_t n;
} as_asker;

typedef struct as_ask {
  /* the caller's */
  as_asker *asker;
  const as_endpoint *to; /* borrowed, as all below */
  size_t i_name;         /* of |to|'s host at the resolver, if it is no address */
  const char *key;       /* "" none */
  const char *content_type;
  uint8_t *body; /* owned, malloc'ed */
  size_t n_body;
  wr_time silence_us, total_us;
  /* A piece of a 2xx answer. false: enough; |done| follows with AS_WHY_NONE. */
  bool (*data)(struct as_ask *ask, wr_bytes piece);
  /* Once, unless it is cancelled; the ask is freed behind it. NONE: the answer is whole as far as HTTP can tell;
   * CUT is also how servers end that give no length. */
  void (*done)(struct as_ask *ask, as_why why);
  void *owner;
  /* for whoever is told */
  unsigned status;
  unsigned retry_after_s;
  char error[AS_ASK_ERROR_MAX + 1]; /* for the log; no key in it */
  /* ours */
  struct lws *wsi;
  struct as_ask *next;
  lws_sorted_usec_list_t timer;
  wr_time began_at, heard_at;
  as_addresses addresses;
  size_t i_address, at, n_error;
  bool connecting, again, ended;
} as_ask;

/* Takes |ask|, from calloc; |done| comes later, never before this returns. false: too many at a time; the ask stays
 * the caller's. */
bool as_ask_start(as_ask *ask);
/* Ends it without |done|. */
void as_ask_cancel(as_ask *ask);
/* Names may be known now. */
void as_asker_resolved(as_asker *asker);
/* The callback of the protocol "ask" of |lws|. */
int as_ask_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len);

#endif
