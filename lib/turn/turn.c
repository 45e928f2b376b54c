/* turn/turn.c - the client's life (RFC 8656 6 to 12): one request at a time for the allocation, one per peer.
 *
 * A permission lasts 5 minutes and a channel 10; both are renewed every 4 by the same request that made them, for a
 * ChannelBind renews the permission, too (12). A peer keeps its slot, so its channel's number is never given to
 * another. */
#include "turn/turn_state.h"

#define N_SENDS 7
#define GIVE_UP_AFTER 16        /* times the first RTO, after the last send (RFC 8489 6.2.1: Rm) */
#define STREAM_WAIT_US 39500000 /* 6.2.2: Ti */
#define N_STALE_MAX 3
#define RENEW_PEER WR_S(240)
#define CHANNEL_KEPT \
  WR_S(900) /* by the server at most, after the last ChannelBind: 10 minutes and 5 (RFC 8656 12) */
#define CHANNEL_FIRST 0x4000u

static uint16_t n_peers_of(uint16_t wanted) { return wanted ? wanted : WR_TURN_PEERS; }

size_t wr_turn_size(uint16_t n_peers) { return sizeof(wr_turn) + n_peers_of(n_peers) * sizeof(turn_peer); }

wr_turn *wr_turn_init(void *mem, const wr_turn_settings *settings, wr_time now) {
  wr_turn *turn = mem;
  (void)now;
  WR_ASSERT(settings->n_peers <= WR_TURN_PEERS_MAX);
  memset(turn, 0, wr_turn_size(settings->n_peers));
  turn->n_peers = n_peers_of(settings->n_peers);
  turn->forgets = settings->forgets;
  turn->keep_us = settings->keep_us;
  turn_credentials *c = &turn->credentials;
  size_t n_user = strlen(settings->username), n_password = strlen(settings->password);
  if (n_user >= sizeof c->username || n_password >= sizeof c->password) return NULL;
  memcpy(c->username, settings->username, n_user);
  memcpy(c->password, settings->password, n_password);
  turn->rng = settings->rng;
  turn->crypto = settings->crypto;
  turn->stream = settings->stream;
  turn->family = settings->family;
  turn->renew_at = turn->expires_at = WR_NEVER;
  return turn;
}

void wr_turn_wipe(wr_turn *turn) { wr_wipe(turn, wr_turn_size(turn->n_peers)); }

/* ---- events and states ---- */

/* States always fit; a peer's news may push out older news of peers, and who asks hears the truth from
 * wr_turn_send. */
static void add_event(wr_turn *turn, wr_turn_event event) {
  if (turn->n_events == EVENTS_MAX) {
    turn->first_event = (turn->first_event + 1) % EVENTS_MAX;
    turn->n_events--;
  }
  turn->event[(turn->first_event + turn->n_events++) % EVENTS_MAX] = event;
}

bool wr_turn_poll_event(wr_turn *turn, wr_turn_event *event) {
  if (!turn->n_events) return false;
  *event = turn->event[turn->first_event];
  turn->first_event = (turn->first_event + 1) % EVENTS_MAX;
  turn->n_events--;
  return true;
}

static void set_state(wr_turn *turn, wr_turn_state state) {
  turn->state = state;
  add_event(turn, (wr_turn_event){.kind = WR_TURN_EVENT_STATE, .state = state});
}

static void forget_peers(wr_turn *turn) {
  for (size_t i = 0; i < turn->n_peers; i++) turn->peer[i] = (turn_peer){0};
}

static void end(wr_turn *turn, wr_turn_state state, wr_turn_reason reason, uint16_t code) {
  turn->reason = reason;
  turn->code = code;
  turn->main.method = 0;
  turn->renew_at = turn->expires_at = WR_NEVER;
  forget_peers(turn);
  set_state(turn, state);
}

/* ---- requests ---- */

static void begin(wr_turn *turn, turn_request *request, uint16_t method, wr_time now) {
  uint8_t n_stale = request->method == method ? request->n_stale : 0;
  *request = (turn_request){.method = method, .n_stale = n_stale, .next_at = now, .rto = WR_TURN_RTO_US};
  wr_rng_fill(&turn->rng, request->id, sizeof request->id);
}

wr_err wr_turn_allocate(wr_turn *turn, wr_time now) {
  if (turn->state != WR_TURN_NEW) return WR_ERR_STATE;
  set_state(turn, WR_TURN_ALLOCATING);
  begin(turn, &turn->main, METHOD_ALLOCATE, now);
  return WR_OK;
}

void wr_turn_close(wr_turn *turn, wr_time now) {
  if (turn->state == WR_TURN_ALLOCATED) {
    set_state(turn, WR_TURN_CLOSING);
    forget_peers(turn);    /* they go with it */
    turn->main.method = 0; /* what was asked before is of no interest */
    begin(turn, &turn->main, METHOD_REFRESH, now);
  } else if (turn->state < WR_TURN_CLOSING) {
    end(turn, WR_TURN_CLOSED, WR_TURN_FINE, 0);
  }
}

static turn_peer *find_peer(const wr_turn *turn, const wr_addr *addr) {
  for (size_t i = 0; addr->family && i < turn->n_peers; i++)
    if (wr_addr_equal(&turn->peer[i].addr, addr)) return (turn_peer *)(uintptr_t)&turn->peer[i];
  return NULL;
}

/* The place |addr| had before, for the server may still know it by that channel; else any. NULL: none. */
static turn_peer *free_peer(wr_turn *turn, const wr_addr *addr, wr_time now) {
  turn_peer *found = NULL;
  for (size_t i = 0; i < turn->n_peers; i++) {
    turn_peer *peer = &turn->peer[i];
    if (peer->addr.family) continue;
    if (now < peer->spent_until && wr_addr_equal(&peer->former, addr)) return peer;
    if (now >= peer->spent_until && !found) found = peer;
  }
  return found;
}

wr_err wr_turn_permit(wr_turn *turn, const wr_addr *addr, bool channel, wr_time now) {
  if (turn->state != WR_TURN_ALLOCATED) return WR_ERR_STATE;
  WR_ASSERT(addr->family == 4 || addr->family == 6);
  turn_peer *peer = find_peer(turn, addr);
  if (peer && (peer->wants_channel || !channel)) return WR_OK;
  if (!peer) peer = free_peer(turn, addr, now);
  if (!peer) return WR_ERR_LIMIT;
  peer->addr = *addr;
  peer->wants_channel = channel;
  peer->renew_at = WR_NEVER;
  begin(turn, &peer->request, channel ? METHOD_BIND : METHOD_PERMIT, now);
  return WR_OK;
}

static uint16_t channel_of(const wr_turn *turn, const turn_peer *peer) {
  return (uint16_t)(CHANNEL_FIRST + (unsigned)(peer - turn->peer));
}

static size_t write_request(const wr_turn *turn, const turn_request *request, const turn_peer *peer, uint8_t *out,
                            size_t cap) {
  wr_writer w = wr_writer_of(out, cap);
  wr_stun_begin(&w, WR_STUN_REQUEST, request->method, request->id);
  switch (request->method) {
    case METHOD_ALLOCATE:
      wr_stun_write_u32(&w, WR_STUN_REQUESTED_TRANSPORT, 17u << 24); /* UDP */
      if (turn->family)
        wr_stun_write_u32(&w, WR_STUN_REQUESTED_ADDRESS_FAMILY, (turn->family == 6 ? 2u : 1u) << 24);
      break;
    case METHOD_REFRESH:
      if (turn->state == WR_TURN_CLOSING) wr_stun_write_u32(&w, WR_STUN_LIFETIME, 0);
      break;
    case METHOD_BIND: wr_stun_write_u32(&w, WR_STUN_CHANNEL_NUMBER, (uint32_t)channel_of(turn, peer) << 16); break;
  }
  if (peer) wr_stun_write_xor(&w, WR_STUN_XOR_PEER_ADDRESS, &peer->addr);
  return wr_turn_sign(&w, &turn->credentials, turn->crypto);
}

static void forget_peer(turn_peer *peer, wr_time now) {
  *peer = (turn_peer){.former = peer->addr, .spent_until = peer->bound ? now + CHANNEL_KEPT : 0};
}

static void give_up_peer(wr_turn *turn, turn_peer *peer, uint16_t code, wr_time now) {
  add_event(turn, (wr_turn_event){.kind = WR_TURN_EVENT_REFUSED, .peer = peer->addr, .code = code});
  forget_peer(peer, now);
}

static void give_up(wr_turn *turn, turn_peer *peer, wr_time now) {
  if (peer)
    give_up_peer(turn, peer, 0, now);
  else if (turn->state == WR_TURN_CLOSING)
    end(turn, WR_TURN_CLOSED, WR_TURN_FINE, 0);
  else
    end(turn, WR_TURN_FAILED, WR_TURN_SILENT, 0);
}

/* A request that is due: sent once more, or given up. */
static size_t poll_request(wr_turn *turn, turn_request *request, turn_peer *peer, uint8_t *out, size_t cap,
                           wr_time now) {
  if (!request->method || now < request->next_at) return 0;
  if (request->n_sent >= (turn->stream ? 1 : N_SENDS)) {
    give_up(turn, peer, now);
    return 0;
  }
  request->n_sent++;
  wr_time wait = request->n_sent < N_SENDS ? request->rto : (wr_time)GIVE_UP_AFTER * WR_TURN_RTO_US;
  request->next_at = now + (turn->stream ? STREAM_WAIT_US : wait);
  request->rto *= 2;
  return write_request(turn, request, peer, out, cap);
}

static void renew(wr_turn *turn, wr_time now) {
  if (turn->state != WR_TURN_ALLOCATED) return;
  if (now >= turn->expires_at) {
    end(turn, WR_TURN_FAILED, WR_TURN_SILENT, 0);
    return;
  }
  if (now >= turn->renew_at && !turn->main.method) begin(turn, &turn->main, METHOD_REFRESH, now);
  for (size_t i = 0; i < turn->n_peers; i++) {
    turn_peer *peer = &turn->peer[i];
    if (!peer->addr.family || peer->request.method || now < peer->renew_at) continue;
    if (turn->forgets && !peer->sent) {
      forget_peer(peer, now);
      continue;
    }
    peer->sent = false;
    begin(turn, &peer->request, peer->wants_channel ? METHOD_BIND : METHOD_PERMIT, now);
  }
}

size_t wr_turn_poll(wr_turn *turn, uint8_t *out, size_t cap, wr_time now) {
  WR_ASSERT(cap >= WR_TURN_OUT_MAX);
  renew(turn, now);
  size_t len = poll_request(turn, &turn->main, NULL, out, cap, now);
  for (size_t i = 0; !len && i < turn->n_peers; i++)
    len = poll_request(turn, &turn->peer[i].request, &turn->peer[i], out, cap, now);
  return len;
}

wr_time wr_turn_deadline(const wr_turn *turn) {
  wr_time at = turn->main.method ? turn->main.next_at : turn->renew_at;
  if (turn->state == WR_TURN_ALLOCATED) at = wr_time_min(at, turn->expires_at);
  for (size_t i = 0; i < turn->n_peers; i++) {
    const turn_peer *peer = &turn->peer[i];
    if (peer->addr.family) at = wr_time_min(at, peer->request.method ? peer->request.next_at : peer->renew_at);
  }
  return at;
}

/* ---- answers ---- */

static void set_lifetime(wr_turn *turn, const wr_stun *answer, wr_time now) {
  wr_bytes value = wr_stun_find(answer, WR_STUN_LIFETIME);
  wr_time life = value.len == 4 ? WR_S(wr_get_u32(value.data)) : WR_S(600);
  turn->expires_at = now + life;
  turn->renew_at = now + (life > WR_S(120) ? life - WR_S(60) : life / 2);
  if (turn->keep_us) turn->renew_at = wr_time_min(turn->renew_at, now + turn->keep_us);
}

static void on_allocated(wr_turn *turn, const wr_stun *answer, wr_time now) {
  if (!wr_stun_find_address(answer, WR_STUN_XOR_RELAYED_ADDRESS, &turn->relayed)) {
    end(turn, WR_TURN_FAILED, WR_TURN_MALFORMED, 0);
    return;
  }
  turn->mapped = answer->mapped;
  set_lifetime(turn, answer, now);
  turn->main.method = 0;
  set_state(turn, WR_TURN_ALLOCATED);
}

static void on_peer_success(wr_turn *turn, turn_peer *peer, wr_time now) {
  bool news = !peer->permitted;
  peer->bound |= peer->request.method == METHOD_BIND;
  peer->permitted = true;
  peer->request = (turn_request){0};
  peer->renew_at = now + RENEW_PEER;
  if (news) add_event(turn, (wr_turn_event){.kind = WR_TURN_EVENT_PERMITTED, .peer = peer->addr});
}

static void on_success(wr_turn *turn, turn_request *request, turn_peer *peer, const wr_stun *answer, wr_time now) {
  if (peer) {
    on_peer_success(turn, peer, now);
  } else if (request->method == METHOD_ALLOCATE) {
    on_allocated(turn, answer, now);
  } else if (turn->state == WR_TURN_CLOSING) {
    end(turn, WR_TURN_CLOSED, WR_TURN_FINE, 0);
  } else {
    request->method = 0;
    set_lifetime(turn, answer, now);
  }
}

static wr_turn_reason reason_of(uint16_t code) {
  switch (code) {
    case 401: return WR_TURN_UNAUTHORIZED;
    case 438: return WR_TURN_STALE;
    case 403: return WR_TURN_FORBIDDEN;
    case 300: return WR_TURN_ALTERNATE;
    case 437: return WR_TURN_MISMATCH;
    case 440: return WR_TURN_FAMILY;
    case 441: return WR_TURN_WRONG_USER;
    case 442: return WR_TURN_NO_TRANSPORT;
    case 486: return WR_TURN_QUOTA;
    case 508: return WR_TURN_CAPACITY;
  }
  return WR_TURN_REFUSED;
}

/* ALTERNATE-SERVER is not XORed (RFC 8489 14.15), so its one family byte and length are read here. */
static void note_alternate(wr_turn *turn, const wr_stun *answer) {
  wr_bytes value = wr_stun_find(answer, WR_STUN_ALTERNATE_SERVER);
  size_t len = value.len == 8 ? 4 : 16;
  if ((value.len != 8 && value.len != 20) || value.data[1] != (len == 4 ? 1 : 2)) return;
  turn->alternate = (wr_addr){.family = len == 4 ? 4 : 6, .port = wr_get_u16(value.data + 2)};
  memcpy(turn->alternate.ip, value.data + 4, len);
}

/* 401 before we had a key, or 438: the same again with what the server wants. */
static bool try_again(wr_turn *turn, turn_request *request, const wr_stun *answer, wr_time now, bool *usable) {
  turn_credentials *c = &turn->credentials;
  *usable = true;
  if (answer->error_code == 401 && !c->key_len)
    *usable = wr_turn_challenged(c, answer, turn->crypto);
  else if (answer->error_code == 438 && c->key_len && request->n_stale < N_STALE_MAX)
    *usable = (request->n_stale++, wr_turn_renew_nonce(c, answer));
  else
    return false;
  begin(turn, request, request->method, now);
  return true;
}

static void on_error(wr_turn *turn, turn_request *request, turn_peer *peer, const wr_stun *answer, wr_time now) {
  bool usable;
  uint16_t code = answer->error_code;
  if (try_again(turn, request, answer, now, &usable)) {
    if (!usable) end(turn, WR_TURN_FAILED, WR_TURN_CHALLENGE, code);
  } else if (turn->state == WR_TURN_CLOSING && !peer) {
    end(turn, WR_TURN_CLOSED, WR_TURN_FINE, 0); /* 437 as well: it is gone */
  } else if (peer && code != 437) {
    give_up_peer(turn, peer, code, now);
  } else {
    if (code == 300) note_alternate(turn, answer);
    end(turn, WR_TURN_FAILED, reason_of(code), code);
  }
}

static turn_request *find_request(wr_turn *turn, const uint8_t *id, turn_peer **peer) {
  *peer = NULL;
  if (turn->main.method && memcmp(turn->main.id, id, WR_STUN_ID_BYTES) == 0) return &turn->main;
  for (size_t i = 0; i < turn->n_peers; i++) {
    turn_request *request = &turn->peer[i].request;
    if (!request->method || memcmp(request->id, id, WR_STUN_ID_BYTES) != 0) continue;
    *peer = &turn->peer[i];
    return request;
  }
  return NULL;
}

static wr_turn_input recv_answer(wr_turn *turn, const wr_stun *answer, wr_time now) {
  turn_peer *peer;
  turn_request *request = find_request(turn, answer->id, &peer);
  if (!request || answer->method != request->method || !request->n_sent) return WR_TURN_UNEXPECTED;
  bool keyed = turn->credentials.key_len != 0, has_mac = answer->mac_at || answer->mac256_at;
  bool challenge = answer->error_code == 401 || answer->error_code == 438;
  if (answer->class_ == WR_STUN_SUCCESS) {
    if (keyed && !wr_turn_verify(&turn->credentials, answer, turn->crypto)) return WR_TURN_BAD_MAC;
    on_success(turn, request, peer, answer, now);
  } else {
    if (!answer->error_code) return WR_TURN_BAD;
    if (keyed && has_mac && !challenge && !wr_turn_verify(&turn->credentials, answer, turn->crypto))
      return WR_TURN_BAD_MAC;
    on_error(turn, request, peer, answer, now);
  }
  return WR_TURN_CONSUMED;
}

/* ---- data ---- */

static wr_turn_input recv_channel(const wr_turn *turn, wr_bytes frame, wr_turn_data *data) {
  if (frame.len < 4) return WR_TURN_BAD;
  unsigned channel = wr_get_u16(frame.data) - CHANNEL_FIRST;
  size_t len = wr_get_u16(frame.data + 2);
  if (len > frame.len - 4) return WR_TURN_BAD;
  if (channel >= turn->n_peers || !turn->peer[channel].bound) return WR_TURN_UNEXPECTED;
  data->peer = turn->peer[channel].addr;
  data->bytes = wr_bytes_of(frame.data + 4, len);
  return WR_TURN_DATA;
}

/* A permission is for an address with all its ports (RFC 8656 9). */
static bool is_permitted(const wr_turn *turn, const wr_addr *addr) {
  for (size_t i = 0; i < turn->n_peers; i++) {
    const turn_peer *peer = &turn->peer[i];
    if (peer->permitted && peer->addr.family == addr->family && memcmp(peer->addr.ip, addr->ip, 16) == 0)
      return true;
  }
  return false;
}

static wr_turn_input recv_indication(const wr_turn *turn, const wr_stun *stun, wr_turn_data *data) {
  if (stun->method != METHOD_DATA) return WR_TURN_UNEXPECTED;
  data->bytes = wr_stun_find(stun, WR_STUN_DATA);
  if (!wr_stun_find_address(stun, WR_STUN_XOR_PEER_ADDRESS, &data->peer) || !data->bytes.data) return WR_TURN_BAD;
  return is_permitted(turn, &data->peer) ? WR_TURN_DATA : WR_TURN_UNEXPECTED;
}

wr_turn_input wr_turn_recv(wr_turn *turn, wr_bytes datagram, wr_turn_data *data, wr_time now) {
  wr_stun stun;
  if (!datagram.len) return WR_TURN_BAD;
  if (datagram.data[0] >> 4 == 4) return recv_channel(turn, datagram, data);
  if (wr_stun_parse(&stun, datagram) != WR_OK) return WR_TURN_BAD;
  if (stun.class_ == WR_STUN_INDICATION) return recv_indication(turn, &stun, data);
  return stun.class_ == WR_STUN_REQUEST ? WR_TURN_UNEXPECTED : recv_answer(turn, &stun, now);
}

static size_t send_indication(const wr_turn *turn, const turn_peer *peer, wr_bytes bytes, uint8_t *out,
                              size_t cap) {
  uint8_t id[WR_STUN_ID_BYTES];
  wr_writer w = wr_writer_of(out, cap);
  wr_rng_fill(&turn->rng, id, sizeof id);
  wr_stun_begin(&w, WR_STUN_INDICATION, METHOD_SEND, id);
  wr_stun_write_xor(&w, WR_STUN_XOR_PEER_ADDRESS, &peer->addr);
  wr_stun_write_bytes(&w, WR_STUN_DATA, bytes);
  if (!wr_writer_ok(&w)) return 0;
  wr_put_u16(out + 2, (uint16_t)(wr_writer_len(&w) - WR_STUN_HEADER_BYTES));
  return wr_writer_len(&w);
}

size_t wr_turn_send(wr_turn *turn, const wr_addr *addr, wr_bytes bytes, uint8_t *out, size_t cap) {
  turn_peer *peer = find_peer(turn, addr);
  if (!peer || !peer->permitted || bytes.len > UINT16_MAX - 64) return 0;
  peer->sent = true;
  if (!peer->bound) return send_indication(turn, peer, bytes, out, cap);
  wr_writer w = wr_writer_of(out, cap);
  wr_write_u16(&w, channel_of(turn, peer));
  wr_write_u16(&w, (uint16_t)bytes.len);
  wr_write_bytes(&w, bytes);
  if (turn->stream) wr_write_zeros(&w, -bytes.len & 3);
  return wr_writer_ok(&w) ? wr_writer_len(&w) : 0;
}

/* ---- what is known ---- */

wr_turn_state wr_turn_get_state(const wr_turn *turn) { return turn->state; }

wr_turn_reason wr_turn_failure(const wr_turn *turn, uint16_t *code) {
  if (code) *code = turn->code;
  return turn->reason;
}

const char *wr_turn_realm(const wr_turn *turn) { return turn->credentials.realm; }

bool wr_turn_alternate(const wr_turn *turn, wr_addr *addr) {
  *addr = turn->alternate;
  return addr->family != 0;
}

bool wr_turn_relayed(const wr_turn *turn, wr_addr *relayed, wr_addr *mapped) {
  *relayed = turn->relayed;
  *mapped = turn->mapped;
  return relayed->family != 0;
}

const char *wr_turn_reason_text(wr_turn_reason reason) {
  static const char *const texts[] = {
      [WR_TURN_FINE] = "nothing is wrong",
      [WR_TURN_SILENT] = "no answer",
      [WR_TURN_UNAUTHORIZED] = "the credentials are refused",
      [WR_TURN_STALE] = "every nonce is stale",
      [WR_TURN_CHALLENGE] = "the challenge cannot be answered",
      [WR_TURN_FORBIDDEN] = "forbidden",
      [WR_TURN_ALTERNATE] = "another server is to be used",
      [WR_TURN_MISMATCH] = "the allocation is gone or another's",
      [WR_TURN_FAMILY] = "no address of that family",
      [WR_TURN_WRONG_USER] = "the allocation is another user's",
      [WR_TURN_NO_TRANSPORT] = "no relaying of UDP",
      [WR_TURN_QUOTA] = "the user's quota is used up",
      [WR_TURN_CAPACITY] = "the server is full",
      [WR_TURN_REFUSED] = "the request is refused",
      [WR_TURN_MALFORMED] = "the answer lacks what it must have",
  };
  return texts[reason];
}
