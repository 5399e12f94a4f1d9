// Nodes that are made of templates once, and filled as often as there is news:
// so focus, a text that is half written and whatever was opened outlive every
// update. What comes from a child, a model or a server goes in as text, never
// as markup.

export const $ = (id) => document.getElementById(id);
export const part = (node, name) => node.querySelector(`[data-part="${name}"]`);

// Fields that are given get that text; those without any are not shown.
export function fill(node, values) {
  for (const [name, value] of Object.entries(values)) {
    const field = node.querySelector(`[data-field="${name}"]`);
    const words = String(value || (value === 0 ? 0 : ""));
    field.hidden = words === "";
    if (field.words === words) continue;
    field.words = words;
    if ("prose" in field.dataset) field.replaceChildren(...prose(words));
    else field.textContent = words;
    if (name === "status") field.dataset.status = words;
  }
}

// Sentences of the host, with `names` in backticks.
export function prose(words) {
  return words.split("`").map((piece, at) => {
    if (at % 2 === 0) return piece;
    const code = document.createElement("code");
    code.textContent = piece;
    return code;
  });
}

// One node for each item, in the order of the items. Without a key, items are
// told apart by their places.
export function each(parent, template, items, update, key = (_, at) => at) {
  const focused = document.activeElement;
  const names = items.map((it, at) => String(key(it, at)));
  const wanted = new Set(names);
  for (const it of [...parent.children]) if (!wanted.has(it.dataset.key)) it.remove();
  const kept = new Map([...parent.children].map((it) => [it.dataset.key, it]));
  let next = parent.firstElementChild;
  for (const [at, name] of names.entries()) {
    const node = kept.get(name) ?? made(template, name);
    if (node === next) next = next.nextElementSibling;
    else parent.insertBefore(node, next);
    update(node, items[at], !kept.has(name));
  }
  if (focused !== document.activeElement && parent.contains(focused)) focused.focus();
}

function made(template, key) {
  const node = $(template).content.firstElementChild.cloneNode(true);
  node.dataset.key = key;
  return node;
}

// A time that goes on between two reads: `words` of the seconds until now.
export function clock(node, name, seconds, words) {
  const field = node.querySelector(`[data-clock="${name}"]`);
  field.clock = { seconds, words, at: performance.now() };
  field.hidden = seconds === null;
  show(field);
}

export const tick = () => document.querySelectorAll("[data-clock]").forEach(show);

function show(field) {
  const { seconds = null, words, at } = field.clock ?? {};
  if (seconds === null) return;
  const text = words(seconds + (performance.now() - at) / 1_000);
  if (field.textContent !== text) field.textContent = text;
}

const STATUSES = [
  ["completed", "running", "stalled", "waiting"],
  ["interrupted", "failed", "error", "timeout", "unknown"],
].flat();

// How many of the children stand where.
export function bar(node, children) {
  const count = (status) => children.filter((it) => it.status === status).length;
  const some = STATUSES.map((status) => ({ status, n: count(status) })).filter((it) => it.n > 0);
  node.hidden = children.length < 2;
  const words = some.map(({ status, n }) => `${n} ${status}`).join(", ");
  if (node.getAttribute("aria-label") === words) return;
  node.setAttribute("aria-label", words);
  node.title = words;
  const pieces = some.map(({ status, n }) => {
    const piece = document.createElement("span");
    piece.dataset.status = status;
    piece.style.flexGrow = n;
    return piece;
  });
  node.replaceChildren(...pieces);
}
