// Backups: which there are, and making one.

import { get, post } from "./api.js";
import { badge, el, facts, id, show, stranger, table } from "./dom.js";
import { ago, bytes, count, span, when } from "./format.js";

const LOOK_EVERY_MS = 2000;

export async function open(root) {
  const place = el("div", {});
  const note = el("p", { role: "status" });
  let timer = null;
  let isLeft = false;
  const look = async () => {
    try {
      const found = await get("/v1/backups");
      if (isLeft) return;
      show(place, found.is_configured ? describe(found, start) : unconfigured());
      if (found.is_running) timer = setTimeout(look, LOOK_EVERY_MS);
      else if (note.textContent) show(note, found.failure ? "" : "The backup is there.");
    } catch (failure) {
      show(note, `That failed: ${failure.message}`);
    }
  };
  const start = async () => {
    try {
      await post("/v1/backups");
      show(note, "A backup is being made.");
    } catch (failure) {
      show(note, `That failed: ${failure.message}`);
      return;
    }
    await look();
  };
  show(root, el("h1", {}, "Backups"), note, place);
  await look();
  return () => { isLeft = true; clearTimeout(timer); };
}

function unconfigured() {
  return el("p", { class: "empty" }, "This relay makes no backups by itself. Set backup.file (see the manual: `minirelay help backup`).");
}

function describe(found, start) {
  const rows = found.backups.map((one) => [
    stranger(one.file), one.made_at ? [when(one.made_at), ` (${ago(one.made_at)})`] : "–", bytes(one.size_bytes), count(one.shops),
    one.sha256 ? badge("checked when made", "good") : badge("no manifest: not checked", "bad"), one.sha256 ? id(one.sha256) : "", one.version ?? "",
  ]);
  return [
    found.failure ? el("p", { class: "failed", role: "alert" }, "The last one failed: ", stranger(found.failure)) : null,
    facts([["File", stranger(found.file)], ["Kept", count(found.keep)], ["Next one", found.is_running ? "being made now" : `in ${span(found.due_in_s)}`]]),
    el("p", {}, el("button", { type: "button", disabled: found.is_running, click: start }, found.is_running ? "Being made…" : "Make one now")),
    rows.length
      ? table("Backups, the newest first", ["File", "Made", ["Size", "number"], ["Shops", "number"], "Result", "SHA-256", "Version"], rows)
      : el("p", { class: "empty" }, "None was made yet."),
    el("p", { class: "quiet" }, "The wallet's key is in none of them: keep it elsewhere, too."),
  ];
}
