// The chain's blocks, the newest first, with what their transactions say and did.

import { ask } from "/dev/ask.js";
import { element } from "/dev/elements.js";

const ON_A_PAGE = 10;

export function blocksView() {
  const list = element("div", "", { id: "blocks" });
  const older = element("button", "Older blocks", { type: "button", hidden: true });
  const newest = element("button", "Newest blocks", { type: "button", hidden: true });
  const root = element("div", [list, element("div", [older, newest], { className: "buttons" })]);
  let before = null;
  let next = null;
  let seen = "";

  async function refresh() {
    const page = await ask(`/v1/dev/blocks?limit=${ON_A_PAGE}${before === null ? "" : `&before=${before}`}`);
    const written = JSON.stringify(page);
    if (written === seen) return false;
    seen = written;
    next = page.before;
    older.hidden = next === null;
    newest.hidden = before === null;
    list.replaceChildren(...page.blocks.map(block));
    return true;
  }

  async function turn(to) {
    before = to;
    await refresh();
  }

  older.addEventListener("click", () => turn(next));
  newest.addEventListener("click", () => turn(null));
  return { root, refresh };
}

function block(one) {
  const left = one.transaction_count - one.transactions.length;
  return element("section", [
    element("p", [element("strong", `Block ${one.number}`), ` ${one.time ?? ""}`]),
    element("ul", one.transactions.map(transaction)),
    left ? element("p", `and ${left} more transactions`) : "",
  ]);
}

function transaction(one) {
  const events = (one.events ?? []).map((event) => element("li", eventWords(event)));
  const outcome = one.is_ok === false ? element("strong", " failed", { className: "failed" }) : "";
  return element("li", [element("code", callWords(one)), outcome, element("ul", events)]);
}

function callWords(one) {
  if (one.from === null) return `${one.hash}: too long to be shown`;
  if (one.to === null) return `${one.from} makes a contract: ${one.made}`;
  const to = one.contract ?? one.to;
  const coins = one.value === "0" ? "" : `, with ${one.value} wei`;
  if (one.call === null) return `${one.from} sends ${one.value} wei to ${to}`;
  return `${one.from} calls ${to}.${one.call.function ?? one.call.selector}(${written(one.call.arguments)})${coins}`;
}

function eventWords(event) {
  const where = event.contract ?? event.address;
  return element("code", `${where}: ${event.event ?? event.topic ?? "event"}(${written(event.arguments)})`);
}

function written(values) {
  if (values === null) return "…";
  const shown = (value) => (typeof value === "string" ? value : JSON.stringify(value));
  return values.map((one) => `${one.name}: ${shown(one.value)}`).join(", ");
}
