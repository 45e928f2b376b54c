#include "gateway/library.h"

#include <dlfcn.h>
#include <string.h>

#include "check.h"

TEST(library_gives_functions_by_name) {
  double (*root)(double) = NULL;
  const gw_library_name names[] = {{"sqrt", &root}};
  char error[128] = "";
  void *library = gw_library_load("libm.so.6", names, 1, error, sizeof(error));
  REQUIRE(library != NULL);
  CHECK(root(9.0) > 2.9 && root(9.0) < 3.1);
  dlclose(library);
}

TEST(library_says_what_is_missing) {
  void (*none)(void) = NULL;
  const gw_library_name names[] = {{"no_such_function", &none}};
  char error[128] = "";
  CHECK(gw_library_load("libm.so.6", names, 1, error, sizeof(error)) == NULL);
  CHECK(strcmp(error, "libm.so.6 has no no_such_function") == 0);
  CHECK(none == NULL);
  CHECK(gw_library_load("no-such-library.so", names, 1, error, sizeof(error)) == NULL);
  CHECK(strstr(error, "no-such-library.so") != NULL);
}
