// How a take looks: at work, with its video, or with a sentence about what went wrong.

import { adviceFor, chargeOf, titleOf, worthAnotherTry } from "./advice.js";
import { Code } from "./code.js";
import { announce, calm, clock, fromTemplate, make, megabytes, parts, show } from "./dom.js";
import { Pace, inWords } from "./estimate.js";
import { Player } from "./player.js";
import { drawBars, peaksOfText } from "./wave.js";

const DISCONNECTED = "No connection. The job goes on; this page looks again by itself.";

/** What is happening now, in words. */
function phaseOf({ job, sent, canceling }, label) {
  if (canceling) return "Canceling…";
  if (!job) return sent === 1 ? "Looking at your files" : "Uploading";
  return {
    received: "Waiting for its turn",
    checking: "Looking for the face and the speech",
    converting: "Preparing the files",
    uploading: `Sending the files to ${label}`,
    submitting: `Handing over to ${label}`,
    waiting: job.provider === "local" ? "Waiting for its turn" : `Waiting in the queue of ${label}`,
    rendering: "Rendering",
    archiving: "Saving the video",
    done: "Done",
  }[job.phase];
}

export class TakeView {
  #told = "";
  #ticking = null;
  #player;
  #code;
  #backdrop = null;
  #pace = new Pace();

  constructor(take) {
    this.take = take;
    this.element = fromTemplate("t-take");
    this.parts = parts(this.element);
    this.#player = new Player(this.parts.video, take);
    this.#code = new Code(this.parts, take);
    this.parts.cancel.addEventListener("click", () => take.cancel());
    this.parts.again.addEventListener("click", () => take.retry());
    this.parts.close.addEventListener("click", () => take.house.close(take));
    new ResizeObserver(() => this.#drawWave()).observe(this.parts.wave);
    this.draw();
  }

  get video() {
    return this.parts.video.hidden ? null : this.parts.video;
  }

  get hasBackdrop() {
    return this.#backdrop !== null;
  }

  setBackdrop(picture) {
    if (!picture) return;
    this.#backdrop = URL.createObjectURL(picture);
    this.parts.backdrop.replaceChildren(make("img", { src: this.#backdrop, alt: "" }));
  }

  close() {
    clearInterval(this.#ticking);
    this.#player.close();
    URL.revokeObjectURL(this.#backdrop);
    this.element.remove();
  }

  draw(complaint = "") {
    const { take } = this;
    const succeeded = take.job?.status === "success";
    const failed = take.over && !succeeded;
    this.element.dataset.state = succeeded ? "success" : failed ? "failed" : "working";
    this.parts.title.textContent = take.house.label(take.provider);
    show(this.parts.working, !take.over, this.parts.close);
    show(this.parts.verdict, failed);
    if (succeeded) this.#player.show();
    else if (failed) this.#drawVerdict();
    else this.#drawWork(complaint);
    this.#drawFoot(succeeded, failed);
    this.#code.draw();
    this.#tick();
  }

  #tick() {
    if (this.take.over) clearInterval(this.#ticking);
    else this.#ticking ??= setInterval(() => this.#drawTimes(), 500);
  }

  #drawWork(complaint) {
    const { phase, message } = this.parts;
    this.#pace.note(this.take.job?.progress);
    const words = phaseOf(this.take, this.take.house.label(this.take.provider));
    phase.textContent = words;
    message.textContent = complaint || (this.take.offline ? DISCONNECTED : (this.take.job?.message ?? ""));
    message.classList.toggle("alarm", Boolean(complaint || this.take.offline));
    this.#drawProgress();
    this.#drawTimes();
    this.#drawWave();
    this.#tell(this.take.offline ? DISCONNECTED : words);
  }

  #done() {
    const { job, sent } = this.take;
    return job ? (job.progress ?? null) : sent;
  }

  #drawProgress() {
    const { progress, phase } = this.parts;
    const done = this.#done();
    progress.setAttribute("aria-label", phase.textContent);
    if (done === null) progress.removeAttribute("aria-valuenow");
    else progress.setAttribute("aria-valuenow", Math.round(done * 100));
    progress.setAttribute(
      "aria-valuetext",
      done === null ? phase.textContent : `${Math.round(done * 100)} %`,
    );
  }

  #drawTimes() {
    const { passed, left: remaining } = this.parts;
    const seconds = (Date.now() - this.take.record.began) / 1000;
    passed.textContent = clock(seconds);
    const usually = this.take.house.usual(this.take.provider);
    const words = inWords(this.#pace.left(seconds, usually));
    const whole = Math.round(this.#done() * 100);
    const sent = whole === 100 ? [this.take.job && "Finishing"] : [whole && `${whole} %`, words];
    remaining.textContent = this.take.canceling ? "" : sent.filter(Boolean).join(", ");
  }

  #drawWave() {
    if (this.take.over) return;
    const peaks = this.take.record.peaks ?? peaksOfText(this.take.record.key);
    const done = this.#done();
    if (done !== null || calm()) return drawBars(this.parts.wave, peaks, done ?? 0);
    const sweep = (time) => {
      if (this.take.over || this.#done() !== null || !this.element.isConnected) return;
      drawBars(this.parts.wave, peaks, 0, ((time / 1800) % 1.3) - 0.15);
      requestAnimationFrame(sweep);
    };
    requestAnimationFrame(sweep);
  }

  #drawVerdict() {
    const { take, parts: drawn } = this;
    const canceled = take.job?.status === "canceled" || take.problem?.code === "canceled";
    const fault = take.problem ?? take.job.error ?? { code: "canceled", detail: "It was canceled." };
    drawn.verdict.dataset.kind = canceled ? "canceled" : "failed";
    drawn["verdict-title"].textContent = canceled ? "Canceled" : titleOf(fault);
    drawn["verdict-detail"].textContent = fault.message || fault.detail;
    drawn["verdict-advice"].textContent = canceled ? "" : adviceFor(fault);
    drawn["verdict-charge"].textContent = canceled && !take.job?.error ? "" : chargeOf(fault, take.provider);
    this.#tell(`${drawn["verdict-title"].textContent}. ${drawn["verdict-detail"].textContent}`);
  }

  #drawFoot(succeeded, failed) {
    const { take, parts: drawn } = this;
    const { job } = take;
    const fault = take.problem ?? job?.error ?? { code: "canceled" };
    show(drawn.cancel, !take.over && !take.canceling, drawn.close);
    show(drawn.again, failed && take.canRepeat && worthAnotherTry(fault), drawn.close);
    show(drawn.download, succeeded && Boolean(job.download_url || job.video_url));
    show(drawn.page, Boolean(job?.provider_url));
    drawn.facts.textContent = succeeded ? factsOf(job) : this.#subject();
    if (succeeded) {
      drawn.download.href = this.#player.downloadAddress();
      drawn.download.download = `${job.job_id}.mp4`;
      this.#tell("The video is there.");
    }
    if (job?.provider_url) {
      drawn.page.href = job.provider_url;
      drawn["page-name"].textContent = `See it at ${take.house.label(job.provider)}`;
    }
    const warnings = job?.warnings ?? [];
    drawn.warnings.hidden = !warnings.length;
    drawn.warnings.replaceChildren(...warnings.map((textContent) => make("li", { textContent })));
  }

  #subject() {
    const { request } = this.take.record;
    if (!request) return "";
    return request.text
      ? `“${request.text.slice(0, 80)}${request.text.length > 80 ? "…" : ""}”`
      : (request.audioName ?? "");
  }

  #tell(words) {
    if (this.#told === words) return;
    this.#told = words;
    announce(`${this.take.house.label(this.take.provider)}: ${words}`);
  }
}

/** What came out, in a line. */
function factsOf(job) {
  const took = (Date.parse(job.finished_at) - Date.parse(job.created_at)) / 1000;
  const cost = job.cost?.charged ?? job.cost?.estimated;
  return [
    job.duration_seconds ? `${job.duration_seconds.toFixed(1)} s of video` : "",
    `made in ${took < 60 ? `${Math.max(1, Math.round(took))} s` : `${clock(took)} min`}`,
    job.file_size ? megabytes(job.file_size) : "",
    cost == null ? "" : `${cost} ${job.cost.unit}${job.cost.charged == null ? " (estimate)" : ""}`,
  ]
    .filter(Boolean)
    .join(" · ");
}
