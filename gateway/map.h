/* gateway/map.h - a hash map from short fixed-size keys to a number: addresses to sessions, ids to sessions.
 *
 * Open addressing, linear probing, removal by shifting back: no tombstones, so it never degrades. Its memory is
 * zeroed pages that become resident only as they are used. Keys may be chosen by strangers (addresses): the hash is
 * keyed with |seed|. Bounded: one more than |limit| is refused. One thread. */
#ifndef GATEWAY_MAP_H
#define GATEWAY_MAP_H

#include "wr/types.h"

#define GW_MAP_KEY 20

typedef struct gw_map_key {
  uint8_t bytes[GW_MAP_KEY];
} gw_map_key;

typedef struct gw_map_entry {
  gw_map_key key;
  uint32_t used;
  uint64_t value;
} gw_map_entry;

typedef struct gw_map {
  gw_map_entry *entries;
  uint32_t n_entries; /* a power of two, at least twice |limit| */
  uint32_t n, limit;
  uint64_t seed;
} gw_map;

bool gw_map_open(gw_map *map, uint32_t limit, uint64_t seed); /* false: no memory */
void gw_map_close(gw_map *map);
/* Adds or replaces. false: full. */
bool gw_map_set(gw_map *map, const gw_map_key *key, uint64_t value);
bool gw_map_get(const gw_map *map, const gw_map_key *key, uint64_t *value);
void gw_map_remove(gw_map *map, const gw_map_key *key);

gw_map_key gw_key_of_addr(const wr_addr *addr);
gw_map_key gw_key_of_id(const uint8_t id[16]);

#endif
