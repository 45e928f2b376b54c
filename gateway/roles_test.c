#include "gateway/roles.h"

#include <jansson.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

static char error[GW_CONFIG_ERROR_MAX];

static char *read_text(const char *text, const char *avatars) {
  error[0] = 0;
  return gw_roles_read(text, strlen(text), "my.json", avatars, error);
}

TEST(roles_built_in_are_good) {
  char *answer = gw_roles_load("", "", error);
  REQUIRE(answer != NULL);
  json_t *all = json_loads(answer, 0, NULL);
  CHECK_EQ(json_array_size(json_object_get(all, "roles")), 4);
  json_decref(all);
  CHECK(strstr(answer, "\"mac\":\"00:00:00:00:00:AA\",\"own\":false,\"picture\":\"/roles/companion.svg\"") != NULL);
  CHECK(strstr(answer, "\"mac\":\"\",\"own\":true,\"picture\":\"/roles/own.svg\",\"look\":\"own\"") != NULL);
  free(answer);
}

TEST(roles_of_a_file_are_completed) {
  char *answer = read_text(
      "{\"roles\":[{\"id\":\"bob\",\"name\":\"Bob\",\"mac\":\"a0-b1-c2-d3-e4-f5\"},"
      "{\"id\":\"me\",\"own\":true,\"name\":{\"zh\":\"我\",\"vi\":\"Tôi\"},\"look\":\"curious\"}]}",
      "");
  REQUIRE(answer != NULL);
  CHECK_TEXT(
      answer,
      "{\"roles\":[{\"id\":\"bob\",\"name\":{\"en\":\"Bob\",\"zh\":\"Bob\",\"vi\":\"Bob\"},"
      "\"about\":{\"en\":\"\",\"zh\":\"\",\"vi\":\"\"},\"mac\":\"A0:B1:C2:D3:E4:F5\",\"own\":false,"
      "\"picture\":\"/portrait.svg\",\"look\":\"xiaozhi\",\"avatar\":\"vector\"},"
      "{\"id\":\"me\",\"name\":{\"en\":\"我\",\"zh\":\"我\",\"vi\":\"Tôi\"},"
      "\"about\":{\"en\":\"\",\"zh\":\"\",\"vi\":\"\"},\"mac\":\"\",\"own\":true,\"picture\":\"/portrait.svg\","
      "\"look\":\"curious\",\"avatar\":\"vector\"}]}");
  free(answer);
}

#define ROLE(rest) "{\"roles\":[{\"id\":\"a\",\"name\":\"A\"},{\"id\":\"bob\",\"name\":\"Bob\"," rest "}]}"

TEST(roles_say_what_is_wrong_and_where) {
  static const struct {
    const char *text, *said;
  } bad[] = {
      {"{\"roles\":[\n\n{\"id\":\"bob\",}]}", "roles: my.json line 3: not JSON"},
      {"[]", "my.json: must be {\"roles\": [...]} with 1 to 24 roles"},
      {"{\"roles\":[]}", "with 1 to 24 roles"},
      {"{\"roles\":[7]}", "my.json: entry 1: must be an object"},
      {"{\"roles\":[{\"name\":\"A\"}]}", "entry 1: id: '' is not made of"},
      {"{\"roles\":[{\"id\":\"a b\"}]}", "entry 1 (a b): id: 'a b' is not made of"},
      {"{\"roles\":[{\"id\":\"a\"}]}", "entry 1 (a): name: is missing"},
      {"{\"roles\":[{\"id\":\"a\",\"name\":{\"fr\":\"A\"}}]}", "name: 'fr' is none of en, zh, vi"},
      {"{\"roles\":[{\"id\":\"a\",\"name\":{\"en\":7}}]}", "name: the text for en is none"},
      {"{\"roles\":[{\"id\":\"a\",\"name\":7}]}", "name: must be a text, or texts by language"},
      {ROLE("\"mac\":\"00:11\""), "entry 2 (bob): mac: '00:11' is not of the form 00:11:22:AA:BB:CC"},
      {ROLE("\"mac\":\"00:11:22:AA:BB:CG\""), "'00:11:22:AA:BB:CG' is not of the form"},
      {ROLE("\"mac\":\"00:11:22:AA:BB:CC:DD\""), "is not of the form"},
      {ROLE("\"mac\":7"), "mac: must be a text"},
      {ROLE("\"mac\":\"00:11:22:AA:BB:CC\",\"own\":true"), "mac: with \"own\": true the person types it"},
      {ROLE("\"own\":1"), "own: must be true or false"},
      {ROLE("\"colour\":\"red\""), "'colour' is none of id, name, about, mac, own, picture, look, avatar"},
      {ROLE("\"look\":\"red\""), "look: 'red' is none of xiaozhi, companion"},
      {ROLE("\"picture\":\"/js/main.js\""), "picture: '/js/main.js' is none of /portrait.svg"},
      {ROLE("\"picture\":\"http://x/y.png\""),
       "is no picture NAME/FILE in the folder of --avatars (which is not set)"},
      {ROLE("\"picture\":\"robot/../x.png\""), "is no picture NAME/FILE"},
      {ROLE("\"avatar\":\"robot\""), "avatar: there is no 'robot/avatar.json' in the folder of --avatars"},
      {"{\"roles\":[{\"id\":\"a\",\"name\":\"A\"},{\"id\":\"a\",\"name\":\"B\"}]}",
       "entry 2 (a): id: another role"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    CHECK(read_text(bad[i].text, "") == NULL);
    check_that(strstr(error, bad[i].said) != NULL, bad[i].said, error, (int)i);
  }
  CHECK(gw_roles_load("/nonexistent", "", error) == NULL);
  CHECK(strstr(error, "roles: cannot read '/nonexistent': No such file") != NULL);
  CHECK(gw_roles_load("/tmp", "", error) == NULL);
  CHECK(strstr(error, "cannot read '/tmp'") != NULL);
}

TEST(roles_may_use_the_avatars) {
  char root[] = "/tmp/roles-test-XXXXXX", path[96];
  REQUIRE(mkdtemp(root));
  snprintf(path, sizeof path, "%s/robot", root);
  CHECK_EQ(mkdir(path, 0700), 0);
  static const char *const files[] = {"avatar.json", "calm.png"};
  for (size_t i = 0; i < 2; i++) {
    snprintf(path, sizeof path, "%s/robot/%s", root, files[i]);
    FILE *file = fopen(path, "we");
    REQUIRE(file != NULL);
    fclose(file);
  }
  char *answer = read_text(ROLE("\"picture\":\"robot/calm.png\",\"avatar\":\"robot\""), root);
  REQUIRE(answer != NULL);
  CHECK(strstr(answer, "\"picture\":\"/avatar/robot/calm.png\",\"look\":\"xiaozhi\",\"avatar\":\"robot\"") != NULL);
  free(answer);
  CHECK(read_text(ROLE("\"picture\":\"robot/avatar.json\""), root) == NULL);
  for (size_t i = 0; i < 2; i++) {
    snprintf(path, sizeof path, "%s/robot/%s", root, files[i]);
    CHECK_EQ(unlink(path), 0);
  }
  snprintf(path, sizeof path, "%s/robot", root);
  CHECK_EQ(rmdir(path), 0);
  CHECK_EQ(rmdir(root), 0);
}
