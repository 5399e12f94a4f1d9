// Numbers, times and ends as people say them.

export const number = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

const day = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
export const date = (epochSeconds) => day.format(epochSeconds * 1_000);

// None of it is no word.
export const counted = (n, word) => (n ? `${number.format(n)} ${word}${n === 1 ? "" : "s"}` : "");

export const dollars = (n) => (n === undefined ? "" : `$${n.toFixed(n < 0.1 ? 4 : 2)}`);

export function tokens(it) {
  return it.input + it.output > 0 ? `${number.format(it.input)} tokens in, ${number.format(it.output)} out` : "";
}

export function span(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3_600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86_400) return `${Math.floor(s / 3_600)} h ${Math.floor((s % 3_600) / 60)} min`;
  return `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3_600)} h`;
}

// What the status does not say already.
export const REASONS = {
  max_iterations: "its model calls were spent",
  budget: "its budget was spent",
  trap: "stopped by the sandbox",
  refused: "refused before it ran",
};
