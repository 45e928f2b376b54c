/* tests/package/offer.c - a program of somebody else's: writes an offer with the libwr that is installed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wr/conn.h>
#include <wr/crypto_openssl.h>

int main(void) {
  static char offer[16384];
  static unsigned char message[65536];
  wr_addr local;
  wr_conn_settings settings;
  size_t len;
  wr_conn_settings_default(&settings);
  if (!wr_addr_parse(&local, wr_bytes_of("127.0.0.1", 9), 4000) || wr_crypto_openssl_open(&settings.crypto))
    return 1;
  settings.rng = wr_crypto_openssl_rng();
  settings.pool = wr_pool_init(aligned_alloc(16, wr_pool_size(WR_CONN_POOL_BLOCK, 64)), WR_CONN_POOL_BLOCK, 64);
  settings.message_buffer = message;
  settings.message_buffer_bytes = sizeof message;
  wr_conn *conn = wr_conn_init(aligned_alloc(16, (wr_conn_size() + 15) / 16 * 16), &settings, WR_S(1));
  if (wr_conn_add_local(conn, &local, &local, WR_S(1))) return 1;
  if (wr_conn_create_offer(conn, offer, sizeof offer, &len, WR_S(1))) return 1;
  fwrite(offer, 1, len, stdout);
  wr_conn_wipe(conn);
  wr_crypto_openssl_close(settings.crypto);
  return 0;
}
