/* base/pool.h - the pool is part of the public contract: see wr/pool.h. */
#ifndef WR_BASE_POOL_H
#define WR_BASE_POOL_H
#include "wr/pool.h"
#endif
