import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportJWK, generateKeyPair } from "jose";
import { beforeAll, expect, test } from "vitest";
import { classify } from "./errors.ts";
import { KeySet } from "./key-set.ts";
import { KeysAddresses } from "./keys-address.ts";

let keys: Record<"a" | "b", object>;

beforeAll(async () => {
  const made = async (kid: string) => ({ ...(await exportJWK((await generateKeyPair("ES256")).publicKey)), kid });
  keys = { a: await made("a"), b: await made("b") };
});

/** An identity provider, and a clock that goes as it is told. */
async function served(
  answer: RequestListener,
  use: (set: KeySet, clock: { ms: number }, told: unknown[]) => Promise<void>,
) {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const clock = { ms: 0 };
  const told: unknown[] = [];
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`);
  try {
    const addresses = new KeysAddresses(["127.0.0.1"]);
    const fetch = (asked: URL): Promise<string> => addresses.fetch(asked);
    const parts = { clock: () => clock.ms, fetch, failed: (error: unknown) => void told.push(error) };
    await use(new KeySet(url, parts), clock, told);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

const found = (set: KeySet, kid: string): Promise<unknown> =>
  set.find({ alg: "ES256", kid }).then(
    () => "found",
    (error: unknown) => (classify(error) === "retry" ? (error as Error).name : error),
  );

test("an identity provider that is away locks nobody out whose key is known, and is asked at a bounded rate", async () => {
  let asked = 0;
  let away = true;
  const answer: RequestListener = (_, response) => {
    asked += 1;
    response.writeHead(away ? 503 : 200).end(away ? "" : JSON.stringify({ keys: [keys.a] }));
  };
  await served(answer, async (set, clock, told) => {
    for (let count = 0; count < 50; count += 1) expect(await found(set, "a")).toBe("Failure");
    expect(asked).toBe(1);
    away = false;
    clock.ms += 1_000;
    expect(await found(set, "a")).toBe("found");
    expect([set.has("a"), set.has("b"), set.has(undefined)]).toEqual([true, false, true]);
    away = true;
    clock.ms += 601_000;
    expect(set.freshen()).toBeUndefined();
    expect(await found(set, "a")).toBe("found");
    await expect.poll(() => told).toMatchObject([{ message: expect.stringContaining("answered 503") as string }]);
    expect(asked).toBe(3);
    // What is for a key that nobody knows fails with the provider's reason, and soon with none.
    clock.ms += 30_000;
    expect(await found(set, "b")).toBe("Failure");
    for (let count = 0; count < 50; count += 1) expect(await found(set, "b")).toBe("JWKSNoMatchingKey");
    expect(asked).toBe(4);
    expect(set.has("a")).toBe(true);
  });
});

test("an answer that is too large, no set of keys, or sends us elsewhere, changes nothing", async () => {
  const answers: RequestListener[] = [
    (_, response) => response.end(JSON.stringify({ keys: [keys.a] })),
    (_, response) => response.end(`{"keys":[${" ".repeat(300_000)}]}`),
    (_, response) => response.end('{"keys": 5}'),
    (_, response) => response.end("<html>"),
    (_, response) => response.writeHead(302, { location: "http://127.0.0.1:1/" }).end(),
    (_, response) => response.end(JSON.stringify({ keys: [keys.b] })),
  ];
  let turn = 0;
  await served(
    (request, response) => answers[turn]!(request, response),
    async (set) => {
      await set.reload();
      for (turn = 1; turn < answers.length - 1; turn += 1) {
        await expect(set.reload()).rejects.toMatchObject({ kind: "retry" });
        expect([set.version, set.has("a")]).toEqual([1, true]);
      }
      await set.reload();
      expect([set.version, set.has("a"), set.has("b")]).toEqual([2, false, true]);
    },
  );
});

test("a file is read again: a key that was put in is found, one that was taken out is not", async () => {
  const folder = await mkdtemp(join(tmpdir(), "keys-"));
  try {
    const file = join(folder, "jwks.json");
    const write = (key: object) => writeFile(file, JSON.stringify({ keys: [key] }));
    await write(keys.a);
    let clock = 0;
    const set = new KeySet({ file }, { clock: () => clock });
    expect(await found(set, "a")).toBe("found");
    await write(keys.b);
    clock = 30_001;
    expect(set.freshen()).toBeUndefined();
    await expect.poll(() => set.has("a")).toBe(false);
    expect(await found(set, "b")).toBe("found");
  } finally {
    await rm(folder, { recursive: true });
  }
});
