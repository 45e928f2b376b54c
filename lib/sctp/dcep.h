/* sctp/dcep.h - the Data Channel Establishment Protocol (RFC 8832): OPEN and ACK. */
#ifndef WR_SCTP_DCEP_H
#define WR_SCTP_DCEP_H

#include "base/io.h"

/* Payload protocol identifiers (RFC 8831 8). Empty messages are one zero byte under a PPID of their own. */
#define WR_PPID_DCEP 50
#define WR_PPID_STRING 51
#define WR_PPID_BINARY 53
#define WR_PPID_STRING_EMPTY 56
#define WR_PPID_BINARY_EMPTY 57

typedef enum wr_dcep_reliability { WR_DCEP_RELIABLE = 0, WR_DCEP_COUNT = 1, WR_DCEP_TIMED = 2 } wr_dcep_reliability;

typedef enum wr_dcep_kind { WR_DCEP_ACK = 2, WR_DCEP_OPEN = 3 } wr_dcep_kind;

typedef struct wr_dcep {
  wr_dcep_kind kind;
  /* OPEN only: */
  bool unordered;
  wr_dcep_reliability reliability;
  uint32_t parameter; /* retransmissions or milliseconds */
  uint16_t priority;
  wr_bytes label, protocol; /* borrowed */
} wr_dcep;

bool wr_dcep_read(wr_bytes message, wr_dcep *dcep); /* false: malformed or unknown */
void wr_dcep_write(wr_writer *w, const wr_dcep *dcep);

#endif
