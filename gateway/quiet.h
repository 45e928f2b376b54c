/* gateway/quiet.h - a caller who was heard all the time and suddenly is not: is the way to him dead?
 *
 * Media or data comes from a caller in a call without pause: his microphone, what he says of what he hears, pings
 * of the page. Where that stops, the path is most probably dead, seconds before ICE knows. How long a pause must be
 * depends on the caller: more than twice the longest that he made lately, |GW_QUIET_US| at least. Whoever usually
 * pauses for longer than |GW_QUIET_USUAL_US|, as one without microphone and pings, is never missed; nobody is
 * before he was heard steadily for a few seconds.
 *
 * When he is heard again, the numbers of his packets of sound tell a path that was dead from a network that was
 * late: what was under way is gone, or comes now. Who comes back by another path after a pause that is not his
 * habit leaves a dead one behind, whatever the numbers say: a microphone that is still sends nothing that could be
 * lost. A value. */
#ifndef GATEWAY_QUIET_H
#define GATEWAY_QUIET_H

#include "wr/types.h"

#define GW_QUIET_US WR_MS(300)
#define GW_QUIET_USUAL_US WR_MS(500)
#define GW_QUIET_FORGET_US WR_S(4)  /* in which a long pause is as good as forgotten */
#define GW_QUIET_JUDGE_US WR_MS(60) /* after his return sound must come, or there is none to judge by */
#define GW_QUIET_LOST 3             /* packets that did not come: no accident */
#define GW_QUIET_TURN_US WR_S(1)    /* sound may take another path so long before ICE says so */

typedef enum gw_quiet_verdict {
  GW_QUIET_UNKNOWN, /* not yet */
  GW_QUIET_LATE,    /* nothing was lost */
  GW_QUIET_DEAD,    /* what was sent to him is lost as well */
} gw_quiet_verdict;

/* Sound that came from him: packets, and those that by their numbers are missing. */
typedef struct gw_quiet_sound {
  uint64_t packets;
  int64_t lost;
} gw_quiet_sound;

typedef struct gw_quiet {
  wr_time heard_at;     /* 0: not yet */
  wr_time usual_us;     /* the longest pause lately */
  bool missed;          /* since a while after |heard_at| */
  bool moved;           /* not really: a better path is to be judged as if he were */
  bool roamed;          /* the path that he left is dead */
  wr_time turned_at;    /* what comes comes by another path since then; 0: by the same always */
  wr_time left_at;      /* and was last heard on the one before */
  bool left_dead;       /* after a pause that was not his habit */
  wr_time back_at;      /* missed: when something came again; 0: nothing yet */
  gw_quiet_sound sound; /* when he was missed */
} gw_quiet;

void gw_quiet_init(gw_quiet *quiet);
/* Something came. While he is missed: gw_quiet_judge is to be asked. */
void gw_quiet_heard(gw_quiet *quiet, wr_time now);
/* What came now, before gw_quiet_heard says so, came by another path than what came last. */
void gw_quiet_turn(gw_quiet *quiet, wr_time now);
/* When to call gw_quiet_miss, or gw_quiet_judge; WR_NEVER. */
wr_time gw_quiet_deadline(const gw_quiet *quiet);
/* true: he is missed from now on. */
bool gw_quiet_miss(gw_quiet *quiet, const gw_quiet_sound *sound, wr_time now);
/* He has another path, which may have taken less than a pause: to be judged. |roamed|: the old one is dead; else,
 * without sound to judge by, nothing was lost. */
void gw_quiet_move(gw_quiet *quiet, const gw_quiet_sound *sound, bool roamed, wr_time now);
/* For one who was missed and came back. After a verdict he is not missed any more; |*heard_at|: when he was heard
 * last before. */
gw_quiet_verdict gw_quiet_judge(gw_quiet *quiet, const gw_quiet_sound *sound, wr_time *heard_at, wr_time now);

#endif
