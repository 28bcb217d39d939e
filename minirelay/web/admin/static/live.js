// How the relay is, as it happens: one stream for the whole page.

import { get } from "./api.js";

const AGAIN_MS = 10_000;
const followers = new Set();
let latest = null;

/** Call `told` with the document of /v1/now, at once if there is one, and whenever there is a new one. Gives what ends that. */
export function follow(told) {
  followers.add(told);
  if (latest !== null) told(latest);
  return () => followers.delete(told);
}

/** Begin; lost: called when the relay does not answer. */
export function start(lost) {
  const source = new EventSource("/v1/events");
  source.addEventListener("now", (event) => tell(JSON.parse(event.data)));
  source.addEventListener("error", () => {
    // Streams end after a while, and browsers open them again by themselves; refused ones they give up.
    if (source.readyState === EventSource.CLOSED) {
      source.close();
      askOnce(lost).finally(() => setTimeout(() => start(lost), AGAIN_MS));
    } else {
      askOnce(lost);
    }
  });
}

async function askOnce(lost) {
  try {
    tell(await get("/v1/now"));
  } catch (failure) {
    lost(failure);
  }
}

function tell(document) {
  latest = document;
  for (const told of followers) told(document);
}
