/* sdp/candidate.c - a=candidate lines (RFC 8839 5.1, RFC 6544 for TCP).
 *
 * Reading takes what browsers send: any letter case of the transport, host names instead of addresses (mDNS), and
 * any extension after the type. Related addresses and extensions are not kept. Writing hides the related address,
 * which we have no use for telling. */
#include <string.h>

#include "base/io.h"
#include "sdp/model.h"
#include "sdp/text.h"
#include "wr/sdp.h"

static const char *const type_name[] = {
    [WR_CANDIDATE_HOST] = "host",
    [WR_CANDIDATE_SRFLX] = "srflx",
    [WR_CANDIDATE_PRFLX] = "prflx",
    [WR_CANDIDATE_RELAY] = "relay",
};
#define N_TYPES (sizeof type_name / sizeof *type_name)

static bool read_type(wr_candidate_type *type, wr_bytes word) {
  for (size_t i = 0; i < N_TYPES; i++) {
    if (!wr_text_is_nocase(word, type_name[i])) continue;
    *type = (wr_candidate_type)i;
    return true;
  }
  return false;
}

static bool read_transport(bool *tcp, wr_bytes word) {
  *tcp = wr_text_is_nocase(word, "tcp");
  return *tcp || wr_text_is_nocase(word, "udp");
}

static const char *const tcp_name[] = {
    [WR_TCP_ACTIVE] = "active", [WR_TCP_PASSIVE] = "passive", [WR_TCP_SO] = "so"};

/* Among the extensions, which are pairs of words; RFC 6544 4.5: it must be said. */
static bool read_tcp_type(wr_tcp_type *type, wr_bytes rest) {
  while (rest.len) {
    wr_bytes name = wr_text_word(&rest), value = wr_text_word(&rest);
    if (!wr_text_is_nocase(name, "tcptype")) continue;
    for (unsigned i = WR_TCP_ACTIVE; i <= WR_TCP_SO; i++)
      if (wr_text_is_nocase(value, tcp_name[i])) *type = (wr_tcp_type)i;
  }
  return *type != WR_TCP_NONE;
}

static bool read_foundation(char out[33], wr_bytes word) {
  if (word.len > 32 || !wr_text_is_visible(word)) return false;
  memcpy(out, word.data, word.len);
  out[word.len] = 0;
  return true;
}

wr_err wr_candidate_read(wr_candidate *candidate, wr_bytes line) {
  wr_candidate c = {0};
  uint64_t component, priority, port;
  bool tcp;
  wr_bytes all = line, rest = line;
  (void)wr_text_line(&all, &rest); /* a line end may still be there */
  rest = wr_text_trim(rest);
  (void)wr_text_skip(&rest, "a=");
  if (!wr_text_skip_nocase(&rest, "candidate:")) return WR_ERR_SYNTAX;
  if (!read_foundation(c.foundation, wr_text_word(&rest))) return WR_ERR_SYNTAX;
  if (!wr_text_number(wr_text_word(&rest), 255, &component) || component == 0) return WR_ERR_SYNTAX;
  if (!read_transport(&tcp, wr_text_word(&rest))) return WR_ERR_SYNTAX;
  if (!wr_text_number(wr_text_word(&rest), UINT32_MAX, &priority)) return WR_ERR_SYNTAX;
  wr_bytes address = wr_text_word(&rest);
  if (!wr_text_number(wr_text_word(&rest), UINT16_MAX, &port)) return WR_ERR_SYNTAX;
  if (port == 0 && !tcp) return WR_ERR_SYNTAX; /* nothing can be sent there */
  if (!wr_text_is_nocase(wr_text_word(&rest), "typ")) return WR_ERR_SYNTAX;
  /* RFC 8839 5.1: candidates of a type the agent does not know are ignored. */
  if (!read_type(&c.type, wr_text_word(&rest))) return WR_ERR_SYNTAX;
  if (tcp && !read_tcp_type(&c.tcp, rest)) return WR_ERR_SYNTAX;
  c.component = (uint8_t)component;
  c.priority = (uint32_t)priority;
  if (!wr_addr_parse(&c.addr, address, (uint16_t)port)) c.addr = (wr_addr){.port = (uint16_t)port};
  c.addr.transport = tcp ? WR_TCP : WR_UDP;
  *candidate = c;
  return WR_OK;
}

size_t wr_candidate_write(const wr_candidate *candidate, char *out, size_t cap) {
  if (cap == 0 || candidate->addr.family == 0) return 0;
  char ip[WR_ADDR_TEXT_MAX];
  wr_addr_text(&candidate->addr, ip);
  wr_writer w = wr_writer_of((uint8_t *)out, cap - 1);
  wr_write_text(&w, "candidate:");
  wr_write_text(&w, candidate->foundation);
  wr_write_u8(&w, ' ');
  wr_write_decimal(&w, candidate->component);
  wr_write_text(&w, candidate->tcp ? " tcp " : " udp ");
  wr_write_decimal(&w, candidate->priority);
  wr_write_u8(&w, ' ');
  wr_write_text(&w, ip);
  wr_write_u8(&w, ' ');
  wr_write_decimal(&w, candidate->addr.port);
  wr_write_text(&w, " typ ");
  wr_write_text(&w, type_name[candidate->type]);
  /* RFC 8839 5.1: raddr and rport must stand there for these types; this is the form that reveals nothing. */
  if (candidate->type != WR_CANDIDATE_HOST)
    wr_write_text(&w, candidate->addr.family == 4 ? " raddr 0.0.0.0 rport 9" : " raddr :: rport 9");
  if (candidate->tcp) wr_write_text(&w, " tcptype ");
  if (candidate->tcp) wr_write_text(&w, tcp_name[candidate->tcp]);
  if (!wr_writer_ok(&w)) return 0;
  out[wr_writer_len(&w)] = 0;
  return wr_writer_len(&w);
}

bool wr_candidate_next(wr_bytes lines, size_t *at, wr_candidate *candidate) {
  while (*at < lines.len) {
    wr_bytes rest = wr_bytes_of(lines.data + *at, lines.len - *at), line;
    if (!wr_text_line(&rest, &line)) return false;
    *at = lines.len - rest.len;
    if (wr_candidate_read(candidate, line) == WR_OK && candidate->component == 1) return true;
  }
  return false;
}
