// The frame of the page: the sections' links, the status line, and which section is shown.

import { Failure, post, session } from "./api.js";
import { el, show } from "./dom.js";
import { follow, start } from "./live.js";
import { sections } from "./sections.js";
import { summary } from "./summary.js";

const content = document.getElementById("content");
const nav = document.getElementById("sections");
const status = document.getElementById("status");
const links = new Map(sections.map((one) => [one.name, el("a", { href: `#${one.name}` }, one.title)]));
let leave = null;
let turn = 0;

function parts() {
  const words = location.hash.slice(1).split("/").map((one) => {
    try { return decodeURIComponent(one); } catch { return ""; }
  });
  return links.has(words[0]) ? words : [sections[0].name];
}

async function route({ isFirst = false } = {}) {
  const mine = ++turn;
  const [name, ...rest] = parts();
  const section = sections.find((one) => one.name === name);
  for (const [one, link] of links) {
    if (one === name) {
      link.setAttribute("aria-current", "page");
      link.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
    else link.removeAttribute("aria-current");
  }
  leave?.();
  leave = null;
  document.title = `${section.title} · minirelay`;
  const root = el("div", { class: `section ${name}` });
  try {
    const module = await section.load();
    if (mine !== turn) return;
    show(content, root);
    const left = await module.open(root, rest);
    if (mine === turn) leave = left ?? null;
    else left?.();
  } catch (failure) {
    if (mine === turn) show(content, el("h1", {}, section.title), el("p", { class: "failed", role: "alert" }, words(failure)));
    if (!(failure instanceof Failure)) throw failure;
  }
  if (mine === turn && !isFirst) {
    content.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }
}

function words(failure) {
  return failure instanceof Failure ? `This could not be shown: ${failure.message}.` : "This page has a fault; load it again.";
}

function say(words, kind) {
  // Screen readers read it out whenever it changes, so it changes only when it says something else.
  if (status.textContent !== words) show(status, words);
  status.className = `status ${kind}`;
}

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  content.focus();
});
document.getElementById("leave").addEventListener("click", async () => {
  try { await post("/v1/logout"); } catch (failure) { if (failure.status !== 401) { say(`Logging out failed: ${failure.message}`, "bad"); return; } }
  location.reload();
});
window.addEventListener("hashchange", () => route());
window.addEventListener("logged-out", () => {
  say("You are not logged in any more: run `minirelay admin` and open its link.", "bad");
});

show(nav, el("ul", {}, sections.map((one) => el("li", {}, links.get(one.name)))));
follow((now) => {
  const line = summary(now);
  say(line.words, line.kind);
  const count = now.alerts.unacknowledged;
  if (links.has("alerts")) show(links.get("alerts"), "Alerts", count ? el("span", { class: "count" }, ` ${count}`) : null);
});
route({ isFirst: true });
session().catch(() => {});
start((failure) => {
  if (failure.status !== 401) say(`The relay does not answer: ${failure.message}.`, "bad");
});
