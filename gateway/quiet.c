/* gateway/quiet.c - see quiet.h. */
#include "gateway/quiet.h"

void gw_quiet_init(gw_quiet *quiet) { *quiet = (gw_quiet){.usual_us = 2 * GW_QUIET_USUAL_US}; }

static void learn(gw_quiet *quiet, wr_time pause) {
  if (pause > 2 * GW_QUIET_USUAL_US) pause = 2 * GW_QUIET_USUAL_US;
  quiet->usual_us -= quiet->usual_us * pause / GW_QUIET_FORGET_US;
  if (quiet->usual_us < pause) quiet->usual_us = pause;
}

void gw_quiet_heard(gw_quiet *quiet, wr_time now) {
  if (quiet->missed) {
    if (!quiet->back_at) quiet->back_at = now;
    return;
  }
  if (quiet->heard_at) learn(quiet, now - quiet->heard_at);
  quiet->heard_at = now;
}

void gw_quiet_turn(gw_quiet *quiet, wr_time now) {
  if (!quiet->heard_at) return;
  wr_time pause = now - quiet->heard_at;
  quiet->turned_at = now;
  quiet->left_at = quiet->heard_at;
  quiet->left_dead = quiet->usual_us <= GW_QUIET_USUAL_US && pause > 2 * quiet->usual_us + WR_MS(20);
}

wr_time gw_quiet_deadline(const gw_quiet *quiet) {
  if (quiet->missed) return quiet->back_at ? quiet->back_at + GW_QUIET_JUDGE_US : WR_NEVER;
  if (!quiet->heard_at || quiet->usual_us > GW_QUIET_USUAL_US) return WR_NEVER;
  wr_time pause = quiet->usual_us * 2 + WR_MS(50);
  return quiet->heard_at + (pause > GW_QUIET_US ? pause : GW_QUIET_US);
}

bool gw_quiet_miss(gw_quiet *quiet, const gw_quiet_sound *sound, wr_time now) {
  if (quiet->missed || now < gw_quiet_deadline(quiet)) return false;
  quiet->missed = true;
  quiet->moved = quiet->roamed = false;
  quiet->back_at = 0;
  quiet->sound = *sound;
  return true;
}

void gw_quiet_move(gw_quiet *quiet, const gw_quiet_sound *sound, bool roamed, wr_time now) {
  if (quiet->missed) {
    gw_quiet_heard(quiet, now);
    return;
  }
  if (!quiet->heard_at) return;
  if (quiet->turned_at && now - quiet->turned_at < GW_QUIET_TURN_US && quiet->left_at < quiet->heard_at) {
    roamed = roamed || quiet->left_dead;
    quiet->heard_at = quiet->left_at;
  }
  quiet->turned_at = 0;
  quiet->missed = true;
  quiet->roamed = roamed;
  quiet->moved = !roamed;
  quiet->back_at = now;
  quiet->sound = *sound;
}

gw_quiet_verdict gw_quiet_judge(gw_quiet *quiet, const gw_quiet_sound *sound, wr_time *heard_at, wr_time now) {
  gw_quiet_verdict verdict = quiet->moved ? GW_QUIET_LATE : GW_QUIET_DEAD;
  bool is_habit = !quiet->moved; /* may be one; a path that sound proved dead is none */
  if (!quiet->missed || !quiet->back_at) return GW_QUIET_UNKNOWN;
  if (sound->packets != quiet->sound.packets || quiet->roamed) {
    bool is_late = !quiet->roamed && sound->lost - quiet->sound.lost < GW_QUIET_LOST;
    verdict = is_late ? GW_QUIET_LATE : GW_QUIET_DEAD;
    is_habit = is_habit && verdict == GW_QUIET_LATE;
  } else if (now < quiet->back_at + GW_QUIET_JUDGE_US) {
    return GW_QUIET_UNKNOWN;
  }
  *heard_at = quiet->heard_at;
  if (is_habit) learn(quiet, quiet->back_at - quiet->heard_at);
  quiet->heard_at = now;
  quiet->missed = quiet->moved = quiet->roamed = false;
  return verdict;
}
