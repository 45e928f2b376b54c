#include "gateway/page_message.h"

#include "check.h"

static gw_page_message m;

static gw_page_type read(const char *text) {
  gw_page_message_read(&m, wr_bytes_of(text, strlen(text)));
  return m.type;
}

TEST(page_message_listen) {
  CHECK_EQ(read("{\"type\":\"listen\",\"state\":\"start\",\"mode\":\"realtime\"}"), GW_PAGE_LISTEN_START);
  CHECK_EQ(m.mode, XZ_MODE_REALTIME);
  CHECK_EQ(read("{\"type\":\"listen\",\"state\":\"start\"}"), GW_PAGE_LISTEN_START);
  CHECK_EQ(m.mode, XZ_MODE_AUTO);
  CHECK_EQ(read("{\"type\":\"listen\",\"state\":\"stop\"}"), GW_PAGE_LISTEN_STOP);
  CHECK_EQ(read("{\"type\":\"listen\",\"state\":\"detect\",\"text\":\"hi\"}"), GW_PAGE_TEXT);
  CHECK_EQ(m.id, 0);
  CHECK_EQ(read("{\"type\":\"listen\",\"state\":\"detect\",\"text\":\"hi\",\"n\":7}"), GW_PAGE_TEXT);
  CHECK_EQ(m.id, 7);
  CHECK_TEXT(m.text, "hi");
  CHECK_EQ(read("{\"type\":\"push-to-talk\",\"state\":\"start\"}"), GW_PAGE_LISTEN_START);
  CHECK_EQ(m.mode, XZ_MODE_MANUAL);
}

TEST(page_message_others) {
  CHECK_EQ(read("{\"type\":\"abort\"}"), GW_PAGE_ABORT);
  CHECK_EQ(read("{\"type\":\"stats\",\"rtt\":4}"), GW_PAGE_STATS);
  CHECK_TEXT(m.network, "");
  CHECK_EQ(read("{\"type\":\"stats\",\"samples\":1,\"network\":\"cellular\"}"), GW_PAGE_STATS);
  CHECK_TEXT(m.network, "cellular");
  CHECK_EQ(read("{\"type\":\"ping\",\"t\":12.5}"), GW_PAGE_PING);
  CHECK_TEXT(m.t, "12.5");
  CHECK_EQ(read("{\"type\":\"live2d\",\"event\":\"doublehit\",\"area\":\"Head\"}"), GW_PAGE_TOUCH);
  CHECK_TEXT(m.text, "(pats your head)");
  CHECK_EQ(read("{\"type\":\"touch\",\"event\":\"singlehit\",\"area\":\"Body\"}"), GW_PAGE_TOUCH);
  CHECK_TEXT(m.text, "(taps your body)");
  CHECK_EQ(read("{\"type\":\"touch\",\"event\":\"swipe\",\"area\":\"Face\",\"dir\":\"left\"}"), GW_PAGE_TOUCH);
  CHECK_TEXT(m.text, "(strokes your face)");
  CHECK_EQ(read("{\"type\":\"photo\",\"id\":3,\"size\":1000,\"mime\":\"image/jpeg\"}"), GW_PAGE_PHOTO);
  CHECK_EQ(m.size, 1000);
  CHECK_EQ(read("{\"type\":\"camera\",\"state\":\"on\"}"), GW_PAGE_CAMERA);
  CHECK(m.ok);
  CHECK_EQ(read("{\"type\":\"camera\",\"state\":\"off\"}"), GW_PAGE_CAMERA);
  CHECK(!m.ok);
  CHECK_EQ(read("{\"type\":\"camera\",\"state\":true}"), GW_PAGE_BAD);
  CHECK_EQ(read("{\"type\":\"clean\",\"echo\":true,\"gain\":1}"), GW_PAGE_CLEAN);
  CHECK(m.clean.echo && !m.clean.noise && !m.clean.gain);
  CHECK_EQ(read("{\"type\":\"heard\",\"n\":0}"), GW_PAGE_HEARD);
  CHECK_EQ(m.id, 0);
  CHECK_EQ(read("{\"type\":\"heard\",\"n\":9007199254740993}"), GW_PAGE_HEARD);
  CHECK_EQ(m.id, 9007199254740993);
  CHECK_EQ(m.size, 0);
  CHECK_EQ(read("{\"type\":\"heard\",\"n\":1,\"held\":95.5}"), GW_PAGE_HEARD);
  CHECK_EQ(m.size, 95);
  CHECK_EQ(read("{\"type\":\"heard\",\"n\":1,\"held\":1e300}"), GW_PAGE_HEARD);
  CHECK_EQ(m.size, 2000);
  CHECK_EQ(read("{\"type\":\"heard\",\"n\":1,\"held\":-5}"), GW_PAGE_HEARD);
  CHECK_EQ(m.size, 0);
  CHECK_EQ(read("{\"type\":\"heard\",\"n\":-1}"), GW_PAGE_BAD);
  CHECK_EQ(read("{\"type\":\"heard\",\"n\":1.0}"), GW_PAGE_BAD);
  CHECK_EQ(read("{\"type\":\"heard\"}"), GW_PAGE_BAD);
}

TEST(page_message_tool_result_values) {
  CHECK_EQ(read("{\"type\":\"tool_result\",\"id\":7,\"ok\":true,\"value\":true}"), GW_PAGE_TOOL_RESULT);
  CHECK_EQ(m.id, 7);
  CHECK_TEXT(m.text, "true");
  CHECK_EQ(read("{\"type\":\"tool_result\",\"id\":7,\"ok\":true,\"value\":{\"a\":1}}"), GW_PAGE_TOOL_RESULT);
  CHECK_TEXT(m.text, "{\"a\":1}");
  CHECK_EQ(read("{\"type\":\"tool_result\",\"id\":7,\"ok\":false,\"error\":\"no camera\"}"), GW_PAGE_TOOL_RESULT);
  CHECK(!m.ok);
  CHECK_TEXT(m.text, "no camera");
  CHECK_EQ(read("{\"type\":\"tool_result\",\"id\":7,\"ok\":true}"), GW_PAGE_TOOL_RESULT);
  CHECK_TEXT(m.text, "true");
}

TEST(page_message_rubbish_is_bad_and_unknown_is_unknown) {
  static const char *const bad[] = {"",
                                    "hello",
                                    "[1]",
                                    "{}",
                                    "{\"type\":1}",
                                    "{\"type\":\"listen\"}",
                                    "{\"type\":\"listen\",\"state\":\"start\",\"mode\":\"loud\"}",
                                    "{\"type\":\"listen\",\"state\":\"detect\"}",
                                    "{\"type\":\"push-to-talk\",\"state\":\"detect\",\"text\":\"x\"}",
                                    "{\"type\":\"tool_result\",\"id\":\"7\",\"ok\":true}",
                                    "{\"type\":\"ping\",\"t\":\"x\"}",
                                    "{\"type\":\"photo\",\"id\":1,\"size\":5242881,\"mime\":\"image/jpeg\"}",
                                    "{\"type\":\"photo\",\"id\":1,\"size\":-1,\"mime\":\"image/jpeg\"}",
                                    "{\"type\":\"photo\",\"id\":1,\"size\":1,\"mime\":\"text/html\"}",
                                    "{\"type\":\"touch\",\"event\":\"bite\",\"area\":\"Head\"}"};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    CHECK_EQ(read(bad[i]), GW_PAGE_BAD);
    CHECK(m.why[0] != 0);
  }
  CHECK_EQ(read("{\"type\":\"weather\"}"), GW_PAGE_UNKNOWN);
  static char big[GW_PAGE_TEXT_MAX + 200] = "{\"type\":\"listen\",\"state\":\"detect\",\"text\":\"";
  size_t at = strlen(big);
  memset(big + at, 'x', GW_PAGE_TEXT_MAX + 1);
  memcpy(big + at + GW_PAGE_TEXT_MAX + 1, "\"}", 3);
  CHECK_EQ(read(big), GW_PAGE_BAD);
}
