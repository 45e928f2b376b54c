/* gateway/gateway.h - the daemon, for cli/. */
#ifndef GATEWAY_GATEWAY_H
#define GATEWAY_GATEWAY_H

#include "gateway/config.h"

#define GW_VERSION "0.1.0"

/* Serves until SIGTERM (drains; a second one stops at once). |embedded_url| is where backend "embedded" is, or NULL
 * if there is none in this program. Prints one line with the URL to open when ready, one line on standard error
 * when it cannot start. Returns the exit code: 0, 1 failed, 2 cannot start as configured. */
/* |reload| reads the settings again, at SIGHUP. false: |error| says why they cannot be used. */
typedef bool gw_reload(gw_config *fresh, char error[GW_CONFIG_ERROR_MAX]);
int gw_serve(const gw_config *config, const char *embedded_url, gw_reload *reload);

#endif
