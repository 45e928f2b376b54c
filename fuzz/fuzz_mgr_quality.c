/* fuzz_mgr_quality.c - a script of statistics. Four bytes are one step: some good or bad time passes, a member of
 * the sample becomes anything (the eight bytes that follow, as a double), a sample is fed, the gateway reports, the
 * connection is another one. Whatever comes, the figures are absent or in range, levels rise by one, and what is
 * told as changed has changed. */
#include "manager/quality_test.h"
#include "wr/types.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { N_MEMBERS = sizeof(mgr_sample) / sizeof(double) };

static double raw_double(const uint8_t *bytes) {
  double x;
  memcpy(&x, bytes, sizeof x);
  return x;
}

static void pass_time(call *c, const uint8_t *step) {
  weather w = {.lost_down = step[1] % 51, .lost_up = step[2] % 51, .rtt_s = (step[3] & 15) / 20.0};
  w.jitter_s = (step[3] >> 4) / 100.0;
  w.concealed = (step[1] >> 6) / 8.0;
  w.mic_level = step[2] >> 6;
  pass(c, &w, step[0] & 0x80 ? 1.0 : 0.05);
}

/* Returns how many bytes of |data| it used. */
static size_t run_step(call *c, const uint8_t *data, size_t len, unsigned *changed) {
  double *members = (double *)&c->s;
  *changed = 0;
  switch (data[0] & 7) {
    case 0: pass_time(c, data); return 4;
    case 1:
      pass_time(c, data);
      *changed = feed(c);
      return 4;
    case 2:
      if (len < 12) return 4;
      members[data[1] % N_MEMBERS] = raw_double(data + 4);
      return 12;
    case 3: members[data[1] % N_MEMBERS] = (int8_t)data[2] * (data[3] & 1 ? 1e-3 : 1e3); return 4;
    case 4:
      c->now += MGR_MS(1) * (int16_t)(data[1] << 8 | data[2]);
      *changed = feed(c);
      return 4;
    case 5:
      c->report.received += data[1];
      c->report.lost += (int8_t)data[2];
      c->report.rtt_ms = data[3];
      if (data[0] & 0x80 && len >= 12) ((double *)&c->report)[data[3] & 3] = raw_double(data + 4);
      mgr_quality_gateway(&c->q, &c->report, c->now);
      return data[0] & 0x80 && len >= 12 ? 12 : 4;
    case 6: mgr_quality_restart(&c->q); return 4;
    default: *changed = mgr_quality_set_muted(&c->q, data[1] & 1); return 4;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  call c;
  begin(&c);
  while (len >= 4) {
    mgr_quality before = c.q;
    unsigned changed;
    size_t n = run_step(&c, data, len, &changed);
    WR_ASSERT(is_lawful(&before, &c.q, changed));
    data += n;
    len -= n;
  }
  return 0;
}
