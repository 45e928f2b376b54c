/* base/seq.h - serial number arithmetic (RFC 1982): comparisons that survive wrap-around. */
#ifndef WR_BASE_SEQ_H
#define WR_BASE_SEQ_H

#include <stdbool.h>
#include <stdint.h>

static inline int16_t wr_seq16_diff(uint16_t a, uint16_t b) { return (int16_t)(uint16_t)(a - b); }
static inline bool wr_seq16_newer(uint16_t a, uint16_t b) { return wr_seq16_diff(a, b) > 0; }
static inline int32_t wr_seq32_diff(uint32_t a, uint32_t b) { return (int32_t)(a - b); }
static inline bool wr_seq32_newer(uint32_t a, uint32_t b) { return wr_seq32_diff(a, b) > 0; }

#endif
