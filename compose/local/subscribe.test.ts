import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";

test.each(["SIGINT", "SIGTERM"] as const)(
  "%s to it alone, as Docker sends it, ends the subscriber, too",
  async (signal) => {
    // Nobody listens there: it tries again, and would for ever.
    const env = { ...process.env, NOTIFICATIONS_URL: "http://127.0.0.1:9" };
    const args = [join(import.meta.dirname, "subscribe.ts"), "--client", "u1"];
    // A group of its own, so that what is left of it can be ended.
    const child = spawn(process.execPath, args, { env, detached: true });
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
    // When the last has ended that has its stderr: the subscriber has it, too.
    const closed = once(child, "close");
    onTestFinished(() => void (child.stderr.closed || process.kill(-child.pid!, "SIGKILL")));
    await expect.poll(() => said).toContain("again in");
    child.kill(signal);
    expect(await closed).toEqual([0, null]);
  },
);
