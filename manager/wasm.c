/* manager/wasm.c - the core's door in the browser: one manager per WebAssembly.Instance, in its own memory.
 *
 * No imports. Numbers cross as int32 and double, time as milliseconds in doubles (infinity: never; NaN: not
 * reached); structs are read and written where area() says they are, and are plain arrays. The other side of the
 * door is web/js/manager/core.js; tools/names.py keeps the order of the members the same on both. */
#include "manager/manager.h"
#include "manager/state.h"

#define DOOR(name) __attribute__((export_name(#name))) name

_Static_assert(sizeof(mgr_command) == 10 * 4, "ten words");
_Static_assert(sizeof(mgr_gateway_report) == 4 * 8, "four doubles");
_Static_assert(sizeof(mgr_sender) == 8 * 4, "eight words");
_Static_assert(sizeof(mgr_counts) == 10 * 4, "ten words");
_Static_assert(sizeof(mgr_figures) % 8 == 0 && sizeof(mgr_sample) % 8 == 0, "doubles");

enum area { AREA_COMMAND, AREA_SAMPLE, AREA_REPORT, AREA_FIGURES, AREA_SENDER, AREA_COUNTS };

static mgr_manager manager;
static mgr_settings settings;
static mgr_command command;
static mgr_sample sample_in;
static mgr_gateway_report report_in;

/* Microseconds, rounded: what deadline() gave comes back as it was. 285 years are enough. */
static mgr_time time_of(double ms) {
  if (!(ms > 0)) return 0;
  return ms < 9e12 ? (mgr_time)(ms * 1000.0 + 0.5) : (mgr_time)9000000000000000;
}

static double ms_of(mgr_time at, double never) { return at == MGR_NEVER ? never : (double)at / 1000.0; }

void DOOR(defaults)(int32_t specification);
void DOOR(defaults)(int32_t specification) {
  if (specification) {
    mgr_settings_specification(&settings);
  } else {
    mgr_settings_default(&settings);
  }
}

/* The |nth| number of setting |which|; 0 if there is no such one, or the value is not one. A table, as a switch
 * over all members would be a sixth of the code. */
int32_t DOOR(set)(uint32_t which, uint32_t nth, double value);
int32_t DOOR(set)(uint32_t which, uint32_t nth, double value) {
  static const struct {
    uint16_t at, count_at;
    uint8_t size, most;
  } members[] = {
#define MGR_SETTING_LIST(name, count, most, text) \
  {offsetof(mgr_settings, name), offsetof(mgr_settings, count), sizeof settings.name[0], most},
#define MGR_SETTING(name, member, text) {offsetof(mgr_settings, member), 0, sizeof settings.member, 1},
#include "manager/settings.def"
#undef MGR_SETTING_LIST
#undef MGR_SETTING
  };
  if (which >= sizeof members / sizeof *members || nth >= members[which].most) return 0;
  if (!(value >= 0 && value < 4294967296.0)) return 0;
  char *base = (char *)&settings;
  uint32_t number = (uint32_t)value;
  if (members[which].size == sizeof(bool)) {
    *(bool *)(base + members[which].at) = number;
  } else {
    *((uint32_t *)(void *)(base + members[which].at) + nth) = number;
  }
  if (members[which].count_at) *(uint32_t *)(void *)(base + members[which].count_at) = nth + 1;
  return 1;
}

void DOOR(init)(uint32_t seed_low, uint32_t seed_high, double now_ms);
void DOOR(init)(uint32_t seed_low, uint32_t seed_high, double now_ms) {
  settings.seed = (uint64_t)seed_high << 32 | seed_low;
  mgr_manager_init(&manager, &settings, time_of(now_ms));
}

void DOOR(handle)(int32_t kind, uint32_t link, uint32_t request, int32_t value, uint32_t more, double now_ms);
void DOOR(handle)(int32_t kind, uint32_t link, uint32_t request, int32_t value, uint32_t more, double now_ms) {
  mgr_event event = {.kind = kind, .link = link, .request = request, .value = value, .more = more};
  mgr_manager_handle(&manager, &event, time_of(now_ms));
}

void DOOR(sample)(uint32_t link, double now_ms);
void DOOR(sample)(uint32_t link, double now_ms) { mgr_manager_sample(&manager, link, &sample_in, time_of(now_ms)); }

void DOOR(report)(uint32_t link, double now_ms);
void DOOR(report)(uint32_t link, double now_ms) { mgr_manager_report(&manager, link, &report_in, time_of(now_ms)); }

int32_t DOOR(poll)(void);
int32_t DOOR(poll)(void) { return mgr_manager_poll(&manager, &command); }

double DOOR(deadline)(void);
double DOOR(deadline)(void) { return ms_of(mgr_manager_deadline(&manager), __builtin_inf()); }

int32_t DOOR(state)(void);
int32_t DOOR(state)(void) { return (int32_t)mgr_manager_state(&manager); }

int32_t DOOR(reason)(void);
int32_t DOOR(reason)(void) { return (int32_t)mgr_manager_reason(&manager); }

int32_t DOOR(turn)(void);
int32_t DOOR(turn)(void) { return (int32_t)mgr_manager_turn(&manager); }

int32_t DOOR(can_talk)(void);
int32_t DOOR(can_talk)(void) { return mgr_manager_can_talk(&manager); }

double DOOR(phase)(int32_t phase);
double DOOR(phase)(int32_t phase) {
  bool known = phase >= 0 && phase < MGR_N_PHASES;
  return ms_of(known ? mgr_manager_phase(&manager, (mgr_phase)phase) : MGR_NEVER, __builtin_nan(""));
}

/* Where an area begins. Those of the manager's own may be asked for only after init. */
const void *DOOR(area)(int32_t which);
const void *DOOR(area)(int32_t which) {
  switch (which) {
    case AREA_COMMAND: return &command;
    case AREA_SAMPLE: return &sample_in;
    case AREA_REPORT: return &report_in;
    case AREA_FIGURES: return mgr_manager_quality(&manager);
    case AREA_SENDER: return mgr_manager_sender(&manager);
    case AREA_COUNTS: return mgr_manager_counts(&manager);
    default: return NULL;
  }
}
