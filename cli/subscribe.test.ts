import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";

test.each(["SIGINT", "SIGTERM"] as const)(
  "%s to only its process, as Docker sends it, also ends the subscriber",
  async (signal) => {
    // No server listens there: the subscriber retries without end.
    const env = { ...process.env, NOTIFICATIONS_URL: "http://127.0.0.1:9", NOTIFICATIONS_TOKEN: "t" };
    const args = [join(import.meta.dirname, "main.ts"), "subscribe"];
    // A separate process group, so that the test can end any process that is left.
    const child = spawn(process.execPath, args, { env, detached: true });
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
    // Ends when the last process with its stderr ends: the subscriber has it, too.
    const closed = once(child, "close");
    onTestFinished(() => void (child.stderr.closed || process.kill(-child.pid!, "SIGKILL")));
    await expect.poll(() => said).toContain("again in");
    child.kill(signal);
    expect(await closed).toEqual([0, null]);
  },
);

test("a publisher's text cannot move the terminal's cursor, and stays the same JSON", async () => {
  const data = "a\u001b[2J\u009b1m\u202e\u2028b";
  const cursor = "0".repeat(25);
  const frames = [
    { type: "connected", cursor: "", heartbeat: 15, limits: { frameBytes: 65_536 }, ping: true },
    { type: "notification", id: "1", cursor, publishedAt: "2026-01-01T00:00:00.000Z", data },
  ];
  const server = createServer((request, response) => {
    if (request.method === "POST") return response.writeHead(204).end();
    response.writeHead(200, { "content-type": "text/event-stream" });
    return response.write(frames.map((frame) => `data: ${JSON.stringify(frame)}\n\n`).join(""));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const env = { ...process.env, NOTIFICATIONS_URL: url, NOTIFICATIONS_TOKEN: "t" };
  const args = [join(import.meta.dirname, "main.ts"), "subscribe", "--transport", "sse"];
  const child = spawn(process.execPath, args, { env });
  onTestFinished(() => {
    child.kill("SIGTERM");
    server.closeAllConnections();
    server.close();
  });
  let out = "";
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  await expect.poll(() => out).toContain("\n");
  expect(out).toMatch(/^[ -~]+\n$/);
  expect(JSON.parse(out)).toMatchObject({ data });
});
