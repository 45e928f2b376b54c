#include "gateway/folder.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

static char root[64];

static void write_file(const char *path, const char *text, off_t len) {
  char full[160];
  snprintf(full, sizeof full, "%s/%s", root, path);
  int fd = open(full, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  REQUIRE(fd >= 0);
  CHECK_EQ(write(fd, text, strlen(text)), (ssize_t)strlen(text));
  if (len) CHECK_EQ(ftruncate(fd, len), 0);
  close(fd);
}

static void make_folder(const char *path) {
  char full[160];
  snprintf(full, sizeof full, "%s/%s", root, path);
  CHECK_EQ(mkdir(full, 0700), 0);
}

static void link_to(const char *target, const char *path) {
  char full[160];
  snprintf(full, sizeof full, "%s/%s", root, path);
  CHECK_EQ(symlink(target, full), 0);
}

static bool is_there(const char *path) {
  size_t len;
  const char *mime;
  char *bytes = gw_folder_read(root, path, &len, &mime);
  free(bytes);
  return bytes != NULL;
}

TEST(folder_reads_what_is_below_it_and_nothing_else) {
  snprintf(root, sizeof root, "/tmp/folder-test-XXXXXX");
  REQUIRE(mkdtemp(root));
  make_folder("robot");
  make_folder("robot/deep.png");
  write_file("robot/avatar.json", "{}", 0);
  write_file("robot/happy.png", "png", 0);
  write_file("robot/empty.svg", "", 0);
  write_file("robot/notes.txt", "x", 0);
  write_file("robot/.hidden.png", "x", 0);
  write_file("robot/huge.png", "x", (off_t)GW_FOLDER_FILE_MAX + 1);
  write_file("top.png", "x", 0);
  link_to("/etc/hostname", "robot/link.png");
  link_to("robot", "alias");

  size_t len = 0;
  const char *mime = NULL;
  char *bytes = gw_folder_read(root, "robot/happy.png", &len, &mime);
  REQUIRE(bytes != NULL);
  CHECK_BYTES(bytes, len, "png", 3);
  CHECK_TEXT(mime, "image/png");
  free(bytes);
  CHECK(is_there("robot/avatar.json"));
  CHECK(is_there("robot/empty.svg"));

  static const char *const absent[] = {
      "",
      "robot",
      "robot/",
      "/happy.png",
      "robot/nobody.png",
      "robot/notes.txt",
      "robot/.hidden.png",
      "robot/deep.png",
      "robot/huge.png",
      "robot/link.png",
      "alias/happy.png",
      "top.png",
      "./top.png",
      "../etc/passwd.png",
      "robot/../top.png",
      "robot/..%2ftop.png",
      "robot/..\\top.png",
      "robot/happy.png/",
      "robot/deep.png/x.png",
      "robot//happy.png",
      "ro bot/happy.png",
      "0123456789012345678901234567890123456789x/happy.png",
  };
  for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++) CHECK(!is_there(absent[i]));
  CHECK(gw_folder_read("", "robot/happy.png", &len, &mime) == NULL);
  CHECK(gw_folder_read("/nonexistent", "robot/happy.png", &len, &mime) == NULL);

  static const char *const made[] = {
      "robot/avatar.json",
      "robot/happy.png",
      "robot/empty.svg",
      "robot/notes.txt",
      "robot/.hidden.png",
      "robot/huge.png",
      "robot/link.png",
      "robot/deep.png",
      "robot",
      "alias",
      "top.png",
      "",
  };
  for (size_t i = 0; i < sizeof made / sizeof made[0]; i++) {
    char full[160];
    snprintf(full, sizeof full, "%s/%s", root, made[i]);
    CHECK_EQ(remove(full), 0);
  }
}
