// The code that sends exactly this request.

const shell = (text) => `'${text.replaceAll("'", "'\\''")}'`;
const literal = (value) => JSON.stringify(value);
const file = (name) => (/[";,\\]/.test(name) ? `"${name.replace(/["\\]/g, "\\$&")}"` : name);

/** The text fields of a request, in order. */
function fields({ text, voice, provider, options }) {
  const all = { text, voice, provider, options: options && literal(options) };
  return Object.entries(all).filter(([, value]) => value);
}

/** `request`: faceName, audioName or text and voice, provider, options. */
export const LANGUAGES = {
  curl({ address, locked, ...request }) {
    const lines = [`curl ${shell(address)}`];
    if (locked) lines.push('-H "Authorization: Bearer $LIPSYNC_API_KEY"');
    lines.push(`-F ${shell(`image=@${file(request.faceName)}`)}`);
    if (request.audioName) lines.push(`-F ${shell(`audio=@${file(request.audioName)}`)}`);
    for (const [name, value] of fields(request)) lines.push(`--form-string ${shell(`${name}=${value}`)}`);
    return lines.join(" \\\n  ");
  },

  Python({ address, locked, ...request }) {
    const uploads = Object.entries({ image: request.faceName, audio: request.audioName }).filter(
      ([, name]) => name,
    );
    const data = fields(request).map(([name, value]) => `    ${literal(name)}: ${literal(value)},\n`);
    return [
      locked ? "import os\n" : "",
      "import httpx\n\n",
      `files = {\n${uploads.map(([name, from]) => `    ${literal(name)}: open(${literal(from)}, "rb"),\n`).join("")}}\n`,
      `data = {\n${data.join("")}}\n`,
      locked ? `headers = {"Authorization": f"Bearer {os.environ['LIPSYNC_API_KEY']}"}\n` : "",
      `answer = httpx.post(\n    ${literal(address)}, files=files, data=data, ${locked ? "headers=headers, " : ""}timeout=150\n)\n`,
      "job = answer.json()\n",
      'print(job["video_url"] if answer.is_success else job["detail"])\n',
    ].join("");
  },

  JavaScript({ address, locked, ...request }) {
    const lines = ["const form = new FormData();", `form.append("image", imageFile); // ${request.faceName}`];
    if (request.audioName) lines.push(`form.append("audio", audioFile); // ${request.audioName}`);
    for (const [name, value] of fields(request))
      lines.push(`form.append(${literal(name)}, ${literal(value)});`);
    const headers = locked ? ", headers: { Authorization: `Bearer ${apiKey}` }" : "";
    lines.push(
      `const answer = await fetch(${literal(address)}, { method: "POST", body: form${headers} });`,
      "const job = await answer.json();",
      "if (!answer.ok) throw new Error(job.detail);",
      "console.log(job.video_url);",
    );
    return lines.join("\n");
  },
};
