/* assistant/resolver.h - addresses of the servers that are asked, looked up on a thread of its own, so that a name
 * server without an answer holds up nobody.
 *
 * Names are added before the start; each keeps the addresses it had last. Functions but |wake| belong to one
 * thread. */
#ifndef ASSISTANT_RESOLVER_H
#define ASSISTANT_RESOLVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { AS_NAMES_MAX = 4, AS_ADDRESSES_MAX = 4, AS_ADDRESS_TEXT = 46, AS_NAME_LIFE_S = 60 };

typedef struct as_addresses {
  size_t n;
  char text[AS_ADDRESSES_MAX][AS_ADDRESS_TEXT]; /* in the order in which they are to be tried */
} as_addresses;

typedef struct as_resolver as_resolver;

/* |wake| is called on the resolver's thread when an answer has come. NULL: no thread, no memory. */
as_resolver *as_resolver_start(const char *const *names, size_t n_names, void (*wake)(void *ctx), void *ctx);
/* Does not wait for an answer that is still out. */
void as_resolver_stop(as_resolver *resolver);

typedef enum as_resolved { AS_RESOLVED, AS_RESOLVING, AS_NO_SUCH_NAME } as_resolved;

/* The addresses of name |i|; asks again if they are older than AS_NAME_LIFE_S. RESOLVING: after |wake|. What failed
 * is asked again by the next call a second later. */
as_resolved as_resolver_get(as_resolver *resolver, size_t i, as_addresses *addresses, int64_t now_s);

#endif
