// Asks before something is done: says what it will do, and what it costs.

import { el, show } from "./dom.js";

/** Ask, or only tell where there is nothing to do (no `yes`). act: called when the answer is yes, given the reason; what fails is said in the dialog. Gives whether it was done. */
export function confirm(title, words, yes = null, act = null, { hasReason = false } = {}) {
  return new Promise((resolve) => {
    const before = document.activeElement;
    const failed = el("p", { role: "alert", class: "failed" });
    const reason = el("input", { maxlength: 500, autocomplete: "off" });
    let isDone = false;
    const no = el("button", { type: "button", click: () => dialog.close() }, yes ? "Cancel" : "Close");
    const go = el("button", { type: "button", class: "strong", click: async () => {
      go.disabled = no.disabled = true;
      show(failed, "Waiting for the relay…");
      try { await act(reason.value); isDone = true; dialog.close(); } catch (failure) { show(failed, failure.message); go.disabled = no.disabled = false; no.focus(); }
    } }, yes);
    const dialog = el("dialog", { "aria-labelledby": "asked", close: () => { dialog.remove(); if (before?.isConnected) before.focus(); resolve(isDone); },
      cancel: (event) => { if (no.disabled) event.preventDefault(); } },
    el("h2", { id: "asked" }, title), words.map((one) => el("p", {}, one)),
    hasReason ? el("label", { class: "field" }, el("span", {}, "Reason (kept with the decision)"), reason) : null, failed, el("p", { class: "pager" }, no, yes ? go : null));
    document.body.append(dialog);
    dialog.showModal();
    no.focus();
  });
}
