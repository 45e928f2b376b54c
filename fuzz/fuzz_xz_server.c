/* fuzz/fuzz_xz_server.c - a hostile device: records of { op, u16 length, bytes } against one session. */
#include "base/io.h"
#include "xiaozhi/server.h"

static xz_server server;
static uint8_t speech_memory[2048];

static void use(unsigned op, wr_bytes bytes, wr_time now) {
  wr_err err = WR_OK;
  uint32_t call;
  switch (op % 8) {
    case 0:
    case 1: xz_server_recv_text(&server, bytes, now); break;
    case 2: xz_server_recv_binary(&server, bytes, now); break;
    case 3: xz_server_tick(&server, now); break;
    case 4: err = xz_server_speech_begin(&server); break;
    case 5:
      if (bytes.len && bytes.len < 1500) err = xz_server_speech(&server, bytes);
      break;
    case 6: xz_server_speech_end(&server); break;
    default: {
      json_t *args = json_object();
      err = xz_server_call_tool(&server, "set_volume", args, &call, now);
      json_decref(args);
    }
  }
  WR_ASSERT(err == WR_OK || err == WR_ERR_STATE || err == WR_ERR_LIMIT || err == WR_ERR_UNSUPPORTED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  xz_server_settings settings = {.session_id = "fuzz",
                                 .vision_url = "",
                                 .vision_token = "",
                                 .audio = {24000, 1, 60},
                                 .speech_memory = speech_memory,
                                 .speech_bytes = sizeof speech_memory};
  xz_server_init(&server, &settings, 0);
  wr_reader r = wr_reader_of(wr_bytes_of(data, len));
  for (wr_time now = 0; wr_reader_left(&r); now += WR_MS(50)) {
    unsigned op = wr_read_u8(&r);
    size_t n = wr_read_u16(&r);
    use(op, wr_read_bytes(&r, n < wr_reader_left(&r) ? n : wr_reader_left(&r)), now + (op & 16 ? WR_S(31) : 0));
    xz_server_event e;
    while (xz_server_poll(&server, &e)) continue;
    for (xz_send send; !(op & 32) && xz_server_peek(&server, &send);) xz_server_pop(&server, now);
  }
  xz_server_wipe(&server);
  return 0;
}
