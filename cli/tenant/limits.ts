import { LIMITS } from "@saasaparilla/shared/auth/policies/tenant-limits.ts";
import { CliCommand } from "#cli/command.ts";
import { consoleApi } from "#cli/connection/api.ts";
import { consoleOptions, type ConsoleOptions } from "#cli/connection/options.ts";
import { printJson } from "#cli/output.ts";
import { limits, tenantName } from "#cli/values.ts";
import { change } from "./documents.ts";

export const limitsCommand = (): CliCommand =>
  consoleOptions(
    new CliCommand("limits")
      .summary("Set the limits of a tenant. They replace the previous ones.")
      .description(`Set the limits of a tenant. They replace the previous ones. Limits: ${LIMITS.join(", ")}.`)
      .argument("<name>", "the tenant", tenantName)
      .argument("<list>", "LIMIT=NUMBER with commas between, or none", limits),
  )
    .examples("tenant limits shop publishRate=5000,connections=10000", "tenant limits shop none")
    .action(async (name: string, list: Record<string, number>, options: ConsoleOptions) => {
      printJson(await change(await consoleApi(options), name, { limits: list }));
    });
