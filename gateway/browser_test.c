#include "gateway/browser.h"

#include "check.h"

TEST(browser_families_by_what_they_send) {
  static const struct {
    const char *agent, *family;
    unsigned major;
  } rows[] = {
      {"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
       "Chrome", 131},
      {"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/131.0.0.0 "
       "Safari/537.36",
       "Chrome", 131},
      {"Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 "
       "Edg/130.0.0.0",
       "Edge", 130},
      {"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox", 128},
      {"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
       "Version/18.1 Mobile/15E148 Safari/604.1",
       "Safari", 18},
      {"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
       "CriOS/131.0.1 Mobile/15E148 Safari/604.1",
       "Chrome", 131},
      {"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15",
       "WebKit", 17},
      {"Mozilla/5.0 (Linux; Android 13) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/27.0 Chrome/125.0 "
       "Mobile Safari/537.36",
       "Samsung Internet", 27},
      {"Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 OPR/116.0", "Opera",
       116},
      {"curl/8.1", "other", 0},
      {"", "unknown", 0},
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    gw_browser b = gw_browser_read(rows[i].agent);
    CHECK_TEXT(b.family, rows[i].family);
    CHECK_EQ(b.major, rows[i].major);
  }
}

TEST(browser_versions_that_are_none) {
  CHECK_EQ(gw_browser_read("Chrome/").major, 0);
  CHECK_EQ(gw_browser_read("Chrome/x").major, 0);
  CHECK_EQ(gw_browser_read("Firefox/99999999999999999999999999").major, 0);
  CHECK_TEXT(gw_browser_read("Edg/=cmd|' /C calc'!A0").family, "Edge"); /* nothing of it is kept */
}
