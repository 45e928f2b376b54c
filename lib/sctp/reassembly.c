/* sctp/reassembly.c - the sorted list of runs; see the header.
 *
 * Invariants: runs are disjoint and ascending; two neighbours whose TSNs touch belong to different messages (the
 * first ends, the second begins). A whole ordered message whose turn has not come stays in the list, where it may
 * still be reneged on. */
#include "sctp/reassembly.h"

#include "base/seq.h"
#include "sctp/tsn_set.h"

void wr_sctp_reassembly_init(wr_sctp_reassembly *r, wr_pool *pool, uint32_t budget_bytes,
                             uint32_t max_message_bytes) {
  *r = (wr_sctp_reassembly){.max_message_bytes = max_message_bytes};
  wr_store_init(&r->store, pool, budget_bytes);
}

void wr_sctp_run_give(wr_sctp_reassembly *r, wr_sctp_run *run) {
  wr_rope_wipe(&run->bytes, &r->store);
  wr_store_give(&r->store, run);
}

static bool is_whole(const wr_sctp_run *run) { return run->begins && run->ends; }

static void unlink_run(wr_sctp_reassembly *r, wr_sctp_run *run) {
  if (run->prev) {
    run->prev->next = run->next;
  } else {
    r->first = run->next;
  }
  if (run->next) {
    run->next->prev = run->prev;
  } else {
    r->last = run->prev;
  }
  if (r->near == run) r->near = run->prev ? run->prev : run->next;
  if (is_whole(run)) r->n_whole--;
  run->prev = run->next = NULL;
}

static void drop_run(wr_sctp_reassembly *r, wr_sctp_run *run) {
  unlink_run(r, run);
  wr_sctp_run_give(r, run);
}

void wr_sctp_reassembly_wipe(wr_sctp_reassembly *r) {
  while (r->first) drop_run(r, r->first);
}

/* The last run that starts before |tsn|; NULL: none. Fragments come nearly in order: begin where the last one was.
 */
static wr_sctp_run *run_before(const wr_sctp_reassembly *r, uint32_t tsn) {
  wr_sctp_run *run = r->near ? r->near : r->last;
  while (run && wr_seq32_newer(run->first_tsn, tsn)) run = run->prev;
  while (run && run->next && wr_seq32_newer(tsn, run->next->first_tsn)) run = run->next;
  return run;
}

static bool same_message(const wr_sctp_run *run, const wr_sctp_data_chunk *data) {
  bool unordered = (data->flags & WR_SCTP_FLAG_UNORDERED) != 0;
  return run->stream == data->stream && run->unordered == unordered && (unordered || run->ssn == data->ssn);
}

static void check_size(wr_sctp_reassembly *r, wr_sctp_run *run) {
  if (run->bytes.len <= r->max_message_bytes) return;
  run->too_big = true;
  wr_rope_wipe(&run->bytes, &r->store);
}

static wr_sctp_run *add_run(wr_sctp_reassembly *r, wr_sctp_run *before, const wr_sctp_data_chunk *data) {
  wr_sctp_run *run = wr_store_take(&r->store, sizeof *run);
  *run = (wr_sctp_run){.prev = before,
                       .next = before ? before->next : r->first,
                       .first_tsn = data->tsn,
                       .last_tsn = data->tsn,
                       .ppid = data->ppid,
                       .stream = data->stream,
                       .ssn = data->ssn,
                       .begins = (data->flags & WR_SCTP_FLAG_BEGIN) != 0,
                       .ends = (data->flags & WR_SCTP_FLAG_END) != 0,
                       .unordered = (data->flags & WR_SCTP_FLAG_UNORDERED) != 0};
  *(before ? &before->next : &r->first) = run;
  *(run->next ? &run->next->prev : &r->last) = run;
  wr_rope_append(&run->bytes, &r->store, data->payload);
  return run;
}

/* |run| is directly followed by |run->next|, which belongs to the same message. */
static void join_next(wr_sctp_reassembly *r, wr_sctp_run *run) {
  wr_sctp_run *next = run->next;
  run->last_tsn = next->last_tsn;
  run->ends = next->ends;
  run->too_big = run->too_big || next->too_big;
  if (run->too_big) {
    wr_rope_wipe(&run->bytes, &r->store);
  } else {
    wr_rope_join(&run->bytes, &next->bytes);
  }
  drop_run(r, next);
}

wr_sctp_insert wr_sctp_reassembly_insert(wr_sctp_reassembly *r, const wr_sctp_data_chunk *data) {
  wr_sctp_run *run = run_before(r, data->tsn), *next = run ? run->next : r->first;
  bool begins = (data->flags & WR_SCTP_FLAG_BEGIN) != 0, ends = (data->flags & WR_SCTP_FLAG_END) != 0;
  bool touches = run && run->last_tsn + 1 == data->tsn, touched = next && next->first_tsn == data->tsn + 1;
  /* Touching fragments either belong together or are the end of one message and the beginning of another. */
  if (touches && (run->ends != begins || (!begins && !same_message(run, data)))) return WR_SCTP_INSERT_VIOLATION;
  if (touched && (next->begins != ends || (!ends && !same_message(next, data)))) return WR_SCTP_INSERT_VIOLATION;
  wr_store_plan plan = wr_store_plan_begin(&r->store);
  wr_store_plan_record(&plan, sizeof *run);
  wr_store_plan_append(&plan, data->payload.len);
  if (!wr_store_fits(&r->store, &plan)) return WR_SCTP_INSERT_FULL;
  if (touches && !begins) {
    run->last_tsn = data->tsn;
    run->ends = ends;
    if (!run->too_big) wr_rope_append(&run->bytes, &r->store, data->payload);
  } else {
    run = add_run(r, run, data);
  }
  r->near = run;
  if (touched && !ends) join_next(r, run);
  check_size(r, run);
  if (is_whole(run)) r->n_whole++;
  return WR_SCTP_INSERTED;
}

static bool is_due(const wr_sctp_reassembly *r, const wr_sctp_run *run) {
  return is_whole(run) && (run->unordered || run->ssn == r->next_ssn[run->stream]);
}

static wr_sctp_run *hand_over(wr_sctp_reassembly *r, wr_sctp_run *run) {
  unlink_run(r, run);
  if (!run->unordered) {
    r->next_ssn[run->stream]++;
    r->look_again = true;
  }
  return run;
}

wr_sctp_run *wr_sctp_reassembly_take(wr_sctp_reassembly *r) {
  if (r->n_whole == 0) return NULL;
  if (r->near && is_due(r, r->near)) return hand_over(r, r->near);
  if (!r->look_again) return NULL;
  for (wr_sctp_run *run = r->first; run; run = run->next) {
    if (is_due(r, run)) return hand_over(r, run);
  }
  r->look_again = false;
  return NULL;
}

/* A run that lacks its beginning (end) although the TSN before (after) it is settled will never be whole. */
static bool is_hopeless(const wr_sctp_run *run, uint32_t cumulative) {
  bool begin_lost = !run->begins && !wr_seq32_newer(run->first_tsn - 1, cumulative);
  bool end_lost = !run->ends && !wr_seq32_newer(run->last_tsn + 1, cumulative);
  return begin_lost || end_lost;
}

void wr_sctp_reassembly_prune(wr_sctp_reassembly *r, uint32_t cumulative) {
  for (wr_sctp_run *run = r->first, *next; run; run = next) {
    next = run->next;
    if (wr_seq32_newer(run->first_tsn - 1, cumulative)) return;
    if (is_hopeless(run, cumulative)) drop_run(r, run);
  }
}

void wr_sctp_reassembly_skip(wr_sctp_reassembly *r, uint16_t stream, uint16_t ssn) {
  if (wr_seq16_newer(r->next_ssn[stream], ssn)) return;
  r->next_ssn[stream] = (uint16_t)(ssn + 1);
  r->look_again = true;
}

void wr_sctp_reassembly_reset_stream(wr_sctp_reassembly *r, uint16_t stream) {
  r->next_ssn[stream] = 0;
  r->look_again = true;
}

bool wr_sctp_reassembly_renege(wr_sctp_reassembly *r, uint32_t tsn, uint32_t *first_tsn, uint32_t *last_tsn) {
  wr_sctp_run *run = r->last;
  /* Only what lies in the window is still ours to take back. A message whose turn never came may be so old that its
   * number looks new again. */
  if (!run || run->first_tsn - tsn - 1 >= WR_TSN_WINDOW - 1 || run->last_tsn - tsn >= WR_TSN_WINDOW) return false;
  *first_tsn = run->first_tsn;
  *last_tsn = run->last_tsn;
  drop_run(r, run);
  return true;
}

/* A peer of tiny fragments overruns this window: memory is what counts, and it sees losses. */
uint32_t wr_sctp_reassembly_window(const wr_sctp_reassembly *r) {
  uint32_t window = wr_store_free_bytes(&r->store);
  return window < 2048 ? 0 : window;
}
