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
  gw_file file;
  bool there = gw_folder_open(root, path, &file);
  if (there) close(file.fd);
  return there;
}

static bool is_part(const char *path) {
  gw_file file;
  bool there = gw_folder_open_page(root, path, &file);
  if (there) close(file.fd);
  return there;
}

static void make_tree(void) {
  snprintf(root, sizeof root, "/tmp/folder-test-XXXXXX");
  REQUIRE(mkdtemp(root));
  make_folder("robot");
  make_folder("robot/deep.png");
  make_folder("robot/model.2048");
  make_folder("robot/model.2048/in");
  make_folder("robot/model.2048/in/deeper");
  make_folder("robot/.git");
  write_file("robot/model.2048/a.moc3", "moc", 0);
  write_file("robot/model.2048/in/b.png", "x", 0);
  write_file("robot/model.2048/in/deeper/c.png", "x", 0);
  write_file("robot/.git/d.png", "x", 0);
  write_file("robot/runtime.js", "x", 0);
  write_file("robot/avatar.json", "{}", 0);
  write_file("robot/happy.png", "png", 0);
  write_file("robot/empty.svg", "", 0);
  write_file("robot/notes.txt", "x", 0);
  write_file("robot/.hidden.png", "x", 0);
  write_file("robot/huge.png", "x", (off_t)GW_FOLDER_PICTURE_MAX + 1);
  write_file("top.png", "x", 0);
  write_file("top.html", "x", 0);
  write_file("robot/model.2048/in/deeper/part.js", "x", 0);
  link_to("/etc/hostname", "robot/link.png");
  link_to("robot", "alias");
  link_to("in", "robot/model.2048/alias");
}

static void remove_tree(void) {
  static const char *const made[] = {
      "robot/model.2048/in/deeper/c.png",
      "robot/model.2048/in/deeper/part.js",
      "robot/model.2048/in/deeper",
      "robot/model.2048/in/b.png",
      "robot/model.2048/in",
      "robot/model.2048/alias",
      "robot/model.2048/a.moc3",
      "robot/model.2048",
      "robot/.git/d.png",
      "robot/.git",
      "robot/runtime.js",
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
      "top.html",
      "",
  };
  for (size_t i = 0; i < sizeof made / sizeof made[0]; i++) {
    char full[160];
    snprintf(full, sizeof full, "%s/%s", root, made[i]);
    CHECK_EQ(remove(full), 0);
  }
}

TEST(folder_reads_what_is_below_it_and_nothing_else) {
  make_tree();
  size_t len = 0;
  gw_file file;
  char *bytes = gw_folder_read(root, "robot/happy.png", 3, &len);
  REQUIRE(bytes != NULL);
  CHECK_BYTES(bytes, len, "png", 3);
  free(bytes);
  CHECK(gw_folder_read(root, "robot/happy.png", 2, &len) == NULL);
  static const struct {
    const char *path, *mime;
    bool is_plain;
  } kinds[] = {{"robot/happy.png", "image/png", true},
               {"robot/avatar.json", "application/json", true},
               {"robot/runtime.js", "text/javascript", false},
               {"robot/model.2048/a.moc3", "application/octet-stream", false},
               {"robot/model.2048/in/b.png", "image/png", false}};
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    REQUIRE(gw_folder_open(root, kinds[i].path, &file));
    close(file.fd);
    CHECK_TEXT(file.mime, kinds[i].mime);
    CHECK_EQ(file.is_plain, kinds[i].is_plain);
  }
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
      "robot/model.2048/in/deeper/c.png",
      "robot/model.2048/alias/b.png",
      "robot/model.2048/../happy.png",
      "robot/./happy.png",
      "robot/.git/d.png",
      "robot/model.2048/.png",
      "/tmp/happy.png",
      "0123456789012345678901234567890123456789x/happy.png",
  };
  for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++) CHECK(!is_there(absent[i]));
  CHECK(!gw_folder_open("", "robot/happy.png", &file));
  CHECK(!gw_folder_open("/nonexistent", "robot/happy.png", &file));

  remove_tree();
}

TEST(folder_reads_parts_of_the_page_and_nothing_else) {
  make_tree();
  gw_file file;
  REQUIRE(gw_folder_open_page(root, "top.html", &file));
  close(file.fd);
  CHECK_TEXT(file.mime, "text/html; charset=utf-8");
  static const char *const there[] = {"top.png", "robot/runtime.js", "robot/model.2048/in/b.png"};
  for (size_t i = 0; i < sizeof there / sizeof there[0]; i++) CHECK(is_part(there[i]));
  static const char *const absent[] = {
      "",
      "/",
      "robot",
      "robot/notes.txt",
      "robot/avatar.json",
      "robot/model.2048/a.moc3",
      "robot/model.2048/in/deeper/part.js",
      "robot/.hidden.png",
      "robot/.git/d.png",
      "robot/huge.png",
      "robot/link.png",
      "alias/runtime.js",
      "../top.html",
      "robot/../top.html",
      "/top.html",
      "./top.html",
      "robot//runtime.js",
      "robot/deep.png",
  };
  for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++) CHECK(!is_part(absent[i]));
  remove_tree();
}
