/* fuzz/replay_main.c - runs a fuzz target over files and folders of files, without libFuzzer.
 *
 * Each input is copied to a block of exactly its size, so that AddressSanitizer sees the first byte read too many.
 * Ends with "N passed, 0 failed": an input that fails ends the program. No input at all is a failure. */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static unsigned n_run;

static void run_file(const char *path, size_t size) {
  FILE *file = fopen(path, "rb");
  uint8_t *data = malloc(size ? size : 1);
  if (!file || !data || fread(data, 1, size, file) != size) {
    fprintf(stderr, "cannot read %s\n", path);
    exit(2);
  }
  fclose(file);
  LLVMFuzzerTestOneInput(data, size);
  free(data);
  n_run++;
}

static void run_path(const char *path) {
  struct stat info;
  if (stat(path, &info)) {
    fprintf(stderr, "no such input: %s\n", path);
    exit(2);
  }
  if (!S_ISDIR(info.st_mode)) {
    run_file(path, (size_t)info.st_size);
    return;
  }
  struct dirent **entries;
  int n = scandir(path, &entries, NULL, alphasort);
  for (int i = 0; i < n; i++) {
    char inner[4096];
    int len = snprintf(inner, sizeof inner, "%s/%s", path, entries[i]->d_name);
    bool wanted = entries[i]->d_name[0] != '.' && len > 0 && (size_t)len < sizeof inner;
    if (wanted && !stat(inner, &info) && S_ISREG(info.st_mode)) run_file(inner, (size_t)info.st_size);
    free(entries[i]);
  }
  if (n >= 0) free(entries);
}

int main(int argc, char **argv) {
  static const uint8_t nothing[1];
  LLVMFuzzerTestOneInput(nothing, 0);
  for (int i = 1; i < argc; i++) run_path(argv[i]);
  printf("%u passed, %u failed\n", n_run, n_run ? 0 : 1);
  return n_run ? 0 : 1;
}
