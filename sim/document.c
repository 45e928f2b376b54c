/* sim/document.c - see sim/document.h. */
#include "sim/document.h"

#include <stdlib.h>
#include <string.h>

enum { DOCUMENT_MAX = 1 << 20 };

char *sim_document_read(const char *path) {
  FILE *in = fopen(path, "rb");
  char *text = calloc(1, DOCUMENT_MAX + 1);
  bool held = in && text && fread(text, 1, DOCUMENT_MAX, in) > 0;
  if (in) (void)fclose(in);
  if (held) return text;
  free(text);
  return NULL;
}

bool sim_document_has(const char *document, const char *line) {
  size_t length = strlen(line);
  for (const char *at = document; (at = strstr(at, line)) != NULL; at++) {
    bool begins = at == document || at[-1] == '\n', ends = at[length] == '\n' || at[length] == '\0';
    if (begins && ends) return true;
    if (!length) return false;
  }
  return false;
}

void sim_document_check(FILE *out, const char *document, char *text, unsigned *n_passed, unsigned *n_failed) {
  char *rest = NULL;
  for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
    bool held = sim_document_has(document, line);
    if (!held) fprintf(out, "FAIL: the document does not say: %s\n", line);
    ++*(held ? n_passed : n_failed);
  }
}
