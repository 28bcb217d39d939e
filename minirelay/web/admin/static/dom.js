// Makes elements. Texts only ever become text: nothing here, or anywhere in this page, parses markup.

const SVG = "http://www.w3.org/2000/svg";

/** Make an element. What: attributes ("class", "href"…), and functions for events ("click"…). */
export function el(name, what = {}, ...children) {
  return fill(document.createElement(name), what, children);
}

/** Make an element of a drawing. */
export function svg(name, what = {}, ...children) {
  return fill(document.createElementNS(SVG, name), what, children);
}

function fill(element, what, children) {
  for (const [name, value] of Object.entries(what)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  element.append(...children.flat(Infinity).filter((one) => one !== null && one !== undefined && one !== false));
  return element;
}

/** Put these in place of all that an element has. */
export function show(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((one) => one !== null && one !== undefined && one !== false));
}

/** A strangers' text; isolated, since some are written from right to left. */
export function stranger(text) {
  return el("bdi", {}, text);
}

/** A long id, whole for those who copy it, and short to look at. */
export function id(text) {
  const words = String(text);
  if (words.length <= 20) return el("code", {}, words);
  return el("code", { title: words, class: "id" }, `${words.slice(0, 10)}…${words.slice(-6)}`);
}

/** Names and values. Rows without a value are left out. */
export function facts(rows) {
  const known = rows.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return el("dl", { class: "facts" }, known.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
}

/** A table. columns: their heads, or [head, class]. rows: lists of what is in the cells. */
export function table(caption, columns, rows) {
  const named = columns.map((one) => (Array.isArray(one) ? one : [one, ""]));
  const cells = (row) => row.map((cell, at) => {
    const what = { class: named[at][1] || null, "data-head": named[at][0] };
    return el("td", what, cell ?? "");
  });
  return el("div", { class: "wide", role: "region", "aria-label": caption, tabindex: "0" },
    el("table", {},
      el("caption", { class: "unseen" }, caption),
      el("thead", {}, el("tr", {}, named.map(([head, kind]) => el("th", { scope: "col", class: kind || null }, head)))),
      el("tbody", {}, rows.map((row) => el("tr", {}, cells(row))))));
}

/** A word that stands out. kind: "good", "bad", "warn" or "". */
export function badge(words, kind = "") {
  return el("span", { class: `badge ${kind}` }, words);
}

/** A field to choose in. options: [value, words]. */
export function choice(label, options, value, changed) {
  const select = el("select", { change: () => changed(select.value) },
    options.map(([one, words]) => el("option", { value: one, selected: one === value }, words)));
  return el("label", { class: "field" }, el("span", {}, label), select);
}
