// The page of the service: what runs, what each child does now, and how it
// ended. Here is what connects: the stream, what is read when it tells of
// something new, and what a person does.

import { NeedsToken, Refused, Unreachable, ask, hasToken, news, setToken, unit } from "./service.js";
import { $, part, prose, tick } from "./nodes.js";
import { LISTED, chooseChildren, showDetail, showLog, showOverview } from "./views.js";

// Before it is tried again; the last one for ever.
const PAUSES_MS = [500, 1_000, 2_000, 5_000, 10_000];
// News comes in bursts, and one read answers a whole burst.
const SETTLE_MS = 300;
const NOTICE_MS = 8_000;

// The delegation that is looked at, or all of them.
const opened = () => decodeURIComponent(location.hash.slice(1)) || null;

// ---- The connection -------------------------------------------------------

// There is one: whoever makes a new one ends the old one.
let connection = new AbortController();

async function connect() {
  connection.abort();
  connection = new AbortController();
  const { signal } = connection;
  for (let tries = 0; !signal.aborted; tries += 1) {
    try {
      for await (const it of news(signal)) {
        tries = 0;
        hear(it);
      }
    } catch (error) {
      if (error instanceof NeedsToken && !signal.aborted) return askForToken();
    }
    if (signal.aborted) return;
    link("gone", "Not connected, trying again…");
    await pause(PAUSES_MS[Math.min(tries, PAUSES_MS.length - 1)], signal);
  }
}

function pause(ms, signal) {
  return new Promise((go) => {
    const timer = setTimeout(go, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), go()), { once: true });
  });
}

function hear({ kind, data }) {
  if (kind === "open") link("live", "Live");
  // What was not heard is in what is read now.
  if (kind === "open" || kind === "missed") {
    logs.clear();
    return refresh();
  }
  // Progress tells of a delegation itself, and what is queued has it inside.
  const { delegation_id: id, task_index, status, group, result } = data.event ?? data;
  if (kind === "log") logs.delete(`${id}/${task_index}`);
  const name = goals.has(id) && `“${goals.get(id)}”${group ? `, group “${group}”` : ""}`;
  if (name && kind === "ended") say(`${name} ended: ${status}`);
  if (name && kind === "failure") {
    say(`Child ${result.task_index + 1} of ${name} ended: ${result.status}`, "bad");
  }
  if (!opened() || id === opened()) soon();
}

// ---- What is read, and when -----------------------------------------------

// Goals that were read, for what is said of them later.
const goals = new Map();
// Children whose log was read, and wrote nothing since.
const logs = new Set();

let reading = null;
let isStale = false;
let timer = null;

// At most one read is under way, and none is lost: what becomes stale meanwhile
// is read once more.
function refresh() {
  isStale = true;
  reading ??= readAll().finally(() => (reading = null));
  return reading;
}

function soon() {
  timer ??= setTimeout(() => {
    timer = null;
    refresh();
  }, SETTLE_MS);
}

async function readAll() {
  while (isStale) {
    isStale = false;
    await attempt(read);
  }
}

async function read() {
  const id = opened();
  if (id) await readDetail(id);
  else {
    const { delegations } = await ask(`/v1/delegations?limit=${LISTED}`);
    for (const it of delegations) goals.set(it.delegation_id, it.goal);
    showOverview(delegations.map(marked));
  }
  const isOther = id !== opened();
  $("login").hidden = true;
  $("forget").hidden = !hasToken();
  $("overview").hidden = isOther || id !== null;
  $("detail").hidden = isOther || id === null;
}

// A child that is stalled runs, and is shown as what it is.
function marked(delegation) {
  for (const it of delegation.children) if (it.stalled) it.status = "stalled";
  return delegation;
}

async function readDetail(id) {
  const answer = await ask(unit(id)).catch((error) => {
    if (error instanceof Refused && id === opened()) location.hash = "";
    throw error;
  });
  goals.set(id, answer.delegation.goal);
  marked(answer.delegation);
  showDetail(answer);
  const open = $("detail").querySelectorAll('[data-part="log"][open]');
  await Promise.all([...open].map(readLog));
}

// The log of a child that runs; that of an ended one is in its result.
async function readLog(log) {
  const card = log.closest("[data-key]");
  const { key, status } = card.dataset;
  if (logs.has(key) || !["running", "stalled"].includes(status)) return;
  logs.add(key);
  const { lines = [], dropped } = await ask(unit(opened(), `/log?task_index=${taskOf(card)}`));
  showLog(card, lines, dropped);
}

// ---- What is said ---------------------------------------------------------

function link(state, words) {
  if ($("link").textContent !== words) $("link").textContent = words;
  $("link").dataset.state = state;
}

let fade;

function say(words, kind = "good") {
  $("notice").replaceChildren(...prose(words));
  $("notice").dataset.kind = kind;
  $("notice").hidden = false;
  clearTimeout(fade);
  if (kind === "good") fade = setTimeout(() => ($("notice").hidden = true), NOTICE_MS);
}

async function attempt(work) {
  try {
    await work();
  } catch (error) {
    if (error instanceof NeedsToken) askForToken();
    else if (error instanceof Refused || error instanceof Unreachable) say(error.message, "bad");
    else throw error;
  }
}

// ---- What a person does ---------------------------------------------------

// A child's place is the last part of its card's key.
const taskOf = (node) => Number(node.closest("[data-key]").dataset.key.split("/")[1]);

// Asks once. Without a place of a task, all of the delegation is meant.
function askToStop(task_index) {
  const what = task_index === undefined ? "all of it" : `child ${task_index + 1}`;
  const id = opened();
  $("stop-title").textContent = `Stop ${what}?`;
  $("stop").returnValue = "";
  $("reason").value = "";
  $("stop").onclose = () => {
    if ($("stop").returnValue !== "stop") return;
    const reason = $("reason").value.trim() || undefined;
    // Said first: the news of the end may be here before the answer is.
    say(`Asked to stop ${what}.`);
    attempt(async () => {
      await ask(unit(id, "/stop"), { task_index, reason });
      soon();
    });
  };
  $("stop").showModal();
}

async function send(form) {
  const input = form.querySelector("input");
  const body = { task_index: taskOf(form), text: input.value.trim() };
  if (body.text === "") return;
  const { what } = form.dataset;
  const answer = await ask(unit(opened(), `/${what}`), body);
  input.value = "";
  if (what === "follow-up") location.hash = answer.delegation_id;
  else say(`The model of child ${body.task_index + 1} reads it with its next call, if it makes another one.`);
}

function askForToken() {
  const isWrong = hasToken();
  forget();
  if (isWrong) say("The service does not know this token.", "bad");
}

// What was shown is not for whoever comes next.
function forget() {
  connection.abort();
  setToken(null);
  goals.clear();
  part($("overview"), "list").replaceChildren();
  part($("detail"), "children").replaceChildren();
  for (const id of ["overview", "detail", "forget", "notice"]) $(id).hidden = true;
  link("waiting", "A token is needed");
  document.title = "Hermitage";
  $("login").hidden = false;
  $("token").focus();
}

$("login").onsubmit = (event) => {
  event.preventDefault();
  setToken($("token").value.trim());
  $("token").value = "";
  $("notice").hidden = true;
  link("waiting", "Connecting…");
  connect();
};
$("forget").onclick = forget;
$("shown").onchange = chooseChildren;
$("detail").onsubmit = (event) => {
  event.preventDefault();
  attempt(() => send(event.target));
};
$("detail").onclick = ({ target }) => {
  const button = target.closest('[data-action="stop"]');
  if (button) askToStop(button.closest("[data-key]") ? taskOf(button) : undefined);
};
const onToggle = ({ target }) => {
  if (target.open && target.dataset.part === "log") attempt(() => readLog(target));
};
// This one does not bubble.
$("detail").addEventListener("toggle", onToggle, true);

let before = opened();

// Focus goes along: to the title of what was opened, or back to the row.
addEventListener("hashchange", async () => {
  const row = before && !opened() && `[data-key="${CSS.escape(before)}"] a`;
  before = opened();
  await refresh();
  const title = $(opened() ? "detail-title" : "overview-title");
  ((row && $("overview").querySelector(row)) || title).focus();
});

// A network that is back need not wait for the pause.
addEventListener("online", () => $("login").hidden && connect());
setInterval(tick, 1_000);
connect();
