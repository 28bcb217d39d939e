// Alerts: what a person has to see to.

import { get, post } from "./api.js";
import { badge, el, facts, id, show, stranger } from "./dom.js";
import { count, sentence, when } from "./format.js";

const SHOWN = 50;
const SHOWN_OF_ONE = 5;

export async function open(root, [all]) {
  const isAll = all === "all";
  const found = await get("/v1/alerts", { all: isAll ? "1" : "" });
  const list = el("ul", { class: "list" });
  const more = el("button", { type: "button", click: () => extend() }, "Show more");
  let shown = 0;
  const extend = () => {
    const next = found.alerts.slice(shown, shown + SHOWN);
    list.append(...next.map(describe));
    shown += next.length;
    more.hidden = shown >= found.alerts.length;
  };
  show(root, el("h1", {}, "Alerts"),
    el("div", { class: "tools" }, el("a", { href: isAll ? "#alerts" : "#alerts/all" }, isAll ? "Only those to see to" : "Also those that were seen to")),
    found.total ? el("p", { class: "quiet" }, total(found)) : el("p", { class: "empty" }, isAll ? "There never was one." : "Nothing to see to."),
    list, more);
  extend();
}

function total(found) {
  const listed = found.alerts.length;
  return listed < found.total ? `The ${listed} most important of ${count(found.total)}` : `${count(found.total)} in all`;
}

function describe(alert) {
  const done = el("p", { class: "quiet" });
  const button = el("button", { type: "button", click: () => acknowledge(alert, button, done) }, "Acknowledge");
  if (alert.acknowledged_at) { button.hidden = true; show(done, `Seen to ${when(alert.acknowledged_at)}`); }
  const requests = alert.request_ids.slice(0, SHOWN_OF_ONE).map((one) => [" ", el("a", { href: `#payments/one/${one}` }, id(one))]);
  return el("li", { class: "card alert" },
    el("h2", {}, sentence(alert.kind), " ", alert.is_urgent ? badge("urgent", "bad") : null, alert.ended_at ? badge("ended", "good") : null),
    alert.detail ? el("p", { class: "text" }, stranger(alert.detail)) : null,
    alert.advice ? el("p", { class: "advice" }, `${sentence(alert.advice)}.`) : null,
    facts([["Amount", alert.amount_shown], [alert.orders.length > 1 ? "Orders" : "Order", alert.orders.length ? ordersOf(alert) : null]]),
    el("p", { class: "quiet" }, `Raised ${when(alert.raised_at)}`, alert.count > 1 ? `, ${count(alert.count)} times` : "",
      alert.chain_id ? `, chain ${alert.chain_id}` : "", alert.shop_id ? [", shop ", el("a", { href: `#shops/${alert.shop_id}` }, id(alert.shop_id))] : "",
      alert.ended_at ? `, ended ${when(alert.ended_at)}` : ""),
    requests.length ? el("p", {}, `Payment requests (${count(alert.request_count)}):`, requests) : null,
    done, button);
}

function ordersOf(alert) {
  const shown = alert.orders.slice(0, SHOWN_OF_ONE).map((one, at) => [at ? ", " : "", el("a", { href: `#payments/order/${one}` }, id(one))]);
  return el("span", {}, shown, alert.orders.length > SHOWN_OF_ONE ? " and more" : "");
}

async function acknowledge(alert, button, done) {
  button.disabled = true;
  try {
    const now = await post(`/v1/alerts/${alert.id}/acknowledge`);
    button.hidden = true;
    done.tabIndex = -1;
    show(done, `Seen to ${when(now.acknowledged_at)}`);
    done.focus();
  } catch (failure) {
    button.disabled = false;
    show(done, `That failed: ${failure.message}`);
  }
}
