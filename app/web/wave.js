// Draws sound: the peaks of a recording, or what a text looks like when it is spoken.

import { calm } from "./dom.js";

const BAR = 3;
const GAP = 2;

/** Peaks (0..1) for words that nobody has spoken yet: the same text always looks the same. */
export function peaksOfText(text, count = 120) {
  const signs = [...(text || "…").toLowerCase()];
  return Array.from({ length: count }, (_, index) => {
    const sign = signs[Math.floor((index / count) * signs.length)];
    if (/\s/.test(sign)) return 0.08;
    const code = sign.codePointAt(0) * 2654435761 + index * 40503;
    const loud = "aeiouyäöüáéíóú".includes(sign) ? 0.55 : 0.22;
    return loud + ((code >>> 8) % 100) / 220;
  });
}

/** Peaks (0..1) of a sound file, or null for one that this browser cannot decode. */
export async function peaksOfSound(file, count = 160) {
  try {
    const context = new OfflineAudioContext(1, 1, 22_050);
    const sound = await context.decodeAudioData(await file.arrayBuffer());
    const samples = sound.getChannelData(0);
    const step = Math.max(1, Math.floor(samples.length / count));
    const peaks = Array.from({ length: count }, (_, index) => {
      let loudest = 0;
      for (let at = index * step; at < (index + 1) * step; at += 7)
        loudest = Math.max(loudest, Math.abs(samples[at] || 0));
      return loudest;
    });
    const top = Math.max(...peaks, 0.01);
    return { peaks: peaks.map((peak) => peak / top), seconds: sound.duration };
  } catch {
    return null;
  }
}

function fit(canvas) {
  const { width, height } = canvas.getBoundingClientRect();
  const scale = devicePixelRatio || 1;
  const [wide, high] = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== wide || canvas.height !== high) Object.assign(canvas, { width: wide, height: high });
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  return { pen, width, height };
}

function between(peaks, place) {
  const at = place * (peaks.length - 1);
  const [low, high] = [peaks[Math.floor(at)], peaks[Math.ceil(at)]];
  return low + (high - low) * (at % 1);
}

/** Bars around a middle line; those up to `done` (0..1) are in the accent colour. */
export function drawBars(canvas, peaks, done = 0, glow = null) {
  const { pen, width, height } = fit(canvas);
  if (!width || !peaks.length) return;
  const style = getComputedStyle(canvas);
  const [rest, lit] = [style.getPropertyValue("--wave-rest"), style.getPropertyValue("--wave-lit")];
  const bars = Math.max(1, Math.floor(width / (BAR + GAP)));
  for (let index = 0; index < bars; index += 1) {
    const place = (index + 0.5) / bars;
    const near = glow === null ? 0 : Math.max(0, 1 - Math.abs(place - glow) * 9);
    const peak = between(peaks, place);
    const tall = Math.max(BAR, peak * height * (0.86 + near * 0.14));
    pen.fillStyle = place <= done || near > 0.35 ? lit : rest;
    pen.beginPath();
    pen.roundRect(index * (BAR + GAP), (height - tall) / 2, BAR, tall, BAR / 2);
    pen.fill();
  }
}

/** Bars in the outline of two lips that softly move; the mark of an empty stage. */
export function drawLips(canvas) {
  const rows = 41;
  const draw = (time) => {
    if (!canvas.isConnected || canvas.closest("[hidden]"))
      return void setTimeout(() => requestAnimationFrame(draw), 500);
    const open = 0.62 + 0.38 * Math.abs(Math.sin(time / 620) * Math.sin(time / 1130));
    const peaks = Array.from({ length: rows }, (_, index) => {
      const x = (index / (rows - 1)) * 2 - 1;
      const lip = (1 - x * x) ** 0.8 * (1 - 0.16 * Math.exp(-x * x * 26));
      return Math.max(0.03, lip * open * (0.78 + 0.22 * Math.sin(index * 2.4 + time / 300)));
    });
    drawBars(canvas, peaks, 1);
    if (!calm()) requestAnimationFrame(draw);
  };
  draw(900);
}
