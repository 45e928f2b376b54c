#include "check.h"
#include "wr/crypto_openssl.h"

#define MTU 1200

typedef struct pair {
  const wr_dtls_engine *dtls;
  wr_dtls_session *client, *server;
} pair;

static pair open_pair(void) {
  pair p = {.dtls = wr_crypto_null()->dtls};
  p.client = p.dtls->open(NULL, true, MTU);
  p.server = p.dtls->open(NULL, false, MTU);
  CHECK_EQ(p.dtls->start(p.server), WR_OK);
  CHECK_EQ(p.dtls->start(p.client), WR_OK);
  return p;
}

static void close_pair(pair *p) {
  p->dtls->close(NULL, p->client);
  p->dtls->close(NULL, p->server);
}

static size_t carry(pair *p, wr_dtls_session *from, wr_dtls_session *to) {
  uint8_t datagram[MTU];
  size_t len = p->dtls->pull(from, datagram, sizeof datagram);
  CHECK(len == 0 || (datagram[0] >= 20 && datagram[0] <= 63)); /* RFC 7983 */
  if (len) CHECK_EQ(p->dtls->recv(to, wr_bytes_of(datagram, len)), WR_OK);
  return len;
}

TEST(null_handshake_has_the_flights_of_the_real_one) {
  pair p = open_pair();
  wr_fingerprint shown;
  CHECK(!p.dtls->peer_fingerprint(p.client, WR_HASH_SHA256, &shown));
  CHECK(p.dtls->awaits_peer(p.client) && !p.dtls->awaits_peer(p.server));
  CHECK(carry(&p, p.client, p.server) > 0);
  CHECK(p.dtls->awaits_peer(p.server));
  CHECK(carry(&p, p.server, p.client) > 0);
  CHECK(p.dtls->awaits_peer(p.client));
  CHECK(carry(&p, p.client, p.server) > 0);
  CHECK_EQ(p.dtls->status(p.server), WR_DTLS_CONNECTED);
  CHECK_EQ(p.dtls->status(p.client), WR_DTLS_HANDSHAKING);
  CHECK(carry(&p, p.server, p.client) > 0);
  CHECK_EQ(p.dtls->status(p.client), WR_DTLS_CONNECTED);
  CHECK_EQ(carry(&p, p.server, p.client) + carry(&p, p.client, p.server), 0);
  CHECK(p.dtls->peer_fingerprint(p.client, WR_HASH_SHA256, &shown));
  CHECK_BYTES(&shown, sizeof shown, &wr_crypto_null()->local_fingerprint, sizeof shown);
  close_pair(&p);
}

TEST(null_handshake_notices_every_flipped_bit) {
  pair p = open_pair();
  uint8_t hello[MTU], damaged[MTU];
  size_t len = p.dtls->pull(p.client, hello, sizeof hello);
  for (size_t bit = 0; bit < 8 * len; bit++) {
    memcpy(damaged, hello, len);
    damaged[bit / 8] ^= (uint8_t)(1u << bit % 8);
    CHECK_EQ(p.dtls->recv(p.server, wr_bytes_of(damaged, len)), WR_OK);
  }
  CHECK_EQ(p.dtls->pull(p.server, damaged, sizeof damaged), 0);
  CHECK_EQ(p.dtls->recv(p.server, wr_bytes_of(hello, len)), WR_OK);
  CHECK(p.dtls->pull(p.server, damaged, sizeof damaged) > 0);
  close_pair(&p);
}

TEST(null_runs_repeat_bit_by_bit) {
  uint8_t first[MTU], second[MTU];
  pair a = open_pair(), b = open_pair();
  for (int turn = 0; turn < 4; turn++) {
    size_t n = a.dtls->pull(turn % 2 ? a.server : a.client, first, MTU);
    size_t m = b.dtls->pull(turn % 2 ? b.server : b.client, second, MTU);
    CHECK(n > 0);
    CHECK_BYTES(first, n, second, m);
    CHECK_EQ(a.dtls->recv(turn % 2 ? a.client : a.server, wr_bytes_of(first, n)), WR_OK);
    CHECK_EQ(b.dtls->recv(turn % 2 ? b.client : b.server, wr_bytes_of(second, m)), WR_OK);
  }
  close_pair(&a);
  close_pair(&b);
}

TEST(null_ciphers_depend_on_key_iv_and_data) {
  const wr_crypto *crypto = wr_crypto_null();
  uint8_t key[16] = {1}, other_key[16] = {2}, iv[16] = {3}, tag[16], mac[20], other_mac[20];
  wr_cipher *one = crypto->cipher_open(NULL, WR_CIPHER_AES128_GCM, wr_bytes_of(key, 16));
  wr_cipher *two = crypto->cipher_open(NULL, WR_CIPHER_AES128_GCM, wr_bytes_of(other_key, 16));
  CHECK(crypto->cipher_open(NULL, WR_CIPHER_AES256_GCM, wr_bytes_of(key, 16)) == NULL);
  uint8_t data[] = "some plain text";
  CHECK(crypto->gcm_seal(one, iv, WR_BYTES_LITERAL("aad"), data, sizeof data, tag));
  CHECK(memcmp(data, "some plain text", sizeof data) != 0);
  CHECK(!crypto->gcm_open(two, iv, WR_BYTES_LITERAL("aad"), data, sizeof data, tag));
  CHECK(!crypto->gcm_open(one, iv, WR_BYTES_LITERAL("add"), data, sizeof data, tag));
  iv[0] ^= 1;
  CHECK(!crypto->gcm_open(one, iv, WR_BYTES_LITERAL("aad"), data, sizeof data, tag));
  iv[0] ^= 1;
  CHECK(crypto->gcm_open(one, iv, WR_BYTES_LITERAL("aad"), data, sizeof data, tag));
  CHECK_BYTES(data, sizeof data, "some plain text", sizeof data);
  wr_bytes part = WR_BYTES_LITERAL("part");
  crypto->hmac_sha1(NULL, wr_bytes_of(key, 16), &part, 1, mac);
  crypto->hmac_sha1(NULL, wr_bytes_of(other_key, 16), &part, 1, other_mac);
  CHECK(memcmp(mac, other_mac, sizeof mac) != 0);
  CHECK(crypto->mac_sha1(one, &part, 1, other_mac));
  CHECK_BYTES(mac, 20, other_mac, 20);
  crypto->cipher_close(NULL, one);
  crypto->cipher_close(NULL, two);
}
