/* gateway/http_error.c - the table of refusals. */
#include "gateway/http_error.h"

static const gw_http_error_row rows[] = {
#define X(id, status, code, message) {status, code, message},
    GW_HTTP_ERRORS(X)
#undef X
};

const gw_http_error_row *gw_http_error_get(gw_http_error error) { return &rows[error]; }
