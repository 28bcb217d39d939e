// Now: how the relay is, and how it was over the last hour or day.

import { get } from "./api.js";
import { chart } from "./charts.js";
import { badge, choice, el, facts, show, stranger, table } from "./dom.js";
import { bytes, count, milliseconds, sentence, span } from "./format.js";
import { follow } from "./live.js";
import { summary } from "./summary.js";

const CHARTS_EVERY_MS = 60_000;

export function open(root) {
  const verdict = el("div", { class: "verdict" });
  const charts = el("div", { class: "charts" });
  const numbers = el("div", {});
  let minutes = 60;
  const draw = () => drawCharts(charts, minutes);
  show(root, el("h1", {}, "Now"), verdict,
    el("div", { class: "tools" }, choice("Charts of the last", [["60", "hour"], ["1440", "day"]], "60", (value) => { minutes = Number(value); draw(); })),
    charts, numbers);
  const end = follow((now) => { judge(verdict, now); tell(numbers, now); });
  draw();
  const timer = setInterval(draw, CHARTS_EVERY_MS);
  return () => { end(); clearInterval(timer); };
}

function judge(verdict, now) {
  const { words, kind } = summary(now);
  const rest = [
    ...now.problems.map((one) => el("li", {}, stranger(one))),
    ...Object.entries(now.alerts.by_kind).map(([name, number]) =>
      el("li", {}, el("a", { href: "#alerts" }, `${sentence(name)}: ${number}`), adviceOn(now, name))),
  ];
  const key = JSON.stringify([words, now.problems, now.alerts.by_kind]);
  if (verdict.dataset.shown === key) return;
  verdict.dataset.shown = key;
  verdict.className = `verdict ${kind}`;
  show(verdict, el("p", {}, words), rest.length ? el("ul", {}, rest) : null);
}

function adviceOn(now, kind) {
  const advice = now.alerts.advice[kind];
  return advice ? `. ${sentence(advice)}.` : null;
}

async function drawCharts(place, minutes) {
  let found;
  try {
    found = await get("/v1/history", { minutes });
  } catch (failure) {
    show(place, el("p", { class: "failed" }, `No charts: ${failure.message}.`));
    return;
  }
  if (!found.series.sessions.length) {
    show(place, el("p", { class: "quiet" }, "Shown from a minute after the start."));
    return;
  }
  const one = (name) => [{ name, values: found.series[name] }];
  const two = (what) => [
    { name: "half of them within", values: found.series[`${what}_p50_ms`] },
    { name: "19 of 20 within", values: found.series[`${what}_p95_ms`], kind: "second" },
  ];
  const step = { stepS: found.step_s };
  show(place,
    chart("Sessions", one("sessions"), count, step),
    chart("Writes a minute", [{ name: "accepted", values: found.series.writes }, { name: "refused", values: found.series.refused_writes, kind: "second" }], count, { ...step, joined: "sum" }),
    chart("Pushes a minute", one("pushes"), count, { ...step, joined: "sum" }),
    chart("Answers to writes", two("ack"), milliseconds, step),
    chart("Pushes reach clients in", two("push"), milliseconds, step),
    chart("Memory", one("resident_bytes"), bytes, step),
    chart("Free disk", one("disk_free_bytes"), bytes, step),
    chart("Database and its WAL", [{ name: "database", values: found.series.database_bytes }, { name: "WAL", values: found.series.wal_bytes, kind: "second" }], bytes, step));
}

function tell(place, now) {
  const { sessions, since_start: since, storage, memory } = now;
  const latency = (one) => together([one.p50, one.p95, one.p99].map(milliseconds));
  const roles = Object.entries(sessions).filter(([name]) => name !== "subscriptions");
  show(place,
    el("div", { class: "cards" },
      card("Clients", [
        ...roles.map(([name, number]) => [`${sentence(name)} sessions`, count(number)]),
        ["Subscriptions", count(sessions.subscriptions)],
        ["Shops", el("a", { href: "#shops" }, count(now.shops))],
      ]),
      card("Since the start", [
        ["Runs for", span(now.uptime_s)], ["Writes", count(since.writes)], ["Refused", count(since.refused_writes)],
        ["Pushes", count(since.pushes)], ["Version", now.version],
      ]),
      card("Latency (50 · 95 · 99 %)", [
        ["Answer", latency(since.ack_ms)], ["Push", latency(since.push_ms)], ["Commit", latency(since.commit_ms)], ["Loop delay", latency(since.loop_delay_ms)],
      ]),
      card("Storage", [
        ["Free disk", storage.is_disk_low ? badge(`${bytes(storage.disk_free_bytes)}: low`, "bad") : bytes(storage.disk_free_bytes)],
        ["Writing stops below", bytes(storage.disk_floor_bytes)], ["Database", bytes(storage.database_bytes)],
        ["WAL", bytes(storage.wal_bytes)], ["Shops' files", bytes(storage.blob_bytes)],
      ]),
      card("Memory", [
        ["Process", bytes(memory.resident_bytes)], ["Shops", bytes(memory.shop_bytes)],
        ["Sessions", `${bytes(memory.session_bytes)} of ${bytes(memory.session_limit_bytes)}`],
      ]),
      card("Payments", Object.entries(now.payments).filter(([, number]) => number).map(([name, number]) =>
        [sentence(name), el("a", { href: `#payments/state/${name}` }, count(number))]))),
    el("h2", {}, "Chains"),
    now.chains.length ? now.chains.map(chainOf) : el("p", { class: "quiet" }, "No chain is followed for payments."));
}

/** Join values; a unit that all of them have is said once. */
function together(values) {
  const units = new Set(values.map((one) => one.split(" ")[1]));
  return units.size > 1 ? values.join(" · ") : [...values.slice(0, -1).map((one) => one.split(" ")[0]), values.at(-1)].join(" · ");
}

function card(title, rows) {
  return el("section", { class: "card" }, el("h2", {}, title), rows.length ? facts(rows) : el("p", { class: "quiet" }, "None yet."));
}

function chainOf(chain) {
  const health = (one) => (one.is_up ? badge("answers", "good") : badge(`rests for ${span(one.rest_s)}`, "warn"));
  return el("section", { class: "card chain" },
    el("h3", {}, `Chain ${chain.chain}`),
    facts([["Head", count(chain.head)], ["Read up to", count(chain.scanned)], ["Final", count(chain.final)],
      ["Behind", `${count(chain.lag_blocks)} blocks, ${span(chain.lag_s)}`]]),
    chain.endpoints.length
      ? table(`Endpoints of chain ${chain.chain}`, ["Endpoint", "Health", "Why"], chain.endpoints.map((one) => [stranger(one.name), health(one), stranger(one.reason ?? "")]))
      : null);
}
