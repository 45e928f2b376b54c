/* gateway/auth.h - who may call: signed tokens (JSON Web Tokens, RFC 7519, with HMAC-SHA256 and nothing else).
 *
 * Whoever knows --token-secret makes them, in any language: `xiaozhi-rtc token`, or the operator's own sign-in. A
 * token ends by itself, says for whom it is, and how many sessions it may open. No state is kept but a count of
 * those. */
#ifndef GATEWAY_AUTH_H
#define GATEWAY_AUTH_H

#include "gateway/protocol.h"
#include "wr/crypto.h"

#define GW_TOKEN_MAX 512            /* text and a NUL */
#define GW_TOKEN_SECRET_MIN 16      /* characters of a secret: less could be guessed from one token */
#define GW_TOKEN_GRACE_S 86400      /* after its end a token still keeps the sessions that it opened */
#define GW_TOKEN_COUNTS 1024        /* tokens with a limit whose sessions are counted at a time */
#define GW_TOKEN_OFFERS_MAX 1000000 /* of "offers" */

typedef struct gw_claims {
  uint64_t who;                /* the token itself, where it is counted; 0: no signed token */
  int64_t expires_at;          /* "exp", seconds since 1970 */
  char session[GW_ID_HEX + 1]; /* "sid": for this one only; "" for any */
  char mac[18];                /* "mac": the device that it may be; "" any */
  unsigned offers;             /* "offers": sessions that it may open in all; 0: any number */
} gw_claims;

typedef enum gw_token_verdict {
  GW_TOKEN_GOOD,
  GW_TOKEN_EXPIRED, /* genuine; the claims are filled */
  GW_TOKEN_FORGED,  /* not signed with a secret of ours, or not a token at all */
} gw_token_verdict;

/* |secret|, |old|: either may sign; "" none. |old| is how secrets are changed without sending anybody away. */
gw_token_verdict gw_auth_read(gw_claims *claims, const char *token, const char *secret, const char *old,
                              int64_t unix_s, const wr_crypto *crypto);
/* |nonce| makes two tokens of the same claims two. false: does not fit. */
bool gw_auth_sign(char out[GW_TOKEN_MAX], const gw_claims *claims, const char *secret, int64_t unix_s,
                  uint64_t nonce, const wr_crypto *crypto);

/* What the claims allow of |request|, an offer or hello that resumes |id| or nothing: GW_HTTP_OK, with the claimed
 * device put in; or why not. */
gw_http_error gw_auth_allows(const gw_claims *claims, gw_request *request, const uint8_t id[16], int64_t unix_s);

/* Sessions opened by tokens with a limit. */
typedef struct gw_token_counts {
  struct {
    uint64_t who; /* 0: free */
    int64_t expires_at;
    unsigned n;
  } row[GW_TOKEN_COUNTS];
} gw_token_counts;
/* One more session of that token. false: it has had them all, or so many tokens are counted that nobody can know.
 */
bool gw_auth_spend(gw_token_counts *counts, const gw_claims *claims, int64_t unix_s);

#endif
