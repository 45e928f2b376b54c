/* xiaozhi/message_test.c - what peers really send, and that what we write can be read. */
#include "xiaozhi/message.h"

#include "base/io.h"
#include "check.h"

#define ZEROS "00000000000000000000000000000000"
#define UDP_HELLO                                                                                           \
  "{\"type\":\"hello\",\"transport\":\"udp\",\"udp\":{\"server\":\"%s\",\"port\":%s,\"encryption\":\"%s\"," \
  "\"key\":\"%s\","                                                                                         \
  "\"nonce\":\"%s\"}}"

static bool read_text(xz_message *m, const char *text) {
  return xz_message_read(m, wr_bytes_of(text, strlen(text))) == WR_OK;
}

TEST(xz_message_hello_of_the_firmware) {
  xz_message m;
  REQUIRE(read_text(&m,
                    "{\"type\":\"hello\",\"version\":3,\"features\":{\"mcp\":true,\"aec\":true},\"transport\":"
                    "\"websocket\",\"audio_params\":{\"format\":\"opus\",\"sample_rate\":16000,\"channels\":1,"
                    "\"frame_duration\":20}}"));
  CHECK_EQ(m.type, XZ_HELLO);
  CHECK_EQ(m.version, 3);
  CHECK(m.mcp && m.aec && m.has_audio);
  CHECK_EQ(m.audio.frame_ms, 20);
  CHECK_TEXT(m.transport, "websocket");
  xz_message_wipe(&m);
}

TEST(xz_message_hello_of_deviating_clients) {
  xz_message m;
  REQUIRE(read_text(&m, "{\"type\":\"hello\",\"features\":{\"emoji\":false}}"));
  CHECK_EQ(m.version, 1);
  CHECK(!m.has_audio && !m.mcp);
  CHECK_EQ(m.audio.sample_rate, 16000);
  CHECK_EQ(m.audio.frame_ms, 60);
  xz_message_wipe(&m);
  REQUIRE(read_text(&m, "{\"type\":\"hello\",\"audioParams\":{\"sampleRate\":24000.0,\"frameDuration\":40}}"));
  CHECK(m.has_audio);
  CHECK_EQ(m.audio.sample_rate, 24000);
  CHECK_EQ(m.audio.frame_ms, 40);
  xz_message_wipe(&m);
  REQUIRE(read_text(&m,
                    "{\"type\":\"hello\",\"version\":\"x\",\"audio_params\":{\"sample_rate\":-1,\"channels\":99,"
                    "\"frame_duration\":1e99}}"));
  CHECK_EQ(m.version, 1);
  CHECK_EQ(m.audio.sample_rate, 16000);
  CHECK_EQ(m.audio.n_channels, 1);
  CHECK_EQ(m.audio.frame_ms, 60);
  xz_message_wipe(&m);
}

/* Pitfall 21: servers echo plain text and say errors in Chinese. */
TEST(xz_message_that_is_not_a_json_object_is_refused) {
  static const char *const texts[] = {"", "认证失败", "hello", "[]", "\"x\"", "{", "{}}", "12"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    xz_message m;
    CHECK_EQ(xz_message_read(&m, wr_bytes_of(texts[i], strlen(texts[i]))), WR_ERR_SYNTAX);
  }
  static char big[XZ_TEXT_MAX + 1];
  xz_message m;
  CHECK_EQ(xz_message_read(&m, wr_bytes_of(big, sizeof big)), WR_ERR_LIMIT);
}

TEST(xz_message_without_or_with_unknown_type_is_unknown) {
  xz_message m;
  REQUIRE(read_text(&m, "{\"state\":\"start\"}"));
  CHECK_EQ(m.type, XZ_UNKNOWN);
  CHECK_TEXT(m.session_id, "");
  xz_message_wipe(&m);
  REQUIRE(read_text(&m, "{\"type\":\"iot\",\"text\":5,\"payload\":\"a string\",\"state\":\"odd\"}"));
  CHECK_EQ(m.type, XZ_UNKNOWN);
  CHECK_EQ(m.state, XZ_STATE_NONE);
  CHECK_TEXT(m.text, "");
  CHECK(m.payload == NULL);
  xz_message_wipe(&m);
}

TEST(xz_message_writers_are_read_back) {
  char text[1024];
  xz_message m;
  wr_writer w = wr_writer_of((uint8_t *)text, sizeof text);
  xz_write_listen(&w, "s1", XZ_STATE_DETECT, XZ_MODE_AUTO, "xin chào \"bạn\"\n");
  REQUIRE(wr_writer_ok(&w) && xz_message_read(&m, wr_bytes_of(text, wr_writer_len(&w))) == WR_OK);
  CHECK_EQ(m.type, XZ_LISTEN);
  CHECK_EQ(m.state, XZ_STATE_DETECT);
  CHECK_TEXT(m.text, "xin chào \"bạn\"\n");
  CHECK_TEXT(m.session_id, "s1");
  xz_message_wipe(&m);

  w = wr_writer_of((uint8_t *)text, sizeof text);
  xz_write_server_hello(&w, "id", 1, &(xz_audio){24000, 1, 60}, "hey \"you\"");
  REQUIRE(xz_message_read(&m, wr_bytes_of(text, wr_writer_len(&w))) == WR_OK);
  CHECK_EQ(m.type, XZ_HELLO);
  CHECK_EQ(m.audio.sample_rate, 24000);
  CHECK_TEXT(m.transport, "websocket");
  CHECK_TEXT(m.wake_word, "hey \"you\"");
  xz_message_wipe(&m);

  w = wr_writer_of((uint8_t *)text, sizeof text);
  xz_write_tts(&w, "id", XZ_STATE_SENTENCE_START, "Hi.");
  REQUIRE(xz_message_read(&m, wr_bytes_of(text, wr_writer_len(&w))) == WR_OK);
  CHECK_EQ(m.type, XZ_TTS);
  CHECK_EQ(m.state, XZ_STATE_SENTENCE_START);
  CHECK_TEXT(m.text, "Hi.");
  xz_message_wipe(&m);
}

TEST(xz_message_listen_start_on_the_wire) {
  char text[200] = {0};
  wr_writer w = wr_writer_of((uint8_t *)text, sizeof text - 1);
  xz_write_listen(&w, "", XZ_STATE_START, XZ_MODE_REALTIME, NULL);
  CHECK_TEXT(text, "{\"session_id\":\"\",\"type\":\"listen\",\"state\":\"start\",\"mode\":\"realtime\"}");
}

TEST(xz_message_client_hello_on_the_wire) {
  char text[300] = {0};
  wr_writer w = wr_writer_of((uint8_t *)text, sizeof text - 1);
  xz_write_client_hello(&w, &(xz_client_hello){1, true, false, {16000, 1, 60}, false, false});
  CHECK_TEXT(text,
             "{\"type\":\"hello\",\"version\":1,\"features\":{\"mcp\":true},\"transport\":\"websocket\","
             "\"audio_params\":{\"format\":\"opus\",\"sample_rate\":16000,\"channels\":1,"
             "\"frame_duration\":60}}");
}

/* Whatever bytes a text has, the JSON is valid. */
TEST(xz_message_json_text_survives_any_bytes) {
  check_rng rng = {3};
  for (int round = 0; round < 2000; round++) {
    char text[24] = {0};
    size_t len = check_rng_u32(&rng) % (sizeof text - 1);
    for (size_t i = 0; i < len; i++) {
      uint32_t v = check_rng_u32(&rng);
      text[i] = (char)(v & 1 ? 0xe0 | (v >> 8 & 0x1f) : v & 2 ? 0x80 | (v >> 8 & 0x3f) : v >> 8);
    }
    char json[400];
    wr_writer w = wr_writer_of((uint8_t *)json, sizeof json);
    xz_write_json_text(&w, text);
    REQUIRE(wr_writer_ok(&w));
    json_t *value = json_loadb(json, wr_writer_len(&w), JSON_DECODE_ANY, NULL);
    CHECK(json_is_string(value));
    json_decref(value);
  }
}

TEST(xz_message_emotions_are_the_21_names) {
  CHECK_TEXT(xz_emotion_emoji("happy"), "🙂");
  CHECK_TEXT(xz_emotion_emoji("confused"), "🙄");
  CHECK(xz_emotion_emoji("Happy") == NULL);
  char text[200] = {0};
  wr_writer w = wr_writer_of((uint8_t *)text, sizeof text - 1);
  xz_write_llm(&w, "s", "unheard of");
  CHECK_TEXT(text, "{\"session_id\":\"s\",\"type\":\"llm\",\"emotion\":\"neutral\",\"text\":\"😶\"}");
}

TEST(xz_message_hello_over_udp) {
  uint8_t out[512];
  wr_writer w = wr_writer_of(out, sizeof out);
  xz_write_client_hello(&w, &(xz_client_hello){3, true, false, {16000, 1, 60}, true, false});
  wr_write_u8(&w, 0);
  CHECK_TEXT((const char *)out,
             "{\"type\":\"hello\",\"version\":3,\"features\":{\"mcp\":true},\"transport\":\"udp\","
             "\"audio_params\":{\"format\":\"opus\",\"sample_rate\":16000,\"channels\":1,\"frame_duration\":60}}");
  xz_message m;
  char text[512];
  snprintf(text, sizeof text, UDP_HELLO, "h", "8884", "aes-128-ctr", "000102030405060708090A0B0C0D0E0F", ZEROS);
  CHECK_EQ(xz_message_read(&m, wr_bytes_of(text, strlen(text))), WR_OK);
  CHECK_TEXT(m.transport, "udp");
  CHECK_TEXT(m.udp.server, "h");
  CHECK_EQ(m.udp.port, 8884);
  for (int i = 0; i < 16; i++) CHECK_EQ(m.udp.key[i], i);
  xz_message_wipe(&m);
}

TEST(xz_message_unusable_udp_offers) {
  static const char *const rows[][5] = {
      {"", "8884", "aes-128-ctr", ZEROS, ZEROS},
      {"h", "0", "aes-128-ctr", ZEROS, ZEROS},
      {"h", "65536", "aes-128-ctr", ZEROS, ZEROS},
      {"h", "8884", "rot13", ZEROS, ZEROS},
      {"h", "8884", "aes-128-ctr", ZEROS "00", ZEROS},
      {"h", "8884", "aes-128-ctr", ZEROS, "00"},
      {"h", "8884", "aes-128-ctr", ZEROS, "0000000000000000000000000000000g"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const char *const *r = rows[i];
    xz_message m;
    char text[512];
    snprintf(text, sizeof text, UDP_HELLO, r[0], r[1], r[2], r[3], r[4]);
    CHECK_EQ(xz_message_read(&m, wr_bytes_of(text, strlen(text))), WR_OK);
    CHECK(!m.udp.server);
    xz_message_wipe(&m);
  }
}
