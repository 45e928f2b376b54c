/* gateway/http_view.c - one session from close by, for the operator: its last minute, also of one that has just
 * ended, and its statistics. The worker copies what it has; here it becomes text. */
#include <stdlib.h>
#include <string.h>

#include "gateway/gateway.h"
#include "gateway/http.h"
#include "gateway/w3c.h"

static void begin(gw_text *out, const gw_view *view) {
  const gw_session_row *row = &view->row;
  gw_text_add(out,
              "{\"id\":\"%s\",\"state\":\"%s\",\"purpose\":\"%s\",\"transport\":\"%s\",\"backend\":\"%s\","
              "\"age\":%.3f,\"seenAt\":%lld",
              row->id, row->state, row->purpose, row->transport, row->backend, (double)row->age_us / 1e6,
              (long long)view->seen_at);
}

static void respond(gw_exchange *x, const gw_view *view) {
  gw_text out = {0};
  if (x->wants_stats && !view->has_conn) {
    gw_respond_error(x, GW_HTTP_CONFLICT, "there is no peer connection", 0);
    return;
  }
  begin(&out, view);
  gw_text_add(&out, x->wants_stats ? ",\"stats\":" : ",");
  if (x->wants_stats)
    gw_w3c_write(&out, &view->stats);
  else
    gw_minute_write(&out, &view->minute);
  gw_text_add(&out, "}");
  gw_respond_owned(x, 200, "application/json", out.text, out.len);
}

static const gw_view *find_ended(const gw_exchange *x) {
  const char *id = x->path + strlen("/api/sessions/");
  for (uint32_t i = 0; i < GW_ENDED_KEPT; i++) {
    const gw_view *view = x->http->ended[i];
    if (view && strncmp(id, view->row.id, GW_ID_HEX) == 0 && id[GW_ID_HEX] == '/') return view;
  }
  return NULL;
}

bool gw_view_ended(gw_exchange *x) {
  const gw_view *view = x->wants_minute ? find_ended(x) : NULL;
  if (view) respond(x, view);
  return view != NULL;
}

void gw_view_get_minute(gw_exchange *x) {
  gw_ref ref;
  x->wants_minute = true;
  if (!gw_view_ended(x) && gw_api_find(x, &ref)) gw_api_ask(x, ref, GW_LOOK, 0, NULL);
}

void gw_view_get_stats(gw_exchange *x) {
  gw_ref ref;
  x->wants_stats = true;
  if (gw_api_find(x, &ref)) gw_api_ask(x, ref, GW_LOOK, 0, NULL);
}

void gw_view_seen(gw_http *http, uint32_t number, const gw_view *view) {
  gw_exchange *x = gw_exchange_find(http, number);
  if (x) respond(x, view);
}

void gw_view_keep(gw_http *http, gw_view *view) {
  if (!view) return;
  gw_view **place = &http->ended[http->n_ended++ % GW_ENDED_KEPT];
  free(*place);
  *place = view;
}

void gw_view_wipe(gw_http *http) {
  for (uint32_t i = 0; i < GW_ENDED_KEPT; i++) free(http->ended[i]);
}
