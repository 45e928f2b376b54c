/* fuzz/fuzz_as_chat.c - any reply of a language server, in pieces of any size; all that is kept stays bounded. */
#include <stdlib.h>
#include <string.h>

#include "assistant/chat.h"
#include "assistant/wav.h"
#include "base/io.h"

static size_t n_said;

static void hear(void *ctx, const char *text, size_t len) {
  (void)ctx;
  json_t *whole = json_stringn(text, len); /* refuses half a character */
  WR_ASSERT(whole != NULL);
  json_decref(whole);
  n_said += len;
}

static void read_wav(wr_bytes bytes) {
  int16_t *samples = NULL;
  size_t n;
  unsigned rate;
  if (as_wav_read(bytes, &samples, &n, &rate) != AS_WAV_OK) return;
  WR_ASSERT(n > 0 && n <= bytes.len && rate >= 8000 && rate <= 48000);
  free(samples);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  as_chat chat;
  if (len < 1) return 0;
  size_t step = 1 + data[0] % 61;
  as_chat_begin(&chat, hear, NULL);
  n_said = 0;
  for (size_t i = 1; i < len; i += step)
    if (!as_chat_recv(&chat, wr_bytes_of(data + i, len - i < step ? len - i : step))) break;
  (void)as_chat_end(&chat);
  WR_ASSERT(n_said <= len + sizeof "<think>" && chat.line_cap <= AS_CHAT_EVENT_MAX);
  WR_ASSERT(chat.n_calls <= AS_CHAT_CALLS_MAX);
  json_t *calls = as_chat_calls(&chat);
  WR_ASSERT(json_array_size(calls) == chat.n_calls);
  json_decref(calls);
  as_chat_wipe(&chat);
  read_wav(wr_bytes_of(data + 1, len - 1));
  return 0;
}
