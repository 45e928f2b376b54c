/* fuzz/fuzz_gw_speech.c - Opus packets from strangers through both directions of the media bridge, with the clock
 * in the fuzzer's hand. Records: u8 what, u8 time step in ms, u8 length, bytes. */
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "gateway/downlink.h"
#include "gateway/uplink.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void emit(void *ctx, wr_bytes opus) {
  (void)ctx;
  WR_ASSERT(opus.len > 0 && opus_packet_get_nb_samples(opus.data, (opus_int32)opus.len, 48000) > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  static gw_uplink up;
  static uint8_t held[GW_UPLINK_BYTES];
  static gw_downlink down;
  gw_stock stock;
  wr_time now = 0;
  OpusRepacketizer *repacketizer = opus_repacketizer_create();
  wr_reader r = wr_reader_of(wr_bytes_of(data, len));
  gw_stock_init(&stock, 64);
  gw_uplink_init(&up, held, repacketizer, emit, NULL);
  gw_downlink_init(&down, &stock, repacketizer, 0, now);
  gw_uplink_start(&up, true, now);
  while (wr_reader_left(&r) >= 3) {
    uint8_t what = wr_read_u8(&r);
    now += WR_MS(wr_read_u8(&r));
    wr_bytes opus = wr_read_bytes(&r, wr_read_u8(&r));
    gw_downlink_item item;
    if (!wr_reader_ok(&r)) break;
    if (what % 4 == 0) gw_downlink_push_end(&down, now);
    if (what % 4 == 1) gw_downlink_push_text(&down, strdup("caption"), now);
    if (what == 255) gw_downlink_flush(&down);
    gw_uplink_push(&up, opus, now);
    gw_uplink_tick(&up, now);
    gw_downlink_push_audio(&down, opus, now);
    while (gw_downlink_poll(&down, &item, now))
      if (item.kind == GW_DOWNLINK_TEXT) free(item.text);
    WR_ASSERT(gw_downlink_deadline(&down) > now && gw_uplink_deadline(&up) > now);
  }
  gw_uplink_stop(&up, true);
  gw_downlink_wipe(&down);
  gw_stock_wipe(&stock);
  opus_repacketizer_destroy(repacketizer);
  return 0;
}
