/* assistant/memory.c - a table of people, each with a ring of exchanges; searched from end to end, for it is small.
 */
#include "assistant/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "wr/types.h"

typedef struct exchange {
  char *said, *answered;
} exchange;

typedef struct person {
  char key[AS_PERSON_MAX];
  int64_t last_at;
  size_t n, bytes;
  exchange exchanges[AS_MEMORY_EXCHANGES]; /* oldest first */
} person;

struct as_memory {
  size_t n;
  person *people[AS_MEMORY_PEOPLE];
};

as_memory *as_memory_open(void) { return calloc(1, sizeof(as_memory)); }

static void erase_text(char *text) {
  wr_wipe(text, strlen(text));
  free(text);
}

static void drop_oldest(person *p) {
  p->bytes -= strlen(p->exchanges[0].said) + strlen(p->exchanges[0].answered);
  erase_text(p->exchanges[0].said);
  erase_text(p->exchanges[0].answered);
  memmove(p->exchanges, p->exchanges + 1, --p->n * sizeof p->exchanges[0]);
}

static void erase_at(as_memory *m, size_t i) {
  person *p = m->people[i];
  while (p->n) drop_oldest(p);
  wr_wipe(p, sizeof *p);
  free(p);
  m->people[i] = m->people[--m->n];
}

void as_memory_close(as_memory *m) {
  if (!m) return;
  while (m->n) erase_at(m, m->n - 1);
  free(m);
}

static size_t find(const as_memory *m, const char *key) {
  size_t i = 0;
  while (i < m->n && strcmp(m->people[i]->key, key)) i++;
  return i;
}

/* Those who have been silent for too long, and one more if there is no room. */
static void make_room(as_memory *m, int64_t now_s) {
  size_t oldest = 0;
  for (size_t i = m->n; i-- > 0;)
    if (now_s - m->people[i]->last_at >= AS_MEMORY_LIFE_S) erase_at(m, i);
  if (m->n < AS_MEMORY_PEOPLE) return;
  for (size_t i = 1; i < m->n; i++)
    if (m->people[i]->last_at < m->people[oldest]->last_at) oldest = i;
  erase_at(m, oldest);
}

static person *person_for(as_memory *m, const char *key, int64_t now_s) {
  size_t i = find(m, key);
  if (i < m->n && now_s - m->people[i]->last_at < AS_MEMORY_LIFE_S) return m->people[i];
  make_room(m, now_s);
  person *p = calloc(1, sizeof *p);
  if (!p) return NULL;
  snprintf(p->key, sizeof p->key, "%s", key);
  m->people[m->n++] = p;
  return p;
}

/* At most AS_MEMORY_TEXT_MAX bytes, never half a character. */
static char *copy_of(const char *text) {
  size_t n = strlen(text);
  if (n > AS_MEMORY_TEXT_MAX) {
    n = AS_MEMORY_TEXT_MAX;
    while (n && ((unsigned char)text[n] & 0xc0) == 0x80) n--;
  }
  return strndup(text, n);
}

void as_memory_add(as_memory *m, const char *key, const char *said, const char *answered, int64_t now_s) {
  if (!*key || strlen(key) >= AS_PERSON_MAX) return;
  exchange new = {copy_of(said), copy_of(answered)};
  person *p = new.said &&new.answered ? person_for(m, key, now_s) : NULL;
  if (!p) {
    free(new.said);
    free(new.answered);
    return;
  }
  size_t bytes = strlen(new.said) + strlen(new.answered);
  while (p->n == AS_MEMORY_EXCHANGES || (p->n && p->bytes + bytes > AS_MEMORY_BYTES)) drop_oldest(p);
  p->exchanges[p->n++] = new;
  p->bytes += bytes;
  p->last_at = now_s;
}

bool as_memory_at(const as_memory *m, const char *key, size_t i, const char **said, const char **answered,
                  int64_t now_s) {
  size_t at = *key ? find(m, key) : m->n;
  if (at == m->n || now_s - m->people[at]->last_at >= AS_MEMORY_LIFE_S || i >= m->people[at]->n) return false;
  *said = m->people[at]->exchanges[i].said;
  *answered = m->people[at]->exchanges[i].answered;
  return true;
}

bool as_memory_erase(as_memory *m, const char *key) {
  size_t i = find(m, key);
  if (i == m->n) return false;
  erase_at(m, i);
  return true;
}

size_t as_memory_erase_device(as_memory *m, const char *device) {
  size_t before = m->n, len = strlen(device);
  for (size_t i = m->n; i-- > 0;)
    if (!strncasecmp(m->people[i]->key, device, len)) erase_at(m, i);
  return before - m->n;
}

size_t as_memory_count(const as_memory *m, size_t *bytes) {
  *bytes = 0;
  for (size_t i = 0; i < m->n; i++) *bytes += m->people[i]->bytes;
  return m->n;
}
