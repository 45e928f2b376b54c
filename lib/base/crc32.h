/* base/crc32.h - CRC-32 of ISO HDLC (ITU V.42), the one of STUN's FINGERPRINT. SCTP's CRC32c is another. */
#ifndef WR_BASE_CRC32_H
#define WR_BASE_CRC32_H

#include "wr/types.h"

uint32_t wr_crc32(wr_bytes bytes);

#endif
