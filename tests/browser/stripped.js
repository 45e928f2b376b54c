// What the gateway serves of a script: web/embed.cmake takes its comments and its indentation away, in these three steps.

/** @typedef {{text:string, from:number[]}} Stripped  from: where each character of |text| is in the file */

const STEPS = [/\/\*\*[ \n][^*]*\*+([^/*][^*]*\*+)*\//g, /(?<=\n) *(\/\*[^*]*\*+([^/*][^*]*\*+)*\/|\/\/[^\n]*)/g, /(?<=\n)[ \n]+/g];

/** @param {string} file its text @returns {Stripped} */
export function stripped(file) {
  let text = `\n${file}`;
  let from = Array.from({ length: text.length }, (_, at) => Math.max(0, at - 1));
  for (const step of STEPS) {
    let [rest, places, at] = ["", /** @type {number[]} */ ([]), 0];
    for (const found of text.matchAll(step)) {
      rest += text.slice(at, found.index);
      places = places.concat(from.slice(at, found.index));
      at = found.index + found[0].length;
    }
    text = rest + text.slice(at);
    from = places.concat(from.slice(at));
  }
  return { text: text.slice(1), from: from.slice(1) };
}
