#include "gateway/map.h"

#include "check.h"

#define N_KEYS 200

static gw_map_key key_of(uint32_t n) {
  wr_addr addr = {.family = 4, .ip = {10, 0, (uint8_t)(n >> 8), (uint8_t)n}, .port = (uint16_t)(1000 + n)};
  return gw_key_of_addr(&addr);
}

/* Against an array as the oracle: any order of set, replace and remove. */
TEST(map_agrees_with_an_array) {
  check_rng rng = {7};
  gw_map map;
  uint64_t oracle[N_KEYS] = {0};
  REQUIRE(gw_map_open(&map, 128, 0x1234567890abcdefu));
  uint32_t n = 0;
  for (int step = 0; step < 20000; step++) {
    uint32_t k = check_rng_u32(&rng) % N_KEYS;
    gw_map_key key = key_of(k);
    if (check_rng_u32(&rng) % 2) {
      uint64_t value = 1 + check_rng_u32(&rng);
      bool fits = oracle[k] || n < 128;
      CHECK_EQ(gw_map_set(&map, &key, value), fits);
      if (!fits) continue;
      n += !oracle[k];
      oracle[k] = value;
    } else {
      gw_map_remove(&map, &key);
      n -= oracle[k] != 0;
      oracle[k] = 0;
    }
  }
  CHECK_EQ(map.n, n);
  for (uint32_t k = 0; k < N_KEYS; k++) {
    uint64_t value = 0;
    gw_map_key key = key_of(k);
    CHECK_EQ(gw_map_get(&map, &key, &value), oracle[k] != 0);
    CHECK_EQ(value, oracle[k]);
  }
  gw_map_close(&map);
}

TEST(map_tells_addresses_apart) {
  wr_addr a = {.family = 4, .ip = {127, 0, 0, 1}, .port = 5}, b = a;
  a.ip[9] = 77; /* behind the four bytes of an IPv4 address: no meaning */
  gw_map_key x = gw_key_of_addr(&a), y = gw_key_of_addr(&b);
  CHECK(memcmp(&x, &y, sizeof(x)) == 0);
  b.port = 6;
  y = gw_key_of_addr(&b);
  CHECK(memcmp(&x, &y, sizeof(x)) != 0);
  b.port = 5;
  b.family = 6;
  y = gw_key_of_addr(&b);
  CHECK(memcmp(&x, &y, sizeof(x)) != 0);
}
