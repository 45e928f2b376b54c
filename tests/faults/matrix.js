// The matrix: every fault that the page must come through, group by group.

import { DEVICES } from "./faults_devices.js";
import { GATEWAY_FAULTS } from "./faults_gateway.js";
import { MOVES } from "./faults_moves.js";
import { NETWORK } from "./faults_network.js";
import { PAGE_FAULTS } from "./faults_page.js";
import { SIGNALLING } from "./faults_signalling.js";

/** @typedef {import("./lane.js").Stage} Stage */
/**
 * @typedef {object} Entry
 * @property {string} name as in the table
 * @property {"before"|"during"} when the fault is there before the call is started, or comes into the conversation
 * @property {number} limit_s of the recovery
 * @property {(stage:Stage) => Promise<void>} inject
 * @property {(stage:Stage) => Promise<void>} [prepare] the gateway and what else is needed; default: one gateway
 * @property {(stage:Stage) => Promise<void>} [dress] the page, before it is loaded
 * @property {(stage:Stage) => Promise<void>} [hold] from fault to healing
 * @property {(stage:Stage) => Promise<void>} [heal] without: the page must find its way while the fault stays; the time
 *   to recover then begins with the fault
 * @property {(stage:Stage, from_ms:number, limit_s:number) => Promise<number>} [recovery] ms; default: the page says one
 *   can talk and a ping is answered
 * @property {(stage:Stage) => Promise<void>} [proof] default: typed text is answered in words and sound
 * @property {(stage:Stage) => Promise<void>} [after] puts back what `reset` does not know of
 * @property {boolean} [kept] session, assistant's link and captions must be the same afterwards
 * @property {number} [links] connections to assistants that the fault itself makes; default: none
 * @property {number} [target_ms] the longest time to recover that is accepted
 * @property {number} [settle_s] conversation before the fault, beyond the first answer
 * @property {"manual"|"auto"} [mode] default: manual
 * @property {("chromium"|"firefox")[]} [browsers] default: both
 */
/** @typedef {Entry & {group:string}} Fault */

/** @param {string} group @param {Entry[]} entries @returns {Fault[]} */
const grouped = (group, entries) => entries.map((entry) => ({ ...entry, group }));

export const FAULTS = [
  ...grouped("signalling", SIGNALLING),
  ...grouped("network", NETWORK),
  ...grouped("network", MOVES),
  ...grouped("gateway", GATEWAY_FAULTS),
  ...grouped("page", PAGE_FAULTS),
  ...grouped("devices", DEVICES),
];
