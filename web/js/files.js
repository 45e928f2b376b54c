/* files.js - a file for the person, made in the page. */

const KEPT_MS = 10_000; // some browsers read it after the click has returned

/** @param {{name:string, type:string, text:string}} file */
export function saveFile({ name, type, text }) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), KEPT_MS);
}
