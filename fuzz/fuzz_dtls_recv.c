/* fuzz_dtls_recv.c - hostile datagrams at any moment of a DTLS connection over the OpenSSL engine, both roles.
 *
 * Input: one byte (role of the victim), then operations: a byte each, with operands. The victim and an honest peer
 * talk through lib/dtls; the fuzzer decides what arrives, what is damaged and when time passes. Handshakes are
 * random inside, so an input shows the same kind of moment, not the same bytes. */
#include "base/io.h"
#include "dtls/dtls.h"
#include "wr/crypto_openssl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define BLOCK_BYTES (WR_DTLS_EARLY_BYTES + 2)
#define N_BLOCKS 8
#define MAX_OPERATIONS 64

typedef struct scene {
  wr_dtls victim, peer;
  wr_time now;
  _Alignas(16) uint8_t pool_memory[(N_BLOCKS + 1) * (BLOCK_BYTES + 32)];
} scene;

static const wr_crypto *crypto;
static scene s;

static void settle(wr_dtls *dtls) {
  uint8_t data[1500];
  wr_srtp_keys keys;
  wr_dtls_event event = wr_dtls_poll_event(dtls);
  if (event == WR_DTLS_EVENT_CONNECTED) WR_ASSERT(wr_dtls_srtp_keys(dtls, &keys));
  while (wr_dtls_read(dtls, data, sizeof data) > 0) {
  }
}

/* One datagram from |from| to |to|, its byte |at| changed by |change|. */
static void carry(wr_dtls *from, wr_dtls *to, size_t at, uint8_t change) {
  uint8_t datagram[1500];
  size_t len = wr_dtls_poll(from, datagram, sizeof datagram, s.now);
  if (len == 0) return;
  datagram[at % len] ^= change;
  wr_dtls_recv(to, wr_bytes_of(datagram, len), s.now);
}

static void operate(wr_reader *r) {
  uint8_t operation = wr_read_u8(r);
  s.now += 1000;
  switch (operation % 7) {
    case 0: /* a datagram of the fuzzer's own */
      wr_dtls_recv(&s.victim, wr_read_bytes(r, operation / 7 * 16u % (wr_reader_left(r) + 1)), s.now);
      break;
    case 1: carry(&s.peer, &s.victim, 0, 0); break;
    case 2: carry(&s.victim, &s.peer, 0, 0); break;
    case 3: {
      size_t at = wr_read_u16(r);
      carry(&s.peer, &s.victim, at, wr_read_u8(r));
      break;
    }
    case 4: {
      wr_dtls *late = operation & 128 ? &s.peer : &s.victim;
      if (wr_dtls_deadline(late) != WR_NEVER)
        s.now = wr_dtls_deadline(late) > s.now ? wr_dtls_deadline(late) : s.now;
      wr_dtls_tick(&s.victim, s.now);
      wr_dtls_tick(&s.peer, s.now);
      break;
    }
    case 5: (void)wr_dtls_send(operation & 128 ? &s.peer : &s.victim, WR_BYTES_LITERAL("data")); break;
    case 6: /* the honest course, until nothing moves */
      for (int i = 0; i < 6; i++) {
        carry(&s.peer, &s.victim, 0, 0);
        carry(&s.victim, &s.peer, 0, 0);
      }
      break;
  }
  settle(&s.victim);
  settle(&s.peer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  if (!crypto && wr_crypto_openssl_open(&crypto) != WR_OK) return 0;
  wr_reader r = wr_reader_of(wr_bytes_of(data, len));
  uint8_t first = wr_read_u8(&r);
  bool is_client = first & 1, starts_late = first & 2;
  wr_pool *pool = wr_pool_init(s.pool_memory, BLOCK_BYTES, N_BLOCKS);
  s.now = WR_S(1);
  wr_dtls_init(&s.victim, crypto, pool, true);
  wr_dtls_init(&s.peer, crypto, pool, true);
  WR_ASSERT(wr_dtls_start(&s.peer, !is_client, &crypto->local_fingerprint, 10000, s.now) == WR_OK);
  if (!starts_late) WR_ASSERT(wr_dtls_start(&s.victim, is_client, &crypto->local_fingerprint, 0, s.now) == WR_OK);
  for (int i = 0; i < MAX_OPERATIONS && wr_reader_left(&r) > 0; i++) operate(&r);
  if (starts_late) WR_ASSERT(wr_dtls_start(&s.victim, is_client, &crypto->local_fingerprint, 0, s.now) == WR_OK);
  wr_dtls_shutdown(&s.victim);
  wr_dtls_wipe(&s.victim);
  wr_dtls_wipe(&s.peer);
  WR_ASSERT(wr_pool_n_free(pool) == N_BLOCKS);
  return 0;
}
