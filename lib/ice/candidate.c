/* ice/candidate.c - priorities, foundations and the tables of local and remote candidates (RFC 8445 5.1).
 *
 * A base is what a socket is bound to; a SRFLX candidate of a 1:1 NAT shows another address but sends from its
 * base. A relayed candidate is its own base: who sends from there goes through the relay. Foundations are the index
 * of the first candidate of the same type and base IP (5.1.1.3; the server does not count, for nothing is frozen).
 * Local preferences fall in the order candidates are added, so the caller ranks its interfaces.
 *
 * TCP (RFC 6544): active candidates, shown with port 9, and passive ones. Left out: simultaneous open, which needs
 * both sides to bind one port for listening and connecting, and no browser offers it. */
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

/* RFC 6544 4.2 asks for values below UDP's of the same type. */
static uint32_t tcp_type_preference(wr_candidate_type type) {
  switch (type) {
    case WR_CANDIDATE_HOST: return 90;
    case WR_CANDIDATE_PRFLX: return 80;
    case WR_CANDIDATE_SRFLX: return 70;
    case WR_CANDIDATE_RELAY: return 0;
  }
  return 0;
}

static uint32_t direction_preference(wr_candidate_type type, wr_tcp_type tcp) {
  bool is_reflexive = type == WR_CANDIDATE_SRFLX || type == WR_CANDIDATE_PRFLX;
  if (tcp == WR_TCP_SO) return is_reflexive ? 6 : 2;
  if (tcp == WR_TCP_ACTIVE) return is_reflexive ? 4 : 6;
  return is_reflexive ? 2 : 4;
}

uint32_t wr_ice_priority(wr_candidate_type type, wr_tcp_type tcp, uint16_t local_preference) {
  if (!tcp) return type_preference(type) << 24 | (uint32_t)local_preference << 8 | (256 - 1);
  uint32_t preference = direction_preference(type, tcp) << 13 | (local_preference & 0x1fff);
  return tcp_type_preference(type) << 24 | preference << 8 | (256 - 1);
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
        locals->base[j].transport == locals->base[i].transport &&
        memcmp(locals->base[j].ip, locals->base[i].ip, sizeof locals->base[i].ip) == 0)
      return j;
  }
  return i;
}

#define DISCARD_PORT 9 /* RFC 6544 4.5: of an active candidate, whose port is not known before it connects */

static wr_tcp_type tcp_type_of(const wr_addr *base) {
  if (base->transport == WR_UDP) return WR_TCP_NONE;
  return base->port ? WR_TCP_PASSIVE : WR_TCP_ACTIVE;
}

wr_err wr_ice_locals_add(wr_ice_locals *locals, const wr_addr *base, const wr_addr *address,
                         wr_candidate_type type) {
  wr_tcp_type tcp = tcp_type_of(base);
  wr_addr from = *base, shown = *address;
  if (tcp == WR_TCP_ACTIVE) from.port = shown.port = DISCARD_PORT;
  if (!wr_ice_addr_is_usable(&from) || !wr_ice_addr_is_usable(&shown)) return WR_ERR_UNSUPPORTED;
  for (size_t i = 0; i < locals->n; i++) {
    if (wr_addr_equal(&locals->base[i], base) && wr_addr_equal(&locals->shown[i].addr, &shown)) return WR_OK;
  }
  if (locals->n == WR_ICE_MAX_LOCAL) return WR_ERR_LIMIT;
  size_t i = locals->n++;
  locals->base[i] = *base;
  locals->shown[i] = (wr_candidate){
      .addr = shown,
      .type = type,
      .tcp = tcp,
      .priority = wr_ice_priority(type, tcp, (uint16_t)(UINT16_MAX - i)),
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

int wr_ice_locals_find(const wr_ice_locals *locals, const wr_addr *local, const wr_addr *remote) {
  if (local->family) return wr_ice_locals_by_base(locals, local);
  for (int i = 0; i < locals->n; i++)
    if (locals->base[i].family == remote->family && locals->base[i].transport == remote->transport &&
        locals->shown[i].type != WR_CANDIDATE_RELAY)
      return i;
  return -1;
}

uint32_t wr_ice_locals_reflexive_priority(const wr_ice_locals *locals, size_t i) {
  const wr_candidate *c = &locals->shown[i];
  return wr_ice_priority(WR_CANDIDATE_PRFLX, c->tcp, (uint16_t)(c->priority >> 8));
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
    if (addr->transport == WR_TCP)
      remotes->slot[i].tcp = type == WR_CANDIDATE_PRFLX ? WR_TCP_ACTIVE : WR_TCP_PASSIVE;
    return i;
  }
  return -1;
}
