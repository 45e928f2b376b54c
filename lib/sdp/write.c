/* sdp/write.c - our descriptions: the answer as a mirror of the offer (RFC 8829 5.3, 8843 7.3), and the offer.
 *
 * Transport attributes are repeated in every section, refused ones included: several stacks look for them there
 * before they look at the port. Nothing is written that we do not understand, except what must mirror the offer:
 * the words of the m= line, a=mid and the numbers that were agreed. Port 9 and 0.0.0.0 stand for "see the
 * candidates" (RFC 8840 4.1.1). */
#include "base/io.h"
#include "sdp/model.h"
#include "sdp/text.h"
#include "wr/sdp.h"

enum {
  OFFERED_OPUS = 111,
  OFFERED_RED = 63,
  OFFERED_LEVEL_ID = 1,
  OFFERED_TWCC_ID = 3,
  OFFERED_MID_ID = 4
}; /* the numbers browsers use */

static void write_line(wr_writer *w, const char *attribute, const char *value) {
  wr_write_text(w, attribute);
  wr_write_text(w, value);
  wr_write_text(w, "\r\n");
}

static void write_line_bytes(wr_writer *w, const char *attribute, wr_bytes value) {
  wr_write_text(w, attribute);
  wr_write_bytes(w, value);
  wr_write_text(w, "\r\n");
}

static void write_line_number(wr_writer *w, const char *attribute, uint64_t value) {
  wr_write_text(w, attribute);
  wr_write_decimal(w, value);
  wr_write_text(w, "\r\n");
}

/* ---- session level ---- */

static void write_session(wr_writer *w, const wr_sdp_local *local) {
  wr_write_text(w, "v=0\r\no=- ");
  wr_write_decimal(w, local->session_id);
  wr_write_u8(w, ' ');
  wr_write_decimal(w, local->session_version);
  wr_write_text(w, " IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n");
  if (local->ice_lite) wr_write_text(w, "a=ice-lite\r\n");
  wr_write_text(w, "a=msid-semantic: WMS *\r\n");
}

/* ---- what every section has ---- */

static void write_fingerprint(wr_writer *w, const wr_fingerprint *fingerprint) {
  static const char *const hash_name[] = {[WR_HASH_NONE] = "",
                                          [WR_HASH_SHA1] = "sha-1",
                                          [WR_HASH_SHA256] = "sha-256",
                                          [WR_HASH_SHA384] = "sha-384",
                                          [WR_HASH_SHA512] = "sha-512"};
  WR_ASSERT(fingerprint->hash != WR_HASH_NONE && fingerprint->len <= WR_HASH_MAX_BYTES);
  wr_write_text(w, "a=fingerprint:");
  wr_write_text(w, hash_name[fingerprint->hash]);
  for (size_t i = 0; i < fingerprint->len; i++) {
    wr_write_u8(w, i ? ':' : ' ');
    wr_write_u8(w, (uint8_t) "0123456789ABCDEF"[fingerprint->bytes[i] >> 4]);
    wr_write_u8(w, (uint8_t) "0123456789ABCDEF"[fingerprint->bytes[i] & 15]);
  }
  wr_write_text(w, "\r\n");
}

static void write_candidates(wr_writer *w, const wr_candidate *candidates, size_t n, bool end) {
  char text[160];
  for (size_t i = 0; i < n; i++)
    if (wr_candidate_write(&candidates[i], text, sizeof text)) write_line(w, "a=", text);
  if (end) wr_write_text(w, "a=end-of-candidates\r\n");
}

static void write_transport(wr_writer *w, const wr_sdp_local *local, wr_setup setup, bool trickle) {
  write_line(w, "a=ice-ufrag:", local->ufrag);
  write_line(w, "a=ice-pwd:", local->pwd);
  if (trickle) wr_write_text(w, "a=ice-options:trickle\r\n");
  write_fingerprint(w, local->fingerprint);
  write_line(w, "a=setup:",
             setup == WR_SETUP_ACTPASS   ? "actpass"
             : setup == WR_SETUP_PASSIVE ? "passive"
                                         : "active");
}

static void write_direction(wr_writer *w, wr_direction direction) {
  static const char *const name[] = {[WR_INACTIVE] = "a=inactive\r\n",
                                     [WR_SENDONLY] = "a=sendonly\r\n",
                                     [WR_RECVONLY] = "a=recvonly\r\n",
                                     [WR_SENDRECV] = "a=sendrecv\r\n"};
  wr_write_text(w, name[direction & WR_SENDRECV]);
}

/* ---- audio ---- */

/* What an audio section says, whichever side began. */
typedef struct audio_terms {
  wr_direction direction;
  uint8_t payload_type, red_payload_type, mid_id, level_id, twcc_id, sent_id; /* 0: none */
  wr_direction mid_direction, level_direction; /* a=extmap without a direction: SENDRECV */
  bool mixed, rsize, nack, transport_cc, ccfb, rrtr, xr_rtt;
} audio_terms;

static void write_extension(wr_writer *w, uint8_t id, wr_direction direction, const char *uri) {
  if (!id) return;
  wr_write_text(w, "a=extmap:");
  wr_write_decimal(w, id);
  if (direction == WR_SENDONLY) wr_write_text(w, "/sendonly");
  if (direction == WR_RECVONLY) wr_write_text(w, "/recvonly");
  write_line(w, " ", uri);
}

static void write_source(wr_writer *w, const wr_sdp_local *local) {
  wr_write_text(w, "a=ssrc:");
  wr_write_decimal(w, local->audio_ssrc);
  write_line(w, " cname:", local->cname);
  wr_write_text(w, "a=ssrc:");
  wr_write_decimal(w, local->audio_ssrc);
  wr_write_text(w, " msid:");
  wr_write_text(w, local->cname);
  wr_write_text(w, " audio\r\n");
}

/* A line about one payload type: |attribute|, the type, |what| with the line's end. */
static void write_about(wr_writer *w, const char *attribute, uint8_t payload_type, const char *what) {
  wr_write_text(w, attribute);
  wr_write_decimal(w, payload_type);
  wr_write_text(w, what);
}

/* RFC 2198 5: blocks of Opus. */
static void write_red(wr_writer *w, const audio_terms *terms) {
  write_about(w, "a=rtpmap:", terms->red_payload_type, " red/48000/2\r\n");
  write_about(w, "a=fmtp:", terms->red_payload_type, "");
  write_about(w, " ", terms->payload_type, "");
  write_about(w, "/", terms->payload_type, "\r\n");
}

/* RFC 8888 6: of all payload types or none. */
static void write_ccfb(wr_writer *w) { wr_write_text(w, "a=rtcp-fb:* ack ccfb\r\n"); }

static void write_audio(wr_writer *w, const wr_sdp_local *local, const audio_terms *terms) {
  bool sends = terms->direction & WR_SENDONLY;
  write_extension(w, terms->level_id, terms->level_direction, WR_URI_LEVEL);
  write_extension(w, terms->mid_id, terms->mid_direction, WR_URI_MID);
  write_extension(w, terms->twcc_id, WR_SENDRECV, WR_URI_TWCC);
  write_extension(w, terms->sent_id, WR_RECVONLY, WR_URI_SENT);
  if (terms->mixed) wr_write_text(w, "a=extmap-allow-mixed\r\n");
  write_direction(w, terms->direction);
  if (sends) {
    wr_write_text(w, "a=msid:");
    write_line(w, local->cname, " audio");
  }
  wr_write_text(w, "a=rtcp-mux\r\n");
  if (terms->rsize) wr_write_text(w, "a=rtcp-rsize\r\n");
  if (terms->xr_rtt) wr_write_text(w, "a=rtcp-xr:rcvr-rtt=all\r\n");
  write_about(w, "a=rtpmap:", terms->payload_type, " opus/48000/2\r\n");
  if (terms->nack) write_about(w, "a=rtcp-fb:", terms->payload_type, " nack\r\n");
  if (terms->transport_cc) write_about(w, "a=rtcp-fb:", terms->payload_type, " transport-cc\r\n");
  if (terms->ccfb) write_ccfb(w);
  if (terms->rrtr) write_about(w, "a=rtcp-fb:", terms->payload_type, " rrtr\r\n");
  write_about(w, "a=fmtp:", terms->payload_type, " minptime=10;useinbandfec=1\r\n");
  if (terms->red_payload_type) write_red(w, terms);
  if (sends) write_source(w, local);
}

/* ---- video ---- */

static void write_video_codec(wr_writer *w, const wr_agreement *agreement, const wr_sdp_codec *offered) {
  static const char *const name[] = {[WR_VIDEO_NONE] = "",
                                     [WR_VIDEO_VP8] = " VP8/90000\r\n",
                                     [WR_VIDEO_H264] = " H264/90000\r\n",
                                     [WR_VIDEO_VP9] = " VP9/90000\r\n"};
  uint8_t payload_type = agreement->video_payload_type;
  write_about(w, "a=rtpmap:", payload_type, name[agreement->video_codec]);
  if (agreement->video_fir) write_about(w, "a=rtcp-fb:", payload_type, " ccm fir\r\n");
  if (agreement->video_nack) write_about(w, "a=rtcp-fb:", payload_type, " nack\r\n");
  if (agreement->video_pli) write_about(w, "a=rtcp-fb:", payload_type, " nack pli\r\n");
  if (agreement->video_transport_cc) write_about(w, "a=rtcp-fb:", payload_type, " transport-cc\r\n");
  if (agreement->video_ccfb) write_ccfb(w);
  if (agreement->video_codec == WR_VIDEO_VP9) write_about(w, "a=fmtp:", payload_type, " profile-id=0\r\n");
  if (agreement->video_codec == WR_VIDEO_H264) {
    write_about(w, "a=fmtp:", payload_type, " level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=");
    write_line_bytes(w, "", wr_sdp_parameter(offered->fmtp, "profile-level-id"));
  }
  if (agreement->rtx_payload_type) {
    write_about(w, "a=rtpmap:", agreement->rtx_payload_type, " rtx/90000\r\n");
    write_about(w, "a=fmtp:", agreement->rtx_payload_type, "");
    write_about(w, " apt=", payload_type, "\r\n");
  }
}

static void write_answered_video(wr_writer *w, const wr_sdp_media *offered, const wr_agreement *agreement) {
  if (agreement->video_transport_cc) write_extension(w, agreement->twcc_extension, WR_SENDRECV, WR_URI_TWCC);
  write_extension(w, agreement->video_sent_extension, WR_RECVONLY, WR_URI_SENT);
  write_direction(w, agreement->video_direction);
  wr_write_text(w, "a=rtcp-mux\r\n");
  if (agreement->video_rsize) wr_write_text(w, "a=rtcp-rsize\r\n");
  for (size_t i = 0; i < offered->n_codecs; i++) {
    if (offered->codec[i].payload_type != agreement->video_payload_type) continue;
    write_video_codec(w, agreement, &offered->codec[i]);
    return; /* a payload type that stands twice on the m= line is one */
  }
}

/* ---- data ---- */

static void write_max_message_size(wr_writer *w, uint32_t bytes) {
  write_line_number(w, "a=max-message-size:", bytes == UINT32_MAX ? 0 : bytes); /* RFC 8841 6.1: 0 is any size */
}

/* ---- the answer ---- */

/* The direction of an extension seen from the other side (RFC 8285 7). */
static wr_direction extension_direction(const wr_sdp_media *offered, uint8_t id) {
  for (size_t i = 0; i < offered->n_extensions; i++) {
    if (offered->extension[i].id != id) continue;
    if (offered->extension[i].direction == WR_SENDONLY) return WR_RECVONLY;
    if (offered->extension[i].direction == WR_RECVONLY) return WR_SENDONLY;
    break;
  }
  return WR_SENDRECV;
}

/* A section without use for us, kept because it owns the transport (see choose_transport). */
static bool is_kept(const wr_agreement *agreement, size_t index) {
  return index == agreement->transport_index && !wr_sdp_is_accepted(agreement, index);
}

/* RFC 8843 7.3.1: the section whose transport is used leads the group. */
static void write_group(wr_writer *w, const wr_sdp *offer, const wr_agreement *agreement) {
  const wr_sdp_media *owner = &offer->media[agreement->transport_index];
  if (!owner->bundled) return;
  wr_write_text(w, "a=group:BUNDLE ");
  wr_write_bytes(w, owner->mid);
  for (size_t i = 0; i < offer->n_media; i++) {
    if (i == agreement->transport_index || !wr_sdp_is_accepted(agreement, i) || !offer->media[i].bundled) continue;
    wr_write_u8(w, ' ');
    wr_write_bytes(w, offer->media[i].mid);
  }
  wr_write_text(w, "\r\n");
}

static void write_answered_audio(wr_writer *w, const wr_sdp_media *offered, const wr_agreement *agreement,
                                 const wr_sdp_local *local) {
  audio_terms terms = {.direction = agreement->audio_direction,
                       .payload_type = agreement->opus_payload_type,
                       .red_payload_type = agreement->red_payload_type,
                       .mid_id = agreement->mid_extension,
                       .level_id = agreement->level_extension,
                       .twcc_id = agreement->twcc_extension,
                       .sent_id = agreement->sent_extension,
                       .mid_direction = extension_direction(offered, agreement->mid_extension),
                       .level_direction = extension_direction(offered, agreement->level_extension),
                       .mixed = offered->extmap_mixed,
                       .rsize = agreement->rtcp_rsize,
                       .nack = agreement->opus_nack,
                       .transport_cc = agreement->transport_cc,
                       .ccfb = agreement->ccfb,
                       .rrtr = agreement->opus_rrtr,
                       .xr_rtt = agreement->xr_rtt};
  write_audio(w, local, &terms);
}

/* Whether the section has the form before RFC 8841, with the port where the format stands. */
static bool is_old_data(const wr_sdp_media *offered) {
  wr_bytes formats = offered->formats;
  uint64_t port;
  return wr_text_number(wr_text_word(&formats), UINT16_MAX, &port);
}

static void write_answered_data(wr_writer *w, const wr_sdp_media *offered, const wr_sdp_local *local) {
  wr_write_text(w, is_old_data(offered) ? "a=sctpmap:5000 webrtc-datachannel 65535\r\n" : "a=sctp-port:5000\r\n");
  write_max_message_size(w, local->max_message_bytes);
}

/* What stands last on the m= line of the answer. */
static void write_format(wr_writer *w, const wr_sdp_media *offered, const wr_agreement *agreement, size_t index,
                         const wr_sdp_codec *codec) {
  wr_bytes formats = offered->formats;
  if (agreement->audio && index == agreement->audio_index) {
    wr_write_decimal(w, agreement->opus_payload_type); /* first: what is sent unless somebody needs copies */
    if (agreement->red_payload_type) {
      wr_write_u8(w, ' ');
      wr_write_decimal(w, agreement->red_payload_type);
    }
    wr_write_text(w, "\r\n");
  } else if (agreement->video && index == agreement->video_index) {
    wr_write_decimal(w, agreement->video_payload_type);
    if (agreement->rtx_payload_type) write_about(w, " ", agreement->rtx_payload_type, "");
    wr_write_text(w, "\r\n");
  } else if (codec) {
    write_line_number(w, "", codec->payload_type);
  } else if (wr_sdp_is_accepted(agreement, index) && is_old_data(offered)) {
    write_line(w, "", "5000"); /* our port, not theirs */
  } else {
    write_line_bytes(w, "", wr_text_word(&formats));
  }
}

/* A refused or merely kept section. The codec is described because aiortc looks for one even there. */
static void write_unused(wr_writer *w, const wr_sdp_media *offered, const wr_sdp_codec *codec) {
  wr_write_text(w, "a=inactive\r\n");
  if (offered->rtcp_mux) wr_write_text(w, "a=rtcp-mux\r\n");
  if (!codec) return;
  wr_write_text(w, "a=rtpmap:");
  wr_write_decimal(w, codec->payload_type);
  wr_write_u8(w, ' ');
  wr_write_bytes(w, codec->name);
  wr_write_u8(w, '/');
  wr_write_decimal(w, codec->clock_hz);
  if (codec->channels > 1) {
    wr_write_u8(w, '/');
    wr_write_decimal(w, codec->channels);
  }
  wr_write_text(w, "\r\n");
}

static void write_section(wr_writer *w, const wr_sdp *offer, size_t index, const wr_agreement *agreement,
                          const wr_sdp_local *local) {
  const wr_sdp_media *offered = &offer->media[index];
  bool is_audio = agreement->audio && index == agreement->audio_index;
  bool accepted = wr_sdp_is_accepted(agreement, index), kept = is_kept(agreement, index);
  const wr_sdp_codec *codec = accepted ? NULL : wr_sdp_first_codec(offered);
  wr_write_text(w, "m=");
  wr_write_bytes(w, offered->type);
  wr_write_text(w, accepted || kept ? " 9 " : " 0 ");
  wr_write_bytes(w, offered->protocol);
  wr_write_u8(w, ' ');
  write_format(w, offered, agreement, index, codec);
  wr_write_text(w, "c=IN IP4 0.0.0.0\r\n");
  if (index == agreement->transport_index)
    write_candidates(w, local->candidates, local->n_candidates, local->end_of_candidates);
  write_transport(w, local, wr_sdp_answer_setup(agreement->remote_setup, local->setup), offer->ice_trickle);
  write_line_bytes(w, "a=mid:", offered->mid);
  if (is_audio)
    write_answered_audio(w, offered, agreement, local);
  else if (agreement->video && index == agreement->video_index)
    write_answered_video(w, offered, agreement);
  else if (accepted)
    write_answered_data(w, offered, local);
  else
    write_unused(w, offered, codec);
}

static size_t finish(wr_writer *w, char *out) {
  if (!wr_writer_ok(w)) return 0;
  out[wr_writer_len(w)] = 0;
  return wr_writer_len(w);
}

size_t wr_sdp_write_answer(const wr_sdp *offer, const wr_agreement *agreement, const wr_sdp_local *local, char *out,
                           size_t cap) {
  WR_ASSERT((agreement->audio || agreement->data) && agreement->transport_index < offer->n_media);
  if (cap == 0) return 0;
  wr_writer w = wr_writer_of((uint8_t *)out, cap - 1);
  write_session(&w, local);
  write_group(&w, offer, agreement);
  for (size_t i = 0; i < offer->n_media; i++) write_section(&w, offer, i, agreement, local);
  return finish(&w, out);
}

/* ---- the offer ---- */

static void write_offered_section(wr_writer *w, const char *m_line, uint64_t mid, const wr_sdp_local *local) {
  write_line(w, "m=", m_line);
  wr_write_text(w, "c=IN IP4 0.0.0.0\r\n");
  /* The first section owns the bundle. */
  if (mid == 0) write_candidates(w, local->candidates, local->n_candidates, local->end_of_candidates);
  write_transport(w, local, local->setup ? local->setup : WR_SETUP_ACTPASS, true);
  write_line_number(w, "a=mid:", mid);
}

size_t wr_sdp_write_offer(const wr_sdp_local *local, char *out, size_t cap) {
  WR_ASSERT(local->offer_audio || local->offer_data);
  if (cap == 0) return 0;
  wr_writer w = wr_writer_of((uint8_t *)out, cap - 1);
  uint64_t mid = 0;
  write_session(&w, local);
  write_line(&w, "a=group:BUNDLE 0", local->offer_audio && local->offer_data ? " 1" : "");
  if (local->offer_audio) {
    audio_terms terms = {.direction = local->audio_direction,
                         .payload_type = OFFERED_OPUS,
                         .red_payload_type = OFFERED_RED,
                         .mid_id = OFFERED_MID_ID,
                         .level_id = OFFERED_LEVEL_ID,
                         .twcc_id = OFFERED_TWCC_ID,
                         .transport_cc = true,
                         .xr_rtt = true,
                         .mid_direction = WR_SENDRECV,
                         .level_direction = WR_SENDRECV,
                         .mixed = true,
                         .rsize = true,
                         .nack = true};
    write_offered_section(&w, "audio 9 UDP/TLS/RTP/SAVPF 111 63", mid++, local);
    write_audio(&w, local, &terms);
  }
  if (local->offer_data) {
    write_offered_section(&w, "application 9 UDP/DTLS/SCTP webrtc-datachannel", mid, local);
    wr_write_text(&w, "a=sctp-port:5000\r\n");
    write_max_message_size(&w, local->max_message_bytes);
  }
  return finish(&w, out);
}

/* ---- fragments ---- */

size_t wr_sdpfrag_write(const char *ufrag, const char *pwd, const char *mid, const wr_candidate *candidates,
                        size_t n_candidates, bool end, char *out, size_t cap) {
  if (cap == 0) return 0;
  wr_writer w = wr_writer_of((uint8_t *)out, cap - 1);
  /* RFC 8840 9: candidates stand below a pseudo m= line of which only a=mid counts. */
  write_line(&w, "a=ice-ufrag:", ufrag);
  write_line(&w, "a=ice-pwd:", pwd);
  wr_write_text(&w, "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n");
  write_line(&w, "a=mid:", mid);
  write_candidates(&w, candidates, n_candidates, end);
  return finish(&w, out);
}
