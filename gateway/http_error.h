/* gateway/http_error.h - everything HTTP can refuse with: one row per code. Body: {"error":{"code","message",..}}.
 */
#ifndef GATEWAY_HTTP_ERROR_H
#define GATEWAY_HTTP_ERROR_H

#include <stddef.h>

#define GW_HTTP_ERRORS(X)                                                                                     \
  X(BAD_JSON, 400, "bad_json", "the body is not the JSON that is wanted here")                                \
  X(BAD_SDP, 400, "bad_sdp", "the session description cannot be used")                                        \
  X(BAD_FRAGMENT, 400, "bad_fragment", "the trickle fragment cannot be read")                                 \
  X(BAD_QUERY, 400, "bad_query", "the part of the address behind the question mark cannot be used")           \
  X(LENGTH_REQUIRED, 400, "length_required", "a body with Content-Length is needed")                          \
  X(UNAUTHORIZED, 401, "unauthorized", "a bearer token is needed, and this was none or the wrong one")        \
  X(EXPIRED, 401, "token_expired", "this token was good until a moment ago; get another")                     \
  X(SCOPE, 403, "token_scope", "this token is for another session, another device, or has opened all it may") \
  X(HOST, 403, "bad_host", "asked for by a name that is not one of --host")                                   \
  X(ORIGIN, 403, "bad_origin", "a page from elsewhere may not connect")                                       \
  X(LICENCE, 403, "avatar_licence", "served only when --avatar-licence names this avatar's renderer")         \
  X(NOT_FOUND, 404, "not_found", "there is nothing here")                                                     \
  X(NO_SESSION, 404, "no_session", "no such session; it may have ended")                                      \
  X(METHOD, 405, "method_not_allowed", "not with this method")                                                \
  X(CONFLICT, 409, "conflict", "not possible in the session's present state")                                 \
  X(TOO_LARGE, 413, "too_large", "the body is larger than 64 KiB")                                            \
  X(MEDIA_TYPE, 415, "unsupported_media_type", "the Content-Type is not one this route takes")                \
  X(NOTHING_IN_COMMON, 422, "nothing_in_common", "the offer has neither Opus audio nor a data channel")       \
  X(UPGRADE, 426, "upgrade_required", "this is for a WebSocket with subprotocol xiaozhi-rtc")                 \
  X(TOO_MANY, 429, "too_many_requests", "too many new sessions; try again")                                   \
  X(INTERNAL, 500, "internal", "something failed on our side")                                                \
  X(FULL, 503, "full", "too many sessions; try again")                                                        \
  X(OVERLOADED, 503, "overloaded", "the calls that run need all there is; try again")                         \
  X(HISTORY, 503, "history_unavailable", "the history of calls cannot be read now; its log says why")         \
  X(DRAINING, 503, "draining", "this server is going away; connect again")

typedef enum gw_http_error {
#define X(id, status, code, message) GW_HTTP_##id,
  GW_HTTP_ERRORS(X)
#undef X
      GW_N_HTTP_ERRORS,
  GW_HTTP_OK = GW_N_HTTP_ERRORS
} gw_http_error;

typedef struct gw_http_error_row {
  int status;
  const char *code, *message;
} gw_http_error_row;
const gw_http_error_row *gw_http_error_get(gw_http_error error);

#endif
