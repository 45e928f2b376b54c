#include "conn/roam.h"

#include <string.h>

#include "base/io.h"
#include "check.h"

static uint8_t bytes[64];

static wr_bytes record(uint16_t epoch, uint32_t number) {
  memset(bytes, 0, sizeof bytes);
  memcpy(bytes, "\x17\xfe\xfd", 3);
  wr_put_u16(bytes + 3, epoch);
  wr_put_u32(bytes + 7, number);
  wr_put_u16(bytes + 11, 40);
  return wr_bytes_of(bytes, 53);
}

static wr_bytes rtp(uint32_t ssrc, uint16_t seq) {
  memset(bytes, 0, sizeof bytes);
  bytes[0] = 0x80, bytes[1] = 111;
  wr_put_u16(bytes + 2, seq);
  wr_put_u32(bytes + 8, ssrc);
  return wr_bytes_of(bytes, 40);
}

TEST(roam_records_continue_within_reach_and_after_silence) {
  wr_roam roam = {.heard_at = WR_S(1)};
  wr_time later = WR_S(1) + WR_ROAM_QUIET_US;
  wr_roam_record_in(&roam, record(1, 100));
  CHECK(!wr_roam_may_continue(&roam, record(1, 101), false, 0, 0, later)); /* not authenticated */
  wr_roam_record_read(&roam);
  CHECK(wr_roam_may_continue(&roam, record(1, 101), false, 0, 0, later));
  CHECK(wr_roam_may_continue(&roam, record(1, 100 + WR_ROAM_RECORDS), false, 0, 0, later));
  CHECK(!wr_roam_may_continue(&roam, record(1, 101 + WR_ROAM_RECORDS), false, 0, 0, later));
  CHECK(!wr_roam_may_continue(&roam, record(1, 100), false, 0, 0, later));
  CHECK(!wr_roam_may_continue(&roam, record(0, 101), false, 0, 0, later));
  CHECK(!wr_roam_may_continue(&roam, record(1, 101), false, 0, 0, later - 1));
  wr_bytes cut = record(1, 101);
  for (size_t len = 0; len < 53; len++)
    CHECK(!wr_roam_may_continue(&roam, wr_bytes_of(cut.data, len), false, 0, 0, later));
  wr_roam_record_in(&roam, record(1, 90)); /* late: not the last */
  wr_roam_record_read(&roam);
  CHECK_EQ(roam.record, 100);
}

TEST(roam_sound_continues_by_its_source) {
  wr_roam roam = {.heard_at = WR_S(1)};
  wr_time later = WR_S(2);
  CHECK(wr_roam_may_continue(&roam, rtp(7, 3), true, 7, 65535, later));
  CHECK(!wr_roam_may_continue(&roam, rtp(7, 3), true, 7, 3, later));
  CHECK(!wr_roam_may_continue(&roam, rtp(7, 2), true, 7, 3, later));
  CHECK(!wr_roam_may_continue(&roam, rtp(8, 4), true, 7, 3, later));
  CHECK(!wr_roam_may_continue(&roam, rtp(7, 4), false, 7, 3, later));
  CHECK(!wr_roam_may_continue(&roam, rtp(7, 3 + WR_ROAM_PACKETS + 1), true, 7, 3, later));
  wr_bytes rtcp = rtp(7, 4);
  bytes[1] = 200;
  CHECK(!wr_roam_may_continue(&roam, rtcp, true, 7, 3, later));
}
