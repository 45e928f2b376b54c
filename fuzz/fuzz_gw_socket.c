/* fuzz/fuzz_gw_socket.c - what a caller's WebSocket brings: the hello, the headers of its upgrade, a piece of
 * samples; and what an assistant's server makes us decode for it. The first byte chooses. */
#include <stdlib.h>
#include <string.h>

#include "gateway/http_read.h"
#include "gateway/pcm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void hello(wr_bytes message) {
  uint8_t id[16];
  const char *why = NULL;
  gw_request *request = gw_read_hello(message, id, &why);
  WR_ASSERT(request || (why && *why));
  if (request) WR_ASSERT(request->purpose == GW_FOR_SOCKET && !request->len && memchr(request->mac, 0, 18));
  WR_ASSERT(!request || request->heard == -1 || (request->resumes && request->heard >= 0));
  free(request);
}

static void origin(wr_bytes text) {
  char both[256];
  size_t n = text.len < sizeof(both) - 1 ? text.len : sizeof(both) - 1;
  memcpy(both, text.data, n);
  both[n] = 0;
  char *host = strchr(both, '\n');
  if (host) *host++ = 0;
  if (gw_origin_is_host(both, host ? host : "")) WR_ASSERT(host && strlen(both) >= 3 + strlen(host));
}

static void samples(wr_bytes bytes) {
  uint8_t piece[GW_PCM_UP_BYTES] = {0}, opus[GW_PCM_OPUS_MAX], out[GW_PCM_DOWN_MAX], level;
  gw_pcm *pcm = gw_pcm_open();
  WR_ASSERT(pcm);
  for (size_t at = 0; at < bytes.len; at += sizeof(piece)) {
    size_t n = bytes.len - at < sizeof(piece) ? bytes.len - at : sizeof(piece);
    memcpy(piece, bytes.data + at, n);
    size_t made = gw_pcm_encode(pcm, piece, opus, &level);
    WR_ASSERT(made <= sizeof(opus) && level <= 127);
    if (made) WR_ASSERT(gw_pcm_decode(pcm, wr_bytes_of(opus, made), out) == GW_PCM_DOWN_BYTES);
  }
  gw_pcm_close(pcm);
}

/* Packets of the lengths in front of them. */
static void packets(wr_bytes bytes) {
  uint8_t out[GW_PCM_DOWN_MAX];
  gw_pcm *pcm = gw_pcm_open();
  WR_ASSERT(pcm);
  for (size_t at = 0; at < bytes.len;) {
    size_t n = bytes.data[at++];
    if (n > bytes.len - at) n = bytes.len - at;
    WR_ASSERT(gw_pcm_decode(pcm, wr_bytes_of(bytes.data + at, n), out) <= GW_PCM_DOWN_MAX);
    at += n;
  }
  gw_pcm_close(pcm);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  if (len < 2) return 0;
  wr_bytes rest = wr_bytes_of(data + 1, len - 1);
  switch (data[0] % 4) {
    case 0: hello(rest); break;
    case 1: origin(rest); break;
    case 2: samples(rest); break;
    case 3: packets(rest); break;
  }
  return 0;
}
