/* assistant/script.h - stages that understand and say nothing, for measuring everything around them: whatever was
 * heard is "hello", and a sentence sounds as a tone of AS_SCRIPT_MS, whatever its words. They cost nearly nothing,
 * so that many devices can talk at once on a machine that could not recognise the speech of all of them. */
#ifndef ASSISTANT_SCRIPT_H
#define ASSISTANT_SCRIPT_H

#include "assistant/studio.h"

#define AS_SCRIPT_MS 1500

void as_script_hear(as_job *job);
void as_script_speak(as_job *job);

#endif
