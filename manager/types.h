/* manager/types.h - what all of manager/ shares: time. Freestanding: only the compiler's headers are included. */
#ifndef MANAGER_TYPES_H
#define MANAGER_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef int64_t mgr_time; /* microseconds, monotonic, the caller's zero */
#define MGR_NEVER INT64_MAX
#define MGR_MS(n) ((mgr_time)(n)*1000)
#define MGR_S(n) ((mgr_time)(n)*1000000)

static inline mgr_time mgr_time_min(mgr_time a, mgr_time b) { return a < b ? a : b; }
/* |at| + |delay|, never past MGR_NEVER. */
static inline mgr_time mgr_time_add(mgr_time at, mgr_time delay) {
  return delay >= MGR_NEVER - at ? MGR_NEVER : at + delay;
}

#endif
