import { spawn } from "node:child_process";
import { join } from "node:path";
import { bearerOf } from "#image/mint.ts";
import { warnUnlessKnown } from "./known-tenant.ts";
import { signToken } from "#local/sign-token.ts";
import { repository } from "#local/process/paths.ts";
import { port } from "#local/process/ports.ts";
import { UserError, command } from "#local/process/user-error.ts";

const USAGE =
  "Usage: npx just subscribe --client ID [--tenant NAME] [--transport auto|websocket|sse|poll] [--cursor CURSOR]";

// The subscriber knows no local stack: where to connect and who it is, it is told here.
await command(async () => {
  const rest = process.argv.slice(2);
  const client = take(rest, "--client");
  const tenant = take(rest, "--tenant");
  if (client === undefined) throw new UserError("A subscriber is a client.", USAGE);
  const names = ["--client", client, ...(tenant === undefined ? [] : ["--tenant", tenant])];
  const token = await signToken({ ...bearerOf(names, USAGE), ttl: 86_400 });
  if (tenant !== undefined) await warnUnlessKnown(tenant);
  const subscriber = spawn(process.execPath, [join(repository, "client/subscribe.ts"), ...rest], {
    stdio: "inherit",
    env: {
      ...process.env,
      NOTIFICATIONS_URL: process.env.NOTIFICATIONS_URL || `http://localhost:${port("DISTRIBUTOR_PORT")}`,
      NOTIFICATIONS_TOKEN: token,
    },
  });
  // The subscriber closes its connection, and this one ends with it. A terminal tells both; Docker tells the first process only.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void subscriber.kill(signal));
  process.exitCode = await new Promise<number>((resolve, reject) => {
    subscriber.once("error", reject);
    subscriber.once("exit", (code) => resolve(code ?? 1));
  });
}, USAGE);

function take(args: string[], option: string): string | undefined {
  const at = args.indexOf(option);
  return at < 0 ? undefined : args.splice(at, 2)[1];
}
