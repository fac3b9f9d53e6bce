// The face: chosen, dropped, pasted or taken with the camera.

import { blob } from "./api.js";
import { takePhoto } from "./capture.js";
import { acceptDrops, blame, byId, drawnFrame, length, make, megabytes, parts, show } from "./dom.js";
import { files } from "./memory.js";

const KEPT_AS = "face";
const POSTER_SIDE = 640;

export const isFace = (file) =>
  /^(image|video)\//.test(file.type) || /\.(heic|heif|avif|mkv|mov|m4v)$/i.test(file.name);

export class Face {
  file = null;
  #picture = null;
  #url = null;

  constructor(root) {
    this.parts = parts(root);
    const { input, camera, remove, sample, drop } = this.parts;
    input.addEventListener("change", () => input.files[0] && this.take(input.files[0]));
    camera.addEventListener("click", () => this.#photograph());
    remove.addEventListener("click", () => this.clear());
    sample.addEventListener("click", () => this.takeSample());
    acceptDrops(drop, isFace, (file) => this.take(file));
  }

  async restore() {
    const kept = await files.get(KEPT_AS);
    if (kept && !this.file) this.#present(kept);
  }

  take(file) {
    if (!isFace(file)) return blame(this.parts.fault, `${file.name} is neither a photo nor a video.`);
    files.put(KEPT_AS, file);
    this.#present(file);
  }

  async takeSample() {
    const portrait = await blob("studio/sample.jpg");
    this.take(new File([portrait], "grace-hopper.jpg", { type: "image/jpeg" }));
  }

  clear() {
    files.remove(KEPT_AS);
    this.file = this.#picture = null;
    this.parts.input.value = "";
    this.parts.preview.replaceChildren();
    show(this.parts.empty, true);
    show(this.parts.full, false, this.parts.input);
  }

  /** The sentence about what is missing, or nothing. */
  missing() {
    return this.file ? "" : "Add a photo or a video of a face.";
  }

  complain(text) {
    blame(this.parts.fault, text);
    if (text) this.parts.input.focus();
  }

  /** A small picture of the face, or null where this browser cannot show it. */
  async poster() {
    const picture = this.#picture;
    await picture?.decode?.().catch(() => {});
    const [width, height] = [
      picture?.naturalWidth || picture?.videoWidth,
      picture?.naturalHeight || picture?.videoHeight,
    ];
    if (!width || !height) return null;
    const scale = Math.min(1, POSTER_SIDE / Math.max(width, height));
    return drawnFrame(picture, Math.round(width * scale), Math.round(height * scale));
  }

  async #photograph() {
    const photo = await takePhoto();
    if (photo) this.take(photo);
  }

  #present(file) {
    const { name, facts, preview, fault, empty, full } = this.parts;
    this.file = file;
    URL.revokeObjectURL(this.#url);
    this.#url = URL.createObjectURL(file);
    blame(fault, "");
    name.textContent = file.name;
    facts.textContent = megabytes(file.size);
    this.#picture = /^video\//.test(file.type) ? this.#video(facts, file) : this.#image(facts, file);
    this.#picture.addEventListener("error", () => this.#unseen(preview, file));
    preview.replaceChildren(this.#picture);
    show(full, true);
    show(empty, false, this.parts.remove);
  }

  #image(facts, file) {
    const image = make("img", { src: this.#url, alt: `The chosen face, ${file.name}` });
    image.addEventListener(
      "load",
      () => (facts.textContent = `${image.naturalWidth} × ${image.naturalHeight}, ${megabytes(file.size)}`),
    );
    return image;
  }

  #video(facts, file) {
    const video = make("video", { src: this.#url, muted: true, loop: true, playsInline: true });
    video.setAttribute("aria-label", `The chosen video, ${file.name}`);
    video.addEventListener("loadeddata", () => {
      facts.textContent = `${length(video.duration)} of video, ${megabytes(file.size)}`;
      video.currentTime = Math.min(0.5, video.duration / 2);
    });
    return video;
  }

  #unseen(preview, file) {
    if (this.file !== file) return;
    this.#picture = null;
    preview.replaceChildren(
      make("p", {
        className: "fact",
        textContent: "No preview for this format. The service reads it all the same.",
      }),
    );
  }
}

export const face = () => new Face(byId("face"));
