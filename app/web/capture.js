// The camera and the microphone.

import { byId, clock, drawnFrame, parts } from "./dom.js";
import { drawBars } from "./wave.js";

const SOUNDS = ["audio/webm;codecs=opus", "audio/mp4", "audio/ogg;codecs=opus"];

/** Why a device cannot be used, and what to do about it. */
function reasonFor(fault, device) {
  if (!navigator.mediaDevices)
    return `Browsers open the ${device} only for pages on https or on localhost. Choose a file instead.`;
  if (fault?.name === "NotAllowedError")
    return `The browser may not use the ${device}. Allow it in the address bar, or choose a file instead.`;
  if (fault?.name === "NotFoundError") return `There is no ${device} here. Choose a file instead.`;
  return `The ${device} does not start. Another program may be using it.`;
}

async function open(wishes, device) {
  try {
    return await navigator.mediaDevices.getUserMedia(wishes);
  } catch (fault) {
    throw new Error(reasonFor(fault, device));
  }
}

const close = (stream) => stream?.getTracks().forEach((track) => track.stop());

/** Ask for a photo; resolves to a JPEG file, or null when there was none taken. */
export function takePhoto() {
  const dialog = byId("camera");
  const { picture, fault, shoot, cancel } = parts(dialog);
  let [stream, photo] = [null, null];
  fault.textContent = "";
  shoot.disabled = true;
  picture.onplaying = () => (shoot.disabled = false);
  dialog.showModal();
  open({ video: { facingMode: "user", width: { ideal: 1280 }, height: { ideal: 1280 } } }, "camera")
    .then((opened) => {
      stream = opened;
      if (!dialog.open) return close(stream);
      picture.srcObject = stream;
      return picture.play();
    })
    .catch((problem) => (fault.textContent = problem.message));
  cancel.onclick = () => dialog.close();
  shoot.onclick = async () => {
    const shot = await drawnFrame(picture, picture.videoWidth, picture.videoHeight, 0.95);
    photo = new File([shot], "photo.jpg", { type: "image/jpeg" });
    dialog.close();
  };
  return new Promise((resolve) => {
    dialog.onclose = () => {
      close(stream);
      picture.srcObject = null;
      resolve(photo);
    };
  });
}

/** One recording from the microphone, with a meter and a clock while it runs. */
export class Recording {
  #stream;
  #recorder;
  #context;
  #frame;

  /** Begin. Throws an Error with a sentence for people where there is no microphone. */
  async start({ meter, time }) {
    this.#stream = await open({ audio: { echoCancellation: true, noiseSuppression: true } }, "microphone");
    const type = SOUNDS.find((kind) => MediaRecorder.isTypeSupported(kind));
    this.#recorder = new MediaRecorder(this.#stream, type ? { mimeType: type } : {});
    this.#recorder.start();
    this.#watch(meter, time);
  }

  #watch(meter, time) {
    const began = performance.now();
    this.#context = new AudioContext();
    const analyser = this.#context.createAnalyser();
    this.#context.createMediaStreamSource(this.#stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    const peaks = [];
    const draw = () => {
      analyser.getFloatTimeDomainData(samples);
      peaks.push(
        Math.min(1, samples.reduce((loudest, value) => Math.max(loudest, Math.abs(value)), 0) * 1.6),
      );
      drawBars(meter, peaks.slice(-90), 1);
      time.textContent = clock((performance.now() - began) / 1000);
      this.#frame = requestAnimationFrame(draw);
    };
    draw();
  }

  /** End, and have the file. */
  async stop() {
    cancelAnimationFrame(this.#frame);
    const pieces = [];
    this.#recorder.ondataavailable = (event) => pieces.push(event.data);
    await new Promise((resolve) => {
      this.#recorder.onstop = resolve;
      this.#recorder.stop();
    });
    close(this.#stream);
    this.#context.close();
    const type = this.#recorder.mimeType.split(";")[0] || "audio/webm";
    return new File(pieces, `recording.${type.split("/")[1]}`, { type });
  }
}
