import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { Policies } from "@saasaparilla/shared/auth/policies/policies.ts";
import { Authenticator } from "@saasaparilla/shared/auth/authenticator.ts";
import { exportJWK, generateKeyPair } from "jose";
import { expect, test } from "vitest";

const settings = { AUTH_ISSUER: "http://release", AUTH_AUDIENCE: "notifications" };
const file = join(import.meta.dirname, "main.ts");

async function token(args: string[], key: string): Promise<{ code: number | null; out: string; err: string }> {
  const env = { ...process.env, ...settings };
  const child = spawn(process.execPath, [file, "token", "--signing-key", "-", ...args], { env });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  child.stdin.end(key);
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await ended, out, err };
}

test("a service's container mints a token with the given key, for its own issuer", async () => {
  const pair = await generateKeyPair("ES256", { extractable: true });
  const told = { kid: "k", alg: "ES256", use: "sig" };
  const folder = await mkdtemp(join(tmpdir(), "token-"));
  try {
    const jwks = join(folder, "jwks.json");
    await writeFile(jwks, JSON.stringify({ keys: [{ ...(await exportJWK(pair.publicKey)), ...told }] }));
    const secret = JSON.stringify({ ...(await exportJWK(pair.privateKey)), ...told });
    const { code, out } = await token(["--client", "u1", "--tenant", "shop"], secret);
    expect(code).toBe(0);
    const policies = new Policies();
    policies.apply([{ kind: "tenant", tenant: "shop", id: "", value: { trust: "scopes" } }]);
    const authenticator = await Authenticator.from({ ...settings, AUTH_JWKS: jwks }, policies);
    expect(await authenticator.authorize(out.trim(), "subscribe")).toMatchObject({ tenant: "shop", subject: "u1" });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test.each([
  [["--client", "u1"], "", 1, "--signing-key names no private key."],
  [["--client", "u1"], "{}", 1, "--signing-key names no private key."],
  [["--client", "u1"], '{"d":"SECRET', 1, "--signing-key names no private key."],
  [["--client", "u1", "--ttl", "soon"], "{}", 2, "'soon' is invalid. A duration is"],
  [[], "{}", 2, "A token is for either a client, a publisher, a consumer or an operator."],
])("%j with %j on stdin: the error is one line with the cause", async (args, key, code, wrong) => {
  const ended = await token(args, key);
  expect(ended).toMatchObject({ code, out: "" });
  expect(ended.err.trim().split("\n")).toEqual([expect.stringContaining(wrong)]);
  expect(ended.err).not.toContain("SECRET");
});
