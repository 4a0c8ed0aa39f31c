import { CliCommand, CliError } from "#cli/command.ts";
import { consoleApi } from "#cli/connection/api.ts";
import { consoleOptions, type ConsoleOptions } from "#cli/connection/options.ts";
import { printJson } from "#cli/output.ts";
import { deleteAll } from "#cli/support/delete-all.ts";
import { tenantName } from "#cli/values.ts";

export const deleteCommand = (): CliCommand =>
  consoleOptions(
    new CliCommand("delete")
      .description(
        "Delete the notifications, inboxes, groups, publications, quarantine and timeline of a suspended tenant, and print what remains. It cannot be undone.",
      )
      .argument("<name>", "the tenant", tenantName)
      .option("--yes", "confirm it"),
  )
    .examples("tenant delete shop --yes")
    .action(async (name: string, { yes, ...options }: ConsoleOptions & { yes?: true }) => {
      if (!yes) throw new CliError(`This deletes all data of the tenant ${name}. Add --yes to confirm.`);
      printJson(await deleteAll(await consoleApi(options), `/v1/tenants/${name}`));
    });
