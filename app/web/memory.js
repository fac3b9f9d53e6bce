// What a reload must not lose: choices in localStorage, files in IndexedDB.

const PREFIX = "lipsync-studio.";

export function recall(name, otherwise) {
  try {
    const kept = localStorage.getItem(PREFIX + name);
    return kept === null ? otherwise : JSON.parse(kept);
  } catch {
    return otherwise;
  }
}

export function keep(name, value) {
  try {
    if (value === undefined || value === null) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // A browser that keeps nothing still works until the reload.
  }
}

let opened;

function database() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open("lipsync-studio", 1);
    request.onupgradeneeded = () => request.result.createObjectStore("files");
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opened;
}

async function act(mode, ask) {
  try {
    const store = (await database()).transaction("files", mode).objectStore("files");
    return await new Promise((resolve, reject) => {
      const request = ask(store);
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  } catch {
    return undefined;
  }
}

/** Files by name; where a browser keeps none, they are simply not there after a reload. */
export const files = {
  get: (name) => act("readonly", (store) => store.get(name)),
  put: (name, value) => act("readwrite", (store) => store.put(value, name)),
  remove: (name) => act("readwrite", (store) => store.delete(name)),
};
