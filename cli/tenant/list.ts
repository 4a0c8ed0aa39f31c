import { CliCommand } from "#cli/command.ts";
import { consoleApi } from "#cli/connection/api.ts";
import { consoleOptions, type ConsoleOptions } from "#cli/connection/options.ts";
import { JSON_OPTION, printJson } from "#cli/output.ts";
import { allOf } from "./documents.ts";

export const listCommand = (): CliCommand =>
  consoleOptions(new CliCommand("list").description("List all tenants, by name, as JSON.").option(...JSON_OPTION))
    .examples("tenant list")
    .action(async (options: ConsoleOptions) => printJson(await allOf(await consoleApi(options))));
