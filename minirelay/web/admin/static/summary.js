// One line: whether all is well, or what is not and what to do.

/** Say how the relay is: its words, and "good", "warn" or "bad". */
export function summary(now) {
  if (now.problems.length) return { words: `Not ready: ${now.problems.join("; ")}`, kind: "bad" };
  const { unacknowledged: count, urgent } = now.alerts;
  if (urgent) return { words: `${many(urgent, "urgent alert")} to see to: look at Alerts`, kind: "bad" };
  if (now.storage.is_disk_low) return { words: "The disk is nearly full: make room; nothing is written meanwhile", kind: "bad" };
  const down = now.chains.filter((chain) => chain.endpoints.length && chain.endpoints.every((one) => !one.is_up));
  if (down.length) return { words: `No endpoint of chain ${down[0].chain} answers: see below Now`, kind: "warn" };
  if (count) return { words: `${many(count, "alert")} to look at`, kind: "warn" };
  return { words: "All is well", kind: "good" };
}

function many(count, what) {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
