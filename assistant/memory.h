/* assistant/memory.h - what was said before, per person, for a dialogue that wants to know.
 *
 * A person is a device: a key made of Device-Id and Client-Id. Nothing is written to any disk, everything ends with
 * the program or AS_MEMORY_LIFE_S after the last word. Bounded: the oldest exchange of a person gives way, and the
 * person who has been silent for longest. Erased text is overwritten. One thread; |now_s| is seconds since 1970. */
#ifndef ASSISTANT_MEMORY_H
#define ASSISTANT_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  AS_MEMORY_PEOPLE = 512,
  AS_MEMORY_EXCHANGES = 12,   /* of one person: what was said and answered */
  AS_MEMORY_BYTES = 8 * 1024, /* of one person's exchanges */
  AS_MEMORY_TEXT_MAX = 2000,  /* bytes of one text; what is longer is cut */
  AS_MEMORY_LIFE_S = 24 * 3600,
  AS_PERSON_MAX = 160, /* bytes of a key */
};

typedef struct as_memory as_memory;

as_memory *as_memory_open(void); /* NULL: out of memory */
void as_memory_close(as_memory *memory);

/* |person| "" is nobody: nothing is kept. */
void as_memory_add(as_memory *memory, const char *person, const char *said, const char *answered, int64_t now_s);
/* The |i|th exchange, oldest first. false: there is none. The texts are borrowed until the next call that changes.
 */
bool as_memory_at(const as_memory *memory, const char *person, size_t i, const char **said, const char **answered,
                  int64_t now_s);
bool as_memory_erase(as_memory *memory, const char *person); /* false: there was nothing */
/* Everybody whose key begins with |device| in any case; "": everybody. Returns how many. */
size_t as_memory_erase_device(as_memory *memory, const char *device);
size_t as_memory_count(const as_memory *memory, size_t *bytes); /* people */

#endif
