// The developer's window: orders to pay, the chain's blocks, wallets and contracts. All that it shows are strangers' texts,
// so it only ever sets textContent. `open(root)` fills an element, and gives what is called when it is left.

import { ask } from "/dev/ask.js";
import { element, table } from "/dev/elements.js";
import { blocksView } from "/dev/blocks.js";
import { payForm } from "/dev/paying.js";

const EVERY_MS = 2000;

export async function open(root) {
  const told = await ask("/v1/dev");
  const said = element("p", "", { className: "said", role: "status" });
  const orders = element("div", "", { className: "scrolls wide", id: "orders" });
  const wallets = element("div", "", { className: "scrolls wide" });
  const blocks = blocksView();
  const refresh = async () => {
    const { payments } = await ask("/v1/payments?all=1&limit=20");
    keep(orders, payments, () => ordersTable(payments, said, refresh));
    if (await blocks.refresh()) wallets.replaceChildren(walletsTable(await ask("/v1/dev")));
  };
  root.replaceChildren(
    said,
    element("h2", "Orders to pay"), orders,
    element("h2", "Chain"), chainButtons(said, refresh), blocks.root,
    element("h2", "Wallets, with keys that everybody knows"), wallets,
    element("h2", "Where things are"), placesTable(told),
  );
  await refresh();
  return follow(refresh, said);
}

// Again and again, one after the other, for as long as somebody may look.
function follow(refresh, said) {
  let isLeft = false;
  const again = async () => {
    if (isLeft) return;
    try {
      if (!document.hidden) await refresh();
    } catch (error) {
      tell(said, error.message, true);
    }
    setTimeout(again, EVERY_MS);
  };
  setTimeout(again, EVERY_MS);
  return () => { isLeft = true; };
}

// What has not changed stays, so that a form that somebody fills in is not taken away.
function keep(place, value, make) {
  const written = JSON.stringify(value);
  if (place.written === written) return;
  place.written = written;
  place.replaceChildren(make());
}

function ordersTable(payments, said, refresh) {
  if (payments.length === 0) return element("p", "No order has a payment chosen yet.");
  const rows = payments.map((one) => {
    const isPaid = one.state === "paid" || one.state === "over" || one.state === "duplicate";
    const state = element("span", one.state, { className: isPaid ? "paid" : "" });
    const pay = isPaid ? "" : payForm(one.shop, one.order, said, refresh);
    return [one.order, `${one.asked_shown} ${one.currency_shown}`, `${one.received_shown} ${one.currency_shown}`, state, pay];
  });
  return table(["Order", "Asks for", "Received", "State", "Pay"], rows);
}

function chainButtons(said, refresh) {
  const actions = [
    ["Mine a block", "mine", {}],
    ["Stop mining", "stop", {}],
    ["Mine again", "go", {}],
    ["Replace the newest block", "reorganise", { depth: 1 }],
  ];
  const buttons = actions.map(([words, path, content]) => {
    const button = element("button", words, { type: "button" });
    button.addEventListener("click", async () => {
      try {
        tell(said, (await ask(`/v1/dev/chain/${path}`, content)).said);
        await refresh();
      } catch (error) {
        tell(said, error.message, true);
      }
    });
    return button;
  });
  return element("div", buttons, { className: "buttons" });
}

function walletsTable(told) {
  const { address, coins, eddies } = told.relay_wallet;
  const rows = told.wallets.map((one, number) => [
    String(number), code(one.address), units(one.coins, 18), units(one.eddies, 2), code(one.private_key),
  ]);
  rows.push(["relay", code(address), units(coins, 18), units(eddies, 2), ""]);
  return table(["", "Address", "ETH", "EDD", "Private key"], rows);
}

function placesTable(told) {
  const places = [["Relay", told.base_url], ["Chain", `${told.rpc_url} (chain id ${told.chain_id})`]];
  places.push(...Object.entries(told.contracts));
  if (told.demo_shop) {
    places.push(["Demo shop", told.demo_shop.shop_id], ["Its owner", told.demo_shop.owner]);
    places.push(["Key card", `0x${told.demo_shop.key_card}`]);
  }
  return element("div", table(["", ""], places.map(([name, value]) => [name, code(value)])), { className: "scrolls wide" });
}

function units(text, decimals) {
  if (text === null) return "";
  const digits = text.padStart(decimals + 1, "0");
  const part = digits.slice(-decimals).replace(/0+$/, "");
  return digits.slice(0, -decimals) + (part && `.${part}`);
}

function code(text) {
  return element("code", text);
}

function tell(said, words, isFailure = false) {
  said.className = isFailure ? "said failed" : "said";
  said.textContent = words;
}
