import { CliCommand } from "#cli/command.ts";
import { dispatcherApi } from "#cli/connection/api.ts";
import { dispatcherOptions, tenantOption, type DispatcherOptions } from "#cli/connection/options.ts";
import { JSON_OPTION, print, printJson, printTable } from "#cli/output.ts";
import { limitOf, messageId, queueTarget } from "#cli/values.ts";

const PATH = "/v1/quarantine";
const HEAD = ["ID", "WHEN", "FROM", "EVENT", "REASON"];

interface Options extends DispatcherOptions {
  tenant: string;
}

interface Item {
  id: string;
  source: string;
  reason: string;
  at: string;
  event?: string;
}

export const quarantineCommand = (): CliCommand =>
  new CliCommand("quarantine")
    .summary("messages that no worker could handle: list, redrive")
    .description("Read a tenant's messages that no worker could handle, and send one to its queue again.")
    .examples("quarantine list --tenant shop", `quarantine redrive ${EXAMPLE} --tenant shop`)
    .addCommand(list())
    .addCommand(redrive());

const EXAMPLE = "0190a3f2-7d52-7a31-9a44-1d8a3c9c1f10";

const list = (): CliCommand =>
  dispatcherOptions(
    new CliCommand("list")
      .description("List the quarantine of a tenant, in the order of ids. --json also prints the data.")
      .addOption(tenantOption())
      .option("--limit <n>", "the number of messages to list, 1 to 200; 50 by default", limitOf(200))
      .option("--after <place>", "list those after this place, which is at the end of the previous page")
      .option(...JSON_OPTION),
  )
    .examples("quarantine list --tenant shop --limit 200 --json")
    .action(
      async (
        { tenant, limit, after, json, ...options }: Options & { limit?: number; after?: string; json?: true },
        command: CliCommand,
      ) => {
        const query = new URLSearchParams({
          tenant,
          ...(limit !== undefined && { limit: String(limit) }),
          ...(after !== undefined && { after }),
        });
        const api = await dispatcherApi(options);
        const page = await api.ask<{ items: Item[]; next?: string }>("GET", `${PATH}?${query.toString()}`);
        if (json) return printJson(page);
        if (page.items.length === 0) return print(`The quarantine of ${tenant} is empty.`);
        printTable(
          HEAD,
          page.items.map(({ id, at, source, event = "-", reason }) => [id, at, source, event, reason]),
        );
        if (page.next !== undefined) print(`\nMore: ${command.path} --tenant ${tenant} --after ${page.next}`);
        return undefined;
      },
    );

const redrive = (): CliCommand =>
  dispatcherOptions(
    new CliCommand("redrive")
      .description("Send a message to its queue again, with the same id, behind all other messages.")
      .argument("<id>", "its id, from the list", messageId)
      .addOption(tenantOption())
      .option(
        "--source <queue>",
        "its queue, as queue/jobs; needed if messages of several queues have this id",
        queueTarget,
      ),
  )
    .examples(`quarantine redrive ${EXAMPLE} --tenant shop --source queue/jobs`)
    .action(async (id: string, { tenant, source: asked, ...options }: Options & { source?: string }) => {
      const query = new URLSearchParams({ tenant, ...(asked !== undefined && { source: asked }) });
      const api = await dispatcherApi(options);
      const { source } = await api.ask<{ source: string }>("POST", `${PATH}/${id}/redrive?${query.toString()}`);
      print(`${id} was sent to ${source} again.`);
    });
