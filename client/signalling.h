/* client/signalling.h - HTTP requests to the gateway, on a thread of their own so that media never waits for them.
 *
 * Requests go in with an id and a number, both the caller's own; results are taken out by the caller after
 * |signalling_fd| became readable. */
#ifndef CLIENT_SIGNALLING_H
#define CLIENT_SIGNALLING_H

#include <stdbool.h>
#include <stddef.h>

#include "wr/types.h"

typedef struct signalling signalling;

typedef struct signalling_result {
  unsigned id;
  uint32_t number;
  uint32_t retry_after_ms; /* 0: not said */
  int status;              /* HTTP status; 0: no connection, |body| then says why */
  char *body;              /* owned by the taker: free() */
  size_t len;
} signalling_result;

/* |url|: http:// or https://, host, port, optional path. NULL: *why says what is wrong with it. */
signalling *signalling_open(const char *url, const char *token, const char **why);
/* The path of the URL, "" if it has none. */
const char *signalling_path(const signalling *s);
/* All are copied. |body| may be empty. false: out of memory. */
bool signalling_request(signalling *s, unsigned id, uint32_t number, const char *method, const char *path,
                        const char *content_type, wr_bytes body);
int signalling_fd(const signalling *s);                         /* an eventfd */
bool signalling_take(signalling *s, signalling_result *result); /* false: none */
void signalling_close(signalling *s);                           /* waits for requests under way, at most 1 s */

#endif
