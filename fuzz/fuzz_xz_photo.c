/* fuzz/fuzz_xz_photo.c - an uploaded photo: multipart body with the boundary "b", then its picture. */
#include "assistant/vision.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  wr_bytes image;
  char text[200];
  if (!as_multipart_image(wr_bytes_of(data, len), "b", &image)) return 0;
  WR_ASSERT(image.data > data && image.data + image.len < data + len);
  if (image.len < 4096) (void)as_describe_jpeg(image, text, sizeof text);
  return 0;
}
