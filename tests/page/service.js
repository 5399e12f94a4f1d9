// A real `hermitage serve`, in a home of its own.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process, { env } from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { startModel } from "./model.js";

// The program as it is installed: one in a checkout's `target` has the agents of
// that checkout, which may not be built.
const BUILT = fileURLToPath(new URL("../../target/debug/hermitage-under-test", import.meta.url));
const INSTALLED = mkdtempSync(join(tmpdir(), "hermitage-program-"));
const PROGRAM = join(INSTALLED, "hermitage");
copyFileSync(BUILT, PROGRAM);
process.on("exit", () => rmSync(INSTALLED, { recursive: true, force: true }));

const config = (model) => `
[model]
default = "held"
max_attempts = 1
[providers.local]
kind = "openai"
base_url = "${model.url}"
stream = false
[models.held]
provider = "local"
id = "m-1"
input_price = 1.0
output_price = 10.0
[delegation]
default_toolsets = ["file_read"]
max_tasks_per_batch = 100
stall_seconds = 2
`;

export class Service {
  static async start() {
    const service = new Service();
    service.home = mkdtempSync(join(tmpdir(), "hermitage-page-"));
    service.work = join(service.home, "work");
    for (const it of ["work", "config/hermitage"]) {
      mkdirSync(join(service.home, it), { recursive: true, mode: 0o700 });
    }
    writeFileSync(join(service.home, "work/notes.txt"), "Nothing to see.\n");
    service.model = await startModel();
    writeFileSync(join(service.home, "config/hermitage/config.toml"), config(service.model));
    await service.run("127.0.0.1:0");
    service.token = service.tokenOf("default");
    return service;
  }

  #options() {
    const dirs = { CONFIG: "config", STATE: "state", DATA: "data", CACHE: "cache" };
    const xdg = Object.entries(dirs).map(([name, dir]) => [`XDG_${name}_HOME`, join(this.home, dir)]);
    const own = { HOME: join(this.home, "home") };
    return { cwd: this.work, env: { ...env, ...Object.fromEntries(xdg), ...own } };
  }

  tokenOf(name) {
    return execFileSync(PROGRAM, ["token", name], { ...this.#options(), encoding: "utf8" }).trim();
  }

  async run(address) {
    const options = { ...this.#options(), stdio: ["ignore", "inherit", "pipe"] };
    this.process = spawn(PROGRAM, ["serve", "--listen", address], options);
    const said = [];
    for await (const line of createInterface(this.process.stderr)) {
      said.push(line);
      [, this.address] = line.match(/listening at (http:\S+)/) ?? [];
      if (this.address) break;
    }
    if (!this.address) throw new Error(`no service: ${said.join("\n")}`);
    this.process.stderr.resume();
  }

  // What a parent does over HTTP.
  async ask(path, body, token = this.token) {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const method = body ? "POST" : "GET";
    const options = { method, headers, body: JSON.stringify(body) };
    const answer = await fetch(new URL(path, this.address), options);
    const json = await answer.json();
    if (!answer.ok) throw new Error(JSON.stringify(json));
    return json;
  }

  async dispatch(request, token) {
    const asked = typeof request === "string" ? { goal: request } : request;
    const body = { agent: "react", ...asked };
    return (await this.ask("/v1/delegations", body, token)).delegation_id;
  }

  signal = (name) => this.process.kill(name);

  async kill() {
    const ended = once(this.process, "exit");
    this.signal("SIGKILL");
    await ended;
  }

  async stop() {
    if (this.process.exitCode === null && this.process.signalCode === null) await this.kill();
    this.model.stop();
    rmSync(this.home, { recursive: true, force: true });
  }
}
