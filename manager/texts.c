/* manager/texts.c - see texts.h. */
#include "manager/texts.h"

bool mgr_texts_tell(mgr_texts *t, int32_t number) {
  if (number <= t->told || number - t->done > MGR_N_TEXTS) return false;
  t->told = number;
  return true;
}

int32_t mgr_texts_say(mgr_texts *t, bool *again, mgr_time now) {
  if (t->said == t->told) return 0;
  t->said_at = now;
  *again = ++t->said <= t->most;
  if (!*again) t->most = t->said;
  return t->said;
}

void mgr_texts_new_channel(mgr_texts *t) { t->said = t->done; }

bool mgr_texts_proved(mgr_texts *t, mgr_time sent_at) {
  if (t->done == t->said || sent_at <= t->said_at) return false;
  t->done = t->said;
  return true;
}

bool mgr_texts_give_up(mgr_texts *t) {
  bool held = t->done != t->told;
  t->said = t->most = t->done = t->told;
  return held;
}
