// Log: the latest lines that are in memory.

import { get } from "./api.js";
import { badge, choice, el, show, stranger } from "./dom.js";
import { when } from "./format.js";

const LEVELS = [["", "all"], ["info", "info and up"], ["warning", "warnings and up"], ["error", "errors"]];
const SHOWN = 100;

export function open(root, [named = "", words = ""]) {
  const level = LEVELS.some(([one]) => one === named) ? named : "";
  let limit = SHOWN;
  const asked = { level, words };
  const lines = el("ol", { class: "lines", "aria-label": "Lines of the log, the newest first" });
  const note = el("p", { role: "status", class: "quiet" });
  const more = el("button", { type: "button", click: () => { limit = Math.min(1000, limit + 300); look(); } }, "Show more");
  const search = el("input", { type: "search", maxlength: 100, value: words, autocomplete: "off" });
  const look = async () => {
    try {
      const found = (await get("/v1/log", { ...asked, limit })).lines;
      show(lines, found.map(describe));
      show(note, found.length ? `${found.length} lines, the newest first` : "No line is so.");
      more.hidden = found.length < limit || limit >= 1000;
    } catch (failure) {
      show(note, `That failed: ${failure.message}`);
    }
  };
  show(root, el("h1", {}, "Log"),
    el("form", { class: "tools", role: "search", submit: (event) => { event.preventDefault(); asked.words = search.value; look(); } },
      choice("Level", LEVELS, level, (value) => { asked.level = value; look(); }),
      el("label", { class: "field" }, el("span", {}, "With the words"), search),
      el("button", { type: "submit" }, "Look")),
    note, lines, more);
  return void look();
}

const KINDS = { warning: "warn", error: "bad", critical: "bad" };

function describe(line) {
  const { time, level, logger, event, ...rest } = line;
  const fields = Object.entries(rest).map(([name, value]) =>
    el("span", { class: "pair" }, el("span", { class: "quiet" }, stranger(name), "="), stranger(typeof value === "string" ? value : JSON.stringify(value))));
  return el("li", {}, el("time", { datetime: String(time) }, when(time)), " ", badge(String(level), KINDS[level] ?? ""), " ",
    el("span", { class: "text" }, stranger(String(event))), " ", fields.flatMap((one) => [one, " "]), el("span", { class: "quiet" }, stranger(String(logger ?? ""))));
}
