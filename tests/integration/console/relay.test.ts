import { afterAll, beforeAll, expect, test } from "vitest";
import { Redis } from "ioredis";
import { RelayTickets } from "@saasaparilla/shared/auth/relay-tickets.ts";
import type { Identity } from "@saasaparilla/shared/auth/identity.ts";
import { SealedSecrets } from "@saasaparilla/shared/auth/tokens/sealed-secrets.ts";
import { Keys } from "@saasaparilla/shared/redis/keys.ts";
import { BrowserSession, SEALED, signInToken } from "#tests/support/browser-session.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";

let stack: Stack;
let desk: Service;
let director: Service;
let dispatcher: Service;

beforeAll(async () => {
  stack = await startStack({ services: ["director", "dispatcher", "courier"], env: { ...SEALED, INBOX_EVENTS: "*" } });
  let courier: Service;
  [director, dispatcher, courier] = stack.services as [Service, Service, Service];
  desk = await stack.start("console", {
    DIRECTOR_URL: director.url,
    DISPATCHER_URL: dispatcher.url,
    COURIER_URL: courier.url,
    RECEIVER_URL: "http://127.0.0.1:1",
  });
});
afterAll(() => stack.close());

const signedIn = async (scope: string): Promise<BrowserSession> =>
  BrowserSession.begin(desk, await signInToken(stack, { publisher: scope, scope }));

async function answer(session: BrowserSession, method: string, path: string): Promise<[number, unknown]> {
  const response = await session.ask(method, path);
  const text = await response.text();
  return [response.status, text === "" ? undefined : (JSON.parse(text) as unknown)];
}

const GROUP = "/v1/tenants/acme/groups/team";

test("an operator with a cookie changes the members of a group at the dispatcher", async () => {
  const ada = await signedIn("operate");
  const [status] = await answer(ada, "PUT", `${GROUP}/members/u1`);
  expect([200, 201, 204]).toContain(status);
  expect(await answer(ada, "GET", `${GROUP}/members`)).toMatchObject([200, { members: ["u1"] }]);
  expect((await answer(ada, "DELETE", `${GROUP}/members/u1`))[0]).toBeLessThan(300);
  expect(await answer(ada, "GET", `${GROUP}/members`)).toMatchObject([200, { members: [] }]);
});

test("a reader changes nothing, and reads neither dead letters nor inboxes", async () => {
  const eve = await signedIn("read");
  expect((await answer(eve, "GET", `${GROUP}/members`))[0]).toBe(200);
  for (const [method, path] of [
    ["PUT", `${GROUP}/members/u2`],
    ["GET", "/v1/dead-letters"],
    ["GET", "/v1/tenants/acme/clients/u1/inbox"],
  ] as const)
    expect([path, await answer(eve, method, path)]).toMatchObject([
      path,
      [403, { detail: expect.stringMatching(/needs the scope operate/) as string }],
    ]);
});

test("dead letters, the quarantine and inboxes come from the services that have them", async () => {
  const ada = await signedIn("operate");
  expect(await answer(ada, "GET", "/v1/dead-letters?limit=10")).toEqual([200, { deadLetters: [] }]);
  expect(await answer(ada, "GET", "/v1/tenants/acme/quarantine")).toEqual([200, { items: [] }]);
  expect(await answer(ada, "GET", "/v1/tenants/acme/clients/u1/inbox")).toMatchObject([200, { items: [] }]);
  expect((await answer(ada, "GET", "/v1/dead-letters?limit=9999"))[0]).toBe(400);
});

test("the audit log shows the caller of a relayed request at both services, and is read at the console", async () => {
  const ada = await signedIn("operate");
  await answer(ada, "PUT", `${GROUP}/members/audited`);
  const seen = async (): Promise<unknown> => {
    const [, body] = await answer(ada, "GET", "/v1/audit?tenant=acme&subject=operate");
    return (body as { items: { service: string; path: string }[] }).items.map(
      ({ service, path }) => `${service} ${path}`,
    );
  };
  await expect
    .poll(seen, { timeout: 20_000, interval: 500 })
    .toEqual(
      expect.arrayContaining([`console ${GROUP}/members/audited`, "dispatcher /v1/groups/team/members/audited"]),
    );
});

test("a ticket works once, at one service, and only if SECRETS_KEY sealed it", async () => {
  const redis = new Redis(stack.env.REDIS_URL!);
  try {
    const keys = new Keys(stack.namespace);
    const ours = new SealedSecrets([Buffer.from(SEALED.SECRETS_KEY, "base64")]);
    const other = new SealedSecrets([Buffer.alloc(32, 1)]);
    const now = Math.floor(Date.now() / 1_000);
    const identity: Identity = {
      tenant: "acme",
      subject: "ada",
      scopes: new Set(["operate"]),
      expires: now + 60,
      issued: now,
      source: { kind: "console", platform: true },
    };
    const issue = (secrets: SealedSecrets, service: string, as = identity): Promise<string> =>
      new RelayTickets(redis, keys, secrets).issue({ identity: as, address: "192.0.2.1" }, service);
    const ask = async (ticket: string): Promise<number> => {
      const headers = { authorization: `Bearer ${ticket}` };
      return (await fetch(`${director.url}/v1/dead-letters`, { headers })).status;
    };
    const good = await issue(ours, "director");
    expect([await ask(good), await ask(good)]).toEqual([200, 403]);
    expect(await ask(await issue(ours, "dispatcher"))).toBe(403);
    // An operator must mend it, so it is no refusal.
    expect(await ask(await issue(other, "director"))).toBe(503);
    expect(await ask(`ssr_${"a".repeat(43)}`)).toBe(403);
    expect(await ask(await issue(ours, "director", { ...identity, expires: now - 60 }))).toBe(403);
    const tenants = { ...identity, source: { kind: "console", platform: false } } as const;
    expect(await ask(await issue(ours, "director", tenants))).toBe(403);
  } finally {
    redis.disconnect();
  }
});
