/* gateway/timeline.c - time points as JSON. */
#include "gateway/timeline.h"

#include <stdio.h>

double gw_timeline_ms(const gw_timeline *t, wr_time at) {
  return at > t->offered_at ? (double)(at - t->offered_at) / 1000 : 0;
}

void gw_timeline_write(char out[GW_TIMELINE_TEXT_MAX], const gw_timeline *t) {
  const struct {
    const char *name;
    wr_time at;
  } steps[] = {{"signalling", t->answered_at},
               {"ice", t->ice_at},
               {"dtls", t->dtls_at},
               {"data", t->data_at},
               {"media", t->media_at}};
  size_t len = 1;
  out[0] = '{';
  for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
    if (!steps[i].at) continue;
    int n = snprintf(out + len, GW_TIMELINE_TEXT_MAX - 2 - len, "%s\"%s\":%.1f", len > 1 ? "," : "", steps[i].name,
                     gw_timeline_ms(t, steps[i].at));
    len += (size_t)n;
    WR_ASSERT(len < GW_TIMELINE_TEXT_MAX - 2);
  }
  out[len] = '}';
  out[len + 1] = 0;
}
