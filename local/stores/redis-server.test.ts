import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { serverFor, writerOf } from "./redis-server.ts";

let folder: string;
const { PATH } = process.env;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "redis-server-"));
  mkdirSync(join(folder, "bin"));
  process.env.PATH = join(folder, "bin");
});

afterEach(() => {
  process.env.PATH = PATH;
  rmSync(folder, { recursive: true });
});

/** Puts a server that reports its version on the path. */
function install(kind: "redis" | "valkey", version: string): void {
  const name = kind === "redis" ? "Redis" : "Valkey";
  writeFileSync(
    join(folder, `bin/${kind}-server`),
    `#!/bin/sh\necho "${name} server v=${version} sha=00000000:0 malloc=libc bits=64 build=0"\n`,
    { mode: 0o755 },
  );
}

/** A folder with a snapshot of this writer. */
function written(magic: string, kind: "redis" | "valkey", version: string): string {
  const data = join(folder, "data");
  mkdirSync(join(data, "appendonlydir"), { recursive: true });
  const text = (value: string): string => String.fromCharCode(value.length) + value;
  const head = `${magic}\xfa${text(`${kind}-ver`)}${text(version)}\xfa${text("redis-bits")}\xc0\x40`;
  writeFileSync(join(data, "appendonlydir/appendonly.aof.1.base.rdb"), Buffer.from(head, "latin1"));
  return data;
}

test("the snapshot names its writer", () => {
  expect(writerOf(join(folder, "none"))).toBeUndefined();
  expect(writerOf(written("REDIS0010", "redis", "7.0.15"))).toEqual({ kind: "redis", version: "7.0.15" });
  expect(writerOf(written("REDIS0011", "valkey", "8.0.2"))).toEqual({ kind: "valkey", version: "8.0.2" });
  expect(writerOf(written("VALKEY080", "valkey", "9.1.2"))).toEqual({ kind: "valkey", version: "9.1.2" });
});

test("an empty folder uses the first installed server", async () => {
  install("valkey", "8.1.0");
  expect(await serverFor(join(folder, "none"))).toBe("valkey-server");
  install("redis", "7.0.15");
  expect(await serverFor(join(folder, "none"))).toBe("redis-server");
});

test("data stays with its server after another server is installed", async () => {
  install("redis", "7.0.15");
  install("valkey", "9.2.0");
  expect(await serverFor(written("VALKEY080", "valkey", "9.1.2"))).toBe("valkey-server");
  expect(await serverFor(written("REDIS0010", "redis", "7.0.9"))).toBe("redis-server");
});

test.for([
  ["is not installed", "9.9.0", undefined, "Redis 7.4.1, and valkey-server 9.9.0 cannot read it. Install Redis 7.4.1"],
  [
    "is older",
    undefined,
    "7.0.15",
    "Redis 7.4.1, and redis-server 7.0.15 cannot read it. Install Redis 7.4.1 or later",
  ],
  ["is gone, without another", undefined, undefined, "Redis 7.4.1, and it is not installed. Install Redis 7.4.1"],
] as const)(
  "if that server %s, the error says what to install, and the data stays",
  async ([, valkey, redis, said]) => {
    if (valkey) install("valkey", valkey);
    if (redis) install("redis", redis);
    const data = written("REDIS0012", "redis", "7.4.1");
    const file = join(data, "appendonlydir/appendonly.aof.1.base.rdb");
    const before = readFileSync(file);
    await expect(serverFor(data)).rejects.toThrow(said);
    expect(readFileSync(file)).toEqual(before);
  },
);
