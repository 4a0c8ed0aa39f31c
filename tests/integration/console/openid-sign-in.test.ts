import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { auditEntries } from "#tests/support/audit-entries.ts";
import { BrowserSession, SEALED } from "#tests/support/browser-session.ts";
import { startOpenIdProvider, type OpenIdProvider } from "#tests/support/openid-provider.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";

let stack: Stack;
let desk: Service;
let provider: OpenIdProvider;
let settings: Record<string, string>;

beforeAll(async () => {
  stack = await startStack({ env: SEALED });
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  provider = await startOpenIdProvider({
    redirect: `${url}/v1/sign-in/callback`,
    roles: { ada: ["platform-operators"], sue: ["acme-support", "unknown"] },
  });
  settings = {
    CONSOLE_URL: url,
    CONSOLE_OIDC_ISSUER: provider.row.issuer,
    CONSOLE_OIDC_CLIENT_ID: provider.client.id,
    CONSOLE_OIDC_CLIENT_SECRET: provider.client.secret,
    CONSOLE_OIDC_SCOPE: "openid",
    CONSOLE_OIDC_ROLES: JSON.stringify({
      "platform-operators": { tenant: "*", scopes: ["operate"] },
      "acme-support": { tenant: "acme", scopes: ["read"] },
    }),
  };
  desk = await stack.start("console", { ...settings, PORT: String(port) });
});
afterAll(async () => {
  provider.close();
  await stack.close();
});

/** A free port. The provider must know the console's address before the console starts. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}

const get = (path: string | URL, cookie = "", accept = "text/html"): Promise<Response> =>
  fetch(new URL(path, desk.url), { redirect: "manual", headers: { accept, cookie } });

const cookieOf = (response: Response): string => response.headers.getSetCookie()[0]?.split(";")[0] ?? "";

async function signIn(name: string): Promise<{ back: URL; cookie: string; answer: Response }> {
  const begun = await get("/v1/sign-in");
  expect(begun.status).toBe(302);
  expect(begun.headers.getSetCookie()[0]).toMatch(/^console-sign-in=.*; HttpOnly; SameSite=Lax; Path=\/; Max-Age=600$/);
  const location = new URL(begun.headers.get("location")!);
  expect(Object.fromEntries(location.searchParams)).toMatchObject({ code_challenge_method: "S256", scope: "openid" });
  const cookie = cookieOf(begun);
  const back = await provider.signIn(location.href, name);
  return { back, cookie, answer: await get(back, cookie) };
}

async function sessionOf(name: string): Promise<BrowserSession> {
  const { answer } = await signIn(name);
  expect([answer.status, answer.headers.get("location")]).toEqual([302, "/"]);
  const cookie = cookieOf(answer);
  const { csrf } = (await (await get("/v1/session", cookie)).json()) as { csrf: string };
  return new BrowserSession(desk.url, cookie, csrf);
}

test("an operator of the platform signs in at the provider, and reaches every tenant", async () => {
  const ada = await sessionOf("ada");
  expect(await (await ada.ask("GET", "/v1/session")).json()).toMatchObject({ subject: "ada", platform: true });
  const body = { role: "publisher", subjects: ["a"], clients: ["*"] };
  expect((await ada.ask("PUT", "/v1/tenants/globex/grants/g", { body })).status).toBe(200);
});

test("a role of one tenant reaches that tenant only, with the scopes of the mapping", async () => {
  const sue = await sessionOf("sue");
  expect(await (await sue.ask("GET", "/v1/session")).json()).toMatchObject({
    platform: false,
    tenants: ["acme"],
    scopes: ["read"],
  });
  expect((await sue.ask("GET", "/v1/tenants/acme/grants")).status).toBe(200);
  expect((await sue.ask("GET", "/v1/tenants/globex/grants")).status).toBe(403);
  expect((await sue.ask("GET", "/v1/figures")).status).toBe(403);
  expect((await sue.ask("DELETE", "/v1/tenants/acme/grants/none")).status).toBe(403);
});

test("a person without a role gets 403 with an explanation, and the audit log has it", async () => {
  const { answer } = await signIn("nobody");
  expect([answer.status, answer.headers.getSetCookie()]).toEqual([403, []]);
  expect(await answer.text()).toMatch(/signed in as nobody.*no role.*claim roles/);
  await expect
    .poll(() => auditEntries(stack), { timeout: 15_000 })
    .toContainEqual(expect.objectContaining({ allowed: false, path: "/v1/sign-in/callback" }));
});

test("an answer of the provider works once, and only in the browser that began the sign-in", async () => {
  const { back, cookie, answer } = await signIn("ada");
  expect(answer.status).toBe(302);
  const [again, other, none] = await Promise.all([
    get(back, cookie),
    get(back, cookieOf(await get("/v1/sign-in"))),
    get(back),
  ]);
  expect([again.status, other.status, none.status]).toEqual([403, 403, 403]);
  const forged = new URL(back);
  forged.searchParams.set("state", "x");
  expect((await get(forged, cookie)).status).toBe(403);
});

test("while the provider is away, a sign-in gets 503", async () => {
  const alone = await stack.start("console", { ...settings, CONSOLE_OIDC_ISSUER: "http://127.0.0.1:1" });
  const response = await fetch(`${alone.url}/v1/sign-in`, { redirect: "manual" });
  expect([response.status, response.headers.has("retry-after")]).toEqual([503, true]);
  await alone.stop();
});
