/* sdp/agree.c - what of a remote description we can do (RFC 8829 5.3.1, 8843 7.3, 8842 5).
 *
 * One transport carries everything: sections that are not in one bundle with the accepted audio are an error, since
 * dropping the data channel silently would be worse. Refused: codecs other than Opus and those of video, further
 * sections, and video unless it is asked for. */
#include <string.h>

#include "sdp/model.h"
#include "sdp/text.h"
#include "wr/sdp.h"

static wr_err refuse(wr_sdp_error *error, wr_err err, const char *what) {
  *error = (wr_sdp_error){.line = 0, .what = what};
  return err;
}

/* RFC 8843 6: port 0 means refused, except in a section that lives from its bundle. */
static bool is_open(const wr_sdp_media *media) {
  return media->port != 0 || (media->bundle_only && media->bundled);
}

/* RFC 8829 5.1.2: which profiles an endpoint that speaks DTLS-SRTP only must accept. */
static bool is_rtp_profile(wr_bytes protocol) {
  if (!wr_text_skip(&protocol, "UDP/TLS/")) (void)wr_text_skip(&protocol, "TCP/TLS/");
  return wr_text_is(protocol, "RTP/SAVPF") || wr_text_is(protocol, "RTP/SAVP") ||
         wr_text_is(protocol, "RTP/AVPF") || wr_text_is(protocol, "RTP/AVP");
}

const wr_sdp_codec *wr_sdp_first_codec(const wr_sdp_media *media) {
  for (size_t i = 0; i < media->n_codecs; i++)
    if (media->codec[i].name.len) return &media->codec[i];
  return NULL;
}

static const wr_sdp_codec *find_opus(const wr_sdp_media *media) {
  for (size_t i = 0; i < media->n_codecs; i++) {
    const wr_sdp_codec *codec = &media->codec[i];
    /* RFC 7587 7: always 48000/2, whatever is sent. */
    if (wr_text_is_nocase(codec->name, "opus") && codec->clock_hz == 48000 && codec->channels == 2) return codec;
  }
  return NULL;
}

/* RFC 2198: the red payload whose blocks are our Opus, "111/111". */
static uint8_t find_red(const wr_sdp_media *media, uint8_t opus_payload_type) {
  for (size_t i = 0; i < media->n_codecs; i++) {
    const wr_sdp_codec *codec = &media->codec[i];
    if (!wr_text_is_nocase(codec->name, "red") || codec->clock_hz != 48000) continue;
    wr_bytes blocks = codec->fmtp;
    uint64_t first;
    if (wr_text_number(wr_text_until(&blocks, '/'), 127, &first) && first == opus_payload_type)
      return codec->payload_type;
  }
  return 0;
}

wr_bytes wr_sdp_parameter(wr_bytes fmtp, const char *name) {
  while (fmtp.len) {
    wr_bytes value = wr_text_until(&fmtp, ';');
    wr_bytes key = wr_text_trim(wr_text_until(&value, '='));
    if (wr_text_is_nocase(key, name)) return wr_text_trim(value);
  }
  return wr_bytes_of(NULL, 0);
}

static uint8_t find_extension(const wr_sdp_media *media, const char *uri) {
  for (size_t i = 0; i < media->n_extensions; i++) {
    const wr_sdp_extension *extension = &media->extension[i];
    if (extension->direction != WR_INACTIVE && wr_text_is(extension->uri, uri)) return extension->id;
  }
  return 0;
}

static wr_direction mirrored(wr_direction direction) {
  switch (direction) {
    case WR_SENDONLY: return WR_RECVONLY;
    case WR_RECVONLY: return WR_SENDONLY;
    case WR_INACTIVE:
    case WR_SENDRECV: break;
  }
  return direction;
}

static bool copy_text(char *out, size_t cap, wr_bytes text) {
  if (text.len >= cap) return false;
  if (text.len) memcpy(out, text.data, text.len);
  out[text.len] = 0;
  return true;
}

/* true: |agreement| was given the first usable audio section; false: there is none, |why| says the nearest miss. */
static bool choose_audio(const wr_sdp *sdp, wr_agreement *agreement, const char **why) {
  for (uint8_t i = 0; i < sdp->n_media; i++) {
    const wr_sdp_media *media = &sdp->media[i];
    if (media->kind != WR_MEDIA_AUDIO) continue;
    const wr_sdp_codec *opus = find_opus(media);
    if (!is_open(media)) *why = "the audio section has port 0";
    if (!is_open(media)) continue;
    if (!opus || !is_rtp_profile(media->protocol)) *why = "no audio section has opus/48000/2 over RTP";
    if (!opus || !is_rtp_profile(media->protocol)) continue;
    agreement->audio = true;
    agreement->audio_index = i;
    agreement->audio_direction = mirrored(media->direction);
    agreement->opus_payload_type = opus->payload_type;
    agreement->red_payload_type = find_red(media, opus->payload_type);
    agreement->mid_extension = find_extension(media, WR_URI_MID);
    agreement->level_extension = find_extension(media, WR_URI_LEVEL);
    agreement->ccfb = opus->ccfb; /* instead of what is no standard (RFC 8888 6) */
    agreement->twcc_extension = opus->transport_cc && !opus->ccfb ? find_extension(media, WR_URI_TWCC) : 0;
    agreement->transport_cc = agreement->twcc_extension != 0; /* the one is of no use without the other */
    agreement->opus_rrtr = opus->rrtr;
    agreement->xr_rtt = media->xr_rcvr_rtt;
    agreement->opus_fec = wr_text_is(wr_sdp_parameter(opus->fmtp, "useinbandfec"), "1");
    agreement->opus_stereo_allowed = wr_text_is(wr_sdp_parameter(opus->fmtp, "stereo"), "1");
    agreement->opus_nack = opus->nack;
    agreement->rtcp_rsize = media->rtcp_rsize;
    agreement->remote_audio_ssrc = media->ssrc;
    return true;
  }
  return false;
}

static bool choose_data(const wr_sdp *sdp, wr_agreement *agreement, const char **why) {
  for (uint8_t i = 0; i < sdp->n_media; i++) {
    const wr_sdp_media *media = &sdp->media[i];
    if (media->kind != WR_MEDIA_DATA) continue;
    if (!is_open(media) || media->sctp_port == 0) {
      *why = "the data section has port 0";
      continue;
    }
    agreement->data = true;
    agreement->data_index = i;
    agreement->remote_sctp_port = media->sctp_port;
    agreement->remote_max_message_bytes = media->max_message_bytes;
    return true;
  }
  return false;
}

/* ---- video ---- */

static bool is_h264_level(wr_bytes text) {
  for (size_t i = 0; i < text.len; i++) {
    uint8_t c = text.data[i] | 0x20;
    if (!(text.data[i] >= '0' && text.data[i] <= '9') && !(c >= 'a' && c <= 'f')) return false;
  }
  return text.len == 6;
}

static wr_video_codec video_codec_of(const wr_sdp_codec *codec) {
  if (codec->clock_hz != 90000) return WR_VIDEO_NONE;
  if (wr_text_is_nocase(codec->name, "VP8")) return WR_VIDEO_VP8;
  wr_bytes profile = wr_sdp_parameter(codec->fmtp, "profile-id");
  if (wr_text_is_nocase(codec->name, "VP9"))
    return !profile.len || wr_text_is(profile, "0") ? WR_VIDEO_VP9 : WR_VIDEO_NONE;
  if (wr_text_is_nocase(codec->name, "H264") &&
      wr_text_is(wr_sdp_parameter(codec->fmtp, "packetization-mode"), "1") &&
      is_h264_level(wr_sdp_parameter(codec->fmtp, "profile-level-id")))
    return WR_VIDEO_H264;
  return WR_VIDEO_NONE;
}

/* The first codec of the best kind; NULL: none of ours. */
static const wr_sdp_codec *find_video_codec(const wr_sdp_media *media, wr_video_codec *kind) {
  for (*kind = WR_VIDEO_VP8; *kind <= WR_VIDEO_VP9; (*kind)++)
    for (size_t i = 0; i < media->n_codecs; i++)
      if (video_codec_of(&media->codec[i]) == *kind) return &media->codec[i];
  return NULL;
}

static uint8_t find_rtx(const wr_sdp_media *media, uint8_t payload_type) {
  for (size_t i = 0; i < media->n_codecs; i++) {
    const wr_sdp_codec *codec = &media->codec[i];
    uint64_t original;
    if (wr_text_is_nocase(codec->name, "rtx") && codec->clock_hz == 90000 &&
        wr_text_number(wr_sdp_parameter(codec->fmtp, "apt"), 127, &original) && original == payload_type)
      return codec->payload_type;
  }
  return 0;
}

void wr_sdp_agree_video(const wr_sdp *sdp, wr_agreement *agreement) {
  const wr_sdp_media *own = &sdp->media[agreement->audio ? agreement->audio_index : agreement->data_index];
  /* Sound alone is too little to fill a queue, so it need not say when it was sent; but if a picture comes later,
   * browsers do not offer again what the first answer left out. */
  if (agreement->audio) agreement->sent_extension = find_extension(own, WR_URI_SENT);
  for (uint8_t i = 0; i < sdp->n_media; i++) {
    const wr_sdp_media *media = &sdp->media[i];
    wr_video_codec kind;
    if (media->kind != WR_MEDIA_VIDEO || !is_open(media) || !is_rtp_profile(media->protocol)) continue;
    if (!media->rtcp_mux || !media->bundled || !own->bundled) continue;
    const wr_sdp_codec *codec = find_video_codec(media, &kind);
    if (!codec) continue;
    agreement->video = true;
    agreement->video_index = i;
    agreement->video_codec = kind;
    agreement->video_payload_type = codec->payload_type;
    agreement->rtx_payload_type = codec->nack ? find_rtx(media, codec->payload_type) : 0;
    agreement->video_nack = codec->nack;
    agreement->video_pli = codec->nack_pli;
    agreement->video_fir = codec->ccm_fir;
    agreement->video_rsize = media->rtcp_rsize;
    agreement->video_transport_cc = codec->transport_cc &&
                                    agreement->twcc_extension && /* one number for the bundle (RFC 8843 9) */
                                    find_extension(media, WR_URI_TWCC) == agreement->twcc_extension;
    agreement->video_ccfb = codec->ccfb && agreement->ccfb; /* one estimate for the bundle */
    agreement->video_direction = (unsigned)media->direction & WR_SENDONLY ? WR_RECVONLY : WR_INACTIVE;
    agreement->video_sent_extension = find_extension(media, WR_URI_SENT);
    return;
  }
}

static int find_mid(const wr_sdp *sdp, wr_bytes mid) {
  for (int i = 0; i < sdp->n_media; i++)
    if (wr_bytes_equal(sdp->media[i].mid, mid)) return i;
  return -1;
}

/* Whether the answer can keep a section we have no use for, as inactive. */
static bool can_be_inactive(const wr_sdp_media *media) {
  bool rtp = media->kind == WR_MEDIA_AUDIO || media->kind == WR_MEDIA_VIDEO;
  return rtp && media->rtcp_mux && is_rtp_profile(media->protocol) && wr_sdp_first_codec(media);
}

/* RFC 8843 7.3.1: the section of the transport is the first of the group. If that is one we have no use for, it is
 * kept all the same: with max-bundle the others have no transport, and Chromium cannot give them one afterwards. */
static uint8_t choose_transport(const wr_sdp *sdp, const wr_agreement *agreement) {
  uint8_t own = agreement->audio ? agreement->audio_index : agreement->data_index;
  if (!sdp->media[own].bundled) return own;
  bool may_keep = true;
  wr_bytes mids = sdp->bundle;
  for (wr_bytes mid = wr_text_word(&mids); mid.len; mid = wr_text_word(&mids)) {
    int i = find_mid(sdp, mid);
    if (i < 0 || sdp->media[i].port == 0) continue; /* refused before, or without a transport of its own */
    if (wr_sdp_is_accepted(agreement, (size_t)i) || (may_keep && can_be_inactive(&sdp->media[i])))
      return (uint8_t)i;
    may_keep = false;
  }
  return own;
}

static wr_bytes first_of(wr_bytes a, wr_bytes b) { return a.len ? a : b; }

static wr_err take_transport(const wr_sdp *sdp, wr_agreement *agreement, wr_sdp_error *error) {
  agreement->transport_index = choose_transport(sdp, agreement);
  const wr_sdp_media *tagged = &sdp->media[agreement->transport_index];
  const wr_sdp_media *own = &sdp->media[agreement->audio ? agreement->audio_index : agreement->data_index];
  wr_bytes ufrag = first_of(tagged->ufrag, own->ufrag), pwd = first_of(tagged->pwd, own->pwd);
  if (!ufrag.len) return refuse(error, WR_ERR_SYNTAX, "no a=ice-ufrag in the accepted section");
  if (!pwd.len) return refuse(error, WR_ERR_SYNTAX, "no a=ice-pwd in the accepted section");
  (void)copy_text(agreement->remote_ufrag, sizeof agreement->remote_ufrag, ufrag);
  (void)copy_text(agreement->remote_pwd, sizeof agreement->remote_pwd, pwd);
  agreement->remote_fingerprint = tagged->fingerprint.hash ? tagged->fingerprint : own->fingerprint;
  if (agreement->remote_fingerprint.hash == WR_HASH_NONE)
    return refuse(error, WR_ERR_SYNTAX, "no a=fingerprint in the accepted section");
  agreement->remote_setup = tagged->setup ? tagged->setup : own->setup;
  /* RFC 8842 5.2 demands the attribute; who forgets it leaves the choice to us. */
  if (agreement->remote_setup == WR_SETUP_NONE) agreement->remote_setup = WR_SETUP_ACTPASS;
  agreement->remote_ice_lite = sdp->ice_lite;
  return WR_OK;
}

wr_err wr_sdp_agree(const wr_sdp *sdp, bool want_audio, bool want_data, wr_agreement *agreement,
                    wr_sdp_error *error) {
  *agreement = (wr_agreement){0};
  *error = (wr_sdp_error){0};
  const char *why = "neither an audio nor a data section";
  if (want_audio) (void)choose_audio(sdp, agreement, &why);
  if (want_data) (void)choose_data(sdp, agreement, &why);
  if (!agreement->audio && !agreement->data) return refuse(error, WR_ERR_UNSUPPORTED, why);
  const wr_sdp_media *audio = &sdp->media[agreement->audio_index], *data = &sdp->media[agreement->data_index];
  if (agreement->audio && !audio->rtcp_mux)
    return refuse(error, WR_ERR_SYNTAX, "no a=rtcp-mux in the audio section");
  if (agreement->audio && agreement->data && !(audio->bundled && data->bundled))
    return refuse(error, WR_ERR_SYNTAX, "audio and data are not in one a=group:BUNDLE");
  if (agreement->audio && !copy_text(agreement->audio_mid, sizeof agreement->audio_mid, audio->mid))
    return refuse(error, WR_ERR_LIMIT, "a=mid of the audio section is longer than 16 characters");
  if (agreement->data && !copy_text(agreement->data_mid, sizeof agreement->data_mid, data->mid))
    return refuse(error, WR_ERR_LIMIT, "a=mid of the data section is longer than 16 characters");
  return take_transport(sdp, agreement, error);
}

wr_setup wr_sdp_answer_setup(wr_setup remote, wr_setup preferred) {
  if (remote == WR_SETUP_ACTIVE) return WR_SETUP_PASSIVE;
  if (remote == WR_SETUP_PASSIVE) return WR_SETUP_ACTIVE;
  return preferred == WR_SETUP_PASSIVE ? WR_SETUP_PASSIVE : WR_SETUP_ACTIVE;
}
