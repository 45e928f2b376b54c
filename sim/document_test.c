#include "sim/document.h"

#include "check.h"

TEST(sim_document_lines) {
  const char *document = "# a\n\n| x | 1.0 |\nend";
  CHECK(sim_document_has(document, "# a"));
  CHECK(sim_document_has(document, "| x | 1.0 |"));
  CHECK(sim_document_has(document, "end"));
  CHECK(!sim_document_has(document, "| x | 1.0"));
  CHECK(!sim_document_has(document, "x | 1.0 |"));
  CHECK(!sim_document_has(document, "en"));
}

TEST(sim_document_verdicts) {
  char text[] = "\n| x | 1.0 |\n\n| x | 2.0 |\nend\n";
  unsigned n_passed = 0, n_failed = 0;
  char said[200];
  FILE *out = fmemopen(said, sizeof said, "w");
  sim_document_check(out, "| x | 1.0 |\nend\n", text, &n_passed, &n_failed);
  (void)fclose(out);
  CHECK(n_passed == 2 && n_failed == 1);
  CHECK_TEXT(said, "FAIL: the document does not say: | x | 2.0 |\n");
}

TEST(sim_document_that_is_not_there) { CHECK(!sim_document_read("/nonexistent")); }
