/* gateway/said.c - see said.h. */
#include "gateway/said.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX 16 /* of `,"n":4294967295}` */

void gw_said_init(gw_said *said, gw_said_row *rows) { *said = (gw_said){.rows = rows}; }

static void forget(gw_said *said, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) {
    said->bytes -= said->rows[i].len;
    free(said->rows[i].text);
  }
  said->n_rows -= n;
  said->n_told -= n < said->n_told ? n : said->n_told;
  if (n) memmove(said->rows, said->rows + n, said->n_rows * sizeof(said->rows[0]));
}

void gw_said_wipe(gw_said *said) { forget(said, said->n_rows); }

/* The number goes before the brace that ends the object. */
static char *numbered(const char *json, size_t len, uint32_t number) {
  char *text = malloc(len + NUMBER_MAX);
  if (!text) return NULL;
  memcpy(text, json, len - 1);
  snprintf(text + len - 1, NUMBER_MAX + 1, ",\"n\":%u}", (unsigned)number);
  return text;
}

uint32_t gw_said_add(gw_said *said, const char *json) {
  size_t len = strlen(json);
  uint32_t n_lost = 0;
  if (len + NUMBER_MAX > GW_SAID_BYTES) return 1;
  char *text = numbered(json, len, said->last + 1);
  if (!text) return 1;
  gw_said_row row = {.text = text, .number = ++said->last, .len = (uint32_t)strlen(text), .at = WR_NEVER};
  while (said->n_rows == GW_SAID_ROWS || said->bytes + row.len > GW_SAID_BYTES) {
    n_lost += !said->n_told;
    forget(said, 1);
  }
  said->rows[said->n_rows++] = row;
  said->bytes += row.len;
  return n_lost;
}

const gw_said_row *gw_said_next(gw_said *said, wr_time now) {
  if (said->n_told == said->n_rows) return NULL;
  gw_said_row *row = &said->rows[said->n_told++];
  row->at = now;
  return row;
}

uint32_t gw_said_heard(gw_said *said, int64_t number) {
  uint32_t n = 0;
  while (n < said->n_told && said->rows[n].number <= number) n++;
  forget(said, n);
  n = said->n_told;
  said->n_told = 0;
  for (uint32_t i = 0; i < n; i++) said->rows[i].at = WR_NEVER;
  return n;
}

void gw_said_arrived(gw_said *said, wr_time until) {
  uint32_t n = 0;
  while (n < said->n_told && said->rows[n].at <= until) n++;
  forget(said, n);
}
