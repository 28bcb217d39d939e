// Numbers, sizes and times for people. Amounts of money are text, and stay exact.

const UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB"];
const number = new Intl.NumberFormat("en");

export const count = (value) => (value === null || value === undefined ? "–" : number.format(value));

export function bytes(value) {
  if (value === null || value === undefined) return "–";
  let left = Number(value);
  let at = 0;
  while (left >= 1024 && at < UNITS.length - 1) { left /= 1024; at += 1; }
  return `${at && left < 100 ? left.toFixed(1) : number.format(Math.round(left))} ${UNITS[at]}`;
}

export function milliseconds(value) {
  if (value === null || value === undefined) return "–";
  return value >= 1000 ? `${(value / 1000).toFixed(1)} s` : `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
}

export function span(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const value = Math.max(0, Math.round(seconds));
  if (value < 60) return `${value} s`;
  if (value < 3600) return `${Math.floor(value / 60)} min`;
  if (value < 86400) return `${Math.floor(value / 3600)} h ${Math.floor((value % 3600) / 60)} min`;
  return `${Math.floor(value / 86400)} d ${Math.floor((value % 86400) / 3600)} h`;
}

/** A time of the relay's, as the reader's clock has it. */
export function when(text) {
  const at = new Date(text);
  if (!text || Number.isNaN(at.getTime())) return "";
  return at.toLocaleString("en-GB", { year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

export function ago(text) {
  const at = new Date(text);
  return !text || Number.isNaN(at.getTime()) ? "" : `${span((Date.now() - at.getTime()) / 1000)} ago`;
}

/** Shift smallest units, given as text, by a currency's decimals: exact, whatever their size. */
export function amount(units, decimals) {
  if (units === null || units === undefined) return "–";
  if (decimals === null || decimals === undefined) return `${units} smallest units`;
  const digits = String(units).padStart(decimals + 1, "0");
  const whole = digits.slice(0, digits.length - decimals);
  const part = digits.slice(digits.length - decimals).replace(/0+$/, "");
  return part ? `${whole}.${part}` : whole;
}

/** An amount with its currency: { symbol, decimals, address } of the relay's. */
export function money(units, currency) {
  if (!currency) return amount(units, null);
  const name = currency.symbol ?? `${currency.address.slice(0, 6)}…${currency.address.slice(-4)}`;
  return `${amount(units, currency.decimals)} ${name}`;
}

export const sentence = (words) => words.replaceAll("_", " ").replace(/^./, (one) => one.toUpperCase());
