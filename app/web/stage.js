// The stage: the takes that are looked at now, one or several side by side.

import { byId, calm, show } from "./dom.js";
import { usual } from "./estimate.js";
import { keep, recall } from "./memory.js";
import { Take } from "./take.js";

const TITLE = document.title;
const MOST_WORDS = 100; // jobs

export class Stage {
  takes = [];

  constructor({ providers, history }) {
    this.providers = providers;
    this.history = history;
    byId("together").addEventListener("click", () => this.#playTogether());
  }

  /** Take up what was on the stage before a reload. */
  restore() {
    for (const record of recall("takes", [])) this.#put(new Take(record, this)).resume();
    this.#draw();
  }

  /** Go on with what stopped for want of a key. */
  unlock() {
    for (const take of this.takes) if (take.problem?.code === "unauthorized") take.retry();
  }

  /** Start one take for each provider. Finished ones make room; they stay among the recent. */
  start(orders, poster) {
    for (const take of this.takes.filter((each) => each.over)) this.close(take);
    for (const { provider, request, peaks, form } of orders) {
      this.#put(new Take(Take.record({ provider, request, peaks }), this)).start({ form }, poster);
    }
    this.changed();
    this.look();
  }

  startAgain(take, { form, poster }) {
    const { provider, request, peaks } = take.record;
    this.close(take);
    this.start([{ provider, request, peaks, form }], poster);
  }

  /** Look at a job that may have been started elsewhere. */
  open(job) {
    const there = this.takes.find((take) => take.record.jobId === job.job_id);
    if (!there) {
      for (const take of this.takes.filter((each) => each.over)) this.close(take);
      this.#put(Take.ofJob(job, this)).resume();
      this.changed();
    }
    this.look();
  }

  close(take) {
    take.close();
    this.takes = this.takes.filter((each) => each !== take);
    this.changed();
    if (!this.takes.length) byId("stage").focus({ preventScroll: true });
  }

  closeJob(jobId) {
    const take = this.takes.find((each) => each.record.jobId === jobId);
    if (take) this.close(take);
  }

  look() {
    const behavior = calm() ? "auto" : "smooth";
    if (
      byId("stage").getBoundingClientRect().top > innerHeight * 0.4 ||
      byId("stage").getBoundingClientRect().bottom < 0
    )
      byId("stage").scrollIntoView({ behavior, block: "start" });
  }

  label(provider) {
    return this.providers.label(provider);
  }

  usual(provider) {
    return usual(this.history.jobs, provider);
  }

  someonePlays(but) {
    return this.takes.some((take) => take !== but && take.view.video && !take.view.video.paused);
  }

  changed() {
    keep(
      "takes",
      this.takes.map((take) => take.record),
    );
    this.#keepWords();
    this.#draw();
    this.history.refresh();
  }

  moved(job) {
    this.history.note(job);
  }

  finished(take) {
    this.#draw();
    this.history.refresh();
    if (take.job) this.history.note(take.job);
  }

  /** What is said in a video, by its job: the service does not tell. */
  #keepWords() {
    const said = this.takes
      .filter(({ record }) => record.jobId && record.request?.text)
      .map(({ record }) => [record.jobId, record.request.text.slice(0, 80)]);
    const kept = Object.entries({ ...recall("words", {}), ...Object.fromEntries(said) });
    keep("words", Object.fromEntries(kept.slice(-MOST_WORDS)));
  }

  #put(take) {
    this.takes.push(take);
    byId("takes").append(take.view.element);
    take.view.draw();
    return take;
  }

  #draw() {
    const working = this.takes.filter((take) => !take.over).length;
    const videos = this.takes.filter((take) => take.view.video).length;
    show(byId("invitation"), !this.takes.length);
    byId("takes").dataset.count = Math.min(3, this.takes.length);
    show(byId("comparison"), this.takes.length > 1);
    byId("together").disabled = videos < 2;
    document.title = working ? `Working… ${TITLE}` : TITLE;
  }

  /** From the start, at once; one with its sound, as several would be noise. */
  #playTogether() {
    const videos = this.takes.map((take) => take.view.video).filter(Boolean);
    videos.forEach((video, index) => {
      video.muted = index > 0;
      video.currentTime = 0;
      video.play();
    });
  }
}
