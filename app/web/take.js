// One take: an order on its way, from the upload to the video. It survives a reload.

import { Problem, blob, cancelJob, follow, isFinal, order, pause, read } from "./api.js";
import { announce } from "./dom.js";
import { files } from "./memory.js";
import { TakeView } from "./take-view.js";

const inputsOf = (key) => `take.${key}`;
const KEY_HOLDS = 12 * 3600 * 1000; // milliseconds: half of what the service remembers a key for
const NOT_SENT = {
  code: "unreachable",
  title: "Not sent",
  detail: "The page was closed before the files were sent. Choose them again.",
};
const UNANSWERED = {
  code: "outcome_unknown",
  title: "No answer",
  detail:
    "The page was closed before the service answered, and it is too long ago to ask. Look among the recent videos.",
};
const NOT_YET = 409;

/** `record` is what is kept of a take: key, provider, request, peaks, began, the job's id, and the fault. */
export class Take {
  job = null;
  problem = null;
  sent = null;
  offline = false;
  fresh = false;
  #stopped = new AbortController();
  #cancelAsked = false;

  constructor(record, house) {
    this.record = record;
    this.house = house;
    this.view = new TakeView(this);
  }

  static record({ provider, request, peaks }) {
    return {
      key: crypto.randomUUID?.() ?? randomKey(),
      provider,
      request,
      peaks,
      began: Date.now(),
      jobId: null,
    };
  }

  /** The take of a job that this page did not start. */
  static ofJob(job, house) {
    const take = new Take(
      {
        key: job.job_id,
        provider: job.provider,
        request: null,
        peaks: null,
        began: Date.parse(job.created_at),
        jobId: job.job_id,
      },
      house,
    );
    take.job = job;
    return take;
  }

  get provider() {
    return this.job?.provider ?? this.record.provider;
  }

  get over() {
    return Boolean(this.problem || (this.job && isFinal(this.job)));
  }

  get canRepeat() {
    return Boolean(this.record.request);
  }

  /** Send what was chosen, and follow it to its end. */
  async start(inputs, poster) {
    this.fresh = true;
    await files.put(inputsOf(this.record.key), { ...inputs, poster });
    this.view.setBackdrop(poster);
    await this.#guarded(() => this.#send(inputs));
  }

  /** Go on after a reload, wherever it was. */
  async resume() {
    const kept = await files.get(inputsOf(this.record.key));
    this.view.setBackdrop(kept?.poster);
    // What was refused once is not sent again by a mere reload.
    if (this.record.fault) return this.#fail(new Problem(this.record.fault));
    if (!this.record.jobId && !kept) return this.#fail(new Problem(NOT_SENT));
    if (!this.record.jobId && Date.now() - this.record.began > KEY_HOLDS)
      return this.#fail(new Problem(UNANSWERED));
    await this.#guarded(async () => {
      if (!this.record.jobId) return this.#send(kept);
      this.#tell(await this.#read());
      await this.#follow();
    });
    if (this.problem?.code === "not_found") this.house.close(this);
  }

  /** Go on where it stopped; what is over for good is ordered once more, as a new take. */
  async retry() {
    if (!this.#stopped.signal.aborted && !(this.job && isFinal(this.job))) {
      this.problem = this.record.fault = null;
      this.view.draw();
      return this.resume();
    }
    const kept = await files.get(inputsOf(this.record.key));
    if (kept) this.house.startAgain(this, kept);
    else
      this.#fail(
        new Problem({ ...NOT_SENT, detail: "This browser no longer has the files. Choose them again." }),
      );
  }

  async cancel() {
    this.#cancelAsked = true;
    if (!this.record.jobId) {
      if (this.sent !== 1) this.#stopped.abort();
      return this.view.draw();
    }
    this.view.draw();
    try {
      this.#tell(await cancelJob(this.record.jobId));
    } catch (problem) {
      this.#cancelAsked = false;
      if (problem.status !== NOT_YET) announce(problem.message);
      this.view.draw(problem.status === NOT_YET ? "" : problem.message);
    }
  }

  get canceling() {
    return this.#cancelAsked && !this.over;
  }

  /** Leave the stage; the job itself goes on. */
  close() {
    this.#stopped.abort();
    this.view.close();
    files.remove(inputsOf(this.record.key));
  }

  /** The job as it stands now, for a link that has grown old. */
  async refresh() {
    this.job = await this.#read();
    return this.job;
  }

  #read() {
    return read(`lipsync/${this.record.jobId}`);
  }

  async #guarded(act) {
    try {
      await act();
    } catch (fault) {
      if (fault.name !== "AbortError")
        this.#fail(
          fault instanceof Problem
            ? fault
            : new Problem({ code: "unexpected", detail: String(fault.message) }, 500),
        );
      else if (this.#cancelAsked)
        this.#fail(
          new Problem(
            { code: "canceled", title: "Canceled", detail: "It was canceled before it was sent." },
            499,
          ),
        );
    }
  }

  async #send(inputs) {
    const job = await this.#accepted(inputs);
    this.record.jobId = job.job_id;
    this.house.changed();
    this.#tell(job);
    if (this.#cancelAsked) await this.cancel();
    await this.#follow();
  }

  /** The same key makes it safe to send again what may have arrived. */
  async #accepted({ form }) {
    for (let attempt = 0; ; attempt += 1) {
      try {
        const fields = new FormData();
        for (const [name, value] of Object.entries(form)) fields.append(name, value);
        const sent = (part) => this.#progress(part);
        return await order(fields, this.record.key, { sent, signal: this.#stopped.signal });
      } catch (fault) {
        const again = fault.status === 0 || fault.code === "request_in_progress";
        if (fault.name === "AbortError" || !again) throw fault;
        this.#lost();
        await this.#pause(Math.min(1000 * 2 ** attempt, 15_000));
      }
    }
  }

  async #pause(milliseconds) {
    await pause(milliseconds);
    this.#stopped.signal.throwIfAborted();
  }

  async #follow() {
    if (isFinal(this.job)) return;
    await follow(this.record.jobId, {
      tell: (job) => this.#tell(job),
      lost: () => this.#lost(),
      signal: this.#stopped.signal,
    });
  }

  #progress(part) {
    this.sent = part;
    this.offline = false;
    this.view.draw();
  }

  #lost() {
    this.offline = true;
    this.view.draw();
  }

  #tell(job) {
    const before = this.job;
    this.job = job;
    this.offline = false;
    this.view.draw();
    this.house.moved(job);
    if (!isFinal(job) || (before && isFinal(before) && this.view.hasBackdrop)) return;
    this.house.finished(this);
    if (!this.view.hasBackdrop) this.#drawBackdrop();
  }

  /** A video that was made elsewhere is set before its own picture. */
  async #drawBackdrop() {
    if (this.job.status !== "success") return;
    this.view.setBackdrop(await blob(`lipsync/${this.record.jobId}/thumbnail`).catch(() => null));
  }

  #fail(problem) {
    const { code, title, message: detail, charged } = problem;
    this.problem = problem;
    if (!this.record.jobId) this.record.fault = { code, title, detail, charged };
    this.offline = false;
    this.view.draw();
    this.house.changed();
  }
}

/** Pages that are not on https have no `crypto.randomUUID`. */
function randomKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}
