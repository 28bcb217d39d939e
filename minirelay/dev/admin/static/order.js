// Paying one order where the operator's page shows it.

import { ask } from "/dev/ask.js";
import { payForm } from "/dev/paying.js";

const EVERY_MS = 300;
const TRIES = 60;

// Puts the form into `root`, and "paid" into `state` when the relay has seen it; `said` is where it says what happens.
export function payable(root, shop, order, state, said) {
  const follow = async () => {
    for (let tries = 0; tries < TRIES && root.isConnected; tries += 1) {
      const payment = await ask(`/v1/payments/${order.request}`);
      if (payment.state === "paid") {
        state.textContent = "paid";
        state.className = "badge good";
        root.replaceChildren();
        return;
      }
      if (payment.state === "short") return;
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
  };
  root.replaceChildren(payForm(shop, order.id, said, follow));
}
