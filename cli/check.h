/* cli/check.h - `xiaozhi-rtc check`: the operator's doctor. */
#ifndef CLI_CHECK_H
#define CLI_CHECK_H

#include "gateway/config.h"

/* One line per finding on standard output; 0 if nothing is broken, else 1. */
int check_run(const gw_config *config);

#endif
