/* sctp/crc32c.h - the checksum of an SCTP packet (RFC 9260 6.8 and appendix A). */
#ifndef WR_SCTP_CRC32C_H
#define WR_SCTP_CRC32C_H

#include "wr/types.h"

/* Running form: start with WR_CRC32C_START, feed pieces in order, finish by wr_crc32c_end. */
#define WR_CRC32C_START 0xffffffffu
uint32_t wr_crc32c_update(uint32_t crc, wr_bytes data);
static inline uint32_t wr_crc32c_end(uint32_t crc) { return ~crc; }
uint32_t wr_crc32c(wr_bytes data);

#endif
