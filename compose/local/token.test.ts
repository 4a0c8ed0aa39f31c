import { spawn } from "node:child_process";
import { join } from "node:path";
import { Access } from "@saasaparilla/shared/access.ts";
import { Identities } from "@saasaparilla/shared/identities.ts";
import { expect, test } from "vitest";
import { audience, issuer, jwksFile } from "./keys.ts";

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
  const access = new Access();
  access.apply([{ kind: "tenant", tenant: who.tenant, id: "", value: { trust: "scopes" } }]);
  const keys = { AUTH_JWKS: jwksFile, AUTH_ISSUER: issuer, AUTH_AUDIENCE: audience };
  const identities = await Identities.from(keys, access);
  const identity = await identities.authorize(out.trim(), scope);
  expect(identity).toMatchObject({ ...who, scopes: new Set([scope]) });
  expect(Math.abs(identity.expires - Date.now() / 1000 - ttl)).toBeLessThan(10);
});

test.each([
  [[], "A token is for either a client, a publisher or an operator."],
  [["--client", "u1", "--publisher", "p"], "A token is for either a client, a publisher or an operator."],
  [["--client", "u1", "--ttl", "1 year"], '--ttl "1 year" is no duration.'],
  [["--clinet", "u1"], "Unknown option '--clinet'"],
])("just token %j says what is wrong in one line, and nothing on stdout", async (args, wrong) => {
  const { code, out, err } = await token(...args);
  expect({ code, out }).toEqual({ code: 1, out: "" });
  expect(err.trim()).toContain(wrong);
  expect(err.trim()).toContain("Usage: npx just token");
  expect(err.trim().split("\n")).toHaveLength(1);
});
