/* xiaozhi/tools.c - MCP tool tables (Model Context Protocol 2024-11-05, "Tools").
 *
 * Parameters are C values, not schema text: the schema is written from them, so what is announced and what is
 * checked cannot differ. Left out: nested objects, arrays and defaults. */
#include "xiaozhi/tools.h"

#include "base/io.h"
#include "xiaozhi/message.h"

const xz_tool xz_page_tools[] = {
    {.name = "set_volume",
     .firmware_name = "self.audio_speaker.set_volume",
     .description = "Set the volume of the speaker. If the current volume is unknown, call get_device_status "
                    "first.",
     .n_params = 1,
     .params = {{.name = "volume", .type = XZ_PARAM_INTEGER, .ranged = true, .min = 0, .max = 100}}},
    {.name = "get_device_status",
     .firmware_name = "self.get_device_status",
     .description = "The real-time state of the device: volume, screen, battery, network."},
    {.name = "take_photo",
     .firmware_name = "self.camera.take_photo",
     .description = "Take a photo with the camera and answer a question about what can be seen.",
     .n_params = 1,
     .params = {{.name = "question", .type = XZ_PARAM_STRING}}},
    {.name = "open_tab",
     .firmware_name = "self.browser.open_tab",
     .description = "Open a web address in a new tab.",
     .n_params = 1,
     .params = {{.name = "url", .type = XZ_PARAM_URL}}},
    {.name = "stop_music", .firmware_name = "self.music.stop", .description = "Stop the music that is playing."},
};
const size_t xz_n_page_tools = sizeof xz_page_tools / sizeof xz_page_tools[0];

const xz_tool *xz_tool_find(const xz_tool *tools, size_t n_tools, const char *name) {
  for (size_t i = 0; i < n_tools; i++)
    if (!strcmp(name, tools[i].name) || !strcmp(name, tools[i].firmware_name)) return &tools[i];
  return NULL;
}

const char *xz_tool_name(const xz_tool *tool, bool firmware_names) {
  return firmware_names ? tool->firmware_name : tool->name;
}

static bool is_web_url(const char *s) {
  size_t scheme = !strncmp(s, "http://", 7) ? 7 : !strncmp(s, "https://", 8) ? 8 : 0;
  if (!scheme || !s[scheme] || strchr("/?#:", s[scheme])) return false;
  for (; *s; s++)
    if ((unsigned char)*s <= ' ' || *s == 0x7f || *s == '\\') return false;
  return true;
}

/* JavaScript writes 50.0 where it means 50. */
static bool is_whole(const json_t *value) {
  double v = json_number_value(value);
  return json_is_integer(value) || (json_is_real(value) && v > -1e9 && v < 1e9 && v == (double)(int64_t)v);
}

static bool has_type(const xz_param *param, const json_t *value) {
  switch (param->type) {
    case XZ_PARAM_INTEGER: return is_whole(value);
    case XZ_PARAM_NUMBER: return json_is_number(value);
    case XZ_PARAM_STRING: return json_is_string(value);
    case XZ_PARAM_BOOLEAN: return json_is_boolean(value);
    case XZ_PARAM_URL: return json_is_string(value) && is_web_url(json_string_value(value));
  }
  return false;
}

static void say(char error[XZ_TOOL_ERROR_MAX], const char *what, const char *name) {
  wr_writer w = wr_writer_of((uint8_t *)error, XZ_TOOL_ERROR_MAX - 1);
  wr_write_text(&w, what);
  size_t len = strlen(name);
  wr_write_bytes(&w, wr_bytes_of(name, len < wr_writer_left(&w) ? len : wr_writer_left(&w)));
  error[wr_writer_len(&w)] = 0;
}

static void say_limit(char error[XZ_TOOL_ERROR_MAX], const char *what, int32_t limit) {
  wr_writer w = wr_writer_of((uint8_t *)error, XZ_TOOL_ERROR_MAX - 1);
  wr_write_text(&w, what);
  xz_write_json_int(&w, limit);
  error[wr_writer_len(&w)] = 0;
}

static bool is_choice(const xz_param *param, const char *text) {
  const char *const *choice = param->choices;
  while (*choice && strcmp(*choice, text)) choice++;
  return *choice != NULL;
}

/* Characters of UTF-8. */
static size_t text_length(const char *text) {
  size_t n = 0;
  for (; *text; text++) n += ((unsigned char)*text & 0xc0) != 0x80;
  return n;
}

static bool check_text(const xz_param *param, const char *text, char error[XZ_TOOL_ERROR_MAX]) {
  if (param->choices && !is_choice(param, text)) {
    say(error, "Value is not allowed for: ", param->name);
    return false;
  }
  if (!param->ranged || text_length(text) <= (size_t)param->max) return true;
  say_limit(error, "Value exceeds maximum length allowed: ", param->max);
  return false;
}

static bool check_param(const xz_param *param, const json_t *value, char error[XZ_TOOL_ERROR_MAX]) {
  if (!value && param->optional) return true;
  if (!value || !has_type(param, value)) {
    say(error, "Missing valid argument: ", param->name);
    return false;
  }
  if (param->type == XZ_PARAM_STRING) return check_text(param, json_string_value(value), error);
  if ((param->type != XZ_PARAM_INTEGER && param->type != XZ_PARAM_NUMBER) || !param->ranged) return true;
  double v = json_number_value(value);
  if (v < param->min) say_limit(error, "Value is below minimum allowed: ", param->min);
  if (v > param->max) say_limit(error, "Value exceeds maximum allowed: ", param->max);
  return v >= param->min && v <= param->max;
}

bool xz_tool_check(const xz_tool *tool, const json_t *args, char error[XZ_TOOL_ERROR_MAX]) {
  error[0] = 0;
  if (args && !json_is_object(args)) {
    say(error, "Invalid arguments", "");
    return false;
  }
  for (size_t i = 0; i < tool->n_params; i++)
    if (!check_param(&tool->params[i], json_object_get(args, tool->params[i].name), error)) return false;
  return true;
}

static void write_param(wr_writer *w, const xz_param *param) {
  static const char *const types[] = {
      [XZ_PARAM_INTEGER] = "integer", [XZ_PARAM_NUMBER] = "number", [XZ_PARAM_STRING] = "string",
      [XZ_PARAM_BOOLEAN] = "boolean", [XZ_PARAM_URL] = "string",
  };
  xz_write_json_text(w, param->name);
  wr_write_text(w, ":{\"type\":");
  xz_write_json_text(w, types[param->type]);
  if (param->description) {
    wr_write_text(w, ",\"description\":");
    xz_write_json_text(w, param->description);
  }
  for (size_t i = 0; param->choices && param->choices[i]; i++) {
    wr_write_text(w, i ? "," : ",\"enum\":[");
    xz_write_json_text(w, param->choices[i]);
    if (!param->choices[i + 1]) wr_write_u8(w, ']');
  }
  if (param->ranged && param->type == XZ_PARAM_STRING) {
    wr_write_text(w, ",\"maxLength\":");
    xz_write_json_int(w, param->max);
  } else if (param->ranged) {
    wr_write_text(w, ",\"minimum\":");
    xz_write_json_int(w, param->min);
    wr_write_text(w, ",\"maximum\":");
    xz_write_json_int(w, param->max);
  }
  wr_write_u8(w, '}');
}

static void write_required(wr_writer *w, const xz_tool *tool) {
  size_t n = 0;
  for (size_t i = 0; i < tool->n_params; i++) {
    if (tool->params[i].optional) continue;
    wr_write_text(w, n++ ? "," : ",\"required\":[");
    xz_write_json_text(w, tool->params[i].name);
  }
  if (n) wr_write_u8(w, ']');
}

void xz_tool_write(wr_writer *w, const xz_tool *tool, bool firmware_names) {
  wr_write_text(w, "{\"name\":");
  xz_write_json_text(w, xz_tool_name(tool, firmware_names));
  wr_write_text(w, ",\"description\":");
  xz_write_json_text(w, tool->description);
  wr_write_text(w, ",\"inputSchema\":{\"type\":\"object\",\"properties\":{");
  for (size_t i = 0; i < tool->n_params; i++) {
    if (i) wr_write_u8(w, ',');
    write_param(w, &tool->params[i]);
  }
  wr_write_u8(w, '}');
  write_required(w, tool);
  wr_write_text(w, "}}");
}
