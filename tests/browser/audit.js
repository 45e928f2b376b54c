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
  /** What is half seen through takes on the ground's colour. @param {Element} element @param {number[]} ground */
  const inkOf = (element, ground) => {
    const color = rgba(getComputedStyle(element).color);
    let part = color[3];
    for (let at = /** @type {Element|null} */ (element); at; at = at.parentElement) part *= Number(getComputedStyle(at).opacity);
    return color.slice(0, 3).map((value, i) => value * part + (ground[i] ?? 0) * (1 - part));
  };
  // What is just appearing is judged as it will stand there.
  for (const one of document.getAnimations()) if (one.effect?.getComputedTiming().endTime !== Infinity) one.finish();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!element || !walker.currentNode.textContent?.trim() || !seen(element)) continue;
    if (element.closest("[disabled], option, svg")) continue;
    const behind = groundOf(element);
    const [ink, ground] = [luminance(inkOf(element, behind)), luminance(behind)];
    const ratio = (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
    if (ratio < 4.5) faults.push(`"${walker.currentNode.textContent.trim().slice(0, 30)}" has contrast ${ratio.toFixed(2)}`);
  }
  return faults;
}

/** Runs inside the page: nothing is cut off, outside the window, or below something else. @returns {string[]} what is wrong */
export function fitInPage() {
  /** @type {string[]} */
  const faults = [];
  const FRAMES = "button, a.big, .modes span, .choices label > span, .pill, .state, .notice, .card, p[data-who]";
  const top = [...document.querySelectorAll("dialog[open]")].at(-1) ?? document.body;
  const seen = (/** @type {Element} */ element) =>
    element.checkVisibility({ opacityProperty: true, visibilityProperty: true, contentVisibilityAuto: true }) &&
    !element.closest(".sr, svg, option") && getComputedStyle(element).clipPath !== "inset(50%)";
  const tagOf = (/** @type {Element} */ element) => {
    const [first = ""] = element.classList;
    return `${element.localName}${element.id ? `#${element.id}` : ""}${first ? `.${first}` : ""}`;
  };
  /** What may be scrolled into view is not cut. @param {Element} element */
  const scroller = (element) => {
    for (let at = element.parentElement; at; at = at.parentElement) {
      if (/auto|scroll/.test(getComputedStyle(at).overflowY) && at.scrollHeight > at.clientHeight + 1) return at;
    }
    return document.documentElement.scrollHeight > innerHeight && getComputedStyle(document.body).overflowY !== "hidden"
      ? document.documentElement : null;
  };

  /** What lies over a line of words; a field that takes the press for its label is nothing to see.
   * @param {Element} element @param {DOMRect} line @returns {Element|null} */
  const over = (element, line) => {
    const within = scroller(element)?.getBoundingClientRect();
    for (const [x, y] of /** @type {const} */ ([[0.1, 0.2], [0.5, 0.5], [0.9, 0.8]])) {
      const [left, at] = [line.left + x * line.width, line.top + y * line.height];
      if (at < 0 || at > innerHeight || (within && (at < within.top + 2 || at > within.bottom - 2))) continue;
      const hit = document.elementFromPoint(left, at);
      if (!hit || hit.contains(element) || element.contains(hit) || getComputedStyle(hit).opacity === "0") continue;
      if (!hit.closest("#preview, #preview-handle")) return hit;
    }
    return null;
  };
  // What stays at the lower edge of a sheet lies over what is not scrolled up yet: the end is what must be free.
  const was = top.scrollTop;
  if (top !== document.body) top.scrollTop = top.scrollHeight;

  const walker = document.createTreeWalker(top, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.textContent?.trim().slice(0, 40);
    if (!element || !text || !seen(element)) continue;
    const range = document.createRange();
    range.selectNodeContents(walker.currentNode);
    const words = range.getBoundingClientRect();
    if (!words.width) continue;
    if (element.id === "music-title") continue; // a title that somebody else wrote may end in dots
    for (const line of range.getClientRects()) {
      const cover = over(element, line);
      if (cover) faults.push(`"${text}" is below ${tagOf(cover)}`);
    }
    if (words.left < -1 || words.right > innerWidth + 1) faults.push(`"${text}" is outside of the window`);
    if (!scroller(element) && (words.top < -1 || words.bottom > innerHeight + 1)) faults.push(`"${text}" is below the window`);
    for (let at = /** @type {Element|null} */ (element); at && at !== document.body; at = at.parentElement) {
      const style = getComputedStyle(at);
      const box = at.getBoundingClientRect();
      const clips = style.overflowX !== "visible";
      const [sides, ends] = [words.left < box.left - 1 || words.right > box.right + 1,
        words.top < box.top - 1 || words.bottom > box.bottom + 1];
      const scrolls = /auto|scroll/.test(style.overflowY);
      if (clips && (sides || (ends && !scrolls))) faults.push(`"${text}" is cut by ${tagOf(at)}`);
      else if (!clips && at.matches(FRAMES) && (sides || ends)) faults.push(`"${text}" sticks out of ${tagOf(at)}`);
      if (scrolls) break;
    }
  }
  top.scrollTop = was;
  for (const field of top.querySelectorAll("input[placeholder]")) {
    if (!seen(field) || !(field instanceof HTMLInputElement) || field.value) continue;
    if (field.scrollWidth > field.clientWidth + 1) faults.push(`the placeholder of ${tagOf(field)} is cut`);
  }

  for (const element of top.querySelectorAll("button, a[href], input, select, [tabindex='0'][role=button]")) {
    if (!seen(element) || element.matches(":disabled, audio")) continue;
    const target = element instanceof HTMLInputElement && element.labels?.[0] ? element.labels[0] : element;
    const box = target.getBoundingClientRect();
    const inside = box.left >= -1 && box.right <= innerWidth + 1 && box.top >= -1 && box.bottom <= innerHeight + 1;
    if (!inside) {
      if (!scroller(target)) faults.push(`${tagOf(element)} is outside of the window`);
      continue;
    }
    const within = scroller(target)?.getBoundingClientRect();
    const spots = [[0.5, 0.5], [0.12, 0.5], [0.88, 0.5]];
    for (const [x = 0, y = 0] of spots) {
      const [left, at] = [box.left + x * box.width, box.top + y * box.height];
      if (within && (at < within.top + 2 || at > within.bottom - 2)) continue;
      const hit = document.elementFromPoint(left, at);
      const own = hit && (target.contains(hit) || hit.contains(target) || element.contains(hit));
      if (!own && !hit?.closest("#preview, #preview-handle")) {
        faults.push(`${tagOf(element)} is below ${hit ? tagOf(hit) : "nothing"}`);
        break;
      }
    }
  }
  return faults;
}
