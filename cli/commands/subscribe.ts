import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { Option } from "commander";
import { CliCommand, CliError } from "#cli/command.ts";
import { headerValue } from "#cli/connection/credential.ts";
import { warnUnlessKnown } from "#cli/connection/warn-unknown-tenant.ts";
import {
  consoleUrlOption,
  distributorUrlOption,
  signingOptions,
  tenantOption,
  tokenFileOption,
  type SigningOptions,
} from "#cli/connection/options.ts";
import { readGiven } from "#cli/connection/read-file.ts";
import { signer } from "#cli/connection/signer.ts";
import { clientId } from "#cli/values.ts";

const DAY = 86_400;
const subscriber = resolve(import.meta.dirname, "../../client/subscribe.ts");

interface Options extends SigningOptions {
  client?: string;
  tenant: string;
  transport: string;
  cursor?: string;
  url?: string;
  tokenFile?: string;
  consoleUrl?: string;
}

export const subscribeCommand = (): CliCommand =>
  signingOptions(
    new CliCommand("subscribe")
      .summary("connect as a client and print its notifications")
      .description("Connect as a client, print each notification as a line of JSON, and acknowledge it.")
      .option("--client <id>", "sign a token for this client; without it, NOTIFICATIONS_TOKEN is sent", clientId)
      .addOption(tenantOption())
      .addOption(
        new Option("--transport <name>", "the transport")
          .choices(["auto", "websocket", "sse", "poll"])
          .default("websocket"),
      )
      .option("--cursor <cursor>", "continue after this cursor"),
  )
    .addOption(distributorUrlOption())
    .addOption(tokenFileOption("the client's token, instead of NOTIFICATIONS_TOKEN"))
    .addOption(consoleUrlOption())
    .examples("subscribe --client u1", "subscribe --url https://notify.example --token-file token.txt --transport sse")
    .action(async (options: Options, command: CliCommand) => {
      if (options.url === undefined)
        throw new CliError("The address of the distributors is unknown. Pass --url URL, or set NOTIFICATIONS_URL.");
      const env = {
        ...process.env,
        NOTIFICATIONS_URL: options.url,
        NOTIFICATIONS_TOKEN: await clientToken(options, command),
      };
      const rest = options.cursor === undefined ? [] : ["--cursor", options.cursor];
      process.exitCode = await run(["--transport", options.transport, ...rest], env);
    });

async function clientToken({ client, tenant, tokenFile, ...options }: Options, command: CliCommand): Promise<string> {
  if (client === undefined) {
    const token =
      tokenFile === undefined ? process.env.NOTIFICATIONS_TOKEN : await readGiven("--token-file", tokenFile);
    if (!token) return command.error("Pass --client ID, --token-file FILE, or set NOTIFICATIONS_TOKEN.");
    return headerValue(token);
  }
  if (command.getOptionValueSource("tokenFile") === "cli")
    return command.error("Pass either --client, which signs a token, or --token-file.");
  const sign = await signer(options, tenant);
  if (command.getOptionValueSource("tenant") === "cli")
    await warnUnlessKnown(tenant, { sign, consoleUrl: options.consoleUrl, program: command.program });
  return sign({ client, tenant, ttl: DAY });
}

/** At a signal the subscriber closes its connection, and this process ends with it. Docker signals only this one. */
async function run(args: string[], env: NodeJS.ProcessEnv): Promise<number> {
  const child = spawn(process.execPath, [subscriber, ...args], { stdio: "inherit", env });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void child.kill(signal));
  return new Promise<number>((done, failed) => {
    child.once("error", failed);
    child.once("exit", (code) => done(code ?? 1));
  });
}
