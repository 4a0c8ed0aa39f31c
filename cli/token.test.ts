import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";
import { text } from "node:stream/consumers";
import { Policies } from "@saasaparilla/shared/auth/policies/policies.ts";
import { Authenticator } from "@saasaparilla/shared/auth/authenticator.ts";
import { expect, onTestFinished, test } from "vitest";
import { audience, issuer, jwksFile } from "#local/keys.ts";

/** Runs the command like `npx just token`. */
async function token(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [resolve(import.meta.dirname, "../local/cli.ts"), "token", ...args]);
  const ended = new Promise<number | null>((done) => child.once("close", done));
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await ended, out, err };
}

test.each([
  [["--client", "u1"], "subscribe", { tenant: "local", subject: "u1" }, 3600],
  [["--publisher"], "publish", { tenant: "local", subject: "publisher" }, 3600],
  [["--consumer", "feed"], "consume", { tenant: "local", subject: "feed" }, 3600],
  [["--operator"], "operate", { tenant: "platform", subject: "operator" }, 3600],
  [["--operator", "--ttl", "5m"], "operate", { tenant: "platform", subject: "operator" }, 300],
  [["--publisher", "shop", "--tenant", "acme", "--ttl", "5m"], "publish", { tenant: "acme", subject: "shop" }, 300],
  [["--publisher", "--tenant", "acme"], "publish", { tenant: "acme", subject: "publisher" }, 3600],
] as const)("just token %j prints only a token that the services accept", async (args, scope, who, ttl) => {
  const { code, out } = await token(...args);
  expect(code).toBe(0);
  const policies = new Policies();
  policies.apply([{ kind: "tenant", tenant: who.tenant, id: "", value: { trust: "scopes" } }]);
  const keys = { AUTH_JWKS: jwksFile, AUTH_ISSUER: issuer, AUTH_AUDIENCE: audience };
  const authenticator = await Authenticator.from(keys, policies);
  const identity = await authenticator.authorize(out.trim(), scope);
  expect(identity).toMatchObject({ ...who, scopes: new Set([scope]) });
  expect(Math.abs(identity.expires - Date.now() / 1000 - ttl)).toBeLessThan(10);
});

test.each([
  [[], "A token is for either a client, a publisher, a consumer or an operator."],
  [["--client", "u1", "--publisher", "p"], "A token is for either a client, a publisher, a consumer or an operator."],
  [["--client", "a b"], "'a b' is invalid. A client's id has 1 to 128 printable ASCII characters"],
  [["--client", ""], "'' is invalid. A client's id has"],
  [["--client", "u1\u001b[2J\nx"], "'u1\\u001b[2J\\u000ax' is invalid."],
  [["--publisher", "x*"], "'x*' is invalid. It ends with *."],
  [["--client", "u1", "--tenant", "a b"], "'a b' is invalid. A tenant's name has 1 to 64 letters, digits, - and _."],
  [["--client", "u1", "--ttl", "1 year"], "'1 year' is invalid. A duration is a number and a unit"],
  [["--clinet", "u1"], "unknown option '--clinet' (Did you mean --client?)"],
  [["u1"], "too many arguments"],
])("just token %j: the error is one line with the cause, and stdout is empty", async (args, wrong) => {
  const { code, out, err } = await token(...args);
  expect({ code, out }).toEqual({ code: 2, out: "" });
  expect(err.trim()).toContain(wrong);
  expect(err.trim()).toContain("Usage: npx just token");
  expect(err.trim().split("\n")).toHaveLength(1);
});

test("just token warns of a tenant that the console does not know, and still mints the token", async () => {
  const console = createServer((request, response) => {
    response.writeHead(request.url === "/v1/tenants/acme" ? 200 : 404).end("{}");
  }).listen(0, "127.0.0.1");
  await once(console, "listening");
  onTestFinished(() => void console.close());
  process.env.CONSOLE_URL = `http://127.0.0.1:${(console.address() as AddressInfo).port}`;
  onTestFinished(() => void delete process.env.CONSOLE_URL);
  expect(await token("--client", "u1", "--tenant", "acme")).toMatchObject({ code: 0, err: "" });
  const unknown = await token("--client", "u1", "--tenant", "nobodys");
  expect(unknown).toMatchObject({ code: 0, err: expect.stringContaining("There is no tenant nobodys") });
  expect(unknown.out).toMatch(/^[\w.-]+\n$/);
});
