/* sdp/fragment.c - reading application/trickle-ice-sdpfrag (RFC 8840 9, RFC 9725 4.3).
 *
 * With one bundle there is one transport: which pseudo m= section a line stands in does not matter, and the first
 * credentials count. Lines that are no candidates are skipped when walking. */
#include <string.h>

#include "sdp/model.h"
#include "sdp/text.h"
#include "wr/sdp.h"

static wr_err fail(wr_sdp_error *error, wr_err err, uint32_t line, const char *what) {
  *error = (wr_sdp_error){.line = line > UINT16_MAX ? UINT16_MAX : (uint16_t)line, .what = what};
  return err;
}

static const char *read_line(wr_sdpfrag *fragment, wr_bytes line) {
  if (line.len < 2 || line.data[1] != '=') return "not of the form x=...";
  if (memchr(line.data, '\r', line.len) || memchr(line.data, 0, line.len))
    return "a NUL or a carriage return within the line";
  if (wr_text_is(line, "a=end-of-candidates")) fragment->end_of_candidates = true;
  if (wr_text_skip(&line, "a=ice-ufrag:")) {
    line = wr_text_trim(line);
    if (!wr_text_is_ufrag(line)) return "a=ice-ufrag is not 4 to 256 printable characters";
    if (!fragment->ufrag.len) fragment->ufrag = line;
  } else if (wr_text_skip(&line, "a=ice-pwd:")) {
    line = wr_text_trim(line);
    if (!wr_text_is_pwd(line)) return "a=ice-pwd is not 22 to 256 printable characters";
    if (!fragment->pwd.len) fragment->pwd = line;
  }
  return NULL;
}

wr_err wr_sdpfrag_parse(wr_sdpfrag *fragment, wr_bytes text, wr_sdp_error *error) {
  *fragment = (wr_sdpfrag){.text = text};
  *error = (wr_sdp_error){0};
  if (text.len > WR_SDP_MAX_BYTES) return fail(error, WR_ERR_LIMIT, 0, "longer than 64 KiB");
  wr_bytes rest = text, line;
  for (uint32_t number = 1; wr_text_line(&rest, &line); number++) {
    if (line.len == 0) continue;
    const char *what = read_line(fragment, line);
    if (what) return fail(error, WR_ERR_SYNTAX, number, what);
  }
  return WR_OK;
}

bool wr_sdpfrag_next_candidate(const wr_sdpfrag *fragment, size_t *at, wr_candidate *candidate) {
  return wr_candidate_next(fragment->text, at, candidate);
}
