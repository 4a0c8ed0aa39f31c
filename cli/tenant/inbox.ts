import { MOST_DAYS, MOST_ITEMS } from "@saasaparilla/shared/auth/policies/inbox-setting.ts";
import { CliCommand } from "#cli/command.ts";
import { consoleApi } from "#cli/connection/api.ts";
import { consoleOptions, type ConsoleOptions } from "#cli/connection/options.ts";
import { printJson } from "#cli/output.ts";
import { inboxEvents, limitOf, tenantName } from "#cli/values.ts";
import { change, given } from "./documents.ts";

interface Options extends ConsoleOptions {
  items?: number;
  days?: number;
}

export const inboxCommand = (): CliCommand =>
  consoleOptions(
    new CliCommand("inbox")
      .summary("Set which notifications the inboxes of a tenant's clients show.")
      .description(
        "Set which notifications the inboxes of a tenant's clients show. The previous setting is replaced, with its --items and --days.",
      )
      .argument("<name>", "the tenant", tenantName)
      .argument(
        "<events>",
        "events with commas between, or *; none: no inboxes; default: the couriers' settings",
        inboxEvents,
      )
      .option("--items <n>", `the newest notifications of a client, 1 to ${MOST_ITEMS}`, limitOf(MOST_ITEMS))
      .option("--days <n>", `their age in days, 1 to ${MOST_DAYS}`, limitOf(MOST_DAYS)),
  )
    .examples(
      "tenant inbox shop '*'",
      "tenant inbox shop order.paid,alert.* --items 200 --days 7",
      "tenant inbox shop none",
    )
    .action(
      async (name: string, events: string[] | "default", { items, days, ...options }: Options, command: CliCommand) => {
        const inbox = events === "default" ? undefined : { events, ...given({ items, days }) };
        if (inbox === undefined && (items ?? days) !== undefined)
          command.error("default takes no --items and no --days, because the couriers' settings have both.");
        printJson(await change(await consoleApi(options), name, { inbox }));
      },
    );
