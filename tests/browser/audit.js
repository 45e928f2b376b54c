// Checks of the page that need a rendered document: names, contrast, size of targets, overflow.

/** Runs inside the page. @returns {string[]} what is wrong */
export function auditInPage() {
  /** @type {string[]} */
  const faults = [];
  const seen = (/** @type {Element} */ element) =>
    element.checkVisibility({ opacityProperty: true, visibilityProperty: true, contentVisibilityAuto: true }) &&
    !element.closest(".sr");
  const nameOf = (/** @type {any} */ element) =>
    element.getAttribute("aria-label") || element.textContent?.trim() || element.labels?.[0]?.textContent?.trim() || "";
  const tagOf = (/** @type {Element} */ element) => `${element.localName}${element.id ? `#${element.id}` : ""}`;

  for (const element of document.querySelectorAll("button, a[href], input, select, [role=img]")) {
    if (seen(element) && !nameOf(element)) faults.push(`${tagOf(element)} has no name`);
  }
  for (const element of document.querySelectorAll("button, .modes label, .choices label, select, a.big")) {
    const box = element.getBoundingClientRect();
    if (seen(element) && (box.width < 43.5 || box.height < 43.5)) {
      faults.push(`${tagOf(element)} "${nameOf(element)}" is ${Math.round(box.width)}x${Math.round(box.height)}, under 44x44`);
    }
  }
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  for (const id of new Set(ids)) if (ids.filter((other) => other === id).length > 1) faults.push(`id ${id} is not unique`);
  if (!document.documentElement.lang) faults.push("no lang");
  if (document.querySelectorAll("h1").length !== 1) faults.push("there must be one h1");
  if (document.documentElement.scrollWidth > innerWidth) faults.push("wider than the window");

  /** @param {string} text @returns {[number, number, number, number]} */
  const rgba = (text) => {
    const parts = (text.match(/[\d.]+/g) ?? []).map(Number);
    return [parts[0] ?? 0, parts[1] ?? 0, parts[2] ?? 0, parts[3] ?? 1];
  };
  const luminance = (/** @type {number[]} */ color) => {
    const [r = 0, g = 0, b = 0] = color.slice(0, 3).map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const groundOf = (/** @type {Element|null} */ element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = rgba(getComputedStyle(at).backgroundColor);
      if (color[3] > 0.99) return color;
    }
    return rgba("rgb(255,255,255)");
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!element || !walker.currentNode.textContent?.trim() || !seen(element)) continue;
    if (element.closest("[disabled], option, svg")) continue;
    const [ink, ground] = [luminance(rgba(getComputedStyle(element).color)), luminance(groundOf(element))];
    const ratio = (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
    if (ratio < 4.5) faults.push(`"${walker.currentNode.textContent.trim().slice(0, 30)}" has contrast ${ratio.toFixed(2)}`);
  }
  return faults;
}
