// Who makes the video: one provider, or several on the same input.

import { read } from "./api.js";
import { blame, byId, fromTemplate, make, part, parts } from "./dom.js";
import { keep, recall } from "./memory.js";
import { optionForm } from "./options.js";

const AUTO = "auto";

export class Providers {
  all = [];
  #forms = new Map();

  constructor(root, changed) {
    this.parts = parts(root);
    this.changed = changed;
    this.parts.compare.addEventListener("change", () => this.#draw());
    this.parts.choices.addEventListener("change", () => this.#chosen());
    this.parts["option-fields"].addEventListener("change", () => this.#keepOptions());
  }

  async load() {
    const { providers, default: preferred } = await read("providers");
    this.all = providers;
    this.ready = providers.filter((provider) => provider.configured);
    this.preferred = preferred;
    this.parts.compare.checked = recall("compare", false) && this.ready.length > 1;
    this.parts["compare-label"].hidden = this.ready.length < 2;
    this.#draw();
    this.#drawOthers();
  }

  label(name) {
    if (name === AUTO) return "Automatic";
    return this.all.find((provider) => provider.name === name)?.label ?? name;
  }

  /** Names of those that are chosen. */
  chosen() {
    return [...this.parts.choices.querySelectorAll("input:checked")].map((input) => input.value);
  }

  options(name) {
    return this.#forms.get(name)?.read() ?? {};
  }

  missing() {
    return this.chosen().length ? "" : "Choose at least one provider.";
  }

  complain(text) {
    blame(this.parts.fault, text);
    if (text) this.parts.choices.querySelector("input")?.focus();
  }

  #draw() {
    const several = this.parts.compare.checked;
    const alone = recall("provider", this.preferred);
    const wished = several ? recall("providers", [alone === AUTO ? this.preferred : alone, "local"]) : alone;
    const offered = this.ready.map((provider) => this.#choice(provider, several, wished));
    if (this.ready.length > 1 && !several) offered.unshift(this.#choice(this.#automatic(), several, wished));
    if (!several && !offered.some((choice) => choice.querySelector("input").checked))
      offered[0].querySelector("input").checked = true;
    this.parts.choices.replaceChildren(this.parts.choices.querySelector("legend"), ...offered);
    this.#chosen();
  }

  #automatic() {
    const first = this.ready[0];
    return {
      name: AUTO,
      label: "Automatic",
      takes: { image: true, video: true },
      pricing: "",
      note: `${first.label} first; another one if it refuses`,
    };
  }

  #choice(provider, several, wished) {
    const choice = fromTemplate("t-choice");
    const input = choice.querySelector("input");
    Object.assign(input, {
      type: several ? "checkbox" : "radio",
      value: provider.name,
      checked: several ? wished.includes(provider.name) : wished === provider.name,
    });
    part(choice, "name").textContent = provider.label;
    part(choice, "takes").textContent = provider.note ?? takes(provider);
    const price = provider.pricing === "free" ? "Free" : (provider.pricing ?? "");
    part(choice, "price").textContent = price;
    part(choice, "price").classList.toggle("aside", price.length < 16);
    return choice;
  }

  #chosen() {
    keep("compare", this.parts.compare.checked);
    if (this.parts.compare.checked) keep("providers", this.chosen());
    else keep("provider", this.chosen()[0]);
    blame(this.parts.fault, "");
    this.#drawOptions();
    this.changed();
  }

  #drawOptions() {
    this.#forms.clear();
    const drawn = this.chosen().flatMap((name) => {
      const provider = this.all.find((each) => each.name === name);
      if (!provider || !Object.keys(provider.options.properties || {}).length) return [];
      const form = optionForm(provider.options, recall(`options.${name}`, {}));
      this.#forms.set(name, form);
      if (this.chosen().length === 1) return [form.element];
      return [
        make(
          "fieldset",
          { className: "nested" },
          make("legend", { textContent: provider.label }),
          form.element,
        ),
      ];
    });
    this.parts["option-fields"].replaceChildren(...drawn);
    this.parts.options.hidden = !drawn.length;
  }

  #keepOptions() {
    for (const [name, form] of this.#forms) keep(`options.${name}`, form.read());
  }

  #drawOthers() {
    const others = this.all.filter((provider) => !provider.configured);
    this.parts.others.hidden = !others.length;
    this.parts["others-title"].textContent = `${others.length} more can be set up`;
    this.parts["other-list"].replaceChildren(
      ...others.map(({ label, setup_hint: hint }) =>
        make("li", {}, make("strong", { textContent: label }), " ", ...instructions(hint)),
      ),
    );
  }
}

/** What is missing, with its address as a link, and where it goes. */
function instructions(hint) {
  const words = hint.split(/(https:\/\/\S+)/).map((piece) =>
    piece.startsWith("https://")
      ? make("a", { href: piece, target: "_blank", rel: "noreferrer", textContent: piece })
      : piece,
  );
  return [...words, ". Put it into ", make("code", { textContent: ".env" }), ", then restart the service."];
}

function takes({ takes: { image, video, max_seconds: seconds }, name }) {
  const kinds = image && video ? "Photos and videos" : video ? "Videos; photos are animated first" : "Photos";
  const limit = seconds ? `, up to ${seconds}\u00a0s` : "";
  return name === "local" ? `${kinds}; nothing leaves this machine` : kinds + limit;
}

export const providers = (changed) => new Providers(byId("providers"), changed);
