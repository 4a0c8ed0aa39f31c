import { execFileSync, spawn } from "node:child_process";
import { appendFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { makePaths } from "#local/process/paths.ts";
import { isAlive, logFile, startedAt } from "#local/process/processes.ts";

test("just logs follows, escapes cursor movements, and ends its tail on SIGTERM", async () => {
  makePaths();
  const name = `test-${process.pid}`;
  writeFileSync(logFile(name), "first\u001b[2J\u009b1m\u202e\n");
  onTestFinished(() => rmSync(logFile(name)));
  const logs = spawn(process.execPath, [join(import.meta.dirname, "logs.ts"), name], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const closed = new Promise((done) => logs.once("close", done));
  onTestFinished(() => void logs.kill("SIGKILL"));
  let out = "";
  logs.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  await expect.poll(() => out).toBe("first\\u001b[2J\\u009b1m\\u202e\n");
  appendFileSync(logFile(name), "second\n");
  await expect.poll(() => out).toContain("second\n");
  const tail = Number(execFileSync("pgrep", ["-P", String(logs.pid)], { encoding: "utf8" }));
  const since = startedAt(tail)!;
  logs.kill("SIGTERM");
  await closed;
  await expect.poll(() => isAlive({ pid: tail, since })).toBe(false);
});

test("just logs ends with its caller, even without a signal", async () => {
  makePaths();
  const name = `test-orphan-${process.pid}`;
  writeFileSync(logFile(name), "first\n");
  onTestFinished(() => rmSync(logFile(name)));
  const file = join(import.meta.dirname, "logs.ts");
  // Like npx: it waits for its child, and ends itself at SIGTERM.
  const script = `const { spawn } = require("node:child_process"); console.log(spawn(process.execPath, ${JSON.stringify([file, name])}, { stdio: "inherit" }).pid)`;
  const caller = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"], detached: true });
  const closed = new Promise((done) => caller.stdout.once("close", done));
  onTestFinished(() => {
    try {
      process.kill(-caller.pid!, "SIGKILL");
    } catch {
      // Every process of its group is gone, as required.
    }
  });
  let out = "";
  caller.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  await expect.poll(() => out).toContain("first\n");
  caller.kill("SIGTERM");
  // The last process that writes there has ended.
  await closed;
});

test("just logs --help prints its usage, and exits with 0", () => {
  const args = [join(import.meta.dirname, "logs.ts"), "--help"];
  expect(execFileSync(process.execPath, args, { encoding: "utf8" })).toContain("Usage: npx just logs");
});

test("just logs lists the available logs", async () => {
  makePaths();
  const logs = spawn(process.execPath, [join(import.meta.dirname, "logs.ts"), "nobody"]);
  let err = "";
  logs.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
  expect(await new Promise((done) => logs.once("close", done))).toBe(1);
  expect(err).toContain('There is no log "nobody"');
});
