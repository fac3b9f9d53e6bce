// Speaks with the service: requests, orders with their upload, and the news of a job.

import { keep, recall } from "./memory.js";

const FINAL = new Set(["success", "failed", "canceled"]);
const LONG_POLL_SECONDS = 25;

export const isFinal = (job) => FINAL.has(job.status);
export const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

/** An address of the service, wherever it is mounted. */
export const address = (path) => new URL(path, document.baseURI).href;

/** What the service answered instead of what was asked for; status 0 where it was not reached. */
export class Problem extends Error {
  constructor(body, status = 0, retryAfter = 0) {
    super(body.detail || "The service cannot be reached.");
    this.code = body.code || (status ? "unexpected" : "unreachable");
    this.title = body.title || (status ? "Something went wrong" : "No connection");
    this.charged = body.charged || "no";
    this.jobId = body.job_id || null;
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

let key = recall("key", "");
let whenLocked = () => {};

export const apiKey = () => key;
export function useKey(value) {
  key = value;
  keep("key", value || null);
}
export function onLocked(tell) {
  whenLocked = tell;
}

const authorization = () => (key ? { Authorization: `Bearer ${key}` } : {});

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function problemOf(status, text, retryAfter) {
  const body = parsed(text) ?? { detail: `The service answered ${status} without saying why.` };
  const problem = new Problem(body, status, Number(retryAfter) || 0);
  if (status === 401) whenLocked(problem);
  return problem;
}

/** A response that is fine. Throws a Problem, or an AbortError once `signal` says so. */
async function request(path, { headers = {}, ...settings } = {}) {
  let answer;
  try {
    answer = await fetch(address(path), { ...settings, headers: { ...authorization(), ...headers } });
  } catch (fault) {
    if (fault.name === "AbortError") throw fault;
    throw new Problem({});
  }
  if (answer.ok) return answer;
  throw problemOf(answer.status, await answer.text(), answer.headers.get("Retry-After"));
}

export const read = async (path, settings) => (await request(path, settings)).json();
export const blob = async (path, settings) => (await request(path, settings)).blob();

export const cancelJob = (id) => read(`lipsync/${id}/cancel`, { method: "POST" });
export const deleteJob = (id) => request(`lipsync/${id}`, { method: "DELETE" });

/** Speech of a text, as a blob. */
export function speak(text, name) {
  return blob("text-to-speech", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ text, name }),
  });
}

/** Send an order and have its job at once. The same `idempotencyKey` never makes a second one. */
export function order(form, idempotencyKey, { sent = () => {}, signal } = {}) {
  return new Promise((resolve, reject) => {
    // fetch does not tell how far an upload has come.
    const call = new XMLHttpRequest();
    call.open("POST", address("lipsync"));
    const headers = { ...authorization(), "Idempotency-Key": idempotencyKey };
    for (const [name, value] of Object.entries(headers)) call.setRequestHeader(name, value);
    call.upload.onprogress = (event) => event.lengthComputable && sent(event.loaded / event.total);
    call.upload.onload = () => sent(1);
    call.onload = () => {
      const job = call.status < 400 ? parsed(call.responseText) : null;
      if (job) resolve(job);
      else reject(problemOf(call.status, call.responseText, call.getResponseHeader("Retry-After")));
    };
    call.onerror = () => reject(new Problem({}));
    call.onabort = () => reject(new DOMException("The order was taken back.", "AbortError"));
    signal?.addEventListener("abort", () => call.abort());
    call.send(form);
  });
}

/** Server-sent events (HTML Living Standard, 9.2) of a response; EventSource could send no key. */
async function* events(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const blocks = (waiting + value).replaceAll("\r\n", "\n").split("\n\n");
      waiting = blocks.pop();
      for (const block of blocks) yield fieldsOf(block);
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function fieldsOf(block) {
  const fields = { data: "" };
  for (const line of block.split("\n")) {
    const [, name, value] = /^(\w+): ?(.*)$/.exec(line) || [];
    if (name === "data") fields.data += value;
    else if (name) fields[name] = value;
  }
  return fields;
}

/** Tell each change of a job until it is final; a lost connection is taken up again. */
export async function follow(jobId, { tell, lost, signal }) {
  let news = null;
  for (let attempt = 0; ; attempt += 1) {
    try {
      const headers = news ? { "Last-Event-ID": news } : {};
      for await (const event of events(await request(`lipsync/${jobId}/events`, { headers, signal }))) {
        if (event.id) news = event.id;
        if (!event.data) continue;
        attempt = 0;
        const job = JSON.parse(event.data);
        tell(job);
        if (isFinal(job)) return;
      }
    } catch (fault) {
      if (fault.name === "AbortError" || fault.status === 401) throw fault;
    }
    // Some proxies let no stream through, so ask in the plain way, too.
    try {
      const job = await read(`lipsync/${jobId}?wait=${attempt ? LONG_POLL_SECONDS : 0}`, { signal });
      tell(job);
      if (isFinal(job)) return;
    } catch (fault) {
      if (fault.name === "AbortError" || [401, 404].includes(fault.status)) throw fault;
      lost(fault);
      await pause(Math.min(1000 * 2 ** attempt, 15_000));
    }
  }
}
