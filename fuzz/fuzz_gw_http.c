/* fuzz/fuzz_gw_http.c - bodies of signalling requests: offers as JSON, candidates as JSON, plain text; what they
 * yield goes on to the readers of descriptions, candidates and fragments. And two headers of requests for files.
 * The first byte chooses. */
#include <stdlib.h>
#include <string.h>

#include "gateway/http_accept.h"
#include "gateway/http_read.h"
#include "wr/sdp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void offer(wr_bytes body) {
  static wr_sdp sdp;
  uint8_t id[16];
  const char *why = NULL;
  wr_sdp_error error;
  gw_request *request = gw_read_offer(body, id, &why);
  WR_ASSERT(!request || request->heard == -1 || (request->resumes && request->heard >= 0));
  if (request)
    (void)!wr_sdp_parse(&sdp, wr_bytes_of(request->text, request->len), &error);
  else
    WR_ASSERT(why && *why);
  free(request);
}

static void candidates(wr_bytes body) {
  bool last;
  const char *why = NULL;
  gw_request *request = gw_read_candidates(body, &last, &why);
  WR_ASSERT(request || (why && *why));
  if (request) WR_ASSERT(strlen(request->text) == request->len);
  for (const char *at = request ? request->text : ""; *at; at += strcspn(at, "\n") + 1) {
    wr_candidate candidate;
    (void)!wr_candidate_read(&candidate, wr_bytes_of(at, strcspn(at, "\n")));
  }
  free(request);
}

static void fragment(wr_bytes body) {
  const char *why = NULL;
  wr_sdpfrag parsed;
  wr_sdp_error error;
  gw_request *request = gw_read_text(body, &why);
  if (request) (void)!wr_sdpfrag_parse(&parsed, wr_bytes_of(request->text, request->len), &error);
  free(request);
}

/* Whatever is asked for, what is not there is not chosen; a list with the tag in front has it. */
static void headers(wr_bytes text) {
  static const char etag[] = "\"0123456789abcdef-br\"";
  char *list = calloc(1, sizeof(etag) + 1 + text.len);
  if (!list) return;
  char *header = list + sizeof(etag);
  memcpy(list, etag, sizeof(etag) - 1);
  list[sizeof(etag) - 1] = ',';
  if (text.len) memcpy(header, text.data, text.len);
  for (unsigned offered = 1; offered < 1u << WEB_N_CODINGS; offered += 2)
    WR_ASSERT(offered & 1u << gw_accept_coding(header, offered));
  WR_ASSERT(gw_accept_etag(list, etag));
  (void)gw_accept_etag(header, etag);
  free(list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  if (!len) return 0;
  wr_bytes body = wr_bytes_of(data + 1, len - 1);
  if (data[0] == 'A')
    headers(body);
  else if (data[0] % 3 == 0)
    offer(body);
  else if (data[0] % 3 == 1)
    candidates(body);
  else
    fragment(body);
  return 0;
}
