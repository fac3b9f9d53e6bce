// Finding, filling and announcing: text goes in as text, never as markup.

export const byId = (id) => document.getElementById(id);

/** The element that a template or section calls by this name. */
export const part = (root, name) => root.querySelector(`[data-part="${name}"]`);

/** Every named part of a root, by name. */
export function parts(root) {
  const named = [...root.querySelectorAll("[data-part]")];
  return Object.fromEntries(named.map((element) => [element.dataset.part, element]));
}

export const fromTemplate = (id) => byId(id).content.firstElementChild.cloneNode(true);

export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** Show or hide; hiding what has the focus would lose it, so it goes to a neighbour. */
export function show(element, visible, neighbour = null) {
  const lost = !visible && element.contains(document.activeElement);
  element.hidden = !visible;
  if (lost) neighbour?.focus();
}

/** Say something to whoever listens instead of looking. */
export function announce(text) {
  const live = byId("live");
  live.textContent = "";
  requestAnimationFrame(() => (live.textContent = text));
}

/** A sentence about what is wrong, beside what it is about. */
export function blame(fault, text) {
  fault.textContent = text;
}

export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** How long a recording or a video is; what is shorter than a second would be 0:00. */
export const length = (seconds) => (seconds < 1 ? `${seconds.toFixed(1)} s` : clock(seconds));

export function megabytes(bytes) {
  return bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** What a picture or video shows now, as a JPEG blob. */
export function drawnFrame(source, width, height, quality = 0.8) {
  const canvas = make("canvas", { width, height });
  canvas.getContext("2d").drawImage(source, 0, 0, width, height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", quality));
}

/** Have files dropped on an element; `wanted` says which are taken. */
export function acceptDrops(element, wanted, take) {
  element.addEventListener("dragover", (event) => event.preventDefault());
  element.addEventListener("drop", (event) => {
    const file = [...event.dataTransfer.files].find(wanted) || event.dataTransfer.files[0];
    event.preventDefault();
    event.stopPropagation();
    if (file) take(file);
  });
}
