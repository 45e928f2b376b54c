/* assistant/resolver_test.c - names that need no network. */
#include "assistant/resolver.h"

#include <semaphore.h>
#include <time.h>

#include "check.h"

static void wake(void *ctx) { sem_post(ctx); }

static bool wait_for(sem_t *answered) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += 20;
  return sem_timedwait(answered, &until) == 0;
}

TEST(resolver_finds_this_machine_on_its_own_thread) {
  static const char *const names[] = {"localhost", "no such name"};
  sem_t answered;
  as_addresses found;
  sem_init(&answered, 0, 0);
  as_resolver *r = as_resolver_start(names, 2, wake, &answered);
  REQUIRE(r);
  CHECK_EQ(as_resolver_get(r, 0, &found, 100), AS_RESOLVING);
  CHECK(wait_for(&answered));
  CHECK_EQ(as_resolver_get(r, 0, &found, 100), AS_RESOLVED);
  CHECK(found.n > 0 && (!strcmp(found.text[0], "127.0.0.1") || !strcmp(found.text[0], "::1")));
  CHECK_EQ(as_resolver_get(r, 1, &found, 100), AS_RESOLVING);
  CHECK(wait_for(&answered));
  CHECK_EQ(as_resolver_get(r, 1, &found, 100), AS_NO_SUCH_NAME);
  CHECK_EQ(as_resolver_get(r, 1, &found, 101), AS_RESOLVING); /* asked again */
  CHECK(wait_for(&answered));
  CHECK_EQ(as_resolver_get(r, 0, &found, 100 + AS_NAME_LIFE_S), AS_RESOLVED); /* the old ones, while it asks anew */
  as_resolver_stop(r);
}
