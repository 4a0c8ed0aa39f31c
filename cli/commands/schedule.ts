import { CliCommand } from "#cli/command.ts";
import { consoleApi } from "#cli/connection/api.ts";
import { consoleOptions, tenantOption } from "#cli/connection/options.ts";
import { documentCommand, pathOf, type DocumentOptions } from "#cli/dispatch/documents.ts";
import { printJson } from "#cli/output.ts";
import { targetId } from "#cli/values.ts";

export const scheduleCommand = (): CliCommand =>
  documentCommand("schedule", "publications at the times of a cron expression").addCommand(explain());

const explain = (): CliCommand =>
  consoleOptions(
    new CliCommand("explain")
      .description("Show the next five times of a schedule, with the offset of its zone.")
      .argument("<id>", "the name of the schedule", targetId)
      .addOption(tenantOption()),
  )
    .examples("schedule explain nightly --tenant shop")
    .action(async (id: string, { tenant, ...options }: DocumentOptions) => {
      printJson(await (await consoleApi(options)).ask("POST", `${pathOf("schedule", tenant, id)}/explain`));
    });
