// Asks the relay. All paths are of this listener.

let csrf = null;

/** What the relay answered in place of what was asked for. */
export class Failure extends Error {
  constructor(status, words) {
    super(words);
    this.status = status;
  }
}

/** Ask for a document. Raises Failure. */
export function get(path, query = {}) {
  const words = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of [value].flat()) if (one !== null && one !== undefined && one !== "") words.append(name, one);
  }
  const text = words.toString();
  return ask(text ? `${path}?${text}` : path, {});
}

/** Change something; a body of JSON. Raises Failure. */
export async function post(path, body = {}) {
  const headers = { "Content-Type": "application/json" };
  if (csrf === null) await session();
  if (csrf !== null) headers["X-CSRF-Token"] = csrf;
  return ask(path, { method: "POST", headers, body: JSON.stringify(body) });
}

/** Learn what requests that change something have to say; gives how long the session lasts yet. */
export async function session() {
  const found = await get("/v1/session");
  csrf = found.csrf;
  return found;
}

async function ask(path, how) {
  let answer;
  try {
    answer = await fetch(path, { credentials: "same-origin", cache: "no-store", redirect: "error", ...how });
  } catch {
    throw new Failure(0, "the relay does not answer");
  }
  const document = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    if (answer.status === 401) window.dispatchEvent(new Event("logged-out"));
    throw new Failure(answer.status, document.error ?? `the relay answered ${answer.status}`);
  }
  return document;
}
