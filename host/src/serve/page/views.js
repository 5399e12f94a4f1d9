// What is shown: all delegations, and one of them with its children.
//
// The structure is in index.html: sections, and templates whose fields are
// filled here out of the service's answers.

import { $, bar, clock, each, fill, part } from "./nodes.js";
import { REASONS, counted, date, dollars, number, span, tokens } from "./words.js";

export const LISTED = 100;
// Up to so many children are open from the start.
const OPEN_CHILDREN = 2;
// From so many on, it is worth choosing which to see.
const MANY_CHILDREN = 8;
// A child that says nothing for longer is told of.
const QUIET_SECONDS = 5;

const goes = (it) => ["waiting", "running", "stalled"].includes(it.status);
// A child that is stalled runs, and is told apart here.
const withStall = (child) => (child.stalled ? { ...child, status: "stalled" } : child);

// ---- All delegations ------------------------------------------------------

export function showOverview(listings) {
  const delegations = listings.map((it) => ({ ...it, children: it.children.map(withStall) }));
  const going = delegations.filter(goes);
  const ended = delegations.filter((it) => !goes(it));
  const node = $("overview");
  document.title = going.length ? `${going.length} running – Hermitage` : "Hermitage";
  fill(node, {
    sum: delegations.length ? `${going.length} going on, ${ended.length} ended` : "",
    more: delegations.length < LISTED ? "" : `The newest ${LISTED} are shown.`,
  });
  part(node, "none").hidden = delegations.length > 0;
  each(part(node, "list"), "a-delegation", [...going, ...ended], fillRow, (it) => it.delegation_id);
}

function fillRow(row, it) {
  fill(row, {
    goal: it.goal,
    ...facts(it),
    session: it.session_key && `for ${it.session_key}`,
    nested: it.parent && "asked by a child",
    doing: doing(it.children),
  });
  row.querySelector('[data-link="id"]').href = `#${it.delegation_id}`;
  age(row, it);
  bar(part(row, "bar"), it.children);
}

// Of the first child that is at something.
function doing(children) {
  const busy = children.filter((it) => goes(it) && act(it));
  if (busy.length === 0) return "";
  const number = children.length > 1 ? `${busy[0].task_index + 1}. ` : "";
  const more = busy.length > 1 ? ` (and ${busy.length - 1} more)` : "";
  return `${number}${act(busy[0])}${more}`;
}

function act(child) {
  const stalled = child.status === "stalled" && child.waits_for;
  return stalled ? `stalled, waits for ${child.waits_for}` : child.activity;
}

// The same words in the list and above the children.
function facts({ status, children, counts }) {
  const many = children.length > 1;
  const ended = children.filter((it) => !goes(it)).length;
  const of = `of ${children.length} children`;
  const sum = (amounts) => amounts.reduce((sum, it) => sum + it, 0);
  const all = (kind) => children.map((it) => it.tokens[kind]);
  const costs = children.map((it) => it.cost_usd).filter((it) => it !== undefined);
  return {
    status,
    counts: many && (goes({ status }) ? `${ended} ${of} ended` : `${counts.completed} ${of} completed`),
    tokens: tokens({ input: sum(all("input")), output: sum(all("output")) }),
    cost: costs.length > 0 && dollars(sum(costs)),
  };
}

function age(node, it) {
  if (goes(it)) return clock(node, "age", it.age_seconds, (s) => `for ${span(s)}`);
  const ago = Date.now() / 1_000 - it.completed_at;
  clock(node, "age", ago, (s) => `took ${span(it.age_seconds)}, ended ${span(s)} ago`);
}

// ---- One delegation -------------------------------------------------------

export function showDetail({ delegation, results, texts }) {
  const { delegation_id: id, goal, status, parent } = delegation;
  const node = $("detail");
  const children = delegation.children.map((it) => withResult(withStall(it), results));
  document.title = `${status}: ${goal.slice(0, 60)} – Hermitage`;
  const asked = {
    asked: date(delegation.dispatched_at),
    session: delegation.session_key,
    parent,
    workspace: delegation.workspace,
    id,
  };
  fill(node, { goal, texts: texts.join("\n\n"), ...facts({ ...delegation, children }), ...asked });
  for (const name of Object.keys(asked)) {
    node.querySelector(`dl [data-field="${name}"]`).closest("div").hidden = !asked[name];
  }
  node.querySelector('[data-link="parent"]').href = `#${parent ?? ""}`;
  node.querySelector('[data-action="stop"]').hidden = !goes(delegation);
  part(node, "completion").hidden = texts.length === 0;
  part(node, "filter").hidden = children.length < MANY_CHILDREN;
  age(node, delegation);
  bar(part(node, "bar"), children);
  const update = (card, it, isNew) => {
    if (isNew) card.querySelector("details").open = children.length <= OPEN_CHILDREN;
    fillChild(card, it);
  };
  each(part(node, "children"), "a-child", children, update, (it) => `${id}/${it.task_index}`);
  chooseChildren();
}

const withResult = (child, results) => ({
  ...child,
  result: results.find((it) => it.task_index === child.task_index),
});

function fillChild(card, it) {
  const { result } = it;
  const number = it.task_index + 1;
  card.dataset.status = it.status;
  fill(card, {
    number: `${number}.`,
    goal: it.goal,
    status: it.status,
    doing: goes(it) && act(it),
    agent: `agent ${it.agent}`,
    tools: counted(it.tool_calls, "tool call"),
    calls: counted(it.api_calls, "model call"),
    tokens: tokens(it.tokens),
    cost: dollars(it.cost_usd),
    model: result?.model,
    ended: REASONS[result?.exit_reason],
    error: result?.error,
    summary: result?.summary,
    partial: result?.truncated && "This is a part of the work, or was cut.",
  });
  const isInCell = it.status === "running" || it.status === "stalled";
  const took = result ? `took ${result.duration_seconds} s` : null;
  const seconds = took || isInCell ? it.elapsed_seconds : null;
  clock(card, "elapsed", seconds, (s) => took ?? `for ${span(s)}`);
  const isQuiet = goes(it) && it.quiet_seconds >= QUIET_SECONDS;
  clock(card, "quiet", isQuiet ? it.quiet_seconds : null, (s) => `quiet for ${span(s)}`);
  fillWords(part(card, "words"), number, goes(it));
  fillBoundary(part(card, "boundary"), result?.boundary);
  fillTrace(part(card, "trace"), result);
  if (result) showLog(card, result.log ?? [], result.log_dropped);
}

// What a person may tell it: while it works, or after its end.
function fillWords(form, number, goes) {
  form.dataset.what = goes ? "steer" : "follow-up";
  fill(form, {
    ask: goes ? `Tell child ${number} something` : `Go on with task ${number} in a new child`,
    send: goes ? "Steer" : "Follow up",
  });
  const input = form.querySelector("input");
  input.id = `words-${number}`;
  form.querySelector("label").htmlFor = input.id;
  const stop = form.querySelector('[data-action="stop"]');
  stop.hidden = !goes;
  stop.setAttribute("aria-label", `Stop child ${number}`);
}

function fillBoundary(node, record) {
  node.hidden = !record;
  if (!record) return;
  const imports = (lines) => lines.map((it) => ({ what: it.import, why: it.reason }));
  const lists = {
    refused: imports(record.refused),
    stubbed: imports(record.stubbed),
    linked: record.linked.map((what) => ({ what })),
    plugins: (record.plugins ?? []).map((it) => ({ what: it.plugin, why: it.component })),
  };
  for (const [name, items] of Object.entries(lists)) {
    node.querySelector(`[data-title="${name}"]`).hidden = items.length === 0;
    each(part(node, name), "an-import", items, fill);
  }
  const granted = record.granted.length ? record.granted : ["none"];
  each(part(node, "granted"), "a-chip", granted, (chip, what) => fill(chip, { what }));
  const counts = [
    [record.granted.length, "granted"],
    [record.stubbed.length, "stripped"],
    [record.refused.length, "refused"],
  ];
  fill(node, {
    boundary: counts.filter(([n], at) => n > 0 || at === 0).map((it) => it.join(" ")).join(", "),
    component: record.component,
    policy: record.policy,
  });
}

function fillTrace(node, result) {
  const trace = result?.tool_trace ?? [];
  const isPart = trace.length < result?.tool_calls;
  node.hidden = trace.length === 0;
  fill(node, { traced: isPart ? `the first ${trace.length} of ${result.tool_calls}` : trace.length });
  const bytes = (n) => `${number.format(n)} B`;
  const call = ({ tool, ok, ms, args_bytes, result_bytes }) => ({
    tool,
    outcome: ok ? "ok" : "failed",
    ms: `${ms} ms`,
    args: bytes(args_bytes),
    gave: bytes(result_bytes),
  });
  each(part(node, "calls"), "a-call", trace.map(call), fill);
}

export function showLog(card, written, dropped) {
  const lost = dropped ? `, ${dropped} more found no room` : "";
  fill(card, { logged: `${counted(written.length, "line") || "empty"}${lost}` });
  each(part(card, "lines"), "a-log-line", written, fill);
}

// Shows those of the chosen kind.
export function chooseChildren() {
  const kinds = {
    all: () => true,
    going: goes,
    missed: (it) => !goes(it) && it.status !== "completed",
    completed: (it) => it.status === "completed",
  };
  const node = $("detail");
  const isOfKind = kinds[part(node, "filter").hidden ? "all" : $("shown").value];
  const cards = [...part(node, "children").children];
  for (const it of cards) it.hidden = !isOfKind(it.dataset);
  part(node, "nobody").hidden = cards.some((it) => !it.hidden);
}
