/* sim/nat.c - mapping and filtering behaviour of a NAT (RFC 4787).
 *
 * Leaves out: port preservation and parity, inbound refresh (REQ-6 lets a NAT choose; ours does not), ICMP, TCP. */
#include "sim/nat.h"

#include <string.h>

sim_nat_rules sim_nat_classic(sim_nat_kind kind) {
  switch (kind) {
    case SIM_NAT_FULL_CONE: return (sim_nat_rules){SIM_NAT_ANY_REMOTE, SIM_NAT_ANY_REMOTE, false, 0};
    case SIM_NAT_RESTRICTED: return (sim_nat_rules){SIM_NAT_ANY_REMOTE, SIM_NAT_PER_ADDRESS, false, 0};
    case SIM_NAT_PORT_RESTRICTED: return (sim_nat_rules){SIM_NAT_ANY_REMOTE, SIM_NAT_PER_ADDRESS_PORT, false, 0};
    case SIM_NAT_SYMMETRIC: return (sim_nat_rules){SIM_NAT_PER_ADDRESS_PORT, SIM_NAT_PER_ADDRESS_PORT, false, 0};
  }
  WR_ASSERT(kind <= SIM_NAT_SYMMETRIC);
  return (sim_nat_rules){0};
}

void sim_nat_init(sim_nat *nat, const wr_addr *outside_ip, sim_nat_rules rules, sim_rng rng) {
  memset(nat, 0, sizeof *nat);
  nat->outside_ip = *outside_ip;
  nat->outside_ip.port = 0;
  nat->rules = rules;
  nat->rng = rng;
}

/* The part of |remote| that a rule of |scope| looks at. */
static wr_addr seen_by(sim_nat_scope scope, const wr_addr *remote) {
  wr_addr key = {0};
  if (scope == SIM_NAT_ANY_REMOTE) return key;
  key = *remote;
  if (scope == SIM_NAT_PER_ADDRESS) key.port = 0;
  return key;
}

static bool is_live(const sim_nat *nat, const sim_nat_mapping *m, wr_time now) {
  return m->outside_port && (!nat->rules.idle_us || now - m->used_at <= nat->rules.idle_us);
}

static sim_nat_mapping *find_port(sim_nat *nat, uint16_t port, wr_time now) {
  for (size_t i = 0; i < SIM_NAT_MAPPINGS; i++)
    if (nat->mappings[i].outside_port == port && is_live(nat, &nat->mappings[i], now)) return &nat->mappings[i];
  return NULL;
}

static uint16_t free_port(sim_nat *nat, wr_time now) {
  for (;;) {
    uint16_t port = (uint16_t)(1024 + sim_rng_upto(&nat->rng, 65535 - 1024));
    if (!find_port(nat, port, now)) return port;
  }
}

static sim_nat_mapping *map(sim_nat *nat, const wr_addr *inside, const wr_addr *key, wr_time now) {
  sim_nat_mapping *victim = &nat->mappings[0];
  for (size_t i = 0; i < SIM_NAT_MAPPINGS; i++) {
    sim_nat_mapping *m = &nat->mappings[i];
    if (!is_live(nat, m, now)) {
      m->outside_port = 0;
      if (victim->outside_port) victim = m;
      continue;
    }
    if (wr_addr_equal(&m->inside, inside) && wr_addr_equal(&m->remote, key)) return m;
    if (victim->outside_port && m->used_at < victim->used_at) victim = m;
  }
  *victim = (sim_nat_mapping){.inside = *inside, .remote = *key, .used_at = now};
  victim->outside_port = free_port(nat, now);
  return victim;
}

static bool has_contacted(const sim_nat_mapping *m, sim_nat_scope scope, const wr_addr *remote) {
  wr_addr wanted = seen_by(scope, remote);
  size_t n = m->n_contacts < SIM_NAT_CONTACTS ? m->n_contacts : SIM_NAT_CONTACTS;
  for (size_t i = 0; i < n; i++) {
    wr_addr contact = seen_by(scope, &m->contacts[i]);
    if (wr_addr_equal(&contact, &wanted)) return true;
  }
  return false;
}

wr_addr sim_nat_out(sim_nat *nat, const wr_addr *inside, const wr_addr *remote, wr_time now) {
  wr_addr key = seen_by(nat->rules.mapping, remote);
  sim_nat_mapping *m = map(nat, inside, &key, now);
  m->used_at = now;
  if (!has_contacted(m, SIM_NAT_PER_ADDRESS_PORT, remote))
    m->contacts[m->n_contacts++ % SIM_NAT_CONTACTS] = *remote;
  wr_addr outside = nat->outside_ip;
  outside.port = m->outside_port;
  return outside;
}

bool sim_nat_in(sim_nat *nat, uint16_t outside_port, const wr_addr *remote, wr_addr *inside, wr_time now) {
  sim_nat_mapping *m = outside_port ? find_port(nat, outside_port, now) : NULL;
  if (!m) return false;
  if (nat->rules.filtering != SIM_NAT_ANY_REMOTE && !has_contacted(m, nat->rules.filtering, remote)) return false;
  *inside = m->inside;
  return true;
}

void sim_nat_forget(sim_nat *nat) { memset(nat->mappings, 0, sizeof nat->mappings); }
