/* assistant/results.h - what a device's tools answer, read: devices word it in their own ways, and one puts every
 * text in quotes once more. Pure. */
#ifndef ASSISTANT_RESULTS_H
#define ASSISTANT_RESULTS_H

#include <jansson.h>

/* The volume in a get_device_status result; -1: it does not say. */
int as_result_volume(const char *result);
/* What a result says to a person: its "response", "message" or, if it is no object, itself. Cut at |cap|, never
 * inside of a character. */
void as_result_words(const char *result, char *out, size_t cap);
/* The ids of the songs that search_custom_music found, as texts, at least three (its player wants so many): some
 * again, if need be. NULL: none. The caller's. */
json_t *as_result_songs(const char *result);

#endif
