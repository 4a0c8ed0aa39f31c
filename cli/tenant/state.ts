import { CliCommand } from "#cli/command.ts";
import { consoleApi } from "#cli/connection/api.ts";
import { consoleOptions, type ConsoleOptions } from "#cli/connection/options.ts";
import { printJson } from "#cli/output.ts";
import { tenantName } from "#cli/values.ts";
import { change } from "./documents.ts";

const stateCommand = (verb: string, state: string, description: string): CliCommand =>
  consoleOptions(new CliCommand(verb).description(description).argument("<name>", "the tenant", tenantName))
    .examples(`tenant ${verb} shop`)
    .action(async (name: string, options: ConsoleOptions) => {
      printJson(await change(await consoleApi(options), name, { state }));
    });

export const suspendCommand = (): CliCommand =>
  stateCommand("suspend", "suspended", "Suspend a tenant within a minute. Its data stays.");

export const resumeCommand = (): CliCommand => stateCommand("resume", "active", "Resume a suspended tenant.");
