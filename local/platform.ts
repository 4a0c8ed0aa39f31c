import { parseArgs } from "node:util";
import { type BackingUrls, backing, together } from "#local/stores/backing.ts";
import { presentFormat } from "#local/stores/postgres.ts";
import { FORMAT } from "@saasaparilla/shared/protocol/format.ts";
import { buildConsoleWeb } from "./console-web.ts";
import { grantTargets } from "./grants.ts";
import { signingKey } from "./keys.ts";
import { withFileLock } from "#local/process/file-lock.ts";
import { known, running } from "#local/process/processes.ts";
import { step } from "#local/process/progress.ts";
import { runTool } from "#local/process/run-tool.ts";
import { type Service, end, ensure, free, mainOf, passwords, services, settings, urlOf } from "./services.ts";
import { UserError } from "#local/process/user-error.ts";

export type Platform = BackingUrls & {
  receiver: string;
  console: string;
  distributors: string[];
  courier: string;
  dispatcher: string;
};

/** Starts the whole platform. Running services stay, unless their settings or their code have changed. */
export async function up(distributors = wanted()): Promise<Platform> {
  return withFileLock("up", async () => {
    const list = services(distributors);
    // Checked before any download or start, because port 8080 is often in use.
    for (const service of list) if (running(service.name) === undefined) await free(service);
    const [urls] = await Promise.all([backing(), signingKey(), buildConsoleWeb()]);
    const told = settings(urls);
    await step("topics and tables", () => provision({ ...told, ...passwords() }));
    await together(superfluous(list).map((name) => () => end(name)));
    await together(list.map((service) => () => ensure(service, told)));
    await finishUpgrade(told);
    await grantTargets(urlOf(of(list, "console")));
    return {
      ...urls,
      receiver: urlOf(of(list, "receiver")),
      console: urlOf(of(list, "console")),
      courier: urlOf(of(list, "courier")),
      dispatcher: urlOf(of(list, "dispatcher")),
      distributors: list.filter((service) => service.kind === "distributor").map(urlOf),
    };
  });
}

function of(list: Service[], kind: Service["kind"]): Service {
  const found = list.find((service) => service.kind === kind);
  if (found === undefined) throw new Error(`there is no ${kind}`);
  return found;
}

/** The extra distributors of an earlier `just up` that had more. */
function superfluous(list: Service[]): string[] {
  return known().filter((name) => /^distributor-\d+$/.test(name) && !list.some((service) => service.name === name));
}

async function provision(told: Record<string, string>): Promise<void> {
  const fix = "Topics and tables could not be created. Fix the error in its log, then run: npx just up";
  await runTool(process.execPath, [mainOf("provision")], {
    log: "provision",
    fix,
    env: { ...process.env, ...told, PORT: "0" },
  });
}

/** No service of an earlier version runs any more. A new platform needs no upgrade. */
async function finishUpgrade(told: Record<string, string>): Promise<void> {
  if ((await presentFormat(told.DATABASE_URL!, told.NAMESPACE!)) >= FORMAT) return;
  await step("finish the upgrade", () =>
    runTool(process.execPath, [mainOf("provision"), "--finish-upgrade"], {
      log: "finish-upgrade",
      fix: "The services run, but may not write the newest form yet. End those that its log names, and run: npx just finish-upgrade",
      env: { ...process.env, ...told, PORT: "0" },
    }),
  );
}

/** The number from --distributors, else from DISTRIBUTORS, else 1. */
export function wanted(args: string[] = []): number {
  const given =
    parseArgs({ args, options: { distributors: { type: "string" } } }).values.distributors ??
    process.env.DISTRIBUTORS ??
    "1";
  const count = Number(given);
  if (Number.isInteger(count) && count >= 1 && count <= 20) return count;
  throw new UserError(
    `${JSON.stringify(given)} is not a number of distributors.`,
    "Give a number from 1 to 20: npx just up --distributors 2",
  );
}
