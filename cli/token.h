/* cli/token.h - `xiaozhi-rtc token`: a signed token for one caller, on standard output. */
#ifndef CLI_TOKEN_H
#define CLI_TOKEN_H

#include "gateway/auth.h"
#include "gateway/config.h"

typedef struct token_options {
  int64_t ttl_s;
  gw_claims claims;
  const char *link; /* of a page: printed with the token in its fragment; NULL: the token alone */
} token_options;

/* Takes the command's own options out of |argv|, so that settings remain. How many words are left; -1: |*why| says
 * what is wrong. */
int token_take(token_options *options, int argc, char **argv, const char **why);
void token_help(FILE *out);
/* Signs and prints. Exit code. */
int token_run(const gw_config *config, const token_options *options);

#endif
