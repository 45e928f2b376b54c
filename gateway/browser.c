/* gateway/browser.c - families by the marks their User-Agents carry. Most carry those of others, too: the order
 * decides. */
#include "gateway/browser.h"

#include <string.h>

#define MAJOR_MAX 9999u

static uint16_t number(const char *text) {
  unsigned n = 0;
  while (*text >= '0' && *text <= '9' && n <= MAJOR_MAX) n = 10 * n + (unsigned)(*text++ - '0');
  return n <= MAJOR_MAX ? (uint16_t)n : 0;
}

gw_browser gw_browser_read(const char *user_agent) {
  static const struct {
    const char *mark, *family;
  } known[] = {{"Edg/", "Edge"},
               {"EdgA/", "Edge"},
               {"EdgiOS/", "Edge"},
               {"OPR/", "Opera"},
               {"SamsungBrowser/", "Samsung Internet"},
               {"FxiOS/", "Firefox"},
               {"Firefox/", "Firefox"},
               {"CriOS/", "Chrome"},
               {"Chrome/", "Chrome"},
               {"Chromium/", "Chrome"}};
  if (!user_agent[0]) return (gw_browser){"unknown", 0};
  for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
    const char *at = strstr(user_agent, known[i].mark);
    if (at) return (gw_browser){known[i].family, number(at + strlen(known[i].mark))};
  }
  const char *version = strstr(user_agent, "Version/");
  if (!version || !strstr(user_agent, "Safari/")) return (gw_browser){"other", 0};
  const char *family = strstr(user_agent, "Mac OS X") ? "Safari" : "WebKit";
  return (gw_browser){family, number(version + strlen("Version/"))};
}
