// Plays a finished video in place: from this service, else from the provider that made it.

import { address } from "./api.js";
import { stopSound } from "./audio.js";
import { show } from "./dom.js";

/** The service's own copy, at the address under which this page sees the service. */
function ownAddress(job, more = {}) {
  const link = new URL(job.download_url);
  const own = new URL(address(`lipsync/${job.job_id}/video`));
  own.search = link.search;
  for (const [name, value] of Object.entries(more)) own.searchParams.set(name, value);
  return own.href;
}

export class Player {
  #shown = null;
  #again = 0;

  constructor(video, take) {
    this.video = video;
    this.take = take;
    video.addEventListener("error", () => this.#mend());
    video.addEventListener("play", stopSound);
  }

  downloadAddress() {
    const { job } = this.take;
    return job.download_url ? ownAddress(job, { download: 1 }) : job.video_url;
  }

  show() {
    const { job } = this.take;
    const source = job.download_url ? ownAddress(job) : job.video_url;
    if (this.#shown === source || !source) return;
    this.#shown = source;
    this.video.src = source;
    this.video.setAttribute("aria-label", `Talking video by ${this.take.house.label(job.provider)}`);
    show(this.video, true);
    if (!this.take.fresh) return;
    this.video.muted = this.take.house.someonePlays(this.take);
    // A browser that lets no sound begin by itself shows its own button.
    this.video.play().catch(() => {});
  }

  close() {
    this.video.pause();
    this.video.removeAttribute("src");
    this.video.load();
  }

  /** A link may have grown old, and a copy may be gone: read the job anew, then ask the provider. */
  async #mend() {
    this.#again += 1;
    const { job } = this.take;
    if (this.#again === 1) {
      await this.take.refresh().catch(() => {});
      this.#shown = null;
      this.show();
    } else if (this.#again === 2 && job.video_url && job.video_url !== this.#shown) {
      this.video.src = job.video_url;
    }
  }
}
