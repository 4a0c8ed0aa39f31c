import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { Policies } from "@saasaparilla/shared/auth/policies/policies.ts";
import { Authenticator } from "@saasaparilla/shared/auth/authenticator.ts";
import { expect, onTestFinished, test } from "vitest";
import { audience, issuer, jwksFile } from "#local/keys.ts";

type Ended = { code: number | null; out: string; err: string };

function token(...args: string[]): Promise<Ended> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "token.ts"), ...args]);
  const ended: Ended = { code: null, out: "", err: "" };
  child.stdout.on("data", (chunk: Buffer) => (ended.out += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (ended.err += chunk.toString()));
  return new Promise((done) => child.once("close", (code) => done({ ...ended, code })));
}

test.each([
  [["--client", "u1"], "subscribe", { tenant: "local", subject: "u1" }, 3600],
  [["--publisher"], "publish", { tenant: "local", subject: "publisher" }, 3600],
  [["--operator"], "operate", { tenant: "platform", subject: "operator" }, 3600],
  [["--publisher", "shop", "--tenant", "acme", "--ttl", "5m"], "publish", { tenant: "acme", subject: "shop" }, 300],
] as const)("just token %j prints what the services accept, and only that", async (args, scope, who, ttl) => {
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
  [[], "A token is for either a client, a publisher or an operator."],
  [["--client", "u1", "--publisher", "p"], "A token is for either a client, a publisher or an operator."],
  [["--client", "a b"], '--client "a b" is no client: an id has 1 to 128 printable ASCII characters'],
  [["--client", ""], '--client "" is no client'],
  [["--publisher", "x*"], '--publisher "x*" ends with *.'],
  [["--client", "u1", "--tenant", "a b"], '--tenant "a b" is no tenant'],
  [["--client", "u1", "--ttl", "1 year"], '--ttl "1 year" is no duration.'],
  [["--clinet", "u1"], "Unknown option '--clinet'"],
])("just token %j says what is wrong in one line, and nothing on stdout", async (args, wrong) => {
  const { code, out, err } = await token(...args);
  expect({ code, out }).toEqual({ code: 1, out: "" });
  expect(err.trim()).toContain(wrong);
  expect(err.trim()).toContain("Usage: npx just token");
  expect(err.trim().split("\n")).toHaveLength(1);
});

test("just token warns of a tenant that the console does not know, and mints what was asked for", async () => {
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

test.each(["token", "tenant", "explain-access", "audit", "dead-letters", "subscribe", "logs"])(
  "just %s --help prints its usage, and ends well",
  (name) => {
    const file = join(import.meta.dirname, `${name}.ts`);
    const { status, stdout } = spawnSync(process.execPath, [file, "--help"], { encoding: "utf8" });
    expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringContaining(`Usage: npx just ${name}`) });
  },
);
