/* cli/plugs.h - what the settings say about stages of the embedded assistant that are plugged in. */
#ifndef CLI_PLUGS_H
#define CLI_PLUGS_H

#include "assistant/assistant.h"
#include "gateway/config.h"

/* Texts of |config| are borrowed. */
static inline void plugs_read(as_assistant_settings *settings, const gw_config *config) {
  bool hears = config->stt_url[0] != 0, speaks = config->tts_url[0] != 0; /* these models have defaults */
  settings->recogniser = (as_plug){config->stt_url, config->stt_key_file, hears ? config->stt_model : ""};
  settings->dialogue = (as_plug){config->llm_url, config->llm_key_file, config->llm_model};
  settings->synthesiser = (as_plug){config->tts_url, config->tts_key_file, speaks ? config->tts_model : ""};
  settings->wake_word = config->wake_word;
  settings->interim = config->stt_interim;
  settings->voice_name = config->tts_voice;
  settings->prompt_file = config->llm_prompt_file;
  settings->plug_seconds = (unsigned)config->stage_seconds;
  settings->plug_ca = config->backend_ca;
}

#endif
