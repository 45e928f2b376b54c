/* assistant/vision_test.c - uploads as devices send them, and pictures of known colours. */
#include "assistant/vision.h"

#include <stdio.h>
#include <stdlib.h>
/* after stdio.h, which it needs */
#include <jpeglib.h>

#include "check.h"

/* A picture of one colour; free() it. */
static uint8_t *jpeg_of(unsigned width, unsigned height, uint8_t r, uint8_t g, uint8_t b, size_t *len) {
  struct jpeg_compress_struct info;
  struct jpeg_error_mgr errors;
  uint8_t *out = NULL, row[3 * 640];
  unsigned long size = 0;
  for (unsigned x = 0; x < width; x++) row[3 * x] = r, row[3 * x + 1] = g, row[3 * x + 2] = b;
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  jpeg_mem_dest(&info, &out, &size);
  info.image_width = width;
  info.image_height = height;
  info.input_components = 3;
  info.in_color_space = JCS_RGB;
  jpeg_set_defaults(&info);
  jpeg_start_compress(&info, TRUE);
  for (unsigned y = 0; y < height; y++) jpeg_write_scanlines(&info, &(JSAMPROW){row}, 1);
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  *len = size;
  return out;
}

TEST(as_vision_describes_size_brightness_and_colour) {
  char text[200];
  size_t len;
  uint8_t *jpeg = jpeg_of(640, 480, 200, 20, 20, &len);
  CHECK(as_describe_jpeg(wr_bytes_of(jpeg, len), text, sizeof text));
  CHECK_TEXT(text, "I see a picture of 640 by 480 pixels. It is rather dark, and mostly red.");
  free(jpeg);
  jpeg = jpeg_of(16, 16, 250, 250, 250, &len);
  CHECK(as_describe_jpeg(wr_bytes_of(jpeg, len), text, sizeof text));
  CHECK_TEXT(text, "I see a picture of 16 by 16 pixels. It is bright, and mostly white.");
  free(jpeg);
}

TEST(as_vision_survives_broken_pictures) {
  char text[200];
  size_t len;
  check_rng rng = {2};
  uint8_t *jpeg = jpeg_of(64, 64, 10, 200, 10, &len);
  CHECK(!as_describe_jpeg(wr_bytes_of("GIF89a", 6), text, sizeof text));
  CHECK_TEXT(text, "The picture could not be read.");
  CHECK(!as_describe_jpeg(wr_bytes_of(jpeg, 0), text, sizeof text));
  for (int i = 0; i < 200; i++) {
    uint8_t *broken = malloc(len);
    memcpy(broken, jpeg, len);
    for (int k = 0; k < 4; k++) broken[check_rng_u32(&rng) % len] = (uint8_t)check_rng_u32(&rng);
    (void)as_describe_jpeg(wr_bytes_of(broken, check_rng_u32(&rng) % (len + 1)), text, sizeof text);
    CHECK(strlen(text) > 10);
    free(broken);
  }
  free(jpeg);
}

static wr_bytes text_bytes(const char *text) { return wr_bytes_of(text, strlen(text)); }

TEST(as_multipart_finds_the_picture_wherever_it_is) {
  wr_bytes image;
  CHECK(as_multipart_image(text_bytes("--b\r\nContent-Disposition: form-data; name=\"question\"\r\n\r\nwhat?\r\n"
                                      "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"c.jpg\"\r\n"
                                      "Content-Type: image/jpeg\r\n\r\nJPEG\r\n--b--\r\n"),
                           "b", &image));
  CHECK_BYTES(image.data, image.len, "JPEG", 4);
  CHECK(as_multipart_image(text_bytes("--x\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\nA\r\n--x\r\n"
                                      "Content-Disposition: form-data; name=\"question\"\r\n\r\nq\r\n--x--"),
                           "x", &image));
  CHECK_BYTES(image.data, image.len, "A", 1);
  CHECK(!as_multipart_image(text_bytes("--b\r\nContent-Disposition: form-data; name=\"q\"\r\n\r\nv\r\n--b--"), "b",
                            &image));
  CHECK(!as_multipart_image(text_bytes("--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nno end"), "b",
                            &image));
  CHECK(!as_multipart_image(text_bytes("rubbish"), "b", &image));
  CHECK(!as_multipart_image(text_bytes(""), "", &image));
}

/* A progressive picture in |n_scans| scans, one for each coefficient; free() it. */
static uint8_t *jpeg_in_scans(int n_scans, size_t *len) {
  struct jpeg_compress_struct info;
  struct jpeg_error_mgr errors;
  jpeg_scan_info scans[64] = {0};
  uint8_t *out = NULL, row[64] = {0};
  unsigned long size = 0;
  for (int i = 0; i < n_scans; i++) {
    bool last = i == n_scans - 1;
    scans[i] = (jpeg_scan_info){.comps_in_scan = 1, .Ss = i, .Se = last ? 63 : i};
  }
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  jpeg_mem_dest(&info, &out, &size);
  info.image_width = info.image_height = 64;
  info.input_components = 1;
  info.in_color_space = JCS_GRAYSCALE;
  jpeg_set_defaults(&info);
  info.scan_info = scans;
  info.num_scans = n_scans;
  jpeg_start_compress(&info, TRUE);
  for (unsigned y = 0; y < 64; y++) jpeg_write_scanlines(&info, &(JSAMPROW){row}, 1);
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  *len = size;
  return out;
}

TEST(as_vision_reads_progressive_pictures_but_not_endless_ones) {
  char text[200];
  size_t len;
  uint8_t *jpeg = jpeg_in_scans(10, &len);
  CHECK(as_describe_jpeg(wr_bytes_of(jpeg, len), text, sizeof text));
  free(jpeg);
  jpeg = jpeg_in_scans(64, &len);
  CHECK(!as_describe_jpeg(wr_bytes_of(jpeg, len), text, sizeof text));
  free(jpeg);
}
