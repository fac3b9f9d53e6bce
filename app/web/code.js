// A take's JSON, and the code that sends exactly this request.

import { address, apiKey } from "./api.js";
import { make } from "./dom.js";
import { recall, keep } from "./memory.js";
import { LANGUAGES } from "./snippets.js";

const COPIED_FOR = 1600;
let shown = 0;

export class Code {
  constructor(parts, take) {
    this.parts = parts;
    this.take = take;
    this.group = `language-${(shown += 1)}`;
    const known = take.record.request ? ["JSON", ...Object.keys(LANGUAGES)] : ["JSON"];
    this.language = known.includes(recall("language", "JSON")) ? recall("language", "JSON") : "JSON";
    parts.languages.replaceChildren(...known.map((name) => this.#choice(name)));
    parts.languages.hidden = known.length < 2;
    parts.copy.addEventListener("click", () => this.#copy());
  }

  draw() {
    const { job, record } = this.take;
    this.parts.inside.hidden = !job && !record.request;
    this.parts.code.textContent = this.#text();
  }

  #text() {
    const { job, record } = this.take;
    if (this.language === "JSON")
      return job ? JSON.stringify(job, null, 2) : "The service has not answered yet.";
    return LANGUAGES[this.language]({
      address: address("lipsync"),
      locked: Boolean(apiKey()),
      ...record.request,
    });
  }

  #choice(name) {
    const input = make("input", {
      type: "radio",
      name: this.group,
      value: name,
      checked: name === this.language,
    });
    input.addEventListener("change", () => {
      this.language = name;
      keep("language", name);
      this.draw();
    });
    return make("label", {}, input, make("span", { textContent: name }));
  }

  async #copy() {
    const { copy, code } = this.parts;
    const label = copy.querySelector("span");
    try {
      await navigator.clipboard.writeText(code.textContent);
      label.textContent = "Copied";
    } catch {
      // Without https there is no clipboard to write to: select it for the keyboard.
      getSelection().selectAllChildren(code);
      label.textContent = "Selected";
    }
    setTimeout(() => (label.textContent = "Copy"), COPIED_FOR);
  }
}
