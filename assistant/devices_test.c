/* assistant/devices_test.c - codes, bindings, tokens, limits. */
#include "assistant/devices.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

static const char one[] = "02:00:00:00:00:01", two[] = "02:00:00:00:00:02";

TEST(as_devices_are_bound_by_their_code) {
  char error[200], code[7], again[7], other[7], mac[XZ_MAC_BYTES];
  uint32_t left_s;
  bool saved;
  as_devices *d = as_devices_open(NULL, error, sizeof error);
  REQUIRE(d);
  CHECK(!as_devices_is_bound(d, one));
  CHECK(as_devices_code(d, one, code, &left_s, 1000));
  CHECK_EQ(strspn(code, "0123456789"), 6);
  CHECK_EQ(left_s, AS_CODE_LIFE_S);
  CHECK(as_devices_code(d, two, other, &left_s, 1001));
  CHECK(!as_devices_code(d, one, again, &left_s, 1100));
  CHECK_TEXT(again, code); /* the same while it holds */
  CHECK_EQ(left_s, AS_CODE_LIFE_S - 100);
  CHECK(strcmp(other, code) != 0);
  CHECK(!as_devices_bind(d, "none", mac, &saved, 1100));
  CHECK(!as_devices_bind(d, code, mac, &saved, 1000 + AS_CODE_LIFE_S)); /* not any more */
  (void)as_devices_code(d, one, code, &left_s, 2000);
  CHECK(as_devices_bind(d, code, mac, &saved, 2001));
  CHECK_TEXT(mac, one);
  CHECK(as_devices_is_bound(d, one) && !as_devices_is_bound(d, two));
  CHECK(!as_devices_bind(d, code, mac, &saved, 2002)); /* once */
  CHECK(as_devices_forget(d, one, &saved) && !as_devices_is_bound(d, one));
  CHECK(!as_devices_forget(d, one, &saved));
  as_devices_close(d);
}

TEST(as_devices_outlive_the_program) {
  char folder[] = "/tmp/devices-test-XXXXXX", path[64], error[200], code[7], token[AS_TOKEN_MAX], mac[XZ_MAC_BYTES];
  uint32_t left_s;
  bool saved = false;
  REQUIRE(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/devices", folder);
  as_devices *d = as_devices_open(path, error, sizeof error);
  REQUIRE(d);
  (void)as_devices_code(d, one, code, &left_s, 0);
  CHECK(as_devices_bind(d, code, mac, &saved, 1) && saved);
  as_devices_sign(d, one, "client", token, 5);
  as_devices_close(d);
  d = as_devices_open(path, error, sizeof error);
  REQUIRE(d);
  CHECK_TEXT(as_devices_at(d, 0), one);
  CHECK(as_devices_at(d, 1) == NULL);
  CHECK(as_devices_verify(d, one, "client", token, 6));
  as_devices_close(d);
  FILE *file = fopen(path, "we");
  CHECK(file && fputs("nonsense\n", file) >= 0 && fclose(file) == 0);
  CHECK(as_devices_open(path, error, sizeof error) == NULL);
  CHECK(strstr(error, "not a list") != NULL);
  CHECK(unlink(path) == 0 && rmdir(folder) == 0);
  CHECK(as_devices_open(path, error, sizeof error) == NULL);
  CHECK(strstr(error, "cannot be written") != NULL);
}

TEST(as_devices_tokens_are_for_one_device_and_end) {
  char error[200], token[AS_TOKEN_MAX], forged[AS_TOKEN_MAX];
  as_devices *d = as_devices_open("", error, sizeof error), *stranger = as_devices_open("", error, sizeof error);
  REQUIRE(d && stranger);
  as_devices_sign(d, one, "c", token, 100);
  CHECK(as_devices_verify(d, one, "c", token, 100));
  CHECK(as_devices_verify(d, one, "c", token, 100 + AS_TOKEN_LIFE_S - 1));
  CHECK(!as_devices_verify(d, one, "c", token, 100 + AS_TOKEN_LIFE_S));
  CHECK(!as_devices_verify(d, one, "c", token, 99));
  CHECK(!as_devices_verify(d, two, "c", token, 100));
  CHECK(!as_devices_verify(d, one, "d", token, 100));
  CHECK(!as_devices_verify(stranger, one, "c", token, 100));
  CHECK(!as_devices_verify(d, one, "c", "", 100));
  for (size_t i = 0; i < strlen(token); i++) {
    memcpy(forged, token, sizeof forged);
    forged[i] ^= 1;
    CHECK(!as_devices_verify(d, one, "c", forged, 200));
  }
  as_devices_close(d);
  as_devices_close(stranger);
}

TEST(as_devices_may_not_connect_all_the_time) {
  char error[200];
  as_devices *d = as_devices_open("", error, sizeof error);
  REQUIRE(d);
  for (int i = 0; i < AS_VISITS_MAX; i++) CHECK(as_devices_visit(d, one, 1000));
  CHECK(!as_devices_visit(d, one, 1000));
  CHECK(as_devices_visit(d, two, 1000));
  CHECK(as_devices_visit(d, one, 1001));
  CHECK(!as_devices_visit(d, one, 1001));
  as_devices_close(d);
}

TEST(as_devices_codes_are_bounded) {
  char error[200], mac[XZ_MAC_BYTES], code[7], first[7];
  uint32_t left_s;
  bool saved;
  as_devices *d = as_devices_open("", error, sizeof error);
  REQUIRE(d);
  for (unsigned i = 0; i <= AS_CODES_MAX; i++) {
    snprintf(mac, sizeof mac, "02:00:00:00:%02x:%02x", i >> 8, i & 255);
    (void)as_devices_code(d, mac, code, &left_s, 7);
    if (!i) memcpy(first, code, sizeof first);
  }
  CHECK(!as_devices_bind(d, first, mac, &saved, 8) || strcmp(mac, "02:00:00:00:00:00"));
  CHECK(as_devices_bind(d, code, mac, &saved, 8));
  as_devices_close(d);
}

TEST(as_mac_in_any_case_and_nothing_else) {
  char mac[XZ_MAC_BYTES];
  CHECK(xz_mac_read(mac, "AA-bb:0C:dd:EE:ff"));
  CHECK_TEXT(mac, "aa:bb:0c:dd:ee:ff");
  CHECK(!xz_mac_read(mac, "aa:bb:cc:dd:ee:fg"));
  CHECK(!xz_mac_read(mac, "aa:bb:cc:dd:ee"));
  CHECK(!xz_mac_read(mac, ""));
}
