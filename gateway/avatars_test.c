#include "gateway/avatars.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

static char root[64];

/* A file of a folder, which is made first; NULL: only the folder. */
static void put_file(const char *folder, const char *name, const char *text) {
  char full[160];
  snprintf(full, sizeof full, "%s/%s", root, folder);
  (void)mkdir(full, 0700);
  if (!name) return;
  snprintf(full, sizeof full, "%s/%s/%s", root, folder, name);
  FILE *file = fopen(full, "we");
  REQUIRE(file != NULL);
  CHECK(fputs(text, file) >= 0);
  fclose(file);
}

static gw_avatar_result open_and_close(const char *licences, const char *path) {
  gw_file file;
  gw_avatar_result result = gw_avatar_open(root, licences, path, &file);
  if (result == GW_AVATAR_OPEN) close(file.fd);
  return result;
}

static void check_list(const char *licences, const char *want) {
  char *list = gw_avatars_list(root, licences);
  REQUIRE(list != NULL);
  CHECK_TEXT(list, want);
  free(list);
}

TEST(avatars_drop_ins_are_served_when_their_licence_is_held) {
  snprintf(root, sizeof root, "/tmp/avatars-test-XXXXXX");
  REQUIRE(mkdtemp(root));
  put_file("robot", "avatar.json", "{\"renderer\":\"image\",\"title\":{\"en\":\"Robot\",\"zh\":\"机器人\"}}");
  put_file("robot", "calm.png", "x");
  put_file("robot", "runtime.js", "x");
  put_file("mini", "avatar.json", "{\"renderer\":\"live2d\",\"title\":\"Mini\"}");
  put_file("mini", "runtime.js", "x");
  put_file("mini", "preview.png", "x");
  put_file("mini/model", "skin.png", "x");
  put_file("bare", "avatar.json", "{\"renderer\":\"vrm\",\"runtime\":\"../mini/runtime.js\"}");
  put_file("odd", "avatar.json", "[");
  put_file("odd", "runtime.js", "x");
  put_file("empty", NULL, NULL);

  check_list(
      "",
      "{\"avatars\":["
      "{\"name\":\"bare\",\"renderer\":\"vrm\",\"title\":{\"en\":\"bare\",\"zh\":\"bare\",\"vi\":\"bare\"},"
      "\"state\":\"no_licence\"},"
      "{\"name\":\"mini\",\"renderer\":\"live2d\",\"title\":{\"en\":\"Mini\",\"zh\":\"Mini\",\"vi\":\"Mini\"},"
      "\"state\":\"no_licence\"},"
      "{\"name\":\"odd\",\"renderer\":\"\",\"title\":{\"en\":\"odd\",\"zh\":\"odd\",\"vi\":\"odd\"},"
      "\"state\":\"bad\"},"
      "{\"name\":\"robot\",\"renderer\":\"image\",\"title\":{\"en\":\"Robot\",\"zh\":\"机器人\",\"vi\":\"Robot\"},"
      "\"state\":\"ready\"}]}");
  char *list = gw_avatars_list(root, "live2d,vrm");
  CHECK(strstr(list, "\"vi\":\"Mini\"},\"state\":\"ready\"") != NULL);
  CHECK(strstr(list, "\"vi\":\"bare\"},\"state\":\"no_runtime\"") != NULL);
  free(list);

  static const struct {
    const char *licences, *path;
    gw_avatar_result result;
  } cases[] = {
      {"", "robot/avatar.json", GW_AVATAR_OPEN},
      {"", "robot/calm.png", GW_AVATAR_OPEN},
      {"live2d,vrm", "robot/runtime.js", GW_AVATAR_NONE}, /* an album has no programs */
      {"live2d,vrm", "odd/runtime.js", GW_AVATAR_NONE},
      {"", "mini/avatar.json", GW_AVATAR_OPEN},
      {"", "mini/preview.png", GW_AVATAR_OPEN},
      {"", "mini/runtime.js", GW_AVATAR_NO_LICENCE},
      {"vrm", "mini/runtime.js", GW_AVATAR_NO_LICENCE},
      {"live2", "mini/runtime.js", GW_AVATAR_NO_LICENCE},
      {"vrm", "mini/model/skin.png", GW_AVATAR_NO_LICENCE},
      {"vrm, live2d", "mini/runtime.js", GW_AVATAR_OPEN},
      {"live2d", "mini/model/skin.png", GW_AVATAR_OPEN},
      {"live2d", "mini/model/../runtime.js", GW_AVATAR_NONE},
      {"live2d", "nobody/runtime.js", GW_AVATAR_NONE},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    CHECK_EQ(open_and_close(cases[i].licences, cases[i].path), cases[i].result);

  static const char *const made[] = {
      "robot/avatar.json",
      "robot/calm.png",
      "robot/runtime.js",
      "robot",
      "mini/avatar.json",
      "mini/runtime.js",
      "mini/preview.png",
      "mini/model/skin.png",
      "mini/model",
      "mini",
      "bare/avatar.json",
      "bare",
      "odd/avatar.json",
      "odd/runtime.js",
      "odd",
      "empty",
      "",
  };
  for (size_t i = 0; i < sizeof made / sizeof made[0]; i++) {
    char full[160];
    snprintf(full, sizeof full, "%s/%s", root, made[i]);
    CHECK_EQ(remove(full), 0);
  }
  check_list("", "{\"avatars\":[]}");
  CHECK(gw_avatar_licences_known("") && gw_avatar_licences_known("vrm") &&
        gw_avatar_licences_known(" live2d , vrm,"));
  CHECK(!gw_avatar_licences_known("vrm,live3d") && !gw_avatar_licences_known("image"));
}
