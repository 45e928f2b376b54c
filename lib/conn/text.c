/* conn/text.c - names for logs and metrics. */
#include "wr/conn.h"

const char *wr_end_text(wr_end end) {
  switch (end) {
    case WR_END_NONE: return "none";
    case WR_END_LOCAL: return "local";
    case WR_END_REMOTE: return "remote";
    case WR_END_ICE_FAILED: return "ice_failed";
    case WR_END_DTLS_FAILED: return "dtls_failed";
    case WR_END_FINGERPRINT: return "fingerprint";
    case WR_END_NO_SRTP: return "no_srtp";
  }
  return "unknown";
}

const char *wr_drop_text(wr_drop drop) {
  static const char *const texts[WR_DROP_COUNT] = {
#define X(name, text) [WR_DROP_##name] = text,
      WR_DROPS(X)
#undef X
  };
  WR_ASSERT((unsigned)drop < WR_DROP_COUNT);
  return texts[drop];
}
