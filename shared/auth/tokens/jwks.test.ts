import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportJWK, generateKeyPair, type JWK } from "jose";
import { beforeAll, expect, test } from "vitest";
import { classify } from "#runtime/errors.ts";
import { usableKey } from "./jwk.ts";
import { Jwks, type SkippedKey } from "./jwks.ts";
import { JwksAddresses } from "./jwks-address.ts";

let keys: Record<"a" | "b", JWK>;
/** The fingerprints of the keys. */
let names: Record<"a" | "b", string>;

beforeAll(async () => {
  const made = async (kid: string) => ({ ...(await exportJWK((await generateKeyPair("ES256")).publicKey)), kid });
  keys = { a: await made("a"), b: await made("b") };
  names = { a: usableKey(keys.a), b: usableKey(keys.b) };
});

/** An identity provider, and a controlled clock. */
async function served(
  answer: RequestListener,
  use: (jwks: Jwks, clock: { ms: number }, told: unknown[]) => Promise<void>,
) {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const clock = { ms: 0 };
  const told: unknown[] = [];
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`);
  try {
    const jwksAddresses = new JwksAddresses(["127.0.0.1"]);
    const fetch = (asked: URL): Promise<string> => jwksAddresses.fetch(asked);
    const parts = { clock: () => clock.ms, fetch, failed: (error: unknown) => void told.push(error) };
    await use(new Jwks(url, parts), clock, told);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

const found = (jwks: Jwks, kid: string): Promise<unknown> =>
  jwks.find({ alg: "ES256", kid }).then(
    () => "found",
    (error: unknown) => (classify(error) === "retry" ? (error as Error).name : error),
  );

test("an absent identity provider blocks no known key, and gets requests at a bounded rate", async () => {
  let asked = 0;
  let away = true;
  const answer: RequestListener = (_, response) => {
    asked += 1;
    response.writeHead(away ? 503 : 200).end(away ? "" : JSON.stringify({ keys: [keys.a] }));
  };
  await served(answer, async (jwks, clock, told) => {
    for (let count = 0; count < 50; count += 1) expect(await found(jwks, "a")).toBe("Failure");
    expect(asked).toBe(1);
    away = false;
    clock.ms += 1_000;
    expect(await found(jwks, "a")).toBe("found");
    expect([jwks.has(names.a), jwks.has(names.b), jwks.has(undefined)]).toEqual([true, false, true]);
    away = true;
    clock.ms += 601_000;
    expect(jwks.freshen()).toBeUndefined();
    expect(await found(jwks, "a")).toBe("found");
    await expect.poll(() => told).toMatchObject([{ message: expect.stringContaining("answered 503") as string }]);
    expect(asked).toBe(3);
    // A check with an unknown key fails with the provider's reason, and soon without one.
    clock.ms += 30_000;
    expect(await found(jwks, "b")).toBe("Failure");
    for (let count = 0; count < 50; count += 1) expect(await found(jwks, "b")).toBe("Failure");
    expect(asked).toBe(4);
    expect(jwks.has(names.a)).toBe(true);
  });
});

test("a too large or invalid key set, or a redirect, changes nothing", async () => {
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
    async (jwks) => {
      await jwks.reload();
      for (turn = 1; turn < answers.length - 1; turn += 1) {
        await expect(jwks.reload()).rejects.toMatchObject({ kind: "retry" });
        expect([jwks.version, jwks.has(names.a)]).toEqual([1, true]);
      }
      await jwks.reload();
      expect([jwks.version, jwks.has(names.a), jwks.has(names.b)]).toEqual([2, false, true]);
    },
  );
});

test("a file is read again: added keys count, removed ones do not", async () => {
  const folder = await mkdtemp(join(tmpdir(), "keys-"));
  try {
    const file = join(folder, "jwks.json");
    const write = (key: object) => writeFile(file, JSON.stringify({ keys: [key] }));
    await write(keys.a);
    let clock = 0;
    const jwks = new Jwks({ file }, { clock: () => clock });
    expect(await found(jwks, "a")).toBe("found");
    await write(keys.b);
    clock = 30_001;
    expect(jwks.freshen()).toBeUndefined();
    await expect.poll(() => jwks.has(names.a)).toBe(false);
    expect(await found(jwks, "b")).toBe("found");
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("a key new to the set is awaited until the next read; a removed one is not", async () => {
  let present = [keys.a];
  await served(
    (_, response) => response.end(JSON.stringify({ keys: present })),
    async (jwks, clock) => {
      expect(await found(jwks, "a")).toBe("found");
      present = [keys.b];
      clock.ms = 29_000;
      expect(await found(jwks, "b")).toBe("Failure");
      await expect(jwks.find({ alg: "ES256", kid: "b" })).rejects.toMatchObject({ kind: "retry", retryAfter: 1 });
      clock.ms = 30_000;
      expect(await found(jwks, "b")).toBe("found");
      expect(await found(jwks, "a")).toBe("JWKSNoMatchingKey");
      expect(await found(jwks, "c")).toBe("Failure");
      // A missing id, or one that is not text, names no key that could arrive.
      for (const kid of [undefined, 7 as unknown as string])
        expect(
          await jwks
            .find({ alg: "RS256", ...(kid !== undefined && { kid }) })
            .catch((error: unknown) => (error as Error).name),
        ).toBe("JWKSNoMatchingKey");
    },
  );
});

test("another key under the same kid is another key, and a key without a kid is known, too", async () => {
  const pair = await generateKeyPair("ES256");
  const { kid: _kid, ...nameless } = { ...(await exportJWK(pair.publicKey)), kid: "" };
  const jwks = new Jwks({ keys: [{ ...keys.b, kid: "a" }, nameless] });
  expect([jwks.has(names.a), jwks.has(names.b), jwks.has(usableKey(nameless))]).toEqual([false, true, true]);
});

test("a key that cannot check signatures is skipped and reported, and the others of its set are used", async () => {
  const rsa = (bits: number): JWK =>
    generateKeyPairSync("rsa", { modulusLength: bits }).publicKey.export({ format: "jwk" });
  const broken: [string, JWK][] = [
    ["weak", rsa(1_024)],
    ["weak", { ...rsa(2_048), e: "AQ" }],
    ["weak", { kty: "OKP", crv: "Ed25519", x: Buffer.alloc(32).toString("base64url") }],
    [
      "weak",
      {
        kty: "OKP",
        crv: "Ed25519",
        x: Buffer.from(`c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa`, "hex").toString("base64url"),
      },
    ],
    ["purpose", { ...rsa(2_048), use: "enc", alg: "RSA-OAEP" }],
    ["purpose", { ...keys.b, key_ops: ["sign"] }],
    ["unknown", { kty: "EC", crv: "secp256k1", x: keys.a.x!, y: keys.a.y! }],
    ["unknown", { ...rsa(2_048), alg: "RS512" }],
    ["unknown", {}],
    ["private", { kty: "oct", k: "A".repeat(43) }],
    ["private", { ...keys.b, d: keys.b.x! }],
    ["malformed", { ...keys.b, x: keys.b.y! }],
    ["malformed", null as unknown as JWK],
  ];
  const skipped: SkippedKey[] = [];
  const source = { keys: [...broken.map(([, key]) => key), keys.a] };
  const jwks = new Jwks(source, { skipped: (key) => skipped.push(key) });
  expect(skipped.map(({ defect }) => defect)).toEqual(broken.map(([defect]) => defect));
  expect(await found(jwks, "a")).toBe("found");
  // No report has key material.
  for (const { d, k, n } of broken.flatMap(([, key]) => key ?? []))
    for (const secret of [d, k, n]) if (secret) expect(JSON.stringify(skipped)).not.toContain(secret);
});
