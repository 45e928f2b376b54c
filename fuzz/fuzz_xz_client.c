/* fuzz/fuzz_xz_client.c - a hostile server: records of { op, u16 length, bytes } against one client. */
#include "base/io.h"
#include "wr/crypto_openssl.h"
#include "xiaozhi/client.h"

static xz_client client;
static const wr_crypto *crypto;

static void drain(unsigned keep) {
  xz_client_event e;
  while (xz_client_poll(&client, &e)) {
    if (e.kind == XZ_CLIENT_EVENT_TOOL_CALL && keep & 1) {
      wr_err err = xz_client_tool_result(&client, e.tool.call, keep & 2, "text");
      WR_ASSERT(err == WR_OK || err == WR_ERR_LIMIT);
    }
  }
  for (xz_send send; !(keep & 4) && xz_client_peek(&client, &send);) xz_client_pop(&client);
}

static void use(unsigned op, wr_bytes bytes, wr_time now) {
  wr_err err = WR_OK;
  switch (op % 8) {
    case 0:
    case 1: xz_client_recv_text(&client, bytes, now); break;
    case 2: xz_client_recv_binary(&client, bytes, now); break;
    case 3: xz_client_tick(&client, now); break;
    case 4: err = xz_client_listen_start(&client, (xz_mode)(op / 8 % 3)); break;
    case 5: err = xz_client_abort(&client, NULL); break;
    case 6: err = xz_client_send_audio(&client, bytes, 0); break;
    default:
      if (op & 8) {
        xz_client_closed(&client);
        drain(0); /* events are taken before the next input */
        xz_client_set_version(&client, op / 16);
        xz_client_set_udp(&client, op & 128 ? crypto : NULL);
        (op & 128 && op & 64 ? xz_client_opened_idle : xz_client_opened)(&client, now);
      } else if (client.state == XZ_CLIENT_IDLE) {
        xz_client_begin(&client, now);
      } else {
        xz_client_tick(&client, now + WR_S(9));
      }
  }
  WR_ASSERT(err == WR_OK || err == WR_ERR_STATE || err == WR_ERR_LIMIT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  if (!crypto) WR_ASSERT(wr_crypto_openssl_open(&crypto) == WR_OK);
  xz_client_settings settings;
  xz_client_settings_default(&settings);
  xz_client_init(&client, &settings);
  xz_client_opened(&client, 0);
  wr_reader r = wr_reader_of(wr_bytes_of(data, len));
  for (wr_time now = 0; wr_reader_left(&r); now += WR_MS(100)) {
    unsigned op = wr_read_u8(&r);
    size_t n = wr_read_u16(&r);
    use(op, wr_read_bytes(&r, n < wr_reader_left(&r) ? n : wr_reader_left(&r)), now);
    drain(op >> 5);
  }
  xz_client_wipe(&client);
  return 0;
}
