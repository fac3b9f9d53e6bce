// The recent jobs of this service, whoever started them.

import { blob, cancelJob, deleteJob, isFinal, read } from "./api.js";
import { announce, byId, fromTemplate, length, make, parts } from "./dom.js";
import { keep, recall } from "./memory.js";

const PAGE = 12;
const LOOK_AGAIN = 4000;
const STATES = {
  queued: "Waiting",
  processing: "Working",
  success: "",
  failed: "Failed",
  canceled: "Canceled",
};

const AGES = [
  [60, "second"],
  [3600, "minute", 60],
  [86_400, "hour", 3600],
  [Infinity, "day", 86_400],
];
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

function age(moment) {
  const seconds = (Date.now() - Date.parse(moment)) / 1000;
  if (seconds < 45) return "just now";
  const [, unit, size = 1] = AGES.find(([most]) => seconds < most);
  return relative.format(-Math.round(seconds / size), unit);
}

export class History {
  jobs = [];
  #next = null;
  #thumbs = new Map();
  #timer = null;
  #asked = 0;

  constructor(root, { label, open, removed }) {
    Object.assign(this, { root, label, open, removed });
    this.parts = parts(root);
    this.parts.more.addEventListener("click", () => this.#more());
    document.addEventListener("visibilitychange", () => document.hidden || this.refresh());
  }

  /** Read the newest jobs again; a failure leaves what is shown. */
  async refresh() {
    const asked = (this.#asked += 1);
    const known = Math.max(PAGE, this.jobs.length);
    try {
      const { jobs, next_cursor: next } = await read(`lipsync?limit=${Math.min(100, known)}`);
      if (asked !== this.#asked) return;
      [this.jobs, this.#next] = [jobs, next];
      this.#draw();
    } catch {
      // Whoever is at work on the stage tells that the service is away.
    }
    clearTimeout(this.#timer);
    const moving = this.jobs.some((job) => !isFinal(job)) && !document.hidden;
    if (moving) this.#timer = setTimeout(() => this.refresh(), LOOK_AGAIN);
  }

  /** A job changed, as the stage knows. */
  note(job) {
    const moved = this.jobs.some((each) => each.job_id === job.job_id && each.status !== job.status);
    this.jobs = this.jobs.map((each) => (each.job_id === job.job_id ? job : each));
    if (moved) this.#draw();
  }

  async #more() {
    try {
      const { jobs, next_cursor: next } = await read(
        `lipsync?limit=${PAGE}&cursor=${encodeURIComponent(this.#next)}`,
      );
      [this.jobs, this.#next] = [[...this.jobs, ...jobs], next];
      this.#draw();
    } catch (problem) {
      announce(problem.message);
    }
  }

  #draw() {
    this.root.hidden = !this.jobs.length;
    this.parts.more.hidden = !this.#next;
    const focused = document.activeElement?.closest?.(".reel-item")?.dataset.job;
    const inside = document.activeElement?.dataset?.part;
    this.parts.list.replaceChildren(...this.jobs.map((job) => this.#item(job)));
    if (focused) this.parts.list.querySelector(`[data-job="${focused}"] [data-part="${inside}"]`)?.focus();
  }

  #item(job) {
    const item = fromTemplate("t-recent");
    const { open, thumb, name, facts, remove } = parts(item);
    item.dataset.job = job.job_id;
    item.dataset.state = job.status;
    const by = this.label(job.provider);
    const words = recall("words", {})[job.job_id];
    name.textContent = words ? `“${words}”` : by;
    const lasts = job.duration_seconds ? length(job.duration_seconds) : "";
    facts.textContent = [STATES[job.status], words && by, lasts, age(job.created_at)].filter(Boolean).join(" · ");
    open.addEventListener("click", () => this.open(job));
    const final = isFinal(job);
    remove.setAttribute(
      "aria-label",
      `${final ? "Delete" : "Cancel"} the video by ${by}, ${age(job.created_at)}`,
    );
    if (!final) remove.querySelector("use").setAttribute("href", "#i-close");
    remove.addEventListener("click", () => (final ? this.#delete(job) : this.#cancel(job)));
    if (job.status === "success") this.#drawThumb(thumb, job);
    return item;
  }

  async #drawThumb(thumb, { job_id: id }) {
    if (!this.#thumbs.has(id)) {
      this.#thumbs.set(
        id,
        blob(`lipsync/${id}/thumbnail`).then(
          (picture) => URL.createObjectURL(picture),
          () => null,
        ),
      );
    }
    const source = await this.#thumbs.get(id);
    if (source) thumb.replaceChildren(make("img", { src: source, alt: "" }));
  }

  async #cancel(job) {
    await cancelJob(job.job_id).catch((problem) => announce(problem.message));
    this.refresh();
  }

  async #delete(job) {
    if (!(await confirmed())) return;
    try {
      await deleteJob(job.job_id);
      announce("Deleted");
    } catch (problem) {
      if (problem.status !== 404) return announce(problem.message);
    }
    URL.revokeObjectURL(await this.#thumbs.get(job.job_id));
    this.jobs = this.jobs.filter((each) => each !== job);
    this.#draw();
    const { [job.job_id]: _gone, ...words } = recall("words", {});
    keep("words", words);
    this.removed(job.job_id);
  }
}

function confirmed() {
  const dialog = byId("confirm");
  const choice = parts(dialog);
  dialog.returnValue = "";
  choice.keep.onclick = () => dialog.close();
  choice.delete.onclick = () => dialog.close("delete");
  dialog.showModal();
  return new Promise((resolve) => (dialog.onclose = () => resolve(dialog.returnValue === "delete")));
}
