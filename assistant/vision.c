/* assistant/vision.c - multipart/form-data (RFC 7578) far enough to find a photo, and its description by libjpeg.
 *
 * The picture is decoded at an eighth of its size, so a large photo costs little; pictures above 64 megapixels are
 * refused, and progressive ones of many scans or of more than MEMORY_MAX: a few hundred bytes make a scan, and each
 * scan goes through the whole picture while nobody else is served. No claim is made about what is in the picture.
 */
#include "assistant/vision.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after stdio.h, which it needs */
#include <jpeglib.h>

static const uint8_t *find(const uint8_t *at, const uint8_t *end, const char *text) {
  size_t len = strlen(text);
  return at < end ? memmem(at, (size_t)(end - at), text, len) : NULL;
}

static bool names_image(const uint8_t *head, const uint8_t *end) {
  return find(head, end, "name=\"file\"") || find(head, end, "name=\"image\"") || find(head, end, "image/jpeg");
}

bool as_multipart_image(wr_bytes body, const char *boundary, wr_bytes *image) {
  char delimiter[80];
  if (snprintf(delimiter, sizeof delimiter, "--%s", boundary) >= (int)sizeof delimiter || !*boundary) return false;
  const uint8_t *end = body.data + body.len, *part = find(body.data, end, delimiter);
  while (part) {
    const uint8_t *head = part + strlen(delimiter), *content = find(head, end, "\r\n\r\n");
    if (!content) return false;
    content += 4;
    const uint8_t *next = find(content, end, delimiter);
    if (!next) return false;
    if (names_image(head, content)) {
      size_t len = (size_t)(next - content);
      *image = wr_bytes_of(content, len >= 2 && !memcmp(next - 2, "\r\n", 2) ? len - 2 : len);
      return image->len > 0;
    }
    part = next;
  }
  return false;
}

enum { SCANS_MAX = 24 };      /* cameras and libraries write about 10 */
#define PASSED_MAX 160000000u /* pixels, over all scans */
#define MEMORY_MAX (64 << 20)

typedef struct failure {
  struct jpeg_error_mgr base;
  jmp_buf leave;
} failure;

static void on_error(j_common_ptr info) { longjmp(((failure *)(void *)info->err)->leave, 1); }
static void on_message(j_common_ptr info, int level) {
  (void)info;
  (void)level;
}

/* libjpeg-turbo calls this now and then, also inside the reading of scans. */
static void on_progress(j_common_ptr common) {
  const struct jpeg_decompress_struct *info = (const void *)common;
  uint64_t n_scans = info->input_scan_number > 0 ? (uint64_t)info->input_scan_number : 0;
  uint64_t passed = (uint64_t)info->image_width * info->image_height * n_scans;
  if (n_scans > SCANS_MAX || (n_scans > 1 && passed > PASSED_MAX)) on_error(common);
}

/* What is counted per pixel. */
typedef struct tally {
  uint64_t n, light;
  uint64_t colour[10];
  uint8_t *row;
} tally;

static const char *const colour_names[10] = {"black",  "white", "grey", "red",    "orange",
                                             "yellow", "green", "blue", "purple", "pink"};

static unsigned colour_of(unsigned r, unsigned g, unsigned b) {
  unsigned max = r > g ? (r > b ? r : b) : (g > b ? g : b), min = r < g ? (r < b ? r : b) : (g < b ? g : b);
  unsigned span = max - min;
  if (max < 40) return 0;
  if (span * 5 < max) return max > 200 ? 1 : max < 70 ? 0 : 2;
  int hue = max == r   ? 60 * ((int)g - (int)b) / (int)span
            : max == g ? 120 + 60 * ((int)b - (int)r) / (int)span
                       : 240 + 60 * ((int)r - (int)g) / (int)span;
  if (hue < 0) hue += 360;
  if (hue < 15 || hue >= 345) return 3;
  if (hue < 45) return 4;
  if (hue < 70) return 5;
  if (hue < 170) return 6;
  if (hue < 255) return 7;
  return hue < 300 ? 8 : 9;
}

static void count_row(tally *t, const uint8_t *row, unsigned width) {
  for (unsigned x = 0; x < width; x++, row += 3) {
    t->n++;
    t->light += (299u * row[0] + 587u * row[1] + 114u * row[2]) / 1000;
    t->colour[colour_of(row[0], row[1], row[2])]++;
  }
}

static bool decode(wr_bytes jpeg, struct jpeg_decompress_struct *info, tally *t) {
  jpeg_mem_src(info, jpeg.data, jpeg.len);
  jpeg_read_header(info, TRUE);
  if ((uint64_t)info->image_width * info->image_height > 64000000) return false;
  info->out_color_space = JCS_RGB;
  info->scale_num = 1;
  info->scale_denom = info->image_width > 256 ? 8 : 1;
  jpeg_start_decompress(info);
  t->row = malloc((size_t)info->output_width * 3);
  while (t->row && info->output_scanline < info->output_height) {
    jpeg_read_scanlines(info, &(JSAMPROW){t->row}, 1);
    count_row(t, t->row, info->output_width);
  }
  return t->row != NULL;
}

static void describe(const tally *t, unsigned width, unsigned height, char *out, size_t cap) {
  unsigned first = 0, second = 0;
  for (unsigned i = 1; i < 10; i++)
    if (t->colour[i] > t->colour[first]) first = i;
  for (unsigned i = 0; i < 10; i++)
    if (i != first && (second == first || t->colour[i] > t->colour[second])) second = i;
  uint64_t light = t->light / t->n;
  const char *brightness = light < 40    ? "very dark"
                           : light < 90  ? "rather dark"
                           : light < 170 ? "of medium brightness"
                                         : "bright";
  int n = snprintf(out, cap, "I see a picture of %u by %u pixels. It is %s, and mostly %s", width, height,
                   brightness, colour_names[first]);
  if (t->colour[second] * 5 > t->n && n > 0 && (size_t)n < cap)
    n += snprintf(out + n, cap - (size_t)n, " and %s", colour_names[second]);
  if (n > 0 && (size_t)n < cap) snprintf(out + n, cap - (size_t)n, ".");
}

/* What changes after setjmp lives on the heap, so that it has its value after longjmp. */
bool as_describe_jpeg(wr_bytes jpeg, char *out, size_t cap) {
  struct jpeg_decompress_struct info;
  failure failed;
  tally *counted = calloc(1, sizeof *counted);
  snprintf(out, cap, "The picture could not be read.");
  if (!counted) return false;
  info.err = jpeg_std_error(&failed.base);
  failed.base.error_exit = on_error;
  failed.base.emit_message = on_message;
  struct jpeg_progress_mgr progress = {.progress_monitor = on_progress};
  jpeg_create_decompress(&info);
  info.progress = &progress;
  info.mem->max_memory_to_use = MEMORY_MAX;
  bool fine = setjmp(failed.leave) == 0 && decode(jpeg, &info, counted) && counted->n > 0;
  if (fine) describe(counted, info.image_width, info.image_height, out, cap);
  jpeg_destroy_decompress(&info);
  free(counted->row);
  free(counted);
  return fine;
}
