// The page of a real service in real Chromium.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { env, getuid } from "node:process";
import { chromium } from "playwright-core";
import { palest } from "./contrast.js";
import { Service } from "./service.js";

const PATIENCE_MS = 20_000;
let browser;

before(async () => {
  // Chromium's own sandbox does not work for root.
  const args = getuid() === 0 ? ["--no-sandbox"] : [];
  browser = await chromium.launch({ executablePath: env.CHROMIUM ?? "/usr/bin/chromium", args });
});
after(() => browser.close());

// A page of a service of its own, which is to have nothing to complain of.
async function open(t, { token, width = 1_000, before = async () => "", ...more } = {}) {
  const service = await Service.start();
  t.after(() => service.stop());
  const hash = await before(service);
  const context = await browser.newContext({ viewport: { width, height: 800 }, ...more });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (it) => complaints.push(it.text()));
  t.after(async () => {
    await context.close();
    // A refused token, a wrong id and a service that is gone are meant to be.
    const meant = /status of (401|404|409)|net::ERR_/;
    assert.deepEqual(complaints.filter((it) => !meant.test(it)), []);
  });
  if (token !== null) {
    await page.addInitScript((it) => sessionStorage.setItem("token", it), token ?? service.token);
  }
  await page.goto(`${service.address}#${hash}`);
  if (token !== null) await page.getByText("Live", { exact: true }).waitFor();
  return { page, service, model: service.model };
}

const notice = (page, words) => page.locator("#notice").getByText(words).waitFor();
const until = (page, test, arg) => page.waitForFunction(test, arg, { polling: 50 });
const streams = (page) => page.waitForResponse((it) => it.url().endsWith("/v1/stream"));

test("a token is asked for, and shows what is its own", async (t) => {
  const { page, service } = await open(t, { token: null });
  const field = page.getByLabel("Token");
  await field.fill("wrong");
  await page.keyboard.press("Enter");
  await notice(page, "does not know this token");
  assert.equal(await page.evaluate(() => document.activeElement.id), "token");
  await service.dispatch("Count the lines");
  await field.fill(service.token);
  await page.getByRole("button", { name: "Open" }).click();
  await page.getByRole("link", { name: "Count the lines" }).waitFor();
  await page.getByRole("button", { name: "Forget token" }).click();
  await field.waitFor();
  assert.equal(await page.getByText("Count the lines").count(), 0);
  assert.equal(await page.evaluate(() => sessionStorage.getItem("token")), null);
  await field.fill(service.tokenOf("other"));
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Nothing was delegated yet" }).waitFor();
});

test("a batch is followed, steered, stopped in part and read to its end", async (t) => {
  const { page, service, model } = await open(t);
  const tasks = [{ goal: "Read the notes" }, { goal: "Count for ever" }];
  await service.dispatch({ tasks });
  const first = await model.asked("Read the notes");
  await model.asked("Count for ever");
  const row = page.locator("#overview li");
  await row.getByText("0 of 2 children ended").waitFor();
  await row.getByText("thinking (and 1 more)").waitFor();
  await row.getByRole("link").press("Enter");
  await until(page, () => document.activeElement.id === "detail-title");

  // What is half written stays, whatever news comes.
  const words = page.getByLabel("Tell child 1 something");
  await words.fill("be br");
  first.calls("read_file", { path: "notes.txt" });
  const second = await model.asked("Nothing to see");
  await page.getByText("2 model calls").waitFor();
  await page.keyboard.type("ief");
  await page.keyboard.press("Enter");
  await notice(page, "The model of child 1 reads it with its next call");
  assert.equal(await words.inputValue(), "");
  second.calls("read_file", { path: "notes.txt" });
  (await model.asked("be brief")).says("All of it is nothing.");
  await page.getByText("All of it is nothing.").first().waitFor();

  // The keyboard alone.
  await page.getByRole("button", { name: "Stop child 2" }).press("Enter");
  await page.getByRole("dialog", { name: "Stop child 2?" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Stop child 2" }).press("Enter");
  await page.keyboard.type("wrong directory");
  await page.keyboard.press("Enter");
  await notice(page, /ended: interrupted/);
  await page.getByText("wrong directory").first().waitFor();

  const told = page.getByRole("heading", { name: "What its caller is told" });
  await told.waitFor();
  const card = page.locator('[data-part="children"] > li').first();
  await card.getByText("120K tokens in, 4.5K out").waitFor();
  await card.getByText("$0.17").waitFor();
  for (const name of ["What it could reach 2 granted", "Calls of tools"]) {
    await card.getByText(name).click();
  }
  const reach = await card.locator('[data-part="boundary"]').innerText();
  assert.match(reach, /Granted tools\s+read_file\s+search_files/);
  assert.match(reach, /Linked to the real thing[^]*#chat/);
  await card.getByRole("row", { name: /read_file ok \d+ ms/ }).first().waitFor();
  await page.goBack();
  await row.getByText("1 of 2 children completed").waitFor();
  await until(page, () => document.activeElement.closest("#overview li"));
});

test("what was stripped from a child is told with the reason", async (t) => {
  const before = (service) => service.dispatch({ goal: "Hand it on", agent: "orchestrator" });
  const { page } = await open(t, { before });
  await page.getByText(/What it could reach.*stripped/).click();
  const reach = await page.locator('[data-part="boundary"]').innerText();
  assert.match(reach, /Stripped[^]*#delegate-task delegate_task is blocked for a leaf/);
});

test("a task that ended is gone on with in a new child", async (t) => {
  const before = (service) => service.dispatch("Count the sheep");
  const { page, model } = await open(t, { before });
  (await model.asked("Count the sheep")).says("Twelve.");
  await page.getByLabel("Go on with task 1 in a new child").fill("And the goats");
  await page.keyboard.press("Enter");
  const asked = await model.asked("And the goats");
  assert.match(asked.body, /Twelve\./);
  await page.locator("#detail-title").getByText("And the goats").waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.id), "detail-title");
});

test("the log of a child that works is read when it is opened", async (t) => {
  const before = (service) => service.dispatch("Look around");
  const { page, service, model } = await open(t, { before });
  await model.asked("Look around");
  // No bundled agent writes a log while it waits for its model.
  const log = await service.ask(`/v1/delegations/${page.url().split("#")[1]}/log?task_index=0`);
  assert.deepEqual(log, { lines: [], dropped: 0, ended: false });
  const lines = [{ level: "warn", text: "no licence found" }];
  await page.route("**/log?task_index=0", (route) => route.fulfill({ json: { ...log, lines } }));
  await page.locator("summary", { hasText: "Log" }).click();
  await page.getByText("warn no licence found").waitFor();
});

test("a child that stalls and one that fails are told of at once", async (t) => {
  const { page, service, model } = await open(t);
  const tasks = [{ goal: "Ask in vain" }, { goal: "Wait for long" }];
  await service.dispatch({ tasks, failure_notices: true });
  await page.getByRole("link", { name: "2 parallel subagents" }).click();
  await page.getByText("stalled, waits for model").first().waitFor();
  (await model.asked("Ask in vain")).refuses("no such model");
  await notice(page, /Child 1 of .* ended: (failed|error)/);
  await page.getByRole("button", { name: "Stop all of it" }).press("Enter");
  await page.keyboard.press("Enter");
  await notice(page, /ended: interrupted|Asked to stop all of it/);
  await page.getByText("interrupted").first().waitFor();
});

test("text of a child is text", async (t) => {
  const evil = "<img src=x onerror=alert(1)> \u202eevil";
  const { page, service, model } = await open(t);
  await service.dispatch(evil);
  (await model.asked("onerror")).says(`${evil} <script>alert(2)</script>`);
  await page.getByRole("link", { name: "<img src=x" }).click();
  await page.locator("#detail pre").first().getByText("<script>alert(2)").waitFor();
  assert.equal(await page.locator("#detail img, #detail script").count(), 0);
});

test("times go on between two reads", async (t) => {
  const { page, service } = await open(t, { token: null });
  await page.clock.install();
  await page.getByLabel("Token").fill(service.token);
  await page.keyboard.press("Enter");
  await service.dispatch("Wait");
  // The last news that there is of it.
  await page.getByText("stalled, waits for model").waitFor();
  await page.clock.runFor(30_000);
  await page.getByText(/^for [345]\d s$/).waitFor();
});

test("a delegation that is not there leads back to the others", async (t) => {
  const { page } = await open(t, { before: async () => `deleg_${"0".repeat(32)}` });
  await notice(page, "deleg_");
  await page.getByRole("heading", { name: "Nothing was delegated yet" }).waitFor();
});

test("a service that was killed and started again is found, and goes on with what it left", async (t) => {
  const { page, service, model } = await open(t);
  await service.dispatch("Survive");
  await model.asked("Survive");
  await page.getByText("1 going on").waitFor();
  await service.kill();
  await page.getByText("Not connected").waitFor();
  await service.run(new URL(service.address).host);
  await page.getByText("Live", { exact: true }).waitFor();
  (await model.asked("Survive")).says("It survived.");
  await page.locator("#overview li").getByText("completed").waitFor();
});

test("a service that is silent for too long is given up, and found again", async (t) => {
  const { page, service } = await open(t, { token: null });
  await page.clock.install();
  await page.getByLabel("Token").fill(service.token);
  await page.keyboard.press("Enter");
  await page.getByText("Live", { exact: true }).waitFor();
  await page.clock.runFor(30_000);
  await page.getByText("Live", { exact: true }).waitFor();
  service.signal("SIGSTOP");
  const asked = page.waitForRequest((it) => it.url().endsWith("/v1/stream"));
  await page.clock.runFor(15_000);
  await page.getByText("Not connected").waitFor();
  await asked;
  service.signal("SIGCONT");
  await page.getByText("Live", { exact: true }).waitFor();
});

test("there is one stream, also when a network comes back", async (t) => {
  const { page, service } = await open(t);
  const ended = page.waitForEvent("requestfailed", (it) => it.url().endsWith("/v1/stream"));
  const again = streams(page);
  await page.evaluate(() => dispatchEvent(new Event("online")));
  await Promise.all([ended, again]);
  await service.dispatch("Go on");
  await page.getByRole("link", { name: "Go on" }).waitFor();
});

test("what was missed is read anew, and the stream taken up where it was", async (t) => {
  const { page, service, model } = await open(t);
  const id = await service.dispatch("Count");
  const ended = page.locator("#notice").getByText("ended: completed");
  (await model.asked("Count")).says("Three.");
  await ended.waitFor();
  // A stream that leaves out what happens, and says so.
  const headers = { "content-type": "text/event-stream" };
  const asked = [];
  await page.route("**/v1/stream", (route) => {
    asked.push(route.request().headers()["last-event-id"]);
    return asked.length === 1 ? route.fulfill({ headers, body: 'event: missed\ndata: {"count": 3}\n\n' }) : route.continue();
  });
  await service.dispatch("Unheard of");
  await page.evaluate(() => dispatchEvent(new Event("online")));
  await page.getByRole("link", { name: "Unheard of" }).waitFor();
  await page.getByText("Live", { exact: true }).waitFor();
  const { events } = await service.ask("/v1/events");
  assert.equal(events[0].event.delegation_id, id, "the page takes nothing");
  assert.equal(asked[0], String(events[0].id));
});

for (const colorScheme of ["light", "dark"]) {
  test(`a hundred children fit into 400 px, ${colorScheme}`, async (t) => {
    const goal = (i) => `Review crates/core/src/a_module_with_a_long_name_${i}.rs for panics`;
    const tasks = Array.from({ length: 100 }, (_, i) => ({ goal: goal(i) }));
    const before = (service) => service.dispatch({ tasks });
    const { page, model } = await open(t, { before, width: 400, colorScheme });
    (await model.asked("_0.rs")).refuses("no");
    const cards = page.locator('[data-part="children"] > li');
    await cards.nth(99).waitFor();
    await page.getByLabel("Show").selectOption("those that did not complete");
    await until(page, () => document.querySelectorAll('[data-part="children"] > li:not([hidden])').length === 1);
    await page.getByLabel("Show").selectOption("all");
    await page.locator("summary").first().click();
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= 400), "wider");
    const contrast = await page.evaluate(palest);
    assert.ok(contrast >= 4.5, `contrast ${contrast}`);
  });
}
