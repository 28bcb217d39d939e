// Payments: requests by state, and what the operator can do about one.

import { get, post } from "./api.js";
import { confirm } from "./dialog.js";
import { badge, choice, el, facts, id, show, stranger, table } from "./dom.js";
import { sentence, when } from "./format.js";

const STATES = ["waiting", "short", "seen", "paid", "over", "duplicate", "expired", "late", "superseded", "withdrawn", "unproven", "reverted", "dismissed"];
const KINDS = { paid: "good", waiting: "", seen: "", expired: "", superseded: "", withdrawn: "", dismissed: "" };
const SHOWN = 50;
const NOTHING = "Nothing to send";
const state = (one) => badge(one.state, KINDS[one.state] ?? "warn");
const shown = (text, one) => `${text} ${one.currency_shown}`;

export async function open(root, [what = "", value = ""]) {
  if (what === "one") return single(root, value);
  const filter = what === "state" ? { state: value } : what === "shop" ? { shop: value, all: "1" } : what === "order" ? { order: value, all: "1" } : what === "all" ? { all: "1" } : {};
  const place = el("tbody", {});
  const list = table("Payment requests", ["State", "Order", ["Asked", "number"], ["Received", "number"], "Issued", "Request"], []);
  list.querySelector("tbody").replaceWith(place);
  const note = el("p", { role: "status", class: "quiet" });
  const heads = [...list.querySelectorAll("th")].map((one) => one.textContent);
  let before = "";
  const more = el("button", { type: "button", hidden: true, click: () => look() }, "Show more");
  const look = async () => {
    more.disabled = true;
    try {
      const found = await get("/v1/payments", { ...filter, before, limit: SHOWN });
      place.append(...found.payments.map((one) => el("tr", {}, [state(one), id(one.order), shown(one.asked_shown, one), shown(one.received_shown, one), when(one.issued_at),
        el("a", { href: `#payments/one/${one.request}` }, id(one.request))].map((cell, at) => el("td", { "data-head": heads[at], class: at === 2 || at === 3 ? "number" : null }, cell)))));
      before = found.before;
      more.hidden = before === null;
      show(note, place.children.length ? "" : "There is none.");
    } catch (failure) { show(note, `That failed: ${failure.message}`); }
    more.disabled = false;
  };
  const named = el("input", { type: "search", autocomplete: "off", pattern: "(0x)?[0-9A-Fa-f]{4,64}", title: "its first digits" });
  show(root, el("h1", {}, "Payments"),
    el("form", { class: "tools", submit: (event) => { event.preventDefault(); if (named.value) location.hash = `#payments/one/${encodeURIComponent(named.value)}`; } },
      choice("State", [["", "open, or for a person"], ["all", "all"], ...STATES.map((one) => [one, sentence(one)])], what === "state" ? value : what, (one) => {
        location.hash = one === "" ? "#payments" : one === "all" ? "#payments/all" : `#payments/state/${one}`;
      }), el("label", { class: "field" }, el("span", {}, "Request, its first digits"), named), el("button", { type: "submit" }, "Open")), note, list, more);
  await look();
}

async function single(root, request) {
  const path = `/v1/payments/${encodeURIComponent(request)}`;
  const one = await get(path);
  const again = () => single(root, request);
  const decide = async (decision, title, words) => {
    const isDone = await confirm(title, words, sentence(decision), (reason) => post(`${path}/${decision}`, { reason }), { hasReason: true });
    if (isDone) await again();
  };
  const received = `It asked for ${shown(one.asked_shown, one)}, and ${shown(one.received_shown, one)} came.`;
  const isEmpty = one.state === "waiting" && !one.observed.length;
  const sweeping = el("button", { type: "button", disabled: isEmpty, click: () => sweep(one, path, again, sweeping) }, isEmpty ? NOTHING : "Sweep");
  const buttons = el("p", { class: "tools" },
    one.can_accept ? el("button", { type: "button", click: () => decide("accept", "Accept this payment?", [received, "The order counts as paid, and its customer is told. No money moves, and it costs nothing. This cannot be taken back."]) }, "Accept") : null,
    one.can_dismiss ? el("button", { type: "button", click: () => decide("dismiss", "Dismiss this payment?", [received, "It needs nobody any more, and the order stays as it is. No money moves: what came stays where it is. It costs nothing."]) }, "Dismiss") : null,
    sweeping);
  show(root, el("p", {}, el("a", { href: "#payments" }, "All payments")), el("h1", {}, "Payment ", id(one.request)), buttons,
    ...one.observed.filter((it) => it.kind === "stray").map((it) => stray(one, it, path, again)),
    one.not_looked_at.length ? el("p", { class: "quiet" }, `It is not known what lies at its address on chain ${one.not_looked_at.join(", ")}.`) : null,
    facts([["State", state(one)], ["Asked", shown(one.asked_shown, one)], ["Received", shown(one.received_shown, one)], ["Shop", el("a", { href: `#shops/${one.shop}` }, id(one.shop))], ["Order", id(one.order)],
      ["Chain", one.chain], ["Currency", one.currency], ["Payee", el("code", {}, one.payee)], ["Issued", when(one.issued_at)], ["Until", when(one.until)]]),
    el("h2", {}, "Transfers and proofs"),
    one.observed.length ? table("Transfers", ["What", ["Amount", "number"], "Chain", "Block", "Transaction", "Proof", "Depth"], one.observed.map((it) => [sentence(it.kind), `${it.amount_shown} ${it.currency_shown}`, it.chain, it.block, it.transaction ? id(it.transaction) : "", it.is_proven ? badge("proven", "good") : "not proven", it.is_deep ? badge("final", "good") : "may be undone"]))
      : el("p", { class: "quiet" }, "Nothing was seen on the chain."),
    el("h2", {}, "Decisions"),
    one.decisions.length ? table("Decisions", ["What", "By", "When", "Reason"], one.decisions.map((it) => [it.decision, stranger(it.by), when(it.at), stranger(it.reason)])) : el("p", { class: "quiet" }, "None."));
}

function stray(one, it, path, again) {
  const isElsewhere = it.chain !== one.chain;
  const canMove = isElsewhere && it.token === one.currency_address;
  const button = el("button", { type: "button", click: () => sweep({ ...one, chain: it.chain }, path, again, button) }, `Sweep on chain ${it.chain}`);
  const where = isElsewhere ? `It came on chain ${it.chain}, and was asked for on chain ${one.chain}.` : "It is not what was asked for.";
  return el("p", {}, `${it.amount_shown} ${it.currency_shown} lies at the payment address. ${where} `, canMove ? button : "Nobody can get it out.");
}

async function sweep(one, path, again, button) {
  let words;
  let can = false;
  let isLooked = false;
  try {
    const lying = (await post("/v1/payments/unswept", { chain_id: one.chain })).find((it) => it.request === one.request);
    isLooked = true;
    can = lying?.verdict === "sweep";
    words = lying ? [`${shown(lying.amount_shown, lying)} lies at ${lying.address}: ${lying.why}.`, can ? `One transaction sends all of it to ${lying.payee}. The relay's wallet pays the fee, ${lying.most_fee_shown} at most (what the settings allow), on chain ${one.chain}. An address can be swept only once.` : "So nothing can be sent now."] : ["Nothing lies at its address."];
  } catch (failure) { words = [`What lies there is not known: ${failure.message}`]; }
  if (!can) {
    button.disabled = isLooked;
    if (isLooked) show(button, NOTHING);
    await confirm(isLooked ? NOTHING : "Sweep", words);
    return;
  }
  let done = null;
  if (await confirm("Sweep what lies at the address?", words, "Sweep", async () => { done = await post(`${path}/sweep`, { chain_id: one.chain }); })) {
    await again();
    await confirm("Swept", [done.is_overtaken ? "Somebody else swept it right before; the money has arrived." : "The money was sent to the payee.", `Transaction ${done.transaction}`]);
  }
}
