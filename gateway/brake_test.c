#include "gateway/brake.h"

#include "check.h"

static gw_brake brake;

static bool step(int ms, unsigned queue_ms) { return gw_brake_step(&brake, queue_ms * 1000, WR_S(9) + WR_MS(ms)); }

TEST(gw_brake_says_a_queue_that_has_stood_for_a_moment) {
  brake = (gw_brake){0};
  CHECK(!step(0, 20) && !step(20, 110) && !step(40, 140) && !step(60, 180));
  CHECK(step(80, 210));
  CHECK(!step(100, 230) && !step(120, 260)); /* no news */
}

TEST(gw_brake_lets_a_way_that_held_its_breath_be) {
  brake = (gw_brake){0};
  for (int i = 0; i < 10; i++) CHECK(!step(300 + i, 300 - (unsigned)i * 20)); /* all at once */
  CHECK(!step(320, 5));
  CHECK(!step(340, 120) && !step(360, 99) && !step(380, 120) && !step(420, 120)); /* comes and goes */
}

TEST(gw_brake_says_it_again_when_it_doubles_or_stays) {
  brake = (gw_brake){0};
  CHECK(!step(0, 120) && step(60, 120));
  CHECK(!step(80, 240) && step(100, 244));
  CHECK(!step(500, 244) && step(600, 244) && step(1100, 244));
  CHECK(!step(1120, 40)); /* gone: the next one is another */
  CHECK(!step(1140, 110) && step(1200, 110));
}
