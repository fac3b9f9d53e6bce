// The documentation: asks for the service's key where one is needed, and fills it in for "Try it out".

const KEPT_AS = "lipsync-studio.key";
const SCHEME = "key";
const gate = document.getElementById("gate");
const field = document.getElementById("gate-key");

/** The key that the studio was given, if any. */
function kept() {
  try {
    return JSON.parse(localStorage.getItem(KEPT_AS)) || "";
  } catch {
    return "";
  }
}

async function open(key) {
  const headers = key ? { Authorization: `Bearer ${key}` } : {};
  const answer = await fetch("openapi.json", { headers });
  const told = await answer.json();
  gate.hidden = answer.status !== 401;
  if (answer.status === 401) return refuse(key);
  if (key) localStorage.setItem(KEPT_AS, JSON.stringify(key));
  const ui = SwaggerUIBundle({
    spec: shown(told),
    dom_id: "#swagger",
    presets: [SwaggerUIBundle.presets.apis],
    plugins: [nothingEmptyIsSent],
    layout: "BaseLayout",
    deepLinking: true,
    tryItOutEnabled: true,
    defaultModelsExpandDepth: 0,
    displayRequestDuration: true,
    validatorUrl: null,
    onComplete: () => key && ui.preauthorizeApiKey(SCHEME, key),
  });
}

/** The document as the page needs it: where the service is mounted, and no made-up values. */
function shown(api) {
  const mount = new URL(".", location).pathname.replace(/\/$/, "");
  const forms = Object.values(api.paths)
    .map((path) => path.post?.requestBody?.content["multipart/form-data"]?.schema.properties)
    .filter(Boolean);
  // Whatever the page filled in by itself, it would send: an example, else "string" and 0.
  for (const field of forms.flatMap(Object.values)) {
    if (field.format !== "binary") field.example = "";
  }
  return mount ? { ...api, servers: [{ url: mount }] } : api;
}

/** Swagger UI has a box "Send empty value" on each field, checked; without it, what is empty stays here. */
function nothingEmptyIsSent() {
  return { wrapComponents: { ParameterIncludeEmpty: () => () => null } };
}

function refuse(key) {
  document.getElementById("swagger").replaceChildren();
  document.getElementById("gate-fault").textContent = key ? "The service does not know this key." : "";
  field.focus();
}

gate.addEventListener("submit", (event) => {
  event.preventDefault();
  open(field.value.trim());
});
open(kept());
