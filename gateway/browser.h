/* gateway/browser.h - which browser a caller has: family and major version, and nothing else of its User-Agent. */
#ifndef GATEWAY_BROWSER_H
#define GATEWAY_BROWSER_H

#include <stdint.h>

typedef struct gw_browser {
  const char
      *family; /* static: "Chrome", "Edge", "Firefox", "Safari", ...; "other": none we know; "unknown": none told */
  uint16_t major; /* 0: not told */
} gw_browser;

/* Survives any text. */
gw_browser gw_browser_read(const char *user_agent);

#endif
