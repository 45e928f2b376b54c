/* sctp/chunk.c - the wire formats of chunk.h.
 *
 * Left out: everything that belongs to multi-homing, ECN, authentication and I-DATA; such parameters are known by
 * number, so that they are not reported as strangers, and skipped. */
#include "sctp/chunk.h"

#include "sctp/crc32c.h"

enum {
  PARAM_HEARTBEAT_INFO = 1,
  PARAM_STATE_COOKIE = 7,
  PARAM_UNRECOGNIZED = 8,
  PARAM_ZERO_CHECKSUM = 0x8001,
  PARAM_SUPPORTED_EXTENSIONS = 0x8008,
  PARAM_FORWARD_TSN = 0xc000,
};
#define EDMID_DTLS 1 /* RFC 9653 4: alternate error detection by DTLS */

bool wr_sctp_read_header(wr_reader *packet, wr_sctp_header *header) {
  header->source_port = wr_read_u16(packet);
  header->destination_port = wr_read_u16(packet);
  header->tag = wr_read_u32(packet);
  header->checksum = wr_read_u32(packet);
  return wr_reader_ok(packet);
}

/* RFC 9260 appendix A: the CRC is transmitted least significant byte first. */
static uint32_t byte_swapped(uint32_t v) { return v >> 24 | (v >> 8 & 0xff00) | (v << 8 & 0xff0000) | v << 24; }

uint32_t wr_sctp_checksum(wr_bytes packet) {
  static const uint8_t zeros[4];
  WR_ASSERT(packet.len >= WR_SCTP_HEADER_BYTES);
  uint32_t crc = wr_crc32c_update(WR_CRC32C_START, wr_bytes_of(packet.data, 8));
  crc = wr_crc32c_update(crc, wr_bytes_of(zeros, 4));
  crc = wr_crc32c_update(crc, wr_bytes_of(packet.data + 12, packet.len - 12));
  return byte_swapped(wr_crc32c_end(crc));
}

/* Skips padding to a multiple of 4; at the very end it may be missing. */
static void skip_padding(wr_reader *r, size_t len) {
  size_t padding = (4 - len % 4) % 4, left = wr_reader_left(r);
  wr_read_skip(r, padding < left ? padding : left);
}

bool wr_sctp_read_chunk(wr_reader *packet, wr_sctp_chunk *chunk) {
  if (wr_reader_left(packet) == 0) return false;
  const uint8_t *start = packet->at;
  chunk->type = wr_read_u8(packet);
  chunk->flags = wr_read_u8(packet);
  size_t len = wr_read_u16(packet);
  if (len < 4) packet->failed = true;
  chunk->body = wr_read_bytes(packet, len - 4);
  if (!wr_reader_ok(packet)) return false;
  chunk->whole = wr_bytes_of(start, len);
  skip_padding(packet, len);
  return true;
}

typedef struct parameter {
  uint16_t type;
  wr_bytes body, whole;
} parameter;

static bool read_param(wr_reader *r, parameter *param) {
  if (wr_reader_left(r) == 0) return false;
  const uint8_t *start = r->at;
  param->type = wr_read_u16(r);
  size_t len = wr_read_u16(r);
  if (len < 4) r->failed = true;
  param->body = wr_read_bytes(r, len - 4);
  if (!wr_reader_ok(r)) return false;
  param->whole = wr_bytes_of(start, len);
  skip_padding(r, len);
  return true;
}

static void note_extensions(wr_bytes types, wr_sctp_init_chunk *init) {
  for (size_t i = 0; i < types.len; i++) {
    if (types.data[i] == WR_SCTP_RE_CONFIG) init->re_config = true;
    if (types.data[i] == WR_SCTP_FORWARD_TSN) init->forward_tsn = true;
  }
}

/* Parameters of other extensions that peers are known to send: addresses, cookie preservative, host name,
 * supported addresses, ECN, AUTH (RFC 4895), ADD-IP and adaptation (RFC 5061). No use to us, no strangers either.
 */
static bool is_known_and_unused(uint16_t type) {
  return type == 5 || type == 6 || type == PARAM_UNRECOGNIZED || type == 9 || (type >= 11 && type <= 12) ||
         type == 0x8000 || (type >= 0x8002 && type <= 0x8004) || (type >= 0xc001 && type <= 0xc006);
}

/* true: go on with the next parameter. */
static bool read_init_param(const parameter *param, wr_sctp_init_chunk *init) {
  switch (param->type) {
    case PARAM_STATE_COOKIE: init->cookie = param->body; return true;
    case PARAM_SUPPORTED_EXTENSIONS: note_extensions(param->body, init); return true;
    case PARAM_FORWARD_TSN: init->forward_tsn = true; return true;
    case PARAM_ZERO_CHECKSUM:
      init->zero_checksum = param->body.len == 4 && wr_get_u32(param->body.data) == EDMID_DTLS;
      return true;
    default: break;
  }
  if (is_known_and_unused(param->type)) return true;
  wr_sctp_unknown action = (wr_sctp_unknown)(param->type >> 14);
  bool reported = action == WR_SCTP_STOP_REPORT || action == WR_SCTP_SKIP_REPORT;
  if (reported && init->unrecognized.len == 0) init->unrecognized = param->whole;
  return action == WR_SCTP_SKIP || action == WR_SCTP_SKIP_REPORT;
}

bool wr_sctp_read_init(wr_bytes body, wr_sctp_init_chunk *init) {
  wr_reader r = wr_reader_of(body);
  *init = (wr_sctp_init_chunk){.tag = wr_read_u32(&r)};
  init->a_rwnd = wr_read_u32(&r);
  init->n_out = wr_read_u16(&r);
  init->n_in = wr_read_u16(&r);
  init->tsn = wr_read_u32(&r);
  parameter param;
  while (read_param(&r, &param) && read_init_param(&param, init)) continue;
  return wr_reader_ok(&r);
}

bool wr_sctp_read_data(const wr_sctp_chunk *chunk, wr_sctp_data_chunk *data) {
  wr_reader r = wr_reader_of(chunk->body);
  data->flags = chunk->flags;
  data->tsn = wr_read_u32(&r);
  data->stream = wr_read_u16(&r);
  data->ssn = wr_read_u16(&r);
  data->ppid = wr_read_u32(&r);
  data->payload = wr_read_bytes(&r, wr_reader_left(&r));
  return wr_reader_ok(&r);
}

bool wr_sctp_read_sack(wr_bytes body, wr_sctp_sack_chunk *sack) {
  wr_reader r = wr_reader_of(body);
  sack->cumulative = wr_read_u32(&r);
  sack->a_rwnd = wr_read_u32(&r);
  sack->n_gaps = wr_read_u16(&r);
  size_t n_duplicates = wr_read_u16(&r);
  sack->gaps = wr_read_bytes(&r, (size_t)sack->n_gaps * 4);
  wr_read_skip(&r, n_duplicates * 4);
  return wr_reader_ok(&r);
}

void wr_sctp_sack_gap(const wr_sctp_sack_chunk *sack, size_t i, uint16_t *start, uint16_t *end) {
  WR_ASSERT(i < sack->n_gaps);
  *start = wr_get_u16(sack->gaps.data + 4 * i);
  *end = wr_get_u16(sack->gaps.data + 4 * i + 2);
}

bool wr_sctp_read_forward_tsn(wr_bytes body, wr_sctp_forward_tsn_chunk *forward) {
  wr_reader r = wr_reader_of(body);
  forward->cumulative = wr_read_u32(&r);
  forward->streams = wr_read_bytes(&r, wr_reader_left(&r));
  return wr_reader_ok(&r) && forward->streams.len % 4 == 0;
}

bool wr_sctp_read_reset(wr_reader *body, wr_sctp_reset *reset) {
  parameter param;
  while (read_param(body, &param)) {
    if (param.type < WR_SCTP_RESET_OUTGOING || param.type > WR_SCTP_ADD_INCOMING) continue;
    wr_reader r = wr_reader_of(param.body);
    *reset = (wr_sctp_reset){.kind = (wr_sctp_reset_kind)param.type, .sequence = wr_read_u32(&r)};
    if (param.type == WR_SCTP_RESET_OUTGOING) {
      reset->response_sequence = wr_read_u32(&r);
      reset->last_tsn = wr_read_u32(&r);
    }
    if (param.type == WR_SCTP_RESET_RESPONSE) reset->result = wr_read_u32(&r);
    if (param.type == WR_SCTP_RESET_OUTGOING || param.type == WR_SCTP_RESET_INCOMING)
      reset->streams = wr_read_bytes(&r, wr_reader_left(&r));
    if (!wr_reader_ok(&r) || reset->streams.len % 2) body->failed = true;
    return wr_reader_ok(body);
  }
  return false;
}

void wr_sctp_write_header(wr_writer *w, uint16_t port, uint32_t tag) {
  wr_write_u16(w, port);
  wr_write_u16(w, port);
  wr_write_u32(w, tag);
  wr_write_u32(w, 0);
}

size_t wr_sctp_begin_chunk(wr_writer *w, wr_sctp_chunk_type type, uint8_t flags) {
  size_t start = wr_writer_len(w);
  wr_write_u8(w, (uint8_t)type);
  wr_write_u8(w, flags);
  wr_write_u16(w, 0);
  return start;
}

/* RFC 9260 3.2: the length of a chunk counts the padding of its parameters, but not the last one's. So padding is
 * written before the next parameter begins, or when the chunk ends, after its length is known. */
static void pad(wr_writer *w) { wr_write_zeros(w, (4 - wr_writer_len(w) % 4) % 4); }

size_t wr_sctp_begin_param(wr_writer *w, uint16_t type) {
  pad(w);
  size_t start = wr_writer_len(w);
  wr_write_u16(w, type);
  wr_write_u16(w, 0);
  return start;
}

void wr_sctp_end_param(wr_writer *w, size_t start) {
  if (wr_writer_ok(w)) wr_put_u16(w->start + start + 2, (uint16_t)(wr_writer_len(w) - start));
}

void wr_sctp_end(wr_writer *w, size_t start) {
  wr_sctp_end_param(w, start); /* type and length of a parameter lie where a chunk's do */
  pad(w);
}

void wr_sctp_seal(uint8_t *packet, size_t len) {
  wr_put_u32(packet + 8, wr_sctp_checksum(wr_bytes_of(packet, len)));
}

static void write_param(wr_writer *w, uint16_t type, wr_bytes body) {
  size_t start = wr_sctp_begin_param(w, type);
  wr_write_bytes(w, body);
  wr_sctp_end_param(w, start);
}

void wr_sctp_write_init(wr_writer *w, wr_sctp_chunk_type type, const wr_sctp_init_chunk *init) {
  static const uint8_t extensions[] = {WR_SCTP_RE_CONFIG, WR_SCTP_FORWARD_TSN};
  static const uint8_t edmid[] = {0, 0, 0, EDMID_DTLS};
  size_t start = wr_sctp_begin_chunk(w, type, 0);
  wr_write_u32(w, init->tag);
  wr_write_u32(w, init->a_rwnd);
  wr_write_u16(w, init->n_out);
  wr_write_u16(w, init->n_in);
  wr_write_u32(w, init->tsn);
  if (init->cookie.len) write_param(w, PARAM_STATE_COOKIE, init->cookie);
  if (init->forward_tsn) write_param(w, PARAM_FORWARD_TSN, wr_bytes_of(NULL, 0));
  if (init->re_config) write_param(w, PARAM_SUPPORTED_EXTENSIONS, wr_bytes_of(extensions, sizeof extensions));
  if (init->zero_checksum) write_param(w, PARAM_ZERO_CHECKSUM, wr_bytes_of(edmid, sizeof edmid));
  if (init->unrecognized.len) write_param(w, PARAM_UNRECOGNIZED, init->unrecognized);
  wr_sctp_end(w, start);
}

size_t wr_sctp_begin_data(wr_writer *w, const wr_sctp_data_chunk *data) {
  size_t start = wr_sctp_begin_chunk(w, WR_SCTP_DATA, data->flags);
  wr_write_u32(w, data->tsn);
  wr_write_u16(w, data->stream);
  wr_write_u16(w, data->ssn);
  wr_write_u32(w, data->ppid);
  return start;
}

void wr_sctp_write_reset(wr_writer *w, const wr_sctp_reset *reset) {
  size_t start = wr_sctp_begin_param(w, (uint16_t)reset->kind);
  wr_write_u32(w, reset->sequence);
  if (reset->kind == WR_SCTP_RESET_OUTGOING) {
    wr_write_u32(w, reset->response_sequence);
    wr_write_u32(w, reset->last_tsn);
  }
  if (reset->kind == WR_SCTP_RESET_RESPONSE) wr_write_u32(w, reset->result);
  wr_write_bytes(w, reset->streams);
  wr_sctp_end_param(w, start);
}
