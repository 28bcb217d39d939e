// Settings: what holds, and where it comes from.

import { get } from "./api.js";
import { badge, el, show, stranger, table } from "./dom.js";

export async function open(root) {
  const found = (await get("/v1/settings")).settings;
  const place = el("div", {});
  const search = el("input", { type: "search", autocomplete: "off", input: () => list() });
  const changed = el("input", { type: "checkbox", change: () => list() });
  const list = () => {
    const words = search.value.toLowerCase();
    const wanted = found.filter((one) => `${one.name} ${one.help}`.toLowerCase().includes(words) && !(changed.checked && one.origin === "default"));
    show(place, wanted.length ? rows(wanted) : el("p", { class: "empty" }, "No setting is so."));
  };
  show(root, el("h1", {}, "Settings"),
    el("p", { class: "quiet" }, "They are changed in the configuration file, the environment or flags, and hold from the next start. Secrets are never shown."),
    el("div", { class: "tools" }, el("label", { class: "field" }, el("span", {}, "With the words"), search),
      el("label", { class: "check" }, changed, " only what is no default")), place);
  list();
}

function rows(settings) {
  return table("Settings", ["Name", "Value", "From", "What it is"], settings.map((one) => [
    el("code", {}, one.name), el("span", { class: "text" }, stranger(String(one.shown ?? ""))),
    one.origin === "default" ? "default" : badge(one.origin), one.help.replaceAll("`", ""),
  ]));
}
