/* sctp/dcep.c - RFC 8832 5. Whether an OPEN is acceptable is for the association to say. */
#include "sctp/dcep.h"

#define UNORDERED_BIT 0x80

bool wr_dcep_read(wr_bytes message, wr_dcep *dcep) {
  wr_reader r = wr_reader_of(message);
  *dcep = (wr_dcep){.kind = WR_DCEP_ACK};
  uint8_t type = wr_read_u8(&r);
  if (type == WR_DCEP_ACK) return wr_reader_ok(&r);
  if (type != WR_DCEP_OPEN) return false;
  dcep->kind = WR_DCEP_OPEN;
  uint8_t channel_type = wr_read_u8(&r);
  dcep->unordered = (channel_type & UNORDERED_BIT) != 0;
  if ((channel_type & ~UNORDERED_BIT) > WR_DCEP_TIMED) return false;
  dcep->reliability = (wr_dcep_reliability)(channel_type & ~UNORDERED_BIT);
  dcep->priority = wr_read_u16(&r);
  dcep->parameter = wr_read_u32(&r);
  size_t label_len = wr_read_u16(&r), protocol_len = wr_read_u16(&r);
  dcep->label = wr_read_bytes(&r, label_len);
  dcep->protocol = wr_read_bytes(&r, protocol_len);
  return wr_reader_ok(&r);
}

void wr_dcep_write(wr_writer *w, const wr_dcep *dcep) {
  wr_write_u8(w, (uint8_t)dcep->kind);
  if (dcep->kind == WR_DCEP_ACK) return;
  wr_write_u8(w, (uint8_t)((unsigned)dcep->reliability | (dcep->unordered ? UNORDERED_BIT : 0u)));
  wr_write_u16(w, dcep->priority);
  wr_write_u32(w, dcep->parameter);
  wr_write_u16(w, (uint16_t)dcep->label.len);
  wr_write_u16(w, (uint16_t)dcep->protocol.len);
  wr_write_bytes(w, dcep->label);
  wr_write_bytes(w, dcep->protocol);
}
