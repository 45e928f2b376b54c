/* gateway/identity_test.c - pitfalls 2 to 4: addresses are kept, unicast, of the right form. */
#include "gateway/identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

TEST(identity_pitfall_2_is_kept_in_a_file) {
  char folder[] = "/tmp/identity-test-XXXXXX", path[64], error[512];
  uint8_t first[GW_SECRET_BYTES], second[GW_SECRET_BYTES];
  struct stat what;
  CHECK(mkdtemp(folder) != NULL);
  snprintf(path, sizeof(path), "%s/a/identity", folder);
  CHECK(gw_identity_load(first, path, error));
  CHECK(gw_identity_load(second, path, error));
  CHECK(memcmp(first, second, sizeof(first)) == 0);
  CHECK(stat(path, &what) == 0 && (what.st_mode & 0777) == 0600);
  FILE *file = fopen(path, "we");
  CHECK(file && fputs("nonsense\n", file) >= 0 && fclose(file) == 0);
  CHECK(!gw_identity_load(second, path, error));
  CHECK(strstr(error, "hexadecimal") != NULL);
  CHECK(unlink(path) == 0);
  path[strlen(path) - strlen("/identity")] = 0;
  CHECK(rmdir(path) == 0 && rmdir(folder) == 0);
}

TEST(identity_pitfalls_3_and_4_unicast_lower_case_and_the_same_each_time) {
  uint8_t secret[GW_SECRET_BYTES] = "a secret";
  gw_identity one, again, other;
  for (uint32_t slot = 0; slot < 200; slot++) {
    gw_identity_from_slot(&one, secret, 1, slot);
    gw_identity_from_slot(&again, secret, 1, slot);
    gw_identity_from_slot(&other, secret, 2, slot);
    CHECK(memcmp(&one, &again, sizeof(one)) == 0);
    CHECK(strcmp(one.mac, other.mac) != 0);
    CHECK_EQ(strlen(one.mac), 17);
    CHECK_EQ(strspn(one.mac, "0123456789abcdef:"), 17);
    CHECK(strchr("26ae", one.mac[1]) != NULL);
    CHECK_EQ(strlen(one.client_id), 36);
  }
  secret[0] ^= 1;
  gw_identity_from_slot(&again, secret, 1, 199);
  CHECK(strcmp(one.mac, again.mac) != 0);
}
