import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { withFileLock } from "./file-lock.ts";
import { local, makePaths } from "./paths.ts";
import { wantPort } from "./ports.ts";
import { isAlive, startedAt } from "./processes.ts";

test("a reused pid does not count as the earlier process", () => {
  const since = startedAt(process.pid);
  expect(since).toBeDefined();
  expect(isAlive({ pid: process.pid, since: since ?? "" })).toBe(true);
  expect(isAlive({ pid: process.pid, since: "another time" })).toBe(false);
});

test("a process that has ended is not alive", async () => {
  const child = spawn(process.execPath, ["-e", ""]);
  const known = { pid: child.pid ?? 0, since: startedAt(child.pid ?? 0) ?? "" };
  await new Promise((done) => child.once("close", done));
  expect(isAlive(known)).toBe(false);
});

test("the error for a taken port names its owner and our variable", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((done) => server.once("listening", done));
  const address = server.address();
  const taken = typeof address === "object" ? (address?.port ?? 0) : 0;
  const wanted = wantPort("RECEIVER_PORT", taken, "the receiver");
  await expect(wanted).rejects.toThrow(
    new RegExp(`^Port ${taken}, for the receiver, is taken by .*pid ${process.pid}`),
  );
  await new Promise((done) => server.close(done));
  await expect(wantPort("RECEIVER_PORT", taken, "the receiver")).resolves.toBeUndefined();
});

test("one process at a time holds the lock; a dead process's lock is broken once", async () => {
  const name = `test-${crypto.randomUUID()}`;
  makePaths();
  writeFileSync(join(local, `${name}.lock`), JSON.stringify({ pid: process.pid, since: "long ago" }));
  let inside = 0;
  const work = async (): Promise<number> => {
    inside += 1;
    await sleep(20);
    return inside--;
  };
  const seen = await Promise.all(Array.from({ length: 5 }, () => withFileLock(name, work)));
  expect(seen).toEqual([1, 1, 1, 1, 1]);
});
