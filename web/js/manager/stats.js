/* stats.js - what the core reads of a W3C statistics report (manager/sample.def), and the report as plain numbers.
 *
 * Counters go to the core as they are: it differences them itself. Here nothing is judged and nothing is smoothed. */

import { selectedPair } from "./compat.js";

/** @typedef {Record<string, number>} Sample  members of manager/sample.def; -1: this browser does not report it */
/** @typedef {Record<string, any>} Stat */

const ABSENT = -1;
const LIMITS = /** @type {Record<string, number>} */ ({ none: 0, cpu: 1, bandwidth: 2, other: 3 });

/** Takes the samples of one connection. */
export class Sampler {
  /** @type {Map<string, number>} numbers of candidate pairs, in the order in which they were selected */
  #pairs = new Map();

  /** @param {RTCStatsReport|ReadonlyMap<string, Stat>} report @param {boolean} micLive
   * @param {boolean} [films] a camera is on: else the figures of a section nobody uses are none
   * @returns {Sample} */
  take(report, micLive, films = true) {
    const found = sort(report);
    const pair = selectedPair(report);
    if (pair && !this.#pairs.has(pair["id"])) this.#pairs.set(pair["id"], this.#pairs.size + 1);
    const local = pair && /** @type {Stat|undefined} */ (report.get(pair["localCandidateId"]));
    const { inbound, outbound, remote, source } = found;
    const [videoOut, videoRemote] = films ? [found.videoOut, found.videoRemote] : [];
    return {
      pair: pair ? (this.#pairs.get(pair["id"]) ?? ABSENT) : ABSENT,
      pair_relayed: local ? Number(local["candidateType"] === "relay") : ABSENT,
      pair_rtt_s: number(pair, "currentRoundTripTime"),
      pair_responses: number(pair, "responsesReceived"),
      pair_bytes_sent: number(pair, "bytesSent"),
      pair_bytes_received: number(pair, "bytesReceived"),
      pair_available_out_bps: number(pair, "availableOutgoingBitrate"),
      in_packets: number(inbound, "packetsReceived"),
      in_lost: count(inbound, "packetsLost"),
      in_bytes: number(inbound, "bytesReceived"),
      in_jitter_s: number(inbound, "jitter"),
      in_samples: number(inbound, "totalSamplesReceived"),
      in_concealed: number(inbound, "concealedSamples"),
      in_silent_concealed: number(inbound, "silentConcealedSamples"),
      in_buffer_delay_s: number(inbound, "jitterBufferDelay"),
      in_buffer_emitted: number(inbound, "jitterBufferEmittedCount"),
      in_level: number(inbound, "audioLevel"),
      out_packets: number(outbound, "packetsSent"),
      out_bytes: number(outbound, "bytesSent"),
      remote_rtt_s: number(remote, "roundTripTime"),
      remote_jitter_s: number(remote, "jitter"),
      remote_lost: count(remote, "packetsLost"),
      remote_fraction_lost: number(remote, "fractionLost"),
      mic_level: number(source, "audioLevel"),
      mic_energy: number(source, "totalAudioEnergy"),
      mic_live: Number(micLive),
      video_bytes: number(videoOut, "bytesSent"),
      video_frames: number(videoOut, "framesEncoded"),
      video_limited: LIMITS[videoOut?.["qualityLimitationReason"]] ?? ABSENT,
      video_fraction_lost: number(videoRemote, "fractionLost"),
    };
  }
}

/** @param {RTCStatsReport|ReadonlyMap<string, Stat>} report */
function sort(report) {
  /** @type {Record<string, Stat>} */
  const found = {};
  report.forEach((/** @type {Stat} */ stat) => {
    const name = `${stat["type"]} ${stat["kind"] ?? stat["mediaType"] ?? ""}`;
    found[name] ??= stat;
  });
  return {
    inbound: found["inbound-rtp audio"],
    outbound: found["outbound-rtp audio"],
    remote: found["remote-inbound-rtp audio"],
    source: found["media-source audio"],
    videoOut: found["outbound-rtp video"],
    videoRemote: found["remote-inbound-rtp video"],
  };
}

/** @param {Stat|null|undefined} stat @param {string} name */
function number(stat, name) {
  const value = stat?.[name];
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : ABSENT;
}

/** A count that may have fallen below zero. @param {Stat|null|undefined} stat @param {string} name */
function count(stat, name) {
  const value = stat?.[name];
  return typeof value === "number" && Number.isFinite(value) ? Math.max(0, value) : ABSENT;
}

/** @param {RTCStatsReport} report @returns {Record<string, Stat>} by id */
export function plainReport(report) {
  /** @type {Record<string, Stat>} */
  const plain = {};
  report.forEach((stat, id) => {
    plain[id] = { ...stat };
  });
  return plain;
}

/** What grew, and by how much, for every number that is in both reports.
 * @param {Record<string, Stat>} before @param {Record<string, Stat>} after @returns {Record<string, Record<string, number>>} */
export function deltas(before, after) {
  /** @type {Record<string, Record<string, number>>} */
  const grown = {};
  for (const [id, stat] of Object.entries(after)) {
    /** @type {Record<string, number>} */
    const change = {};
    for (const [name, value] of Object.entries(stat)) {
      const old = before[id]?.[name];
      if (typeof value === "number" && typeof old === "number" && value !== old) change[name] = value - old;
    }
    if (Object.keys(change).length) grown[id] = change;
  }
  return grown;
}
