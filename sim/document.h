/* sim/document.h - a page of docs/ with tables that the simulator prints: whether it still says so. */
#ifndef SIM_DOCUMENT_H
#define SIM_DOCUMENT_H

#include <stdbool.h>
#include <stdio.h>

/* The whole file, NUL-terminated; owned by the caller (free). NULL: it cannot be read, or is empty. */
char *sim_document_read(const char *path);
/* Whether |line| (without its newline) is a line of |document|. */
bool sim_document_has(const char *document, const char *line);
/* One verdict for each line of |text|: those that are not in |document| are named on |out|, and failures. Lines
 * without a word are no verdicts. |text| is changed. */
void sim_document_check(FILE *out, const char *document, char *text, unsigned *n_passed, unsigned *n_failed);

#endif
