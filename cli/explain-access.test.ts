import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";

test.each([
  [true, 0, "may do this"],
  [false, 2, "may not do this"],
] as const)("explain-access: if allowed is %s, the command ends with %i", async (allowed, code, said) => {
  const console = createServer((_, response) => {
    response.end(JSON.stringify({ allowed, subject: "u1", checks: [{ check: "scope", holds: allowed }] }));
  }).listen(0, "127.0.0.1");
  await once(console, "listening");
  onTestFinished(() => void console.close());
  const env = {
    ...process.env,
    OPERATOR_TOKEN: "t",
    CONSOLE_URL: `http://127.0.0.1:${(console.address() as AddressInfo).port}`,
  };
  const args = [join(import.meta.dirname, "main.ts"), "explain-access", "--scope", "publish", "--subject", "u1"];
  const child = spawn(process.execPath, args, { env });
  let out = "";
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  expect(await once(child, "close")).toEqual([code, null]);
  expect(out).toContain(said);
});
