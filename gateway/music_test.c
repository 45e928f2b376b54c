/* gateway/music_test.c - songs of a folder and of a list, and what no request can reach. */
#include "gateway/music.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "gateway/protocol.h"
#include "wr/crypto_openssl.h"

static gw_music music;
static const wr_crypto *crypto;
static char root[] = "/tmp/music-test-XXXXXX";

static void put(const char *path, const char *content) {
  char at[256];
  snprintf(at, sizeof at, "%s/%s", root, path);
  FILE *file = fopen(at, "we");
  REQUIRE(file);
  fputs(content, file);
  fclose(file);
}

static void make_folder(const char *path) {
  char at[256];
  snprintf(at, sizeof at, "%s/%s", root, path);
  REQUIRE(mkdir(at, 0700) == 0);
}

static void begin(const char *source) {
  REQUIRE(wr_crypto_openssl_open(&crypto) == WR_OK);
  wr_rng rng = wr_crypto_openssl_rng();
  gw_music_init(&music, source, crypto, &rng);
}

static void end(void) {
  gw_music_wipe(&music);
  wr_crypto_openssl_close(crypto);
}

static const gw_song *first(const char *words) {
  const gw_song *found[1];
  return gw_music_find(&music, words, found, 1) ? found[0] : NULL;
}

TEST(music_of_a_folder_is_found_and_opened) {
  char text[16] = "", link[256], target[256];
  gw_file file;
  REQUIRE(mkdtemp(root));
  make_folder("The Band");
  make_folder("The Band/Live");
  make_folder(".hidden");
  put("Simple.mp3", "simple");
  put("Jane Doe - Morning Song.ogg", "morning");
  put("The Band/02 \xe6\xad\x8c.opus", "band");
  put("The Band/Live/Encore.flac", "encore");
  put("notes.txt", "no music");
  put(".secret.mp3", "hidden");
  put(".hidden/In.mp3", "hidden");
  snprintf(link, sizeof link, "%s/passwd.mp3", root);
  REQUIRE(symlink("/etc/passwd", link) == 0);
  snprintf(link, sizeof link, "%s/etc", root);
  REQUIRE(symlink("/etc", link) == 0);
  begin(root);
  gw_music_read_folder(&music, WR_S(1));
  CHECK_EQ(music.n, 4);
  const gw_song *song = first("morning jane");
  REQUIRE(song);
  CHECK_TEXT(song->title, "Morning Song");
  CHECK_TEXT(song->author, "Jane Doe");
  REQUIRE(gw_music_open(&music, song->id, &file));
  CHECK_EQ(read(file.fd, text, sizeof text - 1), 7);
  CHECK_TEXT(text, "morning");
  CHECK_TEXT(file.mime, "audio/ogg");
  close(file.fd);
  CHECK_TEXT(first("the BAND \xe6\xad\x8c")->author, "The Band");
  CHECK_TEXT(first("encore")->author, "Live");
  CHECK(first("morning nobody") == NULL && first("passwd") == NULL);
  CHECK(first(song->id) == song);
  CHECK_EQ(gw_music_find(&music, "", NULL, 0), 4);
  static const char *const ids[] = {"", "..", "../../etc/passwd", "Simple.mp3", "000000000000000000000000"};
  for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) CHECK(!gw_music_open(&music, ids[i], &file));
  /* What was a song when the folder was read may be a link now. */
  const gw_song *simple = first("simple");
  snprintf(target, sizeof target, "%s/Simple.mp3", root);
  REQUIRE(unlink(target) == 0 && symlink("/etc/passwd", target) == 0);
  CHECK(!gw_music_open(&music, simple->id, &file));
  char before[GW_SONG_ID_HEX + 1];
  memcpy(before, first("encore")->id, sizeof before);
  gw_music_read_folder(&music, WR_S(2));
  CHECK_EQ(music.n, 3);
  CHECK_TEXT(first("encore")->id, before);
  end();
  CHECK(gw_music_is_source(root) && gw_music_is_source("https://h/list.json") && gw_music_is_source(""));
  CHECK(!gw_music_is_source("/nonexistent") && !gw_music_is_source("/etc/passwd"));
  static const char *const made[] = {"Jane Doe - Morning Song.ogg",
                                     "The Band/02 \xe6\xad\x8c.opus",
                                     "The Band/Live/Encore.flac",
                                     "The Band/Live",
                                     "The Band",
                                     "Simple.mp3",
                                     "notes.txt",
                                     ".secret.mp3",
                                     ".hidden/In.mp3",
                                     ".hidden",
                                     "passwd.mp3",
                                     "etc",
                                     ""};
  for (size_t i = 0; i < sizeof made / sizeof made[0]; i++) {
    snprintf(link, sizeof link, "%s/%s", root, made[i]);
    CHECK_EQ(remove(link), 0);
  }
}

TEST(music_of_a_list_is_what_has_a_title_and_an_address) {
  static const char list[] =
      "{\"songs\":[{\"title\":\"One\",\"author\":\"A\",\"url\":\"https://h/1.mp3\"},{\"title\":\"Two\","
      "\"url\":\"http://h/2.mp3\"},{\"title\":\"Three\",\"url\":\"file:///etc/passwd\"},{\"url\":\"http://h/"
      "4\"},7]}";
  gw_file file;
  begin("https://h/list.json");
  CHECK(gw_music_read_list(&music, list, sizeof list - 1, WR_S(1)));
  CHECK_EQ(music.n, 2);
  REQUIRE(first("one"));
  CHECK_TEXT(first("one")->where, "https://h/1.mp3");
  CHECK(!gw_music_open(&music, first("one")->id, &file));
  CHECK(!gw_music_read_list(&music, "<html>", 6, WR_S(2)));
  CHECK_EQ(music.n, 2);
  CHECK(gw_music_read_list(&music, "[]", 2, WR_S(3)));
  CHECK_EQ(music.n, 0);
  end();
}
