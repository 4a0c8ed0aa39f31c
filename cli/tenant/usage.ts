import { Option } from "commander";
import { CliCommand } from "#cli/command.ts";
import { consoleApi } from "#cli/connection/api.ts";
import { consoleOptions, type ConsoleOptions } from "#cli/connection/options.ts";
import { JSON_OPTION, printJson } from "#cli/output.ts";
import { limitOf } from "#cli/values.ts";

const ORDERS = ["bytes", "clients", "rate", "refused"];

interface Options extends ConsoleOptions {
  by: string;
  limit: number;
}

export const usageCommand = (): CliCommand =>
  consoleOptions(
    new CliCommand("usage")
      .description("List the tenants that store, publish or are refused most, as JSON.")
      .addOption(
        new Option("--by <order>", "the order: bytes or clients stored, publishing rate, refused")
          .choices(ORDERS)
          .default("bytes"),
      )
      .option("--limit <n>", "the number of tenants to list, 1 to 100", limitOf(100), 20)
      .option(...JSON_OPTION),
  )
    .examples("tenant usage", "tenant usage --by refused --limit 5")
    .action(async ({ by, limit, ...options }: Options) => {
      printJson(await (await consoleApi(options)).ask("GET", `/v1/loudest-tenants?by=${by}&limit=${limit}`));
    });
