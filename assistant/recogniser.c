/* assistant/recogniser.c - pocketsphinx (5prealpha) behind as_recogniser.
 *
 * Two searches over the same sound: the command grammar, and a free loop of single sounds. A grammar always finds
 * something; how much worse its best path fits than free sounds do tells a command from other talk. With synthetic
 * voices commands score at most 67 and other sentences at least 84.
 *
 * Silence is not removed by the library (its detector cuts short words; ours ran before), and the beams are wider
 * than its defaults: the grammar is small, so accuracy costs a tenth of real time. */
#include "assistant/recogniser.h"

#include <dlfcn.h>
#include <pocketsphinx.h>
#include <sphinxbase/err.h>
#include <sphinxbase/fsg_model.h>
#include <sphinxbase/jsgf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assistant/grammar.h"

#define COMMANDS "command"
#define SOUNDS "sounds"
#define LANGUAGE_WEIGHT 6.5f /* the library's default */
enum { REJECT_ABOVE = 76, MIN_SAMPLES = AS_RECOGNISER_RATE / 5 };

typedef struct sphinx {
  void *library;
  __typeof__(cmd_ln_init) *cmd_ln_init;
  __typeof__(cmd_ln_free_r) *cmd_ln_free_r;
  __typeof__(err_set_logfp) *err_set_logfp;
  __typeof__(ps_args) *ps_args;
  __typeof__(ps_init) *ps_init;
  __typeof__(ps_free) *ps_free;
  __typeof__(ps_add_word) *ps_add_word;
  __typeof__(jsgf_parse_string) *jsgf_parse_string;
  __typeof__(jsgf_get_public_rule) *jsgf_get_public_rule;
  __typeof__(jsgf_build_fsg) *jsgf_build_fsg;
  __typeof__(jsgf_grammar_free) *jsgf_grammar_free;
  __typeof__(fsg_model_free) *fsg_model_free;
  __typeof__(ps_get_logmath) *ps_get_logmath;
  __typeof__(ps_set_fsg) *ps_set_fsg;
  __typeof__(ps_set_search) *ps_set_search;
  __typeof__(ps_start_utt) *ps_start_utt;
  __typeof__(ps_process_raw) *ps_process_raw;
  __typeof__(ps_end_utt) *ps_end_utt;
  __typeof__(ps_get_hyp) *ps_get_hyp;
  __typeof__(ps_seg_iter) *ps_seg_iter;
  __typeof__(ps_seg_next) *ps_seg_next;
  __typeof__(ps_seg_prob) *ps_seg_prob;
  __typeof__(ps_seg_frames) *ps_seg_frames;
} sphinx;

struct as_recogniser {
  sphinx lib;
  ps_decoder_t *decoder;
};

/* The names are looked up through the first library, which finds those of the second it depends on. */
static bool load(sphinx *lib, char *error, size_t cap) {
  lib->library = dlopen("libpocketsphinx.so.3", RTLD_NOW | RTLD_LOCAL);
  if (!lib->library) {
    snprintf(error, cap, "%s", dlerror());
    return false;
  }
#define NAME(n) \
  { #n, &lib->n }
  struct {
    const char *name;
    void *function;
  } names[] = {NAME(cmd_ln_init),       NAME(cmd_ln_free_r),     NAME(err_set_logfp),        NAME(ps_args),
               NAME(ps_init),           NAME(ps_free),           NAME(ps_add_word),          NAME(ps_set_search),
               NAME(ps_start_utt),      NAME(jsgf_parse_string), NAME(jsgf_get_public_rule), NAME(jsgf_build_fsg),
               NAME(jsgf_grammar_free), NAME(fsg_model_free),    NAME(ps_get_logmath),       NAME(ps_set_fsg),
               NAME(ps_end_utt),        NAME(ps_process_raw),    NAME(ps_get_hyp),           NAME(ps_seg_iter),
               NAME(ps_seg_next),       NAME(ps_seg_prob),       NAME(ps_seg_frames)};
#undef NAME
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    void *symbol = dlsym(lib->library, names[i].name);
    if (!symbol) {
      snprintf(error, cap, "libpocketsphinx has no %s", names[i].name);
      return false;
    }
    memcpy(names[i].function, &symbol, sizeof symbol);
  }
  lib->err_set_logfp(NULL);
  return true;
}

/* The first pronunciation of a word has its plain name, further ones "word(2)", as the library expects. */
static bool add_words(as_recogniser *r) {
  int variant = 1;
  for (size_t i = 0; i < as_n_words; i++) {
    char name[48];
    variant = i && !strcmp(as_words[i].word, as_words[i - 1].word) ? variant + 1 : 1;
    if (variant > 1)
      snprintf(name, sizeof name, "%s(%d)", as_words[i].word, variant);
    else
      snprintf(name, sizeof name, "%s", as_words[i].word);
    if (r->lib.ps_add_word(r->decoder, name, as_words[i].phones, FALSE) < 0) return false;
  }
  return true;
}

/* ps_set_jsgf_string would do, but it never frees what it parsed. */
static bool add_grammar(as_recogniser *r, const char *name, const char *text) {
  sphinx *lib = &r->lib;
  jsgf_t *grammar = lib->jsgf_parse_string(text, NULL);
  jsgf_rule_t *rule = grammar ? lib->jsgf_get_public_rule(grammar) : NULL;
  fsg_model_t *fsg =
      rule ? lib->jsgf_build_fsg(grammar, rule, lib->ps_get_logmath(r->decoder), LANGUAGE_WEIGHT) : NULL;
  bool fine = fsg && lib->ps_set_fsg(r->decoder, name, fsg) == 0;
  if (fsg) lib->fsg_model_free(fsg);
  if (grammar) lib->jsgf_grammar_free(grammar);
  return fine;
}

static bool open_decoder(as_recogniser *r, const char *model_dir) {
  char hmm[512];
  snprintf(hmm, sizeof hmm, "%s/en-us/en-us", model_dir);
  cmd_ln_t *config =
      r->lib.cmd_ln_init(NULL, r->lib.ps_args(), TRUE, "-hmm", hmm, "-samprate", "16000", "-remove_silence", "no",
                         "-beam", "1e-64", "-pbeam", "1e-64", "-wbeam", "1e-40", NULL);
  if (!config) return false;
  r->decoder = r->lib.ps_init(config);
  r->lib.cmd_ln_free_r(config);
  return r->decoder && add_words(r) && add_grammar(r, COMMANDS, as_grammar) && add_grammar(r, SOUNDS, as_sounds);
}

as_recogniser *as_recogniser_open(const char *model_dir, char *error, size_t error_cap) {
  as_recogniser *r = calloc(1, sizeof *r);
  if (!r) return NULL;
  if (load(&r->lib, error, error_cap)) {
    if (open_decoder(r, model_dir)) return r;
    snprintf(error, error_cap, "no usable acoustic model in %s", model_dir);
  }
  as_recogniser_close(r);
  return NULL;
}

void as_recogniser_close(as_recogniser *r) {
  if (!r) return;
  if (r->decoder) r->lib.ps_free(r->decoder);
  if (r->lib.library) dlclose(r->lib.library);
  free(r);
}

/* The best path's acoustic score per frame of 10 ms; 0 if there is no path. */
static double best_path(sphinx *lib, ps_decoder_t *decoder) {
  double score = 0, n_frames = 0;
  for (ps_seg_t *seg = lib->ps_seg_iter(decoder); seg; seg = lib->ps_seg_next(seg)) {
    int from, to;
    int32 acoustic, language, back;
    lib->ps_seg_prob(seg, &acoustic, &language, &back);
    lib->ps_seg_frames(seg, &from, &to);
    score += acoustic;
    n_frames += to - from + 1;
  }
  return n_frames > 0 ? score / n_frames : 0;
}

/* Copies the words of the best path to |text| if it is given. */
static double search(as_recogniser *r, const char *name, const int16_t *samples, size_t n, char *text, size_t cap) {
  sphinx *lib = &r->lib;
  if (lib->ps_set_search(r->decoder, name) || lib->ps_start_utt(r->decoder) < 0) return 0;
  lib->ps_process_raw(r->decoder, samples, n, FALSE, TRUE);
  lib->ps_end_utt(r->decoder);
  const char *words = lib->ps_get_hyp(r->decoder, NULL);
  if (text && words) snprintf(text, cap, "%s", words);
  return best_path(lib, r->decoder);
}

void as_recogniser_hear(as_recogniser *r, const int16_t *samples, size_t n, as_heard *heard) {
  *heard = (as_heard){0};
  if (n < MIN_SAMPLES) return;
  double command = search(r, COMMANDS, samples, n, heard->text, sizeof heard->text);
  double free_sounds = search(r, SOUNDS, samples, n, NULL, 0);
  heard->misfit = (int)((free_sounds - command) * 10);
  if (heard->misfit > REJECT_ABOVE) heard->text[0] = 0;
}
