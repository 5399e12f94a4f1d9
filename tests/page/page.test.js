// The page in real Chromium.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { getuid } from "node:process";
import { chromium } from "playwright-core";
import { TOKEN, child, id, result, serve, unit } from "./fake.js";

const PATIENCE_MS = 10_000;
let browser;

before(async () => {
  // Chromium's own sandbox does not work for root.
  const args = getuid() === 0 ? ["--no-sandbox"] : [];
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  browser = await chromium.launch({ executablePath, args });
});
after(() => browser.close());

// A page of a service with these units, and whether it complained.
async function open(t, units, { hash = "", token = TOKEN, width = 1_000, ...more } = {}) {
  const service = await serve(new Map(units));
  const context = await browser.newContext({ viewport: { width, height: 800 }, ...more });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (it) => complaints.push(it.text()));
  t.after(async () => {
    await context.close();
    await service.close();
    // A refused token and a connection that breaks are meant to be.
    const meant = /status of (401|404|409)|net::ERR_(INCOMPLETE_CHUNKED|CONNECTION|EMPTY)/;
    assert.deepEqual(complaints.filter((it) => !meant.test(it)), []);
  });
  if (token) await page.addInitScript((it) => sessionStorage.setItem("token", it), token);
  await page.goto(`${service.address}#${hash}`);
  if (token) await page.getByText("Live", { exact: true }).waitFor();
  return { page, service };
}

const running = (n, more = {}) => unit(n, more, [child(0, "Count the lines")]);
const batch = (n, children) => unit(n, {}, children);
const until = (page, test, arg) => page.waitForFunction(test, arg, { polling: 50 });
const notice = (page, words) => page.locator("#notice").getByText(words).waitFor();

test("a token is asked for, and opens one stream however often", async (t) => {
  const { page, service } = await open(t, [running(1)], { token: null });
  await page.getByLabel("Token").fill("wrong");
  await page.keyboard.press("Enter");
  await notice(page, "does not know this token");
  assert.equal(await page.evaluate(() => document.activeElement.id), "token");
  for (const _ of [1, 2]) {
    await page.getByLabel("Token").fill(TOKEN);
    await page.getByRole("button", { name: "Open" }).click();
    await page.getByRole("link", { name: "Count the lines" }).waitFor();
    assert.equal(service.streams.size, 1);
    assert.equal(await page.evaluate(() => sessionStorage.getItem("token")), TOKEN);
    await page.getByRole("button", { name: "Forget token" }).click();
    await page.getByLabel("Token").waitFor();
    assert.equal(await page.getByText("Count the lines").count(), 0);
  }
  await until(page, () => sessionStorage.getItem("token") === null);
});

test("without a delegation it tells how to make one", async (t) => {
  const { page } = await open(t, []);
  await page.getByRole("heading", { name: "Nothing was delegated yet" }).waitFor();
});

test("what goes on comes first, and shows what each child does", async (t) => {
  const children = [
    child(0, "a", { status: "completed", activity: undefined, tokens: { input: 1_000, output: 20 }, cost_usd: 0.5 }),
    child(1, "b", { activity: "read_file b.rs", tokens: { input: 500, output: 5 }, cost_usd: 0.25 }),
  ];
  const { page } = await open(t, [unit(1, { status: "failed" }, [child(0, "Old", { status: "failed" })]), batch(2, children)]);
  const rows = await page.locator("#overview li").allInnerTexts();
  assert.match(rows[0], /2 parallel subagents[^]*running[^]*1 of 2 children ended[^]*1.5K tokens in, 25 out[^]*\$0.75[^]*2\. read_file b.rs/);
  assert.match(rows[1], /Old[^]*failed[^]*took 1 min 1 s, ended 5 min/);
  await page.getByRole("img", { name: "1 completed, 1 running" }).waitFor();
  assert.equal(await page.title(), "1 running – Hermitage");
});

test("times go on between two reads", async (t) => {
  const { page } = await open(t, [running(1, { age_seconds: 58.5 })]);
  await page.getByText("for 58 s").waitFor();
  await page.getByText("for 1 min 0 s").waitFor();
});

test("text of a child is text", async (t) => {
  const evil = `<img src=x onerror=alert(1)> \u202eevil`;
  const hostile = result(0, evil, { summary: evil, error: evil, status: "failed", log: [{ level: "info", text: evil }] });
  const units = [unit(1, { status: "failed" }, [child(0, evil, { agent: evil, activity: evil, status: "failed" })], [hostile], [evil])];
  const { page } = await open(t, units, { hash: id(1) });
  await page.locator("#detail pre").first().getByText("<img src=x").waitFor();
  assert.equal(await page.locator("#detail img").count(), 0);
});

test("a result shows what the child could reach, what it called and what it wrote", async (t) => {
  const units = [unit(1, { status: "completed" }, [child(0, "Count", { status: "completed" })], [result(0, "Count")], ["It is done."])];
  const { page } = await open(t, units, { hash: id(1) });
  await page.getByRole("heading", { name: "What its caller is told" }).waitFor();
  await page.getByText("It is done.").waitFor();
  for (const name of ["What it could reach 2 granted, 2 stripped", "Calls of tools 3", "Log 2 lines"]) {
    await page.getByText(name).click();
  }
  const reach = await page.locator('[data-part="boundary"]').innerText();
  assert.match(reach, /Granted tools\s+read_file\s+search_files/);
  assert.match(reach, /Stripped[^]*file@0.1.0#write-file write_file is not in the grant/);
  assert.match(reach, /Linked to the real thing[^]*model@0.1.0#chat/);
  assert.doesNotMatch(reach, /Refused/);
  await page.getByRole("row", { name: "write_file failed 0 ms 410 B 0 B" }).waitFor();
  await page.getByText("warn no licence found").waitFor();
  await page.getByText("claude-sonnet").waitFor();
});

test("a child is steered while news comes, and keeps focus and text", async (t) => {
  const { page, service } = await open(t, [running(1)], { hash: id(1) });
  const words = page.getByLabel("Tell child 1 something");
  await words.fill("be br");
  service.units.get(id(1)).delegation.children[0].activity = "write_file b.rs";
  service.tell("activity", { delegation_id: id(1), task_index: 0 });
  await page.getByText("write_file b.rs").waitFor();
  await page.keyboard.type("ief");
  await page.keyboard.press("Enter");
  await notice(page, "Child 1 is told");
  assert.deepEqual(service.calls, [["steer", id(1), { task_index: 0, text: "be brief" }]]);
  assert.equal(await words.inputValue(), "");
  service.units.get(id(1)).refuses = true;
  await words.fill("too late");
  await page.keyboard.press("Enter");
  await notice(page, "the child has ended");
  assert.equal(await words.inputValue(), "too late");
});

test("a child and a delegation are stopped with the keyboard alone", async (t) => {
  const { page, service } = await open(t, [running(1)], { hash: id(1) });
  await page.getByRole("button", { name: "Stop child 1" }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("dialog", { name: "Stop child 1?" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Stop child 1" }).press("Enter");
  await page.keyboard.type("wrong directory");
  await page.keyboard.press("Enter");
  await notice(page, "Asked to stop child 1.");
  await page.getByRole("button", { name: "Stop all of it" }).press("Enter");
  await page.keyboard.press("Enter");
  await notice(page, "Asked to stop all of it.");
  const calls = [["stop", id(1), { task_index: 0, reason: "wrong directory" }], ["stop", id(1), {}]];
  assert.deepEqual(service.calls, calls);
});

test("focus goes into a delegation and back to its row", async (t) => {
  const { page } = await open(t, [running(1), running(2)]);
  await page.getByRole("link", { name: "Count the lines" }).nth(1).press("Enter");
  await until(page, () => document.activeElement.id === "detail-title");
  await page.goBack();
  await until(page, (it) => document.activeElement.getAttribute("href") === it, `#${id(2)}`);
  await page.goto(`${page.url()}#${id(9)}`);
  await notice(page, "there is no delegation");
  await page.getByRole("heading", { name: "Delegations" }).waitFor();
});

test("a stream that breaks is taken up where it was", async (t) => {
  const { page, service } = await open(t, [running(1)]);
  service.send(`id: 7\nevent: ended\ndata: {"delegation_id": "${id(1)}",\ndata: "status": "completed"}\n\n`);
  await notice(page, "“Count the lines” ended: completed");
  service.units.set(...unit(2, {}, [child(0, "Meanwhile")]));
  service.drop();
  await page.getByText("Not connected").waitFor();
  await page.getByText("Meanwhile").waitFor();
  await page.getByText("Live", { exact: true }).waitFor();
  assert.deepEqual(service.resumed, [null, "7"]);
  // A network that is back makes a new stream, in the place of the old one.
  const again = page.waitForResponse("**/v1/stream");
  await page.evaluate(() => dispatchEvent(new Event("online")));
  await again;
  service.units.set(...unit(3, {}, [child(0, "Later")]));
  service.tell("missed", {});
  await page.getByText("Later").waitFor();
  assert.equal(service.streams.size, 1);
});

test("a stream that is silent for too long is given up", async (t) => {
  const { page, service } = await open(t, [running(1)], { token: null });
  await page.clock.install();
  await page.getByLabel("Token").fill(TOKEN);
  await page.keyboard.press("Enter");
  await page.getByText("read_file src/main.rs").waitFor();
  await page.clock.runFor(30_000);
  service.units.get(id(1)).delegation.children[0].activity = "write_file d.rs";
  service.tell("missed", {});
  await page.getByText("write_file d.rs").waitFor();
  await page.clock.runFor(30_000);
  assert.equal(service.resumed.length, 1);
  const again = page.waitForRequest("**/v1/stream");
  await page.clock.runFor(15_000);
  await again;
});

test("what was missed is read anew", async (t) => {
  const { page, service } = await open(t, [running(1)], { hash: id(1) });
  service.units.get(id(1)).delegation.children[0].activity = "write_file c.rs";
  service.tell("missed", { count: 3 });
  await page.getByText("write_file c.rs").waitFor();
});

test("a child that fails or stalls is told of", async (t) => {
  const { page, service } = await open(t, [batch(1, [child(0, "a"), child(1, "b", { stalled: true, waits_for: "model", quiet_seconds: 90 })])], { hash: id(1) });
  await page.getByText("stalled, waits for model").waitFor();
  await page.getByText("quiet for 1 min 30 s").waitFor();
  service.send(`id: 3\nevent: failure\ndata: ${JSON.stringify({ event: { delegation_id: id(1), result: { task_index: 0, status: "timeout" } } })}\n\n`);
  await notice(page, "Child 1 of “2 parallel subagents” ended: timeout");
});

test("the log of a child that runs is read when it is opened, and when it grows", async (t) => {
  const { page, service } = await open(t, [running(1)], { hash: id(1) });
  const it = service.units.get(id(1));
  it.lines = [{ level: "info", text: "first" }];
  await page.locator("summary", { hasText: "Log" }).click();
  await page.getByText("info first").waitFor();
  it.lines.push({ level: "warn", text: "second" });
  service.tell("log", { delegation_id: id(1), task_index: 0 });
  await page.getByText("warn second").waitFor();
});

for (const colorScheme of ["light", "dark"]) {
  test(`a hundred children fit into 400 px, ${colorScheme}`, async (t) => {
    const status = (i) => ["completed", "running", "failed", "waiting"][i % 4];
    const goal = (i) => `Review crates/core/src/a_module_with_a_long_name_${i}.rs for panics`;
    const children = Array.from({ length: 100 }, (_, i) => child(i, goal(i), { status: status(i) }));
    const { page } = await open(t, [batch(1, children)], { hash: id(1), width: 400, colorScheme });
    await page.locator("#detail li").nth(99).waitFor();
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= 400), "wider");
    await page.getByLabel("Show").selectOption("those that did not complete");
    assert.equal(await page.locator('[data-part="children"] > li:visible').count(), 25);
    const pale = await page.evaluate(palest);
    assert.ok(pale >= 4.5, `contrast ${pale}`);
  });
}

// The least contrast of any text with what is behind it.
function palest() {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = (color) => {
    const [r, g, b] = rgba(color).map((it) => it / 255).map((it) => (it <= 0.04045 ? it / 12.92 : ((it + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (it) => {
    const color = getComputedStyle(it).backgroundColor;
    return rgba(color)[3] === 255 || !it.parentElement ? color : behind(it.parentElement);
  };
  const texts = [...document.querySelectorAll("body *")].filter((it) => it.checkVisibility() && [...it.childNodes].some((node) => node.nodeType === 3 && node.data.trim()));
  const contrasts = texts.map((it) => {
    const [a, b] = [light(getComputedStyle(it).color), light(behind(it))].sort((a, b) => b - a);
    return (a + 0.05) / (b + 0.05);
  });
  return Math.min(...contrasts);
}
