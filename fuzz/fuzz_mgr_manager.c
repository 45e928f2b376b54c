/* fuzz_mgr_manager.c - any events in any order, 8 bytes each: kind, time that passes, whose link and request,
 * value, more. The core must not trap, its deadline must lead somewhere, and left alone it must come to rest. */
#include "manager/state.h"
#include "wr/types.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { TICKS_MAX = 5000, AT_ONCE_MAX = 64 };

static mgr_manager m;
static uint32_t link_number, request, n_open;

static void drain(void) {
  mgr_command c;
  while (mgr_manager_poll(&m, &c)) {
    if (c.kind == MGR_COMMAND_OPEN) link_number = c.link, n_open++;
    if (c.kind == MGR_COMMAND_CLOSE) n_open--;
    if (c.request) request = c.request;
    WR_ASSERT(n_open <= 1);
  }
}

static void tell(int32_t kind, const uint8_t *at, mgr_time now) {
  bool stale = at[2] & 1, former = at[2] & 2;
  mgr_event event = {.kind = kind,
                     .link = stale ? at[3] : link_number,
                     .request = former ? at[3] : request,
                     .value = at[4] & 0x80 ? (int32_t)at[4] - 256 : (int32_t)at[4] * (at[2] & 4 ? 100 : 1),
                     .more = (uint32_t)(at[5] | at[6] << 8 | at[7] << 16)};
  mgr_manager_handle(&m, &event, now);
  drain();
}

static void sample(const uint8_t *at, mgr_time now) {
  mgr_sample s;
  double *members = (double *)&s;
  for (size_t i = 0; i < sizeof s / sizeof *members; i++) members[i] = at[i % 6 + 2] * 1.5 - (at[2] & 1 ? 100 : 0);
  mgr_manager_sample(&m, link_number, &s, now);
  drain();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  static const uint8_t nothing[8] = {0};
  mgr_settings settings;
  mgr_time now = 0;
  mgr_settings_default(&settings);
  link_number = request = n_open = 0;
  if (len < 8) return 0;
  settings.seed = data[0];
  settings.prepare = (mgr_prepare)(data[1] % 3);
  settings.require_microphone = data[2] & 1;
  mgr_manager_init(&m, &settings, now);
  for (data += 8, len -= 8; len >= 8; data += 8, len -= 8) {
    now += (mgr_time)data[1] * data[1] * 1000 * (data[2] & 8 ? 50 : 1);
    if (data[0] == 255)
      sample(data, now);
    else
      tell(data[0] % (MGR_N_EVENTS + 1), data, now);
    for (int n = 0; mgr_manager_deadline(&m) <= now; n++) {
      WR_ASSERT(n < AT_ONCE_MAX); /* an instant ends */
      tell(MGR_EVENT_TICK, nothing, now);
    }
  }
  for (int n = 0; mgr_manager_deadline(&m) != MGR_NEVER; n++) {
    WR_ASSERT(n < TICKS_MAX); /* timers end */
    now = mgr_manager_deadline(&m) > now ? mgr_manager_deadline(&m) : now;
    tell(MGR_EVENT_TICK, nothing, now);
  }
  WR_ASSERT(n_open == 0 || m.frozen);
  return 0;
}
