// How long a job still takes: from its own progress, else from what earlier ones took.

const seconds = (job) => (Date.parse(job.finished_at) - Date.parse(job.created_at)) / 1000;

/** What a provider's jobs took lately, in seconds (the median), or null. */
export function usual(jobs, provider) {
  const took = jobs
    .filter((job) => job.provider === provider && job.status === "success")
    .map(seconds)
    .sort((one, other) => one - other);
  return took.length ? took[Math.floor(took.length / 2)] : null;
}

/** Seconds left, or null where nothing can be said. */
export function left(job, passed, usually) {
  if (job?.progress > 0.08 && passed > 2) return (passed * (1 - job.progress)) / job.progress;
  return usually === null ? null : Math.max(1, usually - passed);
}

export function inWords(remaining) {
  if (remaining === null) return "";
  if (remaining < 8) return "a few seconds left";
  if (remaining < 55) return `about ${Math.ceil(remaining / 5) * 5} s left`;
  return `about ${Math.max(1, Math.round(remaining / 60))} min left`;
}
