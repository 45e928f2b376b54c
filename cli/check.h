/* cli/check.h - `xiaozhi-rtc check`: the operator's doctor. */
#ifndef CLI_CHECK_H
#define CLI_CHECK_H

#include "gateway/config.h"

/* Prints one; what is not |ok| is counted as broken. |what|: a word. */
typedef void check_finding(bool ok, const char *what, const char *detail);
/* cli/check_backend.c: the assistant's server. */
void check_backend(const gw_config *config, check_finding *finding);
/* cli/check_ice.c: STUN and TURN servers. */
void check_ice(const gw_config *config, check_finding *finding);
/* cli/check_stages.c: servers of stages that are plugged into the embedded assistant. */
void check_stages(const gw_config *config, check_finding *finding);

/* One line per finding on standard output; 0 if nothing is broken, else 1. */
int check_run(const gw_config *config);

#endif
