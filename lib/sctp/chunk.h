/* sctp/chunk.h - SCTP packets, chunks and parameters on the wire (RFC 9260 3, RFC 3758, RFC 6525, RFC 9653).
 *
 * Parsers turn bytes into values and spans borrowed from the packet; they know nothing of an association. A read
 * function returns false when the bytes cannot be what they claim. Writers use wr_writer: ask wr_writer_ok once. */
#ifndef WR_SCTP_CHUNK_H
#define WR_SCTP_CHUNK_H

#include "base/io.h"

#define WR_SCTP_HEADER_BYTES 12
#define WR_SCTP_DATA_HEADER_BYTES 16
#define WR_SCTP_MAX_STREAMS 1024     /* announced in both directions */
#define WR_SCTP_MAX_RESET_STREAMS 32 /* stream ids of one reset request */

typedef enum wr_sctp_chunk_type {
  WR_SCTP_DATA = 0,
  WR_SCTP_INIT = 1,
  WR_SCTP_INIT_ACK = 2,
  WR_SCTP_SACK = 3,
  WR_SCTP_HEARTBEAT = 4,
  WR_SCTP_HEARTBEAT_ACK = 5,
  WR_SCTP_ABORT = 6,
  WR_SCTP_SHUTDOWN = 7,
  WR_SCTP_SHUTDOWN_ACK = 8,
  WR_SCTP_ERROR = 9,
  WR_SCTP_COOKIE_ECHO = 10,
  WR_SCTP_COOKIE_ACK = 11,
  WR_SCTP_SHUTDOWN_COMPLETE = 14,
  WR_SCTP_RE_CONFIG = 130,
  WR_SCTP_FORWARD_TSN = 192,
} wr_sctp_chunk_type;

/* Flags of DATA; of ABORT and SHUTDOWN COMPLETE (T: the tag is the receiver's own idea of ours reflected). */
#define WR_SCTP_FLAG_END 0x01
#define WR_SCTP_FLAG_BEGIN 0x02
#define WR_SCTP_FLAG_UNORDERED 0x04
#define WR_SCTP_FLAG_IMMEDIATE 0x08
#define WR_SCTP_FLAG_T 0x01

/* Causes of ABORT and ERROR (RFC 9260 3.3.10). */
#define WR_SCTP_CAUSE_INVALID_STREAM 1
#define WR_SCTP_CAUSE_MISSING_PARAMETER 2
#define WR_SCTP_CAUSE_UNRECOGNIZED_CHUNK 6
#define WR_SCTP_CAUSE_INVALID_PARAMETER 7
#define WR_SCTP_CAUSE_UNRECOGNIZED_PARAMETERS 8
#define WR_SCTP_CAUSE_NO_USER_DATA 9
#define WR_SCTP_CAUSE_USER_ABORT 12
#define WR_SCTP_CAUSE_PROTOCOL_VIOLATION 13

/* What to do with a type we do not know: the two high bits of chunk (8 bit) and parameter (16 bit) types. */
typedef enum wr_sctp_unknown {
  WR_SCTP_STOP,
  WR_SCTP_STOP_REPORT,
  WR_SCTP_SKIP,
  WR_SCTP_SKIP_REPORT
} wr_sctp_unknown;
static inline wr_sctp_unknown wr_sctp_unknown_chunk(uint8_t type) { return (wr_sctp_unknown)(type >> 6); }

typedef struct wr_sctp_header {
  uint16_t source_port, destination_port;
  uint32_t tag, checksum;
} wr_sctp_header;

typedef struct wr_sctp_chunk {
  uint8_t type; /* wr_sctp_chunk_type or unknown */
  uint8_t flags;
  wr_bytes body;  /* without the 4-byte chunk header and padding */
  wr_bytes whole; /* with the header: what an error report quotes */
} wr_sctp_chunk;

bool wr_sctp_read_header(wr_reader *packet, wr_sctp_header *header);
/* The checksum as the header carries it, computed over |packet| with that field zero. */
uint32_t wr_sctp_checksum(wr_bytes packet);
/* false: no more chunks; then wr_reader_ok tells the end from a malformed chunk. */
bool wr_sctp_read_chunk(wr_reader *packet, wr_sctp_chunk *chunk);

typedef struct wr_sctp_init {
  uint32_t tag, a_rwnd, tsn;
  uint16_t n_out, n_in; /* streams */
  bool forward_tsn, re_config, zero_checksum;
  wr_bytes cookie;       /* INIT ACK; empty when absent */
  wr_bytes unrecognized; /* first parameter that must be reported, with its header; empty: none */
} wr_sctp_init_chunk;
/* For INIT and INIT ACK. */
bool wr_sctp_read_init(wr_bytes body, wr_sctp_init_chunk *init);

typedef struct wr_sctp_data {
  uint32_t tsn, ppid;
  uint16_t stream, ssn;
  uint8_t flags;
  wr_bytes payload;
} wr_sctp_data_chunk;
bool wr_sctp_read_data(const wr_sctp_chunk *chunk, wr_sctp_data_chunk *data);

typedef struct wr_sctp_sack {
  uint32_t cumulative, a_rwnd;
  uint16_t n_gaps;
  wr_bytes gaps; /* 4 bytes each */
} wr_sctp_sack_chunk;
bool wr_sctp_read_sack(wr_bytes body, wr_sctp_sack_chunk *sack);
/* Offsets from |cumulative| of block |i|. */
void wr_sctp_sack_gap(const wr_sctp_sack_chunk *sack, size_t i, uint16_t *start, uint16_t *end);

typedef struct wr_sctp_forward_tsn {
  uint32_t cumulative;
  wr_bytes streams; /* 4 bytes each: stream, ssn */
} wr_sctp_forward_tsn_chunk;
bool wr_sctp_read_forward_tsn(wr_bytes body, wr_sctp_forward_tsn_chunk *forward);

/* RE-CONFIG parameters (RFC 6525 4). */
typedef enum wr_sctp_reset_kind {
  WR_SCTP_RESET_OUTGOING = 13, /* the sender of the request resets its outgoing streams */
  WR_SCTP_RESET_INCOMING = 14, /* ..asks the other side to reset its outgoing ones */
  WR_SCTP_RESET_TSN = 15,
  WR_SCTP_RESET_RESPONSE = 16,
  WR_SCTP_ADD_OUTGOING = 17,
  WR_SCTP_ADD_INCOMING = 18,
} wr_sctp_reset_kind;
typedef enum wr_sctp_reset_result {
  WR_SCTP_RESET_NOTHING_TO_DO = 0,
  WR_SCTP_RESET_PERFORMED = 1,
  WR_SCTP_RESET_DENIED = 2,
  WR_SCTP_RESET_WRONG_SSN = 3,
  WR_SCTP_RESET_BUSY = 4, /* "request already in progress" */
  WR_SCTP_RESET_BAD_SEQUENCE = 5,
  WR_SCTP_RESET_IN_PROGRESS = 6,
} wr_sctp_reset_result;
typedef struct wr_sctp_reset {
  wr_sctp_reset_kind kind;
  uint32_t sequence;          /* of the request; in a response: of the request it answers */
  uint32_t response_sequence; /* OUTGOING: of the incoming request it answers, if any */
  uint32_t last_tsn;          /* OUTGOING: last TSN assigned before the reset */
  uint32_t result;            /* RESPONSE */
  wr_bytes streams;           /* 2 bytes each; empty: all */
} wr_sctp_reset;
/* Reads the next parameter of a RE-CONFIG chunk's body. false: no more, or malformed (see wr_reader_ok). Parameters
 * of a type not listed above are skipped. */
bool wr_sctp_read_reset(wr_reader *body, wr_sctp_reset *reset);

/* ---- writing ---- */

void wr_sctp_write_header(wr_writer *w, uint16_t port, uint32_t tag); /* checksum 0 */
/* Everything between begin and end becomes the body of the chunk or parameter. The writer starts at the packet. */
size_t wr_sctp_begin_chunk(wr_writer *w, wr_sctp_chunk_type type, uint8_t flags);
void wr_sctp_end(wr_writer *w, size_t start);
size_t wr_sctp_begin_param(wr_writer *w, uint16_t type);
void wr_sctp_end_param(wr_writer *w, size_t start);
/* Fills in the right checksum of a finished packet. */
void wr_sctp_seal(uint8_t *packet, size_t len);

/* The fixed part and our extensions; |cookie| and |unrecognized| for INIT ACK (empty: left out). */
void wr_sctp_write_init(wr_writer *w, wr_sctp_chunk_type type, const wr_sctp_init_chunk *init);
/* The chunk header, DATA fields, and room: |payload_bytes| must follow, then wr_sctp_end. */
size_t wr_sctp_begin_data(wr_writer *w, const wr_sctp_data_chunk *data);
void wr_sctp_write_reset(wr_writer *w, const wr_sctp_reset *reset); /* one parameter */

#endif
