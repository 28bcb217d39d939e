// Small charts, drawn here: a line or two over time, said in words as well.

import { el, svg } from "./dom.js";

const WIDTH = 300;
const HEIGHT = 64;
const MOST_POINTS = 240;

/** Draw series over time. lines: [{ name, values, kind }], the oldest value first, null for what is not known.

wholly: how values of one point are joined when there are more than fit: "sum" or "most". */
export function chart(title, lines, show, { stepS = 60, joined = "most", from = 0 } = {}) {
  const drawn = lines.map((line) => ({ ...line, values: thin(line.values, joined) }));
  const known = drawn.flatMap((line) => line.values).filter((value) => value !== null);
  const last = lines[0].values.at(-1);
  const head = el("figcaption", {}, el("span", {}, title), el("strong", {}, last === undefined ? "–" : show(last)));
  if (!known.length) return el("figure", { class: "chart" }, head, el("p", { class: "quiet" }, lines[0].values.length ? "None in this time." : "Shown from a minute after the start."));
  const least = from === null ? Math.min(...known) : from;
  const most = Math.max(...known, least + 1e-9);
  const told = `${title}: last ${show(last)}, least ${show(Math.min(...known))}, most ${show(Math.max(...known))}`;
  const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": told },
    svg("line", { x1: 0, y1: HEIGHT - 1, x2: WIDTH, y2: HEIGHT - 1, class: "axis" }),
    drawn.map((line) => svg("path", { d: path(line.values, least, most), class: `line ${line.kind ?? ""}` })));
  const minutes = Math.round(((lines[0].values.length - 1) * stepS) / 60);
  const foot = el("p", { class: "scale", "aria-hidden": "true" },
    el("span", {}, minutes >= 120 ? `${Math.round(minutes / 60)} h ago` : `${minutes} min ago`),
    el("span", {}, `most ${show(Math.max(...known))}`), el("span", {}, "now"));
  const key = lines.length > 1 ? el("p", { class: "key" }, lines.map((line) => el("span", { class: line.kind ?? "" }, line.name))) : null;
  return el("figure", { class: "chart" }, head, picture, foot, key);
}

function thin(values, joined) {
  const width = Math.ceil(values.length / MOST_POINTS);
  if (width <= 1) return values;
  const found = [];
  for (let at = 0; at < values.length; at += width) {
    const part = values.slice(at, at + width).filter((value) => value !== null);
    if (!part.length) found.push(null);
    else found.push(joined === "sum" ? part.reduce((sum, one) => sum + one, 0) / part.length : Math.max(...part));
  }
  return found;
}

function path(values, least, most) {
  const step = values.length > 1 ? WIDTH / (values.length - 1) : 0;
  const high = most - least || 1;
  let words = "";
  let isDown = false;
  values.forEach((value, at) => {
    if (value === null) { isDown = false; return; }
    const x = (at * step).toFixed(1);
    const y = (HEIGHT - 3 - ((value - least) / high) * (HEIGHT - 6)).toFixed(1);
    words += isDown ? `L${x} ${y}` : `M${x} ${y}${values.length === 1 ? `H${WIDTH}` : ""}`;
    isDown = true;
  });
  return words;
}
