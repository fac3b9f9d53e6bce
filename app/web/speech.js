// What is said: typed words and a voice, or a recording.

import { read, speak } from "./api.js";
import { playSound, stopSound } from "./audio.js";
import { Recording } from "./capture.js";
import { acceptDrops, announce, blame, byId, length, make, megabytes, parts, show } from "./dom.js";
import { files, keep, recall } from "./memory.js";
import { drawBars, peaksOfSound, peaksOfText } from "./wave.js";

const KEPT_AS = "speech";
const WORDS_A_SECOND = 2.6;
const BIGGEST_TO_DRAW = 30e6;
const PREFERRED_VOICE = "Hannah";

export const SAMPLE_TEXT = "Hello! I was only a photograph, until somebody gave me a voice.";

export const isSound = (file) =>
  /^(audio|video)\//.test(file.type) || /\.(m4a|aac|opus|flac|amr|aiff?|mkv)$/i.test(file.name);

export class Speech {
  file = null;
  #drawn = null;
  #recording = null;
  #unheard = new Set();
  #spoken = new Audio();

  constructor(root) {
    this.parts = parts(root);
    [this.text, this.voice] = [byId("text"), byId("voice")];
    this.modes = [...root.querySelectorAll('input[name="speech"]')];
    const { input, record, stop, remove, play, listen, audio } = this.parts;
    for (const mode of this.modes) mode.addEventListener("change", () => this.#choose(mode.value));
    this.text.addEventListener("input", () => this.#typed());
    this.voice.addEventListener("change", () => this.#voiced());
    listen.addEventListener("click", () => this.#listen());
    input.addEventListener("change", () => input.files[0] && this.take(input.files[0]));
    record.addEventListener("click", () => this.#record());
    stop.addEventListener("click", () => this.#stop());
    remove.addEventListener("click", () => this.clear());
    play.addEventListener("click", () => (audio.paused ? playSound(audio) : audio.pause()));
    for (const change of ["play", "pause", "ended", "timeupdate"])
      audio.addEventListener(change, () => this.#drawSound());
    for (const change of ["playing", "pause", "ended"])
      this.#spoken.addEventListener(change, () => this.#drawListen());
    acceptDrops(root, isSound, (file) => this.take(file));
    new ResizeObserver(() => this.#drawSound()).observe(this.parts.strip);
  }

  get mode() {
    return this.modes.find((mode) => mode.checked).value;
  }

  async restore() {
    this.text.value = recall("text", "");
    this.#typed();
    this.#choose(recall("speech", "text"));
    const kept = await files.get(KEPT_AS);
    if (kept && !this.file) this.#present(kept);
  }

  /** `label` names a provider for people. */
  async loadVoices(label) {
    const { voices } = await read("text-to-speech/voices");
    const options = [...grouped(voices, label)].map(([name, of]) => {
      const group = make("optgroup", { label: name });
      group.append(...of.map((voice) => make("option", { value: voice.name, textContent: voice.name })));
      return group;
    });
    this.#unheard = new Set(voices.filter((voice) => voice.provider).map((voice) => voice.name));
    this.voice.replaceChildren(...options);
    const names = new Set(voices.map((voice) => voice.name));
    const wish = recall("voice", PREFERRED_VOICE);
    this.voice.value = names.has(wish)
      ? wish
      : names.has(PREFERRED_VOICE)
        ? PREFERRED_VOICE
        : voices[0]?.name;
    this.#drawListen();
  }

  say(text) {
    this.#choose("text");
    this.text.value = text;
    this.#typed();
  }

  take(file) {
    this.#choose("audio");
    if (!isSound(file)) return blame(this.parts.fault, `${file.name} holds no sound.`);
    files.put(KEPT_AS, file);
    this.#present(file);
  }

  clear() {
    files.remove(KEPT_AS);
    this.file = this.#drawn = null;
    this.parts.input.value = "";
    this.parts.audio.removeAttribute("src");
    show(this.parts.empty, true);
    show(this.parts.full, false, this.parts.input);
  }

  missing() {
    if (this.#recording) return "Stop the recording first.";
    if (this.mode === "audio") return this.file ? "" : "Choose a recording, or make one.";
    return this.text.value.trim() ? "" : "Type what the face should say.";
  }

  complain(text) {
    blame(this.parts.fault, text);
    if (text) (this.mode === "text" ? this.text : this.parts.input).focus();
  }

  /** The fields of an order: either `audio`, or `text` and `voice`. */
  fields() {
    if (this.mode === "audio") return { audio: this.file };
    return { text: this.text.value.trim(), voice: this.voice.value };
  }

  /** What it looks like, 0..1 from left to right. */
  peaks() {
    if (this.mode === "text") return peaksOfText(this.text.value);
    return this.#drawn?.peaks ?? peaksOfText(this.file?.name);
  }

  #voiced() {
    keep("voice", this.voice.value);
    this.#spoken.pause();
    this.#drawListen();
  }

  #choose(mode) {
    for (const each of this.modes) each.checked = each.value === mode;
    show(this.parts["text-panel"], mode === "text");
    show(this.parts["audio-panel"], mode === "audio");
    blame(this.parts.fault, "");
    keep("speech", mode);
    this.#drawSound();
  }

  #typed() {
    const words = this.text.value.trim().split(/\s+/).filter(Boolean).length;
    const seconds = Math.max(1, Math.round(words / WORDS_A_SECOND));
    byId("text-length").textContent = words ? `about ${seconds} s` : "";
    this.#drawListen();
    if (words) blame(this.parts.fault, "");
    keep("text", this.text.value);
  }

  async #listen() {
    if (!this.#spoken.paused) return this.#spoken.pause();
    const { listen, fault } = this.parts;
    listen.disabled = true;
    try {
      const sound = await speak(this.text.value.trim(), this.voice.value);
      URL.revokeObjectURL(this.#spoken.src);
      this.#spoken.src = URL.createObjectURL(sound);
      await playSound(this.#spoken);
    } catch (problem) {
      blame(fault, problem.message);
    } finally {
      this.#drawListen();
    }
  }

  /** A provider's own voice is heard only in its videos. */
  #drawListen() {
    const { listen } = this.parts;
    listen.disabled = !this.text.value.trim() || this.#unheard.has(this.voice.value);
    const plays = !this.#spoken.paused;
    listen.querySelector("use").setAttribute("href", plays ? "#i-stop" : "#i-play");
    listen.querySelector("span").textContent = plays ? "Stop" : "Listen";
  }

  async #record() {
    const { empty, recording, meter, clock: time, stop, fault } = this.parts;
    stopSound();
    blame(fault, "");
    const attempt = new Recording();
    try {
      show(recording, true);
      await attempt.start({ meter, time });
    } catch (problem) {
      show(recording, false);
      return blame(fault, problem.message);
    }
    this.#recording = attempt;
    show(empty, false);
    stop.focus();
    announce("Recording");
  }

  async #stop() {
    const file = await this.#recording.stop();
    this.#recording = null;
    show(this.parts.recording, false);
    this.take(file);
    this.parts.play.focus();
    announce("Recorded");
  }

  async #present(file) {
    const { name, facts, audio, empty, full, fault } = this.parts;
    this.file = file;
    this.#drawn = null;
    blame(fault, "");
    URL.revokeObjectURL(audio.src);
    audio.src = URL.createObjectURL(file);
    name.textContent = file.name;
    facts.textContent = megabytes(file.size);
    show(full, true);
    show(empty, false, this.parts.play);
    this.#drawSound();
    const drawn = file.size < BIGGEST_TO_DRAW ? await peaksOfSound(file) : null;
    if (this.file !== file || !drawn) return;
    this.#drawn = drawn;
    facts.textContent = `${length(drawn.seconds)}, ${megabytes(file.size)}`;
    this.#drawSound();
  }

  #drawSound() {
    const { strip, audio, play } = this.parts;
    if (!this.file) return;
    const length = this.#drawn?.seconds || audio.duration || 0;
    drawBars(strip, this.peaks(), length ? audio.currentTime / length : 0);
    play.querySelector("use").setAttribute("href", audio.paused ? "#i-play" : "#i-pause");
    play.setAttribute("aria-label", audio.paused ? "Play the recording" : "Pause the recording");
  }
}

const NAMES = new Intl.DisplayNames([navigator.language, "en"], { type: "language" });

function languageOf(voice, label) {
  if (voice.provider) return `Only by ${label(voice.provider)}`;
  try {
    return NAMES.of(voice.language);
  } catch {
    return voice.language || "Other";
  }
}

function grouped(voices, label) {
  const groups = new Map();
  for (const voice of voices) {
    const name = languageOf(voice, label);
    groups.set(name, [...(groups.get(name) ?? []), voice]);
  }
  return groups;
}

export const speech = () => new Speech(byId("speech"));
