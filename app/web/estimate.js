// How long a job still takes: from how fast it goes, else from what earlier ones took.

const ENOUGH_PROGRESS = 0.06;
const ENOUGH_SECONDS = 1;

const seconds = (job) => (Date.parse(job.finished_at) - Date.parse(job.created_at)) / 1000;

/** What a provider's jobs took lately, in seconds (the median), or null. */
export function usual(jobs, provider) {
  const took = jobs
    .filter((job) => job.provider === provider && job.status === "success")
    .map(seconds)
    .sort((one, other) => one - other);
  return took.length ? took[Math.floor(took.length / 2)] : null;
}

/** The pace of one job. Time in a queue says nothing about it, so it is measured from the first progress on. */
export class Pace {
  #first = null;
  #last = null;

  note(progress, now = performance.now() / 1000) {
    if (!progress || progress === this.#last?.progress) return;
    this.#last = { progress, now };
    this.#first ??= this.#last;
  }

  /** Seconds left, or null where nothing can be said; `passed` and `usually` are seconds of the whole. */
  left(passed, usually, now = performance.now() / 1000) {
    const gone = this.#last ? this.#last.progress - this.#first.progress : 0;
    const took = this.#last ? this.#last.now - this.#first.now : 0;
    if (gone >= ENOUGH_PROGRESS && took >= ENOUGH_SECONDS) {
      return Math.max(1, ((1 - this.#last.progress) * took) / gone - (now - this.#last.now));
    }
    return usually === null ? null : Math.max(1, usually - passed);
  }
}

export function inWords(remaining) {
  if (remaining === null) return "";
  if (remaining < 8) return "a few seconds left";
  if (remaining < 55) return `about ${Math.ceil(remaining / 5) * 5} s left`;
  return `about ${Math.max(1, Math.round(remaining / 60))} min left`;
}
