// The studio: puts the page together, and starts what its visitor asks for.

import { apiKey, onLocked, pause, useKey } from "./api.js";
import { announce, blame, byId, parts } from "./dom.js";
import { face as faceInput, isFace } from "./face.js";
import { History } from "./history.js";
import { providers as providerList } from "./providers.js";
import { SAMPLE_TEXT, isSound, speech as speechInput } from "./speech.js";
import { Stage } from "./stage.js";
import { drawLips } from "./wave.js";

const face = faceInput();
const speech = speechInput();
const providers = providerList(drawStart);
const history = new History(byId("recent"), {
  label: (name) => providers.label(name),
  open: (job) => stage.open(job),
  removed: (jobId) => stage.closeJob(jobId),
});
const stage = new Stage({ providers, history });

/** What pressing the button does, and what it costs. */
function drawStart() {
  const chosen = providers.chosen();
  byId("start").textContent = chosen.length > 1 ? `Make ${chosen.length} videos` : "Make the video";
  const paid = chosen.filter((name) => name !== "local").map((name) => providers.label(name));
  byId("start-note").textContent = paid.length
    ? `Uses credits of ${new Intl.ListFormat("en").format(paid)}`
    : "Free, made on this machine";
}

async function start(names = providers.chosen()) {
  const { image, peaks, said } = { image: face.file, peaks: speech.peaks(), said: speech.fields() };
  const orders = names.map((provider) => {
    const options = providers.options(provider);
    const chosen = Object.keys(options).length ? options : null;
    const request = {
      faceName: image.name,
      audioName: said.audio?.name,
      text: said.text,
      voice: said.voice,
      provider,
      options: chosen,
    };
    const form = { image, ...said, provider, wait: "0" };
    if (chosen) form.options = JSON.stringify(chosen);
    return { provider, request, peaks: peaks.map((peak) => Number(peak.toFixed(2))), form };
  });
  announce("Started");
  stage.start(orders, await face.poster());
}

/** Complain where something is missing; the first of them gets the focus. */
function complete() {
  const inputs = [face, speech, providers];
  const faults = inputs.map((input) => input.missing());
  inputs.forEach((input, index) => blame(input.parts.fault, faults[index]));
  const first = faults.findIndex(Boolean);
  if (first >= 0) inputs[first].complain(faults[first]);
  return first < 0;
}

const HASTE = 1000; // milliseconds
let starting = false;

/** Not `disabled`, which would take the focus from whoever uses the keyboard. */
function rest(resting) {
  starting = resting;
  for (const id of ["start", "sample"]) byId(id).ariaDisabled = String(resting);
}

async function once(act) {
  if (starting) return;
  rest(true);
  try {
    // A second click of the same hand is not a second wish.
    await Promise.all([act(), pause(HASTE)]);
  } catch (problem) {
    tellAll(problem.message);
  } finally {
    rest(false);
  }
}

byId("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  if (complete()) once(start);
});

byId("sample").addEventListener("click", () =>
  once(async () => {
    if (!face.file) await face.takeSample();
    if (speech.missing()) speech.say(SAMPLE_TEXT);
    // Nobody pays for a sample.
    await start(["local"]);
  }),
);

function tellAll(text) {
  const banner = byId("banner");
  banner.textContent = text;
  banner.hidden = !text;
}

addEventListener("offline", () =>
  tellAll("You are offline. Jobs go on without you; this page looks again once you are back."),
);
addEventListener("online", () => tellAll(""));

// A file may be dropped anywhere, and pasted: what it is decides where it goes.
function takeAny(file) {
  if (file.type.startsWith("audio/") || (!isFace(file) && isSound(file))) speech.take(file);
  else face.take(file);
}

let dragged = 0;
const dragging = (depth) => document.body.classList.toggle("dragging", (dragged = Math.max(0, depth)) > 0);
addEventListener(
  "dragenter",
  (event) => event.dataTransfer?.types.includes("Files") && dragging(dragged + 1),
);
addEventListener("dragleave", () => dragging(dragged - 1));
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  [...event.dataTransfer.files].forEach(takeAny);
});
addEventListener("drop", () => dragging(0), true);
addEventListener("paste", (event) => [...(event.clipboardData?.files ?? [])].forEach(takeAny));

// --- the service's key ---
const keyDialog = byId("key");

function askForKey(fault = "") {
  if (keyDialog.open) return;
  byId("key-field").value = keyDialog.returnValue = "";
  blame(byId("key-fault"), fault);
  keyDialog.showModal();
}

keyDialog.addEventListener("close", () => {
  const given = byId("key-field").value.trim();
  byId("key-open").hidden = false;
  if (!given || keyDialog.returnValue !== "use") return;
  useKey(given);
  load();
});
parts(keyDialog).forget.addEventListener("click", () => {
  useKey("");
  byId("key-field").value = "";
  keyDialog.close();
});
byId("key-open").addEventListener("click", () => askForKey());
onLocked(() => askForKey(apiKey() ? "The service does not know this key." : ""));

let loaded = false;

async function load() {
  byId("key-open").hidden = !apiKey();
  try {
    await providers.load();
    tellAll("");
    await Promise.all([speech.loadVoices((name) => providers.label(name)), history.refresh()]);
  } catch (problem) {
    if (problem.status === 401) return;
    tellAll(`${problem.message} Reload the page to try again.`);
    if (!providers.all.length) return;
  }
  if (!loaded) stage.restore();
  stage.unlock();
  loaded = true;
}

drawLips(byId("invitation-wave"));
face.restore();
speech.restore();
load();
