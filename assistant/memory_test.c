/* assistant/memory_test.c - bounds, and nobody sees what another said. */
#include "assistant/memory.h"

#include <stdio.h>

#include "check.h"

static size_t count(as_memory *m, const char *who, int64_t now_s) {
  const char *said, *answered;
  size_t n = 0;
  while (as_memory_at(m, who, n, &said, &answered, now_s)) n++;
  return n;
}

TEST(memory_keeps_the_latest_of_each_person_apart) {
  as_memory *m = as_memory_open();
  const char *said, *answered;
  for (int i = 0; i < AS_MEMORY_EXCHANGES + 3; i++) {
    char text[20];
    snprintf(text, sizeof text, "%d", i);
    as_memory_add(m, "a", text, "yes", 1);
  }
  as_memory_add(m, "b", "secret", "no", 1);
  as_memory_add(m, "", "nobody", "no", 1);
  CHECK_EQ(count(m, "a", 1), AS_MEMORY_EXCHANGES);
  REQUIRE(as_memory_at(m, "a", 0, &said, &answered, 1));
  CHECK_TEXT(said, "3");
  CHECK_TEXT(answered, "yes");
  CHECK_EQ(count(m, "b", 1), 1);
  CHECK_EQ(count(m, "", 1), 0);
  CHECK_EQ(count(m, "A", 1), 0);
  as_memory_close(m);
}

TEST(memory_is_bounded_in_bytes_and_people) {
  static char text[3 * AS_MEMORY_TEXT_MAX];
  as_memory *m = as_memory_open();
  const char *said, *answered;
  size_t bytes;
  for (size_t i = 0; i + 3 < sizeof text; i += 3) memcpy(text + i, "\xe4\xbd\xa0", 3);
  for (int i = 0; i < 30; i++) as_memory_add(m, "a", text, text, i);
  CHECK_EQ(as_memory_count(m, &bytes), 1);
  CHECK(bytes <= AS_MEMORY_BYTES && bytes > AS_MEMORY_TEXT_MAX);
  REQUIRE(as_memory_at(m, "a", 0, &said, &answered, 30));
  CHECK_EQ(strlen(said) % 3, 0);
  for (int i = 0; i < 2 * AS_MEMORY_PEOPLE; i++) {
    char who[20];
    snprintf(who, sizeof who, "p%d", i);
    as_memory_add(m, who, "hello", "hi", 100 + i);
  }
  CHECK_EQ(as_memory_count(m, &bytes), AS_MEMORY_PEOPLE);
  CHECK(bytes <= (size_t)AS_MEMORY_PEOPLE * 7);
  CHECK_EQ(count(m, "a", 2000), 0);
  CHECK_EQ(count(m, "p1023", 2000), 1);
  as_memory_close(m);
}

TEST(memory_is_erased_on_demand_and_by_time) {
  as_memory *m = as_memory_open();
  size_t bytes;
  as_memory_add(m, "02:aa 1", "x", "y", 0);
  as_memory_add(m, "02:aa 2", "x", "y", 0);
  as_memory_add(m, "02:bb 1", "x", "y", 5);
  CHECK(!as_memory_erase(m, "02:cc"));
  CHECK(as_memory_erase(m, "02:aa 1"));
  CHECK_EQ(count(m, "02:aa 1", 1), 0);
  CHECK_EQ(count(m, "02:aa 2", 1), 1);
  CHECK_EQ(as_memory_erase_device(m, "02:AA "), 1);
  CHECK_EQ(as_memory_count(m, &bytes), 1);
  CHECK_EQ(bytes, 2);
  CHECK_EQ(count(m, "02:bb 1", 4 + AS_MEMORY_LIFE_S), 1);
  CHECK_EQ(count(m, "02:bb 1", 5 + AS_MEMORY_LIFE_S), 0);
  as_memory_add(m, "02:bb 1", "x", "y", 6 + AS_MEMORY_LIFE_S);
  CHECK_EQ(count(m, "02:bb 1", 6 + AS_MEMORY_LIFE_S), 1);
  CHECK_EQ(as_memory_erase_device(m, ""), 1);
  as_memory_close(m);
}
