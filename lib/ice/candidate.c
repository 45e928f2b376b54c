/* ice/candidate.c - priorities, foundations and the tables of local and remote candidates (RFC 8445 5.1).
 *
 * A base is what a socket is bound to; a SRFLX candidate of a 1:1 NAT shows another address but sends from its
 * base. Foundations are the index of the first candidate of the same type and base IP: no STUN or TURN server takes
 * part (5.1.1.3). Local preferences fall in the order candidates are added, so the caller ranks its interfaces. */
#include "ice/candidate.h"

#include <string.h>

#include "base/io.h"

static uint32_t type_preference(wr_candidate_type type) {
  switch (type) { /* RFC 8445 5.1.2.2 */
    case WR_CANDIDATE_HOST: return 126;
    case WR_CANDIDATE_PRFLX: return 110;
    case WR_CANDIDATE_SRFLX: return 100;
    case WR_CANDIDATE_RELAY: return 0;
  }
  return 0;
}

uint32_t wr_ice_priority(wr_candidate_type type, uint16_t local_preference) {
  return type_preference(type) << 24 | (uint32_t)local_preference << 8 | (256 - 1);
}

static bool is_all(const uint8_t *ip, size_t len, uint8_t value) {
  for (size_t i = 0; i < len; i++)
    if (ip[i] != value) return false;
  return true;
}

bool wr_ice_addr_is_usable(const wr_addr *addr) {
  if (!addr->port) return false;
  if (addr->family == 4) return addr->ip[0] != 0 && (addr->ip[0] & 0xf0) != 0xe0 && !is_all(addr->ip, 4, 0xff);
  if (addr->family == 6) return addr->ip[0] != 0xff && !is_all(addr->ip, 16, 0);
  return false;
}

static size_t foundation_of(const wr_ice_locals *locals, size_t i) {
  for (size_t j = 0; j < i; j++) {
    if (locals->shown[j].type == locals->shown[i].type && locals->base[j].family == locals->base[i].family &&
        memcmp(locals->base[j].ip, locals->base[i].ip, sizeof locals->base[i].ip) == 0)
      return j;
  }
  return i;
}

wr_err wr_ice_locals_add(wr_ice_locals *locals, const wr_addr *base, const wr_addr *shown, wr_candidate_type type) {
  if (!wr_ice_addr_is_usable(base) || !wr_ice_addr_is_usable(shown)) return WR_ERR_UNSUPPORTED;
  for (size_t i = 0; i < locals->n; i++) {
    if (wr_addr_equal(&locals->base[i], base) && wr_addr_equal(&locals->shown[i].addr, shown)) return WR_OK;
  }
  if (locals->n == WR_ICE_MAX_LOCAL) return WR_ERR_LIMIT;
  size_t i = locals->n++;
  locals->base[i] = *base;
  locals->shown[i] = (wr_candidate){
      .addr = *shown,
      .type = type,
      .priority = wr_ice_priority(type, (uint16_t)(UINT16_MAX - i)),
      .component = 1,
  };
  wr_writer w = wr_writer_of((uint8_t *)locals->shown[i].foundation, sizeof locals->shown[i].foundation - 1);
  wr_write_decimal(&w, foundation_of(locals, i) + 1);
  return WR_OK;
}

int wr_ice_locals_by_base(const wr_ice_locals *locals, const wr_addr *base) {
  for (int i = 0; i < locals->n; i++)
    if (wr_addr_equal(&locals->base[i], base)) return i;
  return -1;
}

int wr_ice_locals_find(const wr_ice_locals *locals, const wr_addr *local, uint8_t family) {
  if (local->family) return wr_ice_locals_by_base(locals, local);
  for (int i = 0; i < locals->n; i++)
    if (locals->base[i].family == family) return i;
  return -1;
}

uint32_t wr_ice_locals_reflexive_priority(const wr_ice_locals *locals, size_t i) {
  return wr_ice_priority(WR_CANDIDATE_PRFLX, (uint16_t)(locals->shown[i].priority >> 8));
}

int wr_ice_remotes_find(const wr_ice_remotes *remotes, const wr_addr *addr) {
  for (int i = 0; i < WR_ICE_MAX_REMOTE; i++)
    if (remotes->slot[i].used && wr_addr_equal(&remotes->slot[i].addr, addr)) return i;
  return -1;
}

int wr_ice_remotes_add(wr_ice_remotes *remotes, const wr_addr *addr, wr_candidate_type type, uint32_t priority,
                       wr_time now) {
  for (int i = 0; i < WR_ICE_MAX_REMOTE; i++) {
    if (remotes->slot[i].used) continue;
    remotes->slot[i] = (wr_ice_remote){
        .addr = *addr, .priority = priority, .type = type, .used = true, .current = true, .heard_at = now};
    return i;
  }
  return -1;
}
