// The service: what is asked of it, and what it tells by itself.

// It sends at least a comment every 15 s; two missed ones mean that nobody is
// there any more, whatever the connection says.
const SILENCE_MS = 40_000;

export class NeedsToken extends Error {}
export class Refused extends Error {}
export class Unreachable extends Error {}

// The token of this tab, and the newest completion that it heard of.
let token = sessionStorage.getItem("token");
let heard = null;

export const hasToken = () => token !== null;

export function setToken(it) {
  token = it;
  heard = null;
  if (it === null) sessionStorage.removeItem("token");
  else sessionStorage.setItem("token", it);
}

export const unit = (id, rest = "") => `/v1/delegations/${encodeURIComponent(id)}${rest}`;

// Gets a path, or posts a body to it.
export async function ask(path, body) {
  const type = body && { "content-type": "application/json" };
  const method = body ? "POST" : "GET";
  const answer = await request(path, { method, headers: type, body: body && JSON.stringify(body) });
  return answer.json().catch(() => ({}));
}

// News until the service ends the stream, falls silent or is let go of. An
// `EventSource` can't send a token, so the stream is read by hand.
export async function* news(signal) {
  const silence = new AbortController();
  let watch;
  const sign = () => {
    clearTimeout(watch);
    watch = setTimeout(() => silence.abort(), SILENCE_MS);
  };
  sign();
  try {
    const either = AbortSignal.any([signal, silence.signal]);
    const answer = await request("/v1/stream", {
      headers: heard === null ? {} : { "last-event-id": heard },
      signal: either,
    });
    yield { kind: "open", data: {} };
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    let event = {};
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      sign();
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      for (const line of lines) {
        if (!isEnd(event, line.replace(/\r$/, ""))) continue;
        heard = event.id ?? heard;
        if (event.kind) yield { kind: event.kind, data: parsed(event.data) };
        event = {};
      }
    }
  } finally {
    clearTimeout(watch);
    silence.abort();
  }
}

// Takes a line of an event; an empty one ends it.
function isEnd(event, line) {
  const [, name, value] = line.match(/^(\w+): ?(.*)$/) ?? [];
  if (name === "event") event.kind = value;
  if (name === "id") event.id = value;
  if (name === "data") event.data = event.data === undefined ? value : `${event.data}\n${value}`;
  return line === "";
}

function parsed(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}

async function request(path, { headers, ...rest }) {
  const bearer = token && { authorization: `Bearer ${token}` };
  const options = { ...rest, headers: { ...headers, ...bearer }, cache: "no-store" };
  const answer = await fetch(path, options).catch(() => {
    throw new Unreachable("the service does not answer");
  });
  if (answer.status === 401) throw new NeedsToken();
  if (answer.ok) return answer;
  const { error } = await answer.json().catch(() => ({}));
  const { message = `the service answered ${answer.status}`, hint } = error ?? {};
  throw new Refused(hint ? `${message} (${hint})` : message);
}
