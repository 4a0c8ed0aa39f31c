import { execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { writerOf } from "#local/stores/redis-server.ts";
import { ownStores } from "#tests/faults/stores.ts";

test("a stack keeps the server that wrote its data, even when the other one is installed", async () => {
  const folder = await mkdtemp(join(tmpdir(), "redis-data-"));
  const { PATH } = process.env;
  onTestFinished(async () => {
    process.env.PATH = PATH;
    await rm(folder, { recursive: true });
  });
  const { redis } = await ownStores(folder);
  onTestFinished(() => redis.kill());
  const ask = async <T>(question: (client: Redis) => Promise<T>): Promise<T> => {
    const client = new Redis(redis.url);
    const answer = await question(client);
    client.disconnect();
    return answer;
  };
  await redis.start();
  await ask((client) => client.set("kept", "yes"));
  const info = await ask((client) => client.info("server"));
  const [, version] = /^valkey_version:([\d.]+)/m.exec(info) ?? /^redis_version:([\d.]+)/m.exec(info)!;
  const wrote = writerOf(join(folder, "redis"))!;
  expect(wrote.version).toBe(version);
  await redis.stop();
  // A server that would refuse the data is first on the path from now on.
  const [other, name] = wrote.kind === "valkey" ? ["redis-server", "Redis"] : ["valkey-server", "Valkey"];
  const script = `#!/bin/sh\n[ "$1" = --version ] && echo "${name} server v=7.0.15 sha=0" || exit 1\n`;
  await writeFile(join(folder, other), script, { mode: 0o755 });
  process.env.PATH = `${folder}:${PATH}`;
  expect(execFileSync(other, ["--version"], { encoding: "utf8" })).toContain(name);
  await redis.start();
  expect(await ask((client) => client.get("kept"))).toBe("yes");
});
