// Asks the relay: `ask(path)` reads, `ask(path, content)` changes something, for which the session's token is sent along.

let csrf = null;

export async function ask(path, content) {
  if (content === undefined) return send(path, {});
  csrf ??= (await send("/v1/session", {})).csrf;
  const headers = { "Content-Type": "application/json", "X-CSRF-Token": csrf };
  return send(path, { method: "POST", headers, body: JSON.stringify(content) });
}

async function send(path, how) {
  const answer = await fetch(path, { cache: "no-store", redirect: "error", ...how });
  const read = await answer.json();
  if (!answer.ok) throw new Error(read.error);
  return read;
}
