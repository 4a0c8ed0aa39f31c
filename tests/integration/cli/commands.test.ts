import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { exportJWK, generateKeyPair } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startStack, type Stack } from "#tests/support/stack.ts";
import { AUDIENCE, ISSUER } from "#tests/support/tokens.ts";

const main = resolve(import.meta.dirname, "../../../cli/main.ts");
let stack: Stack;
let folder: string;
let env: Record<string, string>;
/** This file runs for 10 s beside the other tests. */
let unanswered: ReturnType<typeof cli>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "cli-"));
  const { privateKey, publicKey } = await generateKeyPair("EdDSA", { extractable: true });
  const about = { kid: "cli", alg: "EdDSA", use: "sig" };
  const jwks = join(folder, "jwks.json");
  const key = join(folder, "private.json");
  await writeFile(jwks, JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), ...about }] }));
  await writeFile(key, JSON.stringify({ ...(await exportJWK(privateKey)), ...about }));
  stack = await startStack({
    services: ["console", "receiver", "director", "dispatcher", "courier"],
    env: { AUTH_JWKS: jwks, INBOX_EVENTS: "*" },
  });
  const [console, , director, dispatcher, courier] = stack.services;
  const { NAMESPACE, KAFKA_BROKERS, DATABASE_URL } = stack.env;
  env = {
    NAMESPACE: NAMESPACE!,
    KAFKA_BROKERS: KAFKA_BROKERS!,
    DATABASE_URL: DATABASE_URL!,
    CONSOLE_URL: console!.url,
    COURIER_URL: courier!.url,
    DIRECTOR_URL: director!.url,
    DISPATCHER_URL: dispatcher!.url,
    SIGNING_KEY_FILE: key,
    AUTH_ISSUER: ISSUER,
    AUTH_AUDIENCE: AUDIENCE,
  };
  unanswered = cli("audit --kafka-brokers 127.0.0.1:9");
});

afterAll(async () => {
  await stack.close();
  await rm(folder, { recursive: true });
});

async function cli(line: string, stdin = ""): Promise<{ code: number; out: string; err: string }> {
  const child = spawn(process.execPath, [main, ...line.split(" ")], { env: { PATH: process.env.PATH, ...env } });
  const ended = new Promise<number>((done) => child.once("close", (code) => done(code ?? -1)));
  child.stdin.end(stdin);
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await ended, out, err };
}

async function done(line: string, stdin = ""): Promise<string> {
  const { code, out, err } = await cli(line, stdin);
  expect({ line, code, err }).toEqual({ line, code: 0, err: "" });
  return out;
}

const json = async (line: string) => JSON.parse(await done(line));

const written = async (line: string, stdin: string) => JSON.parse(await done(line, stdin));

test("commands alone create, use, limit, explain and audit a tenant", async () => {
  expect(await json("tenant add shop --trust scopes")).toMatchObject({ trust: "scopes" });
  expect(await cli("tenant add shop")).toMatchObject({ code: 1, err: expect.stringContaining("exists already") });
  expect((await json("tenant list")).map(({ tenant }: { tenant: string }) => tenant)).toContain("shop");

  const { id, key } = await json("tenant key shop --name checkout --scopes publish --clients u* --ttl 1h");
  const [, receiver] = stack.services;
  const publish = async (): Promise<number> => {
    const response = await fetch(`${receiver!.url}/v1/notifications`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify({ to: { client: "u1" }, data: 1 }),
    });
    await response.body?.cancel();
    return response.status;
  };
  // The receiver reads policies at an interval.
  await expect.poll(publish).toBe(202);

  const limited = await json("tenant limits shop publishRate=5,weight=2");
  expect(limited.limits).toEqual({ publishRate: 5, weight: 2 });
  await json("tenant origins shop https://shop.example");
  const inbox = { events: ["order.paid", "alert.*"], items: 200 };
  expect(await json("tenant inbox shop order.paid,alert.* --items 200")).toMatchObject({ inbox });
  await json("tenant grant shop apps --role subscriber --subjects u*");
  const shown = await json("tenant show shop");
  expect(shown).toMatchObject({
    limits: { publishRate: 5, weight: 2 },
    origins: ["https://shop.example"],
    inbox,
    keys: [{ id, name: "checkout", clients: ["u*"] }],
    grants: [{ id: "apps", role: "subscriber" }],
  });
  expect((await json("tenant limits shop none")).limits).toEqual({});
  expect((await json("tenant inbox shop none")).inbox).toEqual({ events: [] });
  expect(await json("tenant inbox shop default")).not.toHaveProperty("inbox");
  await expect
    .poll(async () =>
      (await json("tenant usage --by rate --limit 5")).items.map((item: { tenant: string }) => item.tenant),
    )
    .toContain("shop");

  const token = await done("token --client u1 --tenant shop --ttl 5m");
  const question = "explain-access --tenant shop --scope subscribe --client u1 --token-file -";
  expect(await done(question, token)).toContain('"u1" may do this in shop.');
  await json("tenant suspend shop");
  expect(await cli(question, token)).toMatchObject({
    code: 2,
    out: expect.stringContaining("may not do this in shop"),
  });
  expect(await cli("explain-access --tenant shop --scope publish --subject s --json")).toMatchObject({ code: 2 });
  await json("tenant resume shop");
  await json(`tenant rotate shop ${id} --overlap 0s`);
  await done(`tenant remove shop key ${id}`);
  await json("tenant revoke shop u1");

  // Actions of platform operators belong to the operators' tenant.
  await expect.poll(() => done("audit --tenant platform --limit 200")).toMatch(/revocation u1/);
  await expect.poll(() => done("audit --tenant shop --json")).not.toBe("");
  const entries = (await done("audit --tenant shop --json")).trim().split("\n");
  expect(entries.map((line) => JSON.parse(line).tenant)).toEqual(entries.map(() => "shop"));
});

test("commands alone list and delete the inbox of a client", async () => {
  await json("tenant add post --trust scopes");
  const { key } = await json("tenant key post --name news --scopes publish --clients u* --ttl 1h");
  const [, receiver] = stack.services;
  const publish = async (): Promise<number> => {
    const response = await fetch(`${receiver!.url}/v1/notifications`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify({ to: { client: "u1" }, event: "order.paid", data: { n: 1 } }),
    });
    await response.body?.cancel();
    return response.status;
  };
  await expect.poll(publish).toBe(202);
  await expect.poll(() => done("inbox list u1 --tenant post")).toContain("1 unread, 1 not seen");
  expect(await json("inbox list u1 --tenant post --json")).toMatchObject({
    items: [{ event: "order.paid", mark: null, data: { n: 1 } }],
    more: false,
  });
  expect(await done("inbox list u2 --tenant post")).toContain("0 unread");
  expect(await done("inbox delete u1 --tenant post")).toContain("deleted from the inbox of u1: 1.");
  expect(await done("inbox list u1 --tenant post")).toBe("0 unread, 0 not seen\n");
  await json("tenant inbox post none");
  await expect
    .poll(() => cli("inbox list u1 --tenant post"))
    .toMatchObject({
      code: 1,
      err: expect.stringContaining("The courier answered 404"),
    });
});

test("commands alone manage groups, publications, queues and the quarantine", async () => {
  await json("tenant add crew --trust scopes");
  const forbidden = await cli("group add u1 --tenant crew --group team");
  expect(forbidden).toMatchObject({ code: 1, err: expect.stringContaining("answered 403") });
  expect(forbidden.err).toContain("explain-access");
  await json("tenant grant crew pubs --role publisher --subjects * --clients * --targets *");
  await json("tenant grant crew readers --role consumer --subjects * --targets queue/*");
  await written("queue put jobs --tenant crew --file -", '{"maxAttempts":1}');
  // The dispatcher reads policies at an interval.
  await expect.poll(async () => (await cli("group add u1 u2 u3 --tenant crew --group team")).code).toBe(0);
  await expect.poll(async () => (await cli("queue read jobs --tenant crew")).code).toBe(0);
  const group = "--tenant crew --group team";
  await json(`group remove u2 ${group}`);
  expect(await json(`group show ${group}`)).toEqual({ group: "team", members: 2 });
  expect(await json(`group list ${group}`)).toEqual({ members: ["u1", "u3"] });
  expect(await json(`group list ${group} --limit 1`)).toEqual({ members: ["u1"], next: "u1" });
  expect(await json(`group list ${group} --after u1`)).toEqual({ members: ["u3"] });

  const token = await done("token --publisher --tenant crew");
  const publish = async (body: object): Promise<string> => {
    const response = await fetch(`${stack.services[1]!.url}/v1/notifications`, {
      method: "POST",
      headers: { authorization: `Bearer ${token.trim()}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const answer = (await response.json()) as { items: { id: string }[] };
    expect([response.status, answer]).toEqual([202, expect.anything()]);
    return answer.items[0]!.id;
  };
  const later = await publish({ to: { group: "team" }, delay: 3_600, data: 1 });
  await expect
    .poll(async () => (await cli(`publication show ${later} --tenant crew`)).code, { timeout: 20_000 })
    .toBe(0);
  expect(await json(`publication cancel ${later} --tenant crew`)).toMatchObject({ state: "cancelled", written: 0 });
  expect(await cli("publication show x --tenant crew")).toMatchObject({ code: 2 });

  const [first, second] = [
    await publish({ to: { queue: "jobs" }, data: 1 }),
    await publish({ to: { queue: "jobs" }, data: 2 }),
  ];
  const read = async () => (await json("queue read jobs --tenant crew --wait 5")).messages;
  await expect.poll(async () => (await read()).length, { timeout: 20_000 }).toBe(2);
  const [one] = (await json("queue claim jobs --tenant crew --limit 1 --seconds 600")).messages;
  expect(one).toMatchObject({ id: first, attempts: 1, data: 1 });
  expect(await json(`queue confirm jobs ${one.receipt} --tenant crew`)).toEqual({ confirmed: 1, unknown: [] });
  const [two] = (await json("queue claim jobs --tenant crew --seconds 600")).messages;
  expect(await json(`queue release jobs ${two.receipt} --tenant crew`)).toEqual({ released: 1, unknown: [] });
  // Its one attempt is over.
  expect((await json("queue claim jobs --tenant crew")).messages).toEqual([]);
  expect(await done("quarantine --tenant crew")).toMatch(new RegExp(`${second} .* queue/jobs .* attempts`));
  expect((await json("quarantine list --tenant crew --json")).items).toMatchObject([{ id: second, data: 2 }]);
  const redrive = `quarantine redrive ${second} --tenant crew --source queue/jobs`;
  expect(await done(redrive)).toBe(`${second} was sent to queue/jobs again.\n`);
  expect(await cli(redrive)).toMatchObject({ code: 1, err: expect.stringContaining("404") });
  expect(await done("quarantine list --tenant crew")).toBe("The quarantine of crew is empty.\n");
});

test("commands alone give rights for targets, and write and explain documents", async () => {
  await json("tenant add desk --trust scopes");
  const question = "explain-access --tenant desk --scope consume --subject feed --target queue/changes";
  expect(await cli(question)).toMatchObject({ code: 2, out: expect.stringContaining("none of its target patterns") });
  await json("tenant grant desk feed --role consumer --subjects feed --targets queue/changes");
  expect(await done(question)).toContain("may do this");
  const key = await json("tenant key desk --name mail --scopes publish --targets group/*,queue/orders");
  expect(key.targets).toEqual(["group/*", "queue/orders"]);

  const to = { queue: "orders" };
  const exchange = JSON.stringify({ type: "direct", bindings: [{ key: "de", to }] });
  await written("exchange put orders --tenant desk --file -", exchange);
  const shown = await done("exchange show orders --tenant desk");
  // A document is written as it is shown.
  await written("exchange put orders --tenant desk --file -", shown);
  expect(await json("exchange explain orders --tenant desk --key de")).toMatchObject({ recipients: [to] });
  expect(await json("exchange list --tenant desk")).toMatchObject([{ id: "orders" }]);
  await written("queue put orders --tenant desk --file -", '{"maxAttempts":3}');
  const schedule = JSON.stringify({ cron: "0 9 * * *", zone: "Europe/Berlin", to, data: null });
  await written("schedule put daily --tenant desk --file -", schedule);
  expect((await json("schedule explain daily --tenant desk")).times).toHaveLength(5);
  for (const one of ["exchange remove orders", "queue remove orders", "schedule remove daily"])
    await done(`${one} --tenant desk`);
  expect(await json("schedule list --tenant desk")).toEqual([]);
  expect(await cli("queue put orders --tenant desk --file -", "[]")).toMatchObject({
    code: 1,
    err: expect.stringContaining("has no JSON object"),
  });
});

test("the commands show dead letters and epochs, as text and as JSON", async () => {
  expect(await done("dead-letters")).toBe("There are no dead letters.\n");
  expect(await json("dead-letters list --json")).toEqual({ deadLetters: [] });
  expect(await cli("dead-letters show 0-999999")).toMatchObject({ code: 1, err: expect.stringContaining("404") });
  expect(await done("epoch")).toMatch(/^EPOCH {2}PARTITIONS {2}BEGAN/);
  const { partitions, epochs } = await json("epoch --json");
  expect(epochs[0].partitions).toBe(partitions);
});

test("the commands refuse a token without operator rights, and the error says what to pass", async () => {
  await writeFile(join(folder, "client.txt"), await done("token --client u1 --tenant acme"));
  const refused = await cli(`tenant list --operator-token-file ${join(folder, "client.txt")}`);
  expect(refused).toMatchObject({ code: 1, err: expect.stringContaining("answered 403") });
  expect(refused.err).toContain("Pass an operator's token that may do this");
});

test("a command fails within bounded time when Kafka does not answer", async () => {
  const { code, err } = await unanswered;
  expect({ code, err }).toEqual({ code: 1, err: expect.stringContaining("Kafka at 127.0.0.1:9 did not answer") });
});
