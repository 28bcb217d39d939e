// Shops: which there are, and what is in one.

import { get, post } from "./api.js";
import { badge, choice, el, facts, id, show, stranger, table } from "./dom.js";
import { bytes, count, money, sentence, when } from "./format.js";
import { PAGE, pages } from "./pager.js";

const VIEWS = [["listings", "Listings"], ["tags", "Tags"], ["orders", "Orders"], ["log", "Log"]];
const STATES = ["", "open", "committed", "payment_chosen", "unpaid", "paid", "canceled"];

export async function open(root, [shop, view = "listings", state = ""]) {
  if (shop) return one(root, shop, view, state);
  show(root, el("h1", {}, "Shops"), pages((offset) => get("/v1/shops", { offset, limit: PAGE }), list, "No shop is here yet: `minirelay shop create` makes one."));
}

function list(shops) {
  return table("Shops", ["Shop", ["Sets", "number"], ["Patches", "number"], ["Log", "number"], ["Sessions", "number"], "Root hash"], shops.map((shop) => [
    el("a", { href: `#shops/${shop.shop}` }, id(shop.shop)), count(shop.sequence_number), count(shop.patches), bytes(shop.log_bytes), count(shop.sessions),
    shop.root_hash ? id(shop.root_hash) : "not in memory",
  ]));
}

async function one(root, shop, view, state) {
  const path = `/v1/shops/${encodeURIComponent(shop)}`;
  const found = await get(path);
  const tabs = el("nav", { "aria-label": "Of this shop", class: "tabs" }, VIEWS.map(([name, title]) =>
    el("a", { href: `#shops/${shop}/${name}`, "aria-current": name === view ? "page" : null }, title)));
  const currency = found.manifest?.pricing_currency;
  const views = {
    listings: () => pages((offset) => get(`${path}/listings`, { offset, limit: PAGE }), (items) => el("ul", { class: "goods" }, items.map((item) => listing(item, currency))), "Nothing is sold here yet."),
    tags: () => pages((offset) => get(`${path}/tags`, { offset, limit: PAGE }), (items) => table("Tags", ["Tag", ["Listings", "number"]], items.map((tag) => [stranger(tag.name), count(tag.listing_count)])), "There are no tags."),
    orders: () => [
      el("div", { class: "tools" }, choice("State", STATES.map((name) => [name, name ? sentence(name) : "any"]), state, (value) => { location.hash = `#shops/${shop}/orders/${value}`; })),
      pages((offset) => get(`${path}/orders`, { state, offset, limit: PAGE }), (items) => el("ul", { class: "list" }, items.map((item) => order(item, path))), "There is no such order."),
    ],
    log: () => log(path),
  };
  show(root, el("p", {}, el("a", { href: "#shops" }, "All shops")), el("h1", {}, "Shop ", id(found.shop)),
    facts([["Sets", count(found.sequence_number)], ["Patches", count(found.patches)], ["Log", bytes(found.log_bytes)], ["Files", bytes(found.blob_bytes)],
      ["Sessions", count(found.sessions)], ["Root hash", id(found.root_hash)], ["Clerks' cards", count(found.clerk_cards)], ["Guests' cards", count(found.guest_cards)],
      ["Orders", Object.entries(found.orders).filter(([, number]) => number).map(([name, number]) => `${number} ${name.replace("_", " ")}`).join(", ") || "none"],
      ["Prices in", currency ? currency.symbol ?? id(currency.address) : null],
      ["Ships to", found.manifest ? found.manifest.shipping_regions.map((name, at) => [at ? ", " : "", stranger(name)]).flat() : null].map((one) => (Array.isArray(one) ? el("span", {}, one) : one))]),
    tabs, (views[view] ?? views.listings)());
}

function listing(item, currency) {
  const files = item.images.map((url) => /\/ipfs\/([0-9A-Za-z]{40,100})$/.exec(url)?.[1]).filter(Boolean);
  const stock = item.stock.map((one) => el("li", {}, one.variations.length ? [stranger(one.variations.join(", ")), ": "] : "", count(one.count)));
  const options = item.options.map((option) => el("p", {}, stranger(option.title || option.name), ": ",
    option.variations.flatMap((one, at) => [at ? ", " : "", stranger(one.title || one.name), modifier(one.price_modifier, currency)])));
  return el("li", { class: "card" },
    files.length ? el("img", { src: `/ipfs/${files[0]}`, alt: "", loading: "lazy", width: 160, height: 160 }) : el("div", { class: "nopicture" }),
    el("h2", {}, stranger(item.title || "(no title)")), el("p", { class: "price" }, money(item.price, currency), " ", item.view_state === "published" ? null : badge(item.view_state.replace("_", " "), "warn")),
    el("p", { class: "text" }, stranger(item.description)), options,
    stock.length ? el("details", { open: stock.length < 4 }, el("summary", {}, "Stock"), el("ul", {}, stock)) : el("p", { class: "quiet" }, "No stock"), el("p", { class: "quiet" }, "Listing ", id(item.id)));
}

function modifier(one, currency) {
  if (!one) return "";
  if (one.kind === "percent") return ` (× ${one.amount} %)`;
  return ` (${one.kind === "plus" ? "+" : "−"}${money(one.amount, currency)})`;
}

function order(item, path) {
  const place = el("div", { role: "status" });
  const lines = item.items.map((one) => el("li", {}, `${one.quantity} × `, one.title === null ? id(one.listing) : stranger(one.title), one.variations.length ? [" (", stranger(one.variations.join(", ")), ")"] : ""));
  const button = el("button", { type: "button", click: async () => {
    button.disabled = true;
    try {
      const found = await post(`${path}/orders/${item.id}/addresses`);
      show(place, Object.entries(found).filter(([, address]) => address).map(([name, address]) => [el("h3", {}, sentence(name)), facts(Object.entries(address).map(([field, text]) => [sentence(field), text ? stranger(text) : ""]))]).flat());
    } catch (failure) {
      button.disabled = false;
      show(place, `That failed: ${failure.message}`);
    }
  } }, "Show the address (this is logged)");
  const state = badge(item.state.replace("_", " "), item.state === "paid" ? "good" : "");
  const pay = el("div", {});
  // Only `minirelay dev` has that file.
  if (item.state === "unpaid" && document.documentElement.dataset.development === "yes") {
    import("/dev/order.js").then(({ payable }) => payable(pay, path.split("/").at(-1), item, state, place));
  }
  return el("li", { class: "card" }, el("h2", {}, "Order ", id(item.id), " ", state),
    el("ul", {}, lines), item.item_count > lines.length ? el("p", { class: "quiet" }, `and ${item.item_count - lines.length} more`) : null,
    facts([["Total", item.total === null ? null : money(item.total, item.currency)], ["Pay until", when(item.pay_until)], ["Canceled", when(item.canceled_at)],
      ["Payment", item.request ? el("a", { href: `#payments/one/${item.request}` }, id(item.request)) : null], ["Transaction", item.transaction ? id(item.transaction) : null]]),
    item.has_address ? button : null, pay, place);
}

function log(path) {
  const list = el("ol", { class: "lines", "aria-label": "Sets of the log, the newest first" });
  const note = el("p", { role: "status", class: "quiet" });
  let before = "";
  const more = el("button", { type: "button", click: () => look() }, "Show more");
  const look = async () => {
    try {
      const { sets } = await get(`${path}/log`, { before, limit: PAGE });
      list.append(...sets.map(setOf));
      before = sets.at(-1)?.sequence_number ?? before;
      more.hidden = sets.length < PAGE;
      if (!list.children.length) show(note, "Nothing was written yet.");
    } catch (failure) { show(note, `That failed: ${failure.message}`); }
  };
  look();
  return [note, list, more];
}

function setOf(set) {
  const patches = set.patches.map((one) => el("li", {}, el("strong", {}, one.op ?? "unreadable"), " ", stranger(one.path.map(String).join(" / ")), " ", el("code", { class: "text" }, stranger(typeof one.value === "string" ? one.value : JSON.stringify(one.value)))));
  return el("li", {}, el("strong", {}, `#${set.sequence_number}`), ` ${when(set.at)}, by the `, badge(set.author.kind), " ", set.author.address ? id(set.author.address) : "", ` (${bytes(set.size_bytes)})`,
    el("details", { open: patches.length < 4 }, el("summary", {}, `${set.patch_count} patches`), el("ul", {}, patches)));
}
