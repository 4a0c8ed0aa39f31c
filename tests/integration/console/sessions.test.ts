import { createHash, randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Redis } from "ioredis";
import { auditEntries } from "#tests/support/audit-entries.ts";
import { beginSession, BrowserSession, SEALED, signInToken } from "#tests/support/browser-session.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";

let stack: Stack;
let desk: Service;

beforeAll(async () => {
  stack = await startStack({ services: ["console"], env: SEALED });
  [desk] = stack.services as [Service];
});
afterAll(() => stack.close());

const signedIn = async (bearer: Parameters<typeof signInToken>[1] = {}): Promise<BrowserSession> =>
  BrowserSession.begin(desk, await signInToken(stack, bearer));

interface Problem {
  detail: string;
}

const detailOf = async (response: Response): Promise<string> => ((await response.json()) as Problem).detail;

test("a sign-in token begins one session", async () => {
  const token = await signInToken(stack);
  const first = await beginSession(desk, token);
  expect(first.status).toBe(201);
  expect(await first.json()).toMatchObject({ subject: "ada", platform: true, scopes: ["operate", "read"] });
  const second = await beginSession(desk, token);
  expect([second.status, await detailOf(second)]).toEqual([403, "This sign-in token was used before."]);
});

test("a token that is valid for longer begins no session", async () => {
  const response = await beginSession(desk, await signInToken(stack, { ttl: 700 }));
  expect(response.status).toBe(403);
  expect(await detailOf(response)).toMatch(/valid for at most 600 s/);
});

test("the cookie is out of reach of scripts and other sites", async () => {
  const local = await beginSession(desk, await signInToken(stack));
  const [cookie = ""] = local.headers.getSetCookie();
  expect(cookie).toMatch(/^console-session=[\w-]{43}; HttpOnly; SameSite=Strict; Path=\/; Max-Age=86400$/);
  expect(local.headers.get("cache-control")).toBe("no-store");
});

test("the cookie of a public address is Secure and belongs to this host alone", async () => {
  const public_ = await stack.start("console", { CONSOLE_URL: "https://console.example.com" });
  const response = await beginSession(public_, await signInToken(stack));
  const [cookie = ""] = response.headers.getSetCookie();
  expect(cookie).toMatch(
    /^__Host-console-session=[\w-]{43}; HttpOnly; SameSite=Strict; Path=\/; Max-Age=86400; Secure$/,
  );
  await public_.stop();
});

test("a change with a cookie needs the CSRF token and our own Origin", async () => {
  const ada = await signedIn();
  const put = (headers: Record<string, string>): Promise<Response> =>
    ada.ask("PUT", "/v1/tenants/acme/grants/g1", {
      body: { role: "publisher", subjects: ["a"], clients: ["*"] },
      headers,
    });
  expect(await detailOf(await put({ "x-csrf-token": "" }))).toMatch(/x-csrf-token/);
  expect(await detailOf(await put({ "x-csrf-token": "wrong" }))).toMatch(/x-csrf-token/);
  expect(await detailOf(await put({ origin: "" }))).toMatch(/Origin/);
  expect(await detailOf(await put({ origin: "https://evil.example" }))).toMatch(/Origin/);
  expect(await detailOf(await put({ origin: "http://127.0.0.1:1" }))).toMatch(/Origin/);
  expect(await detailOf(await put({ "sec-fetch-site": "same-site" }))).toMatch(/Sec-Fetch-Site/);
  expect((await put({})).status).toBe(200);
  expect((await put({ origin: "", "sec-fetch-site": "same-origin" })).status).toBe(200);
});

test("a bearer token needs no CSRF token", async () => {
  const authorization = `Bearer ${await stack.token({ publisher: "ada", scope: "operate" })}`;
  const response = await fetch(`${desk.url}/v1/tenants/acme/grants/g2`, {
    method: "PUT",
    headers: { authorization },
    body: JSON.stringify({ role: "publisher", subjects: ["a"], clients: ["*"] }),
  });
  expect(response.status).toBe(200);
});

test("a session ends at sign-out", async () => {
  const ada = await signedIn();
  expect((await ada.ask("GET", "/v1/session")).status).toBe(200);
  const out = await ada.ask("DELETE", "/v1/session");
  expect([out.status, out.headers.getSetCookie()[0]]).toEqual([
    204,
    expect.stringMatching(/^console-session=;.*Max-Age=0/),
  ]);
  const later = await ada.ask("GET", "/v1/tenants");
  expect([later.status, await detailOf(later)]).toEqual([403, "Your session has ended. Sign in again."]);
});

test("a session without the role gets 403 and an explanation, and the audit log has it", async () => {
  const eve = await signedIn({ publisher: "eve", scope: "read" });
  expect((await eve.ask("GET", "/v1/tenants")).status).toBe(200);
  const refused = await eve.ask("DELETE", "/v1/tenants/acme/grants/none");
  expect(refused.status).toBe(403);
  expect(await detailOf(refused)).toMatch(/signed in as eve.*scopes read.*needs the scope operate for the tenant acme/);
  await expect
    .poll(() => auditEntries(stack), { timeout: 15_000 })
    .toContainEqual(expect.objectContaining({ subject: "eve", allowed: false, method: "delete" }));
});

test("Redis has neither the cookie nor the caller, and a made-up session is refused", async () => {
  const ada = await signedIn({ publisher: "hidden-name" });
  const redis = new Redis(stack.env.REDIS_URL!);
  try {
    const keys = await redis.keys(`${stack.namespace}:w:session:*`);
    const texts = await Promise.all(keys.map((key) => redis.get(key)));
    const all = JSON.stringify([keys, texts]);
    expect(all).not.toContain(ada.cookie.split("=")[1]);
    expect(all).not.toContain("hidden-name");
    // A writer of Redis copies a session to a cookie of its own.
    const own = randomBytes(32).toString("base64url");
    const name = createHash("sha256").update(own).digest("hex");
    await redis.set(keys[0]!.replace(/\{\w+\}/, `{${name}}`), texts[0]!);
    const made = new BrowserSession(desk.url, `console-session=${own}`, "");
    expect((await made.ask("GET", "/v1/tenants")).status).toBe(403);
  } finally {
    redis.disconnect();
  }
});

test("without Redis a session gets 503, and a bearer token still works", async () => {
  const alone = await stack.start("console", { REDIS_URL: "redis://127.0.0.1:1" });
  const session = await fetch(`${alone.url}/v1/session`, { headers: { cookie: `console-session=${"a".repeat(43)}` } });
  expect([session.status, session.headers.has("retry-after")]).toEqual([503, true]);
  expect((await beginSession(alone, await signInToken(stack))).status).toBe(503);
  const authorization = `Bearer ${await stack.token({ publisher: "ada", scope: "operate" })}`;
  expect((await fetch(`${alone.url}/v1/tenants`, { headers: { authorization } })).status).toBe(200);
  await alone.stop();
});
