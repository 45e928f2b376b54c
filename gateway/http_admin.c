/* gateway/http_admin.c - what an operator does to a running gateway, by the admin page or by hand: drain; and what
 * went wrong lately. Hanging up is the caller's own route, DELETE /api/sessions/ID, which the admin's token opens
 * too (gateway/http_api.c). */
#include <stdlib.h>
#include <string.h>

#include "gateway/http.h"

/* {"seconds":n} says how long calls may go on; without it --drain-seconds does. false: answered 400. */
static bool read_seconds(gw_exchange *x, json_int_t *seconds) {
  json_t *body = json_loadb((const char *)x->body, x->body_len, 0, NULL);
  const json_t *given = json_object_get(body, "seconds");
  bool ok = json_is_object(body) && (!given || json_is_integer(given));
  if (given) *seconds = json_integer_value(given);
  ok = ok && *seconds >= 0 && *seconds <= 600;
  json_decref(body);
  if (!ok) gw_respond_error(x, GW_HTTP_BAD_JSON, "an object is wanted, with nothing or 'seconds' from 0 to 600", 0);
  return ok;
}

void gw_admin_drain(gw_exchange *x) {
  json_int_t seconds = x->http->config->drain_seconds;
  if (!read_seconds(x, &seconds)) return;
  if (!gw_http_drain(x->http, (uint32_t)seconds)) {
    gw_respond_error(x, GW_HTTP_CONFLICT, "it is draining already", 0);
    return;
  }
  json_t *body = json_pack("{s:b,s:I}", "draining", 1, "seconds", seconds);
  char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
  json_decref(body);
  gw_respond_owned(x, 202, "application/json", text, text ? strlen(text) : 0);
}

void gw_admin_errors(gw_exchange *x) {
  gw_text out = {0};
  gw_errors_json(&out, &x->http->errors, x->http->started_unix_s);
  gw_respond_owned(x, 200, "application/json", out.text, out.len);
}
