/* sdp/parse.c - text to model (RFC 8866, read as RFC 8829 5.8 tells WebRTC endpoints to).
 *
 * Lenient where browsers and servers in the field are: LF or CRLF, blank lines, no s= or t=, attributes in any
 * order, unknown lines and attributes, payload types over 127, transport attributes at session level, no a=mid.
 * Exact where guessing would be worse: a line that is not x=..., numbers that are none, credentials and
 * fingerprints that could never work. What is said at session level is the starting value of each section.
 *
 * Left out: c=, b=, t=, k= and z= lines, a=rtcp (we require a=rtcp-mux), a=simulcast, a=rid, a=crypto. */
#include <string.h>

#include "sdp/model.h"
#include "sdp/text.h"
#include "wr/sdp.h"

typedef struct parse_state {
  wr_sdp *sdp;
  wr_sdp_media *media;   /* the section being read, or |defaults| */
  wr_sdp_media defaults; /* session level */
  uint32_t line;
  uint32_t section_line;      /* of the m= line */
  uint32_t unknown_hash_line; /* 0: no fingerprint of an unknown hash stands alone */
  bool own_fingerprint;       /* this level has said one: it replaces that of the session */
  const uint8_t *line_at, *line_end;
} parse_state;

/* Attribute readers return NULL or the text of the error. */
typedef const char *(*attribute_reader)(parse_state *s, wr_bytes value);

/* ---- codecs ---- */

/* The codec of the payload type at the start of |value|, which is skipped. NULL: not listed in the m= line. */
static wr_sdp_codec *find_codec(parse_state *s, uint64_t payload_type) {
  for (size_t i = 0; i < s->media->n_codecs; i++)
    if (s->media->codec[i].payload_type == payload_type) return &s->media->codec[i];
  return NULL;
}

static const char *read_rtpmap(parse_state *s, wr_bytes value) {
  uint64_t payload_type, clock_hz, channels = 1;
  if (!wr_text_number(wr_text_word(&value), UINT32_MAX, &payload_type)) return "a=rtpmap without a payload type";
  wr_sdp_codec *codec = find_codec(s, payload_type);
  if (!codec) return NULL;
  wr_bytes encoding = wr_text_word(&value);
  wr_bytes name = wr_text_until(&encoding, '/');
  if (!wr_text_is_visible(name)) return "a=rtpmap without an encoding name";
  if (!wr_text_number(wr_text_until(&encoding, '/'), UINT32_MAX, &clock_hz)) return "a=rtpmap without a clock rate";
  if (encoding.len && !wr_text_number(encoding, 255, &channels)) return "a=rtpmap with a bad channel count";
  codec->name = name;
  codec->clock_hz = (uint32_t)clock_hz;
  codec->channels = (uint8_t)channels;
  return NULL;
}

static const char *read_fmtp(parse_state *s, wr_bytes value) {
  uint64_t payload_type;
  if (!wr_text_number(wr_text_word(&value), UINT32_MAX, &payload_type)) return NULL;
  wr_sdp_codec *codec = find_codec(s, payload_type);
  if (codec) codec->fmtp = wr_text_trim(value);
  return NULL;
}

static const char *read_rtcp_fb(parse_state *s, wr_bytes value) {
  wr_bytes who = wr_text_word(&value);
  uint64_t payload_type = 0;
  bool all = wr_text_is(who, "*");
  if (!all && !wr_text_number(who, UINT32_MAX, &payload_type)) return NULL;
  value = wr_text_trim(value);
  bool nack = wr_text_is(value, "nack"), pli = wr_text_is(value, "nack pli");
  bool fir = wr_text_is(value, "ccm fir"), transport_cc = wr_text_is(value, "transport-cc");
  bool ccfb = wr_text_is(value, "ack ccfb"), rrtr = wr_text_is(value, "rrtr");
  for (size_t i = 0; i < s->media->n_codecs; i++) {
    wr_sdp_codec *codec = &s->media->codec[i];
    if (!all && codec->payload_type != payload_type) continue;
    codec->nack = codec->nack || nack;
    codec->nack_pli = codec->nack_pli || pli;
    codec->ccm_fir = codec->ccm_fir || fir;
    codec->transport_cc = codec->transport_cc || transport_cc;
    codec->ccfb = codec->ccfb || ccfb;
    codec->rrtr = codec->rrtr || rrtr;
  }
  return NULL;
}

/* RFC 3611 5.1: of the blocks there are, reference times that everybody may tell and be answered. */
static const char *read_rtcp_xr(parse_state *s, wr_bytes value) {
  for (wr_bytes word = wr_text_word(&value); word.len; word = wr_text_word(&value)) {
    wr_bytes mode = wr_text_until(&word, ':'); /* a bound of DLRR blocks may follow: we send one */
    if (wr_text_is(mode, "rcvr-rtt=all")) s->media->xr_rcvr_rtt = true;
  }
  return NULL;
}

/* ---- header extensions (RFC 8285 5) ---- */

static bool read_direction_word(wr_direction *direction, wr_bytes word) {
  if (wr_text_is(word, "sendrecv"))
    *direction = WR_SENDRECV;
  else if (wr_text_is(word, "sendonly"))
    *direction = WR_SENDONLY;
  else if (wr_text_is(word, "recvonly"))
    *direction = WR_RECVONLY;
  else if (wr_text_is(word, "inactive"))
    *direction = WR_INACTIVE;
  else
    return false;
  return true;
}

static const char *read_extmap(parse_state *s, wr_bytes value) {
  wr_bytes entry = wr_text_word(&value);
  uint64_t id;
  if (!wr_text_number(wr_text_until(&entry, '/'), UINT32_MAX, &id)) return "a=extmap without an id";
  wr_sdp_extension extension = {.direction = WR_SENDRECV, .uri = wr_text_word(&value)};
  if (entry.len && !read_direction_word(&extension.direction, entry)) return "a=extmap with an unknown direction";
  if (!wr_text_is_visible(extension.uri)) return "a=extmap without a URI";
  /* 4096 and up are offers to choose one of a later line (RFC 8285 7): none we need. */
  if (id == 0 || id > 255 || s->media->n_extensions == WR_SDP_MAX_EXTENSIONS) return NULL;
  extension.id = (uint8_t)id;
  s->media->extension[s->media->n_extensions++] = extension;
  return NULL;
}

static const char *read_extmap_mixed(parse_state *s, wr_bytes value) {
  (void)value;
  s->media->extmap_mixed = true;
  return NULL;
}

/* ---- transport ---- */

static int hex_digit(uint8_t c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/* RFC 8122 5: pairs of hexadecimal digits, separated by colons. */
static bool read_hex_pairs(wr_fingerprint *fingerprint, wr_bytes text, size_t want) {
  if (text.len != want * 3 - 1) return false;
  for (size_t i = 0; i < want; i++) {
    int high = hex_digit(text.data[3 * i]), low = hex_digit(text.data[3 * i + 1]);
    if (high < 0 || low < 0 || (i + 1 < want && text.data[3 * i + 2] != ':')) return false;
    fingerprint->bytes[i] = (uint8_t)(high << 4 | low);
  }
  fingerprint->len = (uint8_t)want;
  return true;
}

static const char *read_fingerprint(parse_state *s, wr_bytes value) {
  static const struct {
    const char *name;
    wr_hash hash;
    uint8_t len;
  } known[] = {{"sha-1", WR_HASH_SHA1, 20},
               {"sha-256", WR_HASH_SHA256, 32},
               {"sha-384", WR_HASH_SHA384, 48},
               {"sha-512", WR_HASH_SHA512, 64}};
  wr_bytes name = wr_text_word(&value);
  wr_fingerprint fingerprint = {.hash = WR_HASH_NONE};
  for (size_t i = 0; i < sizeof known / sizeof *known && !fingerprint.hash; i++) {
    if (!wr_text_is_nocase(name, known[i].name)) continue;
    fingerprint.hash = known[i].hash;
    if (!read_hex_pairs(&fingerprint, wr_text_trim(value), known[i].len))
      return "a=fingerprint is not as many pairs of hex digits as its hash has bytes";
  }
  if (fingerprint.hash == WR_HASH_NONE) { /* an error only if no other one follows or came before */
    if (!s->own_fingerprint) s->unknown_hash_line = s->line;
    return NULL;
  }
  if (!s->own_fingerprint || fingerprint.hash > s->media->fingerprint.hash) s->media->fingerprint = fingerprint;
  s->own_fingerprint = true;
  s->unknown_hash_line = 0;
  return NULL;
}

static const char *read_setup(parse_state *s, wr_bytes value) {
  if (wr_text_is_nocase(value, "actpass"))
    s->media->setup = WR_SETUP_ACTPASS;
  else if (wr_text_is_nocase(value, "active"))
    s->media->setup = WR_SETUP_ACTIVE;
  else if (wr_text_is_nocase(value, "passive"))
    s->media->setup = WR_SETUP_PASSIVE;
  else
    return "a=setup is none of actpass, active, passive";
  return NULL;
}

static const char *read_ufrag(parse_state *s, wr_bytes value) {
  if (!wr_text_is_ufrag(value)) return "a=ice-ufrag is not 4 to 256 printable characters";
  s->media->ufrag = value;
  return NULL;
}

static const char *read_pwd(parse_state *s, wr_bytes value) {
  if (!wr_text_is_pwd(value)) return "a=ice-pwd is not 22 to 256 printable characters";
  s->media->pwd = value;
  return NULL;
}

static const char *read_ice_options(parse_state *s, wr_bytes value) {
  for (wr_bytes option = wr_text_word(&value); option.len; option = wr_text_word(&value)) {
    if (wr_text_is_nocase(option, "trickle")) s->sdp->ice_trickle = true;
    if (wr_text_is_nocase(option, "renomination")) s->sdp->ice_renomination = true;
  }
  return NULL;
}

static const char *read_ice_lite(parse_state *s, wr_bytes value) {
  (void)value;
  s->sdp->ice_lite = true;
  return NULL;
}

static const char *note_candidate(parse_state *s, wr_bytes value) {
  (void)value;
  wr_bytes *lines = &s->media->candidate_lines;
  if (!lines->len) lines->data = s->line_at;
  lines->len = (size_t)(s->line_end - lines->data);
  return NULL;
}

static const char *read_end_of_candidates(parse_state *s, wr_bytes value) {
  (void)value;
  s->media->end_of_candidates = true;
  return NULL;
}

/* ---- the section itself ---- */

static const char *read_mid(parse_state *s, wr_bytes value) {
  if (!wr_text_is_visible(value)) return "a=mid is not a word";
  s->media->mid = value;
  return NULL;
}

static const char *read_group(parse_state *s, wr_bytes value) {
  if (!wr_text_is(wr_text_word(&value), "BUNDLE") || s->sdp->bundle.data) return NULL;
  s->sdp->bundle = wr_text_trim(value);
  return NULL;
}

static const char *read_rtcp_mux(parse_state *s, wr_bytes value) {
  (void)value;
  s->media->rtcp_mux = true;
  return NULL;
}

static const char *read_rtcp_rsize(parse_state *s, wr_bytes value) {
  (void)value;
  s->media->rtcp_rsize = true;
  return NULL;
}

static const char *read_bundle_only(parse_state *s, wr_bytes value) {
  (void)value;
  s->media->bundle_only = true;
  return NULL;
}

static const char *read_ssrc(parse_state *s, wr_bytes value) {
  uint64_t ssrc;
  if (!wr_text_number(wr_text_word(&value), UINT32_MAX, &ssrc)) return "a=ssrc without a number";
  if (!s->media->ssrc) s->media->ssrc = (uint32_t)ssrc;
  return NULL;
}

static const char *read_sctp_port(parse_state *s, wr_bytes value) {
  uint64_t port;
  if (!wr_text_number(value, UINT16_MAX, &port)) return "a=sctp-port is not a port";
  s->media->sctp_port = (uint16_t)port;
  return NULL;
}

static const char *read_max_message_size(parse_state *s, wr_bytes value) {
  uint64_t bytes;
  if (!wr_text_number(value, UINT64_MAX, &bytes)) return "a=max-message-size is not a number";
  /* RFC 8841 6.1: 0 means any size. */
  s->media->max_message_bytes = bytes == 0 || bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes;
  return NULL;
}

enum { SESSION = 1, SECTION = 2, BOTH = 3 };
static const struct {
  const char *name;
  attribute_reader read;
  int levels;
} attributes[] = {
    {"candidate", note_candidate, SECTION},
    {"rtpmap", read_rtpmap, SECTION},
    {"rtcp-fb", read_rtcp_fb, SECTION},
    {"rtcp-xr", read_rtcp_xr, BOTH},
    {"fmtp", read_fmtp, SECTION},
    {"extmap", read_extmap, BOTH},
    {"ssrc", read_ssrc, SECTION},
    {"mid", read_mid, SECTION},
    {"ice-ufrag", read_ufrag, BOTH},
    {"ice-pwd", read_pwd, BOTH},
    {"ice-options", read_ice_options, BOTH},
    {"fingerprint", read_fingerprint, BOTH},
    {"setup", read_setup, BOTH},
    {"rtcp-mux", read_rtcp_mux, BOTH},
    {"rtcp-mux-only", read_rtcp_mux, BOTH}, /* RFC 8858 */
    {"rtcp-rsize", read_rtcp_rsize, BOTH},
    {"extmap-allow-mixed", read_extmap_mixed, BOTH},
    {"end-of-candidates", read_end_of_candidates, BOTH},
    {"bundle-only", read_bundle_only, SECTION},
    {"sctp-port", read_sctp_port, SECTION},
    {"max-message-size", read_max_message_size, SECTION},
    {"group", read_group, SESSION},
    {"ice-lite", read_ice_lite, SESSION},
};

static const char *read_attribute(parse_state *s, wr_bytes value) {
  wr_bytes name = wr_text_until(&value, ':');
  if (read_direction_word(&s->media->direction, name)) return NULL;
  int level = s->media == &s->defaults ? SESSION : SECTION;
  for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++) {
    if (!wr_text_is(name, attributes[i].name)) continue;
    return attributes[i].levels & level ? attributes[i].read(s, wr_text_trim(value)) : NULL;
  }
  return NULL;
}

/* ---- m= lines ---- */

static wr_media_kind kind_of(const wr_sdp_media *media) {
  if (wr_text_is_nocase(media->type, "audio")) return WR_MEDIA_AUDIO;
  if (wr_text_is_nocase(media->type, "video")) return WR_MEDIA_VIDEO;
  bool sctp = wr_text_is(media->protocol, "UDP/DTLS/SCTP") || wr_text_is(media->protocol, "TCP/DTLS/SCTP") ||
              wr_text_is(media->protocol, "DTLS/SCTP");
  if (sctp && wr_text_is_nocase(media->type, "application")) return WR_MEDIA_DATA;
  return WR_MEDIA_OTHER;
}

static void list_codecs(wr_sdp_media *media) {
  wr_bytes formats = media->formats;
  for (wr_bytes format = wr_text_word(&formats); format.len; format = wr_text_word(&formats)) {
    uint64_t payload_type;
    if (media->n_codecs == WR_SDP_MAX_CODECS) return;
    if (!wr_text_number(format, 127, &payload_type)) continue;
    media->codec[media->n_codecs++] = (wr_sdp_codec){.payload_type = (uint8_t)payload_type, .channels = 1};
  }
}

static const char *read_media(parse_state *s, wr_bytes value) {
  wr_sdp_media *media = &s->sdp->media[s->sdp->n_media];
  *media = s->defaults;
  uint64_t port;
  media->type = wr_text_word(&value);
  wr_bytes port_word = wr_text_word(&value);
  if (!wr_text_number(wr_text_until(&port_word, '/'), UINT16_MAX, &port)) return "m= without a port";
  media->protocol = wr_text_word(&value);
  media->formats = wr_text_trim(value);
  wr_bytes first_format = wr_text_word(&value);
  if (!wr_text_is_visible(media->type) || !wr_text_is_visible(media->protocol) || !wr_text_is_visible(first_format))
    return "m= without a protocol or a format";
  media->port = (uint16_t)port;
  media->kind = kind_of(media);
  if (media->kind != WR_MEDIA_DATA) {
    list_codecs(media);
  } else if (wr_text_number(first_format, UINT16_MAX, &port)) {
    media->sctp_port = (uint16_t)port; /* the form before RFC 8841: m=application 9 DTLS/SCTP 5000 */
  }
  s->media = media;
  s->section_line = s->line;
  s->own_fingerprint = false;
  s->sdp->n_media++;
  return NULL;
}

/* ---- the description ---- */

static wr_err fail(wr_sdp_error *error, wr_err err, uint32_t line, const char *what) {
  *error = (wr_sdp_error){.line = line > UINT16_MAX ? UINT16_MAX : (uint16_t)line, .what = what};
  return err;
}

/* What can be judged only when a level is complete. */
static wr_err end_level(parse_state *s, wr_sdp_error *error) {
  if (s->unknown_hash_line)
    return fail(error, WR_ERR_SYNTAX, s->unknown_hash_line, "a=fingerprint without a known hash");
  if (s->media == &s->defaults) return WR_OK;
  static const char *const index_text[WR_SDP_MAX_MEDIA] = {"0", "1", "2",  "3",  "4",  "5",  "6",  "7",
                                                           "8", "9", "10", "11", "12", "13", "14", "15"};
  size_t index = (size_t)(s->media - s->sdp->media);
  if (!s->media->mid.len) s->media->mid = wr_bytes_of(index_text[index], strlen(index_text[index]));
  for (size_t i = 0; i < index; i++)
    if (wr_bytes_equal(s->sdp->media[i].mid, s->media->mid))
      return fail(error, WR_ERR_SYNTAX, s->section_line, "two sections have the same a=mid");
  return WR_OK;
}

static bool is_in_list(wr_bytes list, wr_bytes word) {
  for (wr_bytes at = wr_text_word(&list); at.len; at = wr_text_word(&list))
    if (wr_bytes_equal(at, word)) return true;
  return false;
}

static wr_err parse_line(parse_state *s, wr_bytes line, wr_sdp_error *error) {
  if (line.len < 2 || line.data[1] != '=') return fail(error, WR_ERR_SYNTAX, s->line, "not of the form x=...");
  if (memchr(line.data, '\r', line.len) || memchr(line.data, 0, line.len))
    return fail(error, WR_ERR_SYNTAX, s->line, "a NUL or a carriage return within the line");
  wr_bytes value = wr_bytes_of(line.data + 2, line.len - 2);
  const char *what = NULL;
  switch (line.data[0]) {
    case 'o':
      (void)wr_text_word(&value);
      s->sdp->session_id = wr_text_word(&value);
      break;
    case 'm': {
      wr_err err = end_level(s, error);
      if (err) return err;
      if (s->sdp->n_media == WR_SDP_MAX_MEDIA)
        return fail(error, WR_ERR_LIMIT, s->line, "more than 16 m= sections");
      what = read_media(s, value);
      break;
    }
    case 'a': what = read_attribute(s, value); break;
    default: break;
  }
  return what ? fail(error, WR_ERR_SYNTAX, s->line, what) : WR_OK;
}

wr_err wr_sdp_parse(wr_sdp *sdp, wr_bytes text, wr_sdp_error *error) {
  parse_state s = {.sdp = sdp,
                   .defaults = {.direction = WR_SENDRECV, .sctp_port = 5000, .max_message_bytes = 65536}};
  s.media = &s.defaults;
  sdp->session_id = sdp->bundle = wr_bytes_of(NULL, 0);
  sdp->ice_lite = sdp->ice_trickle = sdp->ice_renomination = false;
  sdp->n_media = 0;
  *error = (wr_sdp_error){0};
  if (text.len > WR_SDP_MAX_BYTES) return fail(error, WR_ERR_LIMIT, 0, "longer than 64 KiB");
  bool begun = false;
  wr_bytes rest = text, line;
  for (s.line = 1; s.line_at = rest.data, wr_text_line(&rest, &line); s.line++) {
    s.line_end = rest.data;
    if (line.len == 0) continue;
    if (!begun && !wr_text_is(line, "v=0")) return fail(error, WR_ERR_SYNTAX, s.line, "does not begin with v=0");
    begun = true;
    wr_err err = parse_line(&s, line, error);
    if (err) return err;
  }
  if (!begun) return fail(error, WR_ERR_SYNTAX, 0, "empty");
  wr_err err = end_level(&s, error);
  if (err) return err;
  for (size_t i = 0; i < sdp->n_media; i++) sdp->media[i].bundled = is_in_list(sdp->bundle, sdp->media[i].mid);
  return WR_OK;
}

bool wr_sdp_next_candidate(const wr_sdp_media *media, size_t *at, wr_candidate *candidate) {
  return wr_candidate_next(media->candidate_lines, at, candidate);
}
