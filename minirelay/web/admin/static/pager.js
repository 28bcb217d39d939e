// Pages of a list: `load(offset)` gives { items, total }.

import { el, show } from "./dom.js";

export const PAGE = 20;

/** Give an element with one page of a list at a time. draw: makes what is shown of its items. */
export function pages(load, draw, empty) {
  const place = el("div", {});
  const turn = async (offset) => {
    place.setAttribute("aria-busy", "true");
    try {
      const { items, total } = await load(offset);
      const button = (words, to, isThere) => el("button", { type: "button", disabled: !isThere, click: () => turn(to) }, words);
      show(place, items.length ? draw(items) : el("p", { class: "empty" }, empty),
        total > PAGE ? el("p", { class: "pager" }, button("Earlier", Math.max(0, offset - PAGE), offset > 0),
          el("span", { role: "status" }, `${offset + 1} to ${offset + items.length} of ${total}`), button("Later", offset + PAGE, offset + items.length < total)) : null);
    } catch (failure) {
      show(place, el("p", { class: "failed", role: "alert" }, `This could not be shown: ${failure.message}.`));
    }
    place.removeAttribute("aria-busy");
  };
  turn(0);
  return place;
}
