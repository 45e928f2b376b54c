/* conn/roam.c - see roam.h. */
#include "conn/roam.h"

#include "base/io.h"

#define RECORD_HEADER 13 /* RFC 6347 4.1 */
#define APPLICATION_DATA 23
#define RTP_HEADER 12

/* Number of the first record, if it is application data under the handshake's keys; 0: it is not. */
static uint64_t record_of(wr_bytes d) {
  if (d.len <= RECORD_HEADER || d.data[0] != APPLICATION_DATA || d.data[1] != 0xfe || d.data[2] != 0xfd) return 0;
  uint64_t epoch_and_number = (uint64_t)wr_get_u32(d.data + 3) << 32 | wr_get_u32(d.data + 7);
  if (epoch_and_number >> 48 != 1) return 0;
  return wr_get_u16(d.data + 11) <= d.len - RECORD_HEADER ? epoch_and_number & 0xffffffffffff : 0;
}

void wr_roam_record_in(wr_roam *roam, wr_bytes datagram) { roam->record_in = record_of(datagram); }

void wr_roam_record_read(wr_roam *roam) {
  if (roam->record_in > roam->record) roam->record = roam->record_in;
}

static bool is_rtp(wr_bytes d) {
  return d.len > RTP_HEADER && d.data[0] >> 6 == 2 && (d.data[1] < 192 || d.data[1] > 223); /* RFC 5761 4 */
}

bool wr_roam_may_continue(const wr_roam *roam, wr_bytes datagram, bool has_source, uint32_t ssrc, uint16_t seq,
                          wr_time now) {
  if (!roam->heard_at || now - roam->heard_at < WR_ROAM_QUIET_US) return false;
  uint64_t record = record_of(datagram);
  if (record) return roam->record && record > roam->record && record - roam->record <= WR_ROAM_RECORDS;
  if (!has_source || !is_rtp(datagram) || wr_get_u32(datagram.data + 8) != ssrc) return false;
  uint16_t ahead = (uint16_t)(wr_get_u16(datagram.data + 2) - seq);
  return ahead && ahead <= WR_ROAM_PACKETS;
}
