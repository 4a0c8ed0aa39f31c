import { CliCommand } from "#cli/command.ts";
import { consoleApi } from "#cli/connection/api.ts";
import { consoleOptions, type ConsoleOptions } from "#cli/connection/options.ts";
import { JSON_OPTION, printJson } from "#cli/output.ts";
import { tenantName } from "#cli/values.ts";
import { allOf } from "./documents.ts";

const KINDS = ["keys", "issuers", "grants", "revocations"];

export const showCommand = (): CliCommand =>
  consoleOptions(
    new CliCommand("show")
      .description("Show one tenant with its keys, issuers, grants and revocations, as JSON. Secrets are not shown.")
      .argument("<name>", "the tenant", tenantName)
      .option(...JSON_OPTION),
  )
    .examples("tenant show shop")
    .action(async (name: string, options: ConsoleOptions) => {
      const api = await consoleApi(options);
      const tenant = await api.ask("GET", `/v1/tenants/${name}`);
      const lists = await Promise.all(KINDS.map((kind) => allOf(api, `/${name}/${kind}`)));
      printJson({ ...tenant, ...Object.fromEntries(KINDS.map((kind, index) => [kind, lists[index]!])) });
    });
