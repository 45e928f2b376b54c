// Which pair of candidates a page's newest connection uses, in the words of its own statistics.

/** @typedef {import("../browser/browsers.js").WatchedPage} Page */
/** @typedef {{candidateType:string, protocol?:string, relayProtocol?:string, address?:string, port?:number}} Candidate */

/** @param {Page} page @returns {Promise<{local?:Candidate, remote?:Candidate}>} of none just now, neither */
export const pairInUse = (page) =>
  page.evaluate(async () => {
    const report = await /** @type {any} */ (window).probe.peers.at(-1).getStats();
    const all = [...report.values()];
    const chosen = all.find((one) => one.type === "transport" && one.selectedCandidatePairId)?.selectedCandidatePairId;
    const pair = report.get(chosen) ?? all.find((one) => one.type === "candidate-pair" && one.selected) ??
      all.find((one) => one.type === "candidate-pair" && one.nominated && one.state === "succeeded");
    return { local: report.get(pair?.localCandidateId), remote: report.get(pair?.remoteCandidateId) };
  });
