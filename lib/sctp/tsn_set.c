/* sctp/tsn_set.c - a ring of bits behind the cumulative TSN; see the header. */
#include "sctp/tsn_set.h"

#include <string.h>

#include "base/seq.h"

static size_t word_of(uint32_t tsn) { return tsn % WR_TSN_WINDOW / 64; }
static uint64_t bit_of(uint32_t tsn) { return (uint64_t)1 << tsn % 64; }
static bool held(const wr_tsn_set *set, uint32_t tsn) { return (set->bits[word_of(tsn)] & bit_of(tsn)) != 0; }

static void drop(wr_tsn_set *set, uint32_t tsn) {
  if (!held(set, tsn)) return;
  set->bits[word_of(tsn)] &= ~bit_of(tsn);
  set->n_held--;
}

static void follow(wr_tsn_set *set) {
  while (set->n_held && held(set, set->cumulative + 1)) drop(set, ++set->cumulative);
  if (wr_seq32_newer(set->cumulative, set->highest)) set->highest = set->cumulative;
}

void wr_tsn_set_init(wr_tsn_set *set, uint32_t initial_tsn) {
  *set = (wr_tsn_set){.cumulative = initial_tsn - 1, .highest = initial_tsn - 1};
}

wr_tsn_status wr_tsn_set_status(const wr_tsn_set *set, uint32_t tsn) {
  int32_t ahead = wr_seq32_diff(tsn, set->cumulative);
  if (ahead <= 0) return WR_TSN_DUPLICATE;
  if (ahead > WR_TSN_WINDOW) return WR_TSN_OUTSIDE;
  return held(set, tsn) ? WR_TSN_DUPLICATE : WR_TSN_NEW;
}

void wr_tsn_set_add(wr_tsn_set *set, uint32_t tsn) {
  WR_ASSERT(wr_tsn_set_status(set, tsn) == WR_TSN_NEW);
  if (tsn == set->cumulative + 1) {
    set->cumulative = tsn;
  } else {
    set->bits[word_of(tsn)] |= bit_of(tsn);
    set->n_held++;
  }
  if (wr_seq32_newer(tsn, set->highest)) set->highest = tsn;
  follow(set);
}

void wr_tsn_set_remove(wr_tsn_set *set, uint32_t first, uint32_t last) {
  WR_ASSERT(wr_seq32_newer(first, set->cumulative) && last - first < WR_TSN_WINDOW);
  for (uint32_t tsn = first; tsn != last + 1; tsn++) drop(set, tsn);
}

void wr_tsn_set_forward(wr_tsn_set *set, uint32_t cumulative) {
  int32_t ahead = wr_seq32_diff(cumulative, set->cumulative);
  if (ahead <= 0) return;
  if (ahead >= WR_TSN_WINDOW) {
    memset(set->bits, 0, sizeof set->bits);
    set->n_held = 0;
  } else {
    for (uint32_t tsn = set->cumulative + 1; tsn != cumulative + 1; tsn++) drop(set, tsn);
  }
  set->cumulative = cumulative;
  follow(set);
}

void wr_tsn_set_note_duplicate(wr_tsn_set *set, uint32_t tsn) {
  if (set->n_duplicates < WR_TSN_DUPLICATES) set->duplicates[set->n_duplicates++] = tsn;
}

void wr_tsn_set_clear_duplicates(wr_tsn_set *set) { set->n_duplicates = 0; }

/* First offset in [from, limit] whose bit equals |want|; limit + 1: none. Whole words are skipped. */
static uint32_t find(const wr_tsn_set *set, uint32_t from, uint32_t limit, bool want) {
  while (from <= limit) {
    uint32_t tsn = set->cumulative + from;
    uint64_t word = set->bits[word_of(tsn)];
    uint64_t matching = (want ? word : ~word) >> tsn % 64;
    if (matching) {
      from += (uint32_t)__builtin_ctzll(matching);
      return from <= limit ? from : limit + 1;
    }
    from += 64 - tsn % 64;
  }
  return limit + 1;
}

bool wr_tsn_set_gap(const wr_tsn_set *set, uint32_t from, uint16_t *start, uint16_t *end) {
  uint32_t limit = set->highest - set->cumulative;
  if (!set->n_held || from > limit) return false;
  uint32_t first = find(set, from, limit, true);
  if (first > limit) return false;
  *start = (uint16_t)first;
  *end = (uint16_t)(find(set, first, limit, false) - 1);
  return true;
}
