// The form that pays an order, as `minirelay dev-pay` does.

import { ask } from "/dev/ask.js";
import { element } from "/dev/elements.js";

const WAYS = {
  address: "to the payment address",
  contract: "by the contract",
  wallet: "by a smart wallet",
  token: "in Eddies",
};

export function payForm(shop, order, said, refresh) {
  const how = choice("How", Object.entries(WAYS));
  const much = choice("How much", [["", "all of it"], ["part", "only"], ["over", "more, by"]]);
  const percent = element("input", "", { type: "text", inputMode: "decimal", placeholder: "50%", ariaLabel: "Percent" });
  const button = element("button", "Pay this order", { type: "submit" });
  const form = element("form", [how, much, percent, button]);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      const amount = much.value ? { [much.value]: percent.value || "50%" } : {};
      const paid = await ask(`/v1/dev/orders/${shop}/${order}/pay`, { how: how.value, ...amount });
      said.className = "said";
      said.textContent = paid.said;
      await refresh();
    } catch (error) {
      said.className = "said failed";
      said.textContent = error.message;
    } finally {
      button.disabled = false;
    }
  });
  return form;
}

function choice(label, options) {
  const made = options.map(([value, words]) => element("option", words, { value }));
  return element("select", made, { ariaLabel: label });
}
