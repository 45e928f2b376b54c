/* gateway/map.c - keyed hashing, probing, and removal without tombstones. */
#include "gateway/map.h"

#include <string.h>
#include <sys/mman.h>

#include "base/io.h"

bool gw_map_open(gw_map *map, uint32_t limit, uint64_t seed) {
  uint32_t n = 16;
  while (n < 2 * limit) n *= 2;
  *map = (gw_map){.n_entries = n, .limit = limit, .seed = seed};
  map->entries = mmap(NULL, n * sizeof(gw_map_entry), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return map->entries != MAP_FAILED;
}

void gw_map_close(gw_map *map) {
  if (map->entries) munmap(map->entries, map->n_entries * sizeof(gw_map_entry));
  map->entries = NULL;
}

/* Three multiply-and-fold rounds (the core of wyhash): a stranger without |seed| cannot aim at a bucket. */
static uint64_t fold(uint64_t a, uint64_t b) {
  __extension__ unsigned __int128 product = (unsigned __int128)a * b;
  return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint32_t home_of(const gw_map *map, const gw_map_key *key) {
  uint64_t a, b;
  uint32_t c;
  memcpy(&a, key->bytes, 8);
  memcpy(&b, key->bytes + 8, 8);
  memcpy(&c, key->bytes + 16, 4);
  uint64_t h = fold(a ^ map->seed, b ^ 0xa0761d6478bd642fu);
  h = fold(h ^ c, map->seed ^ 0xe7037ed1a0b428dbu);
  return (uint32_t)(h >> 32) & (map->n_entries - 1);
}

static gw_map_entry *find(const gw_map *map, const gw_map_key *key) {
  uint32_t i = home_of(map, key);
  while (map->entries[i].used && memcmp(&map->entries[i].key, key, sizeof(*key)) != 0)
    i = (i + 1) & (map->n_entries - 1);
  return &map->entries[i];
}

bool gw_map_set(gw_map *map, const gw_map_key *key, uint64_t value) {
  gw_map_entry *entry = find(map, key);
  if (!entry->used) {
    if (map->n == map->limit) return false;
    *entry = (gw_map_entry){.key = *key, .used = 1};
    map->n++;
  }
  entry->value = value;
  return true;
}

bool gw_map_get(const gw_map *map, const gw_map_key *key, uint64_t *value) {
  const gw_map_entry *entry = find(map, key);
  if (entry->used) *value = entry->value;
  return entry->used != 0;
}

void gw_map_remove(gw_map *map, const gw_map_key *key) {
  gw_map_entry *hole = find(map, key);
  if (!hole->used) return;
  map->n--;
  uint32_t mask = map->n_entries - 1, at = (uint32_t)(hole - map->entries);
  /* Moves back every follower that may not stand behind a hole. */
  for (uint32_t i = (at + 1) & mask; map->entries[i].used; i = (i + 1) & mask) {
    uint32_t home = home_of(map, &map->entries[i].key);
    if (((i - home) & mask) < ((i - at) & mask)) continue;
    map->entries[at] = map->entries[i];
    at = i;
  }
  map->entries[at].used = 0;
}

gw_map_key gw_key_of_addr(const wr_addr *addr) {
  gw_map_key key = {{0}};
  memcpy(key.bytes, addr->ip, addr->family == 4 ? 4 : 16);
  wr_put_u16(key.bytes + 16, addr->port);
  key.bytes[18] = addr->family;
  return key;
}

gw_map_key gw_key_of_id(const uint8_t id[16]) {
  gw_map_key key = {{0}};
  memcpy(key.bytes, id, 16);
  return key;
}
