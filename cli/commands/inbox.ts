import { CliCommand } from "#cli/command.ts";
import { courierApi } from "#cli/connection/api.ts";
import { courierOptions, tenantOption, type CourierOptions } from "#cli/connection/options.ts";
import { JSON_OPTION, print, printJson, printTable } from "#cli/output.ts";
import { clientId, cursor, limitOf } from "#cli/values.ts";

const HEAD = ["ID", "WHEN", "MARK", "EVENT"];

interface Options extends CourierOptions {
  tenant: string;
}

interface Item {
  id: string;
  cursor: string;
  publishedAt: string;
  event?: string;
  mark: string | null;
}

interface Page {
  items: Item[];
  unread: number;
  unseen: number;
  more: boolean;
}

export const inboxCommand = (): CliCommand =>
  new CliCommand("inbox")
    .summary("a client's inbox: list, delete")
    .description("Read the inbox of a client for support, or delete everything in it.")
    .examples("inbox list u1 --tenant shop", "inbox delete u1 --tenant shop")
    .addCommand(list())
    .addCommand(remove());

const pathOf = (client: string, query: Record<string, string>): string =>
  `/v1/inbox/${encodeURIComponent(client)}?${new URLSearchParams(query).toString()}`;

const list = (): CliCommand =>
  courierOptions(
    new CliCommand("list")
      .description("List the inbox of a client, the newest first. --json also prints headers and data.")
      .argument("<client>", "the client", clientId)
      .addOption(tenantOption())
      .option("--limit <n>", "the number of notifications to list, 1 to 500; 50 by default", limitOf(500))
      .option("--before <cursor>", "list those before this cursor, which is at the end of the previous page", cursor)
      .option(...JSON_OPTION),
  )
    .examples("inbox list u1 --tenant shop", "inbox list u1 --tenant shop --limit 500 --json")
    .action(
      async (
        client: string,
        { tenant, limit, before, json, ...options }: Options & { limit?: number; before?: string; json?: true },
        command: CliCommand,
      ) => {
        const query = {
          tenant,
          ...(limit !== undefined && { limit: String(limit) }),
          ...(before !== undefined && { before }),
        };
        const page = await (await courierApi(options)).ask<Page>("GET", pathOf(client, query));
        if (json) return printJson(page);
        const { items, unread, unseen, more } = page;
        if (items.length > 0)
          printTable(
            HEAD,
            items.map(({ id, publishedAt, mark, event = "-" }) => [id, publishedAt, mark ?? "-", event]),
          );
        print(`${items.length > 0 ? "\n" : ""}${unread} unread, ${unseen} not seen`);
        if (more) print(`More: ${command.path} ${client} --tenant ${tenant} --before ${items.at(-1)!.cursor}`);
        return undefined;
      },
    );

const remove = (): CliCommand =>
  courierOptions(
    new CliCommand("delete")
      .description("Delete all notifications and marks in the inbox of a client. You cannot undo it.")
      .argument("<client>", "the client", clientId)
      .addOption(tenantOption()),
  )
    .examples("inbox delete u1 --tenant shop")
    .action(async (client: string, { tenant, ...options }: Options) => {
      const { deleted } = await (
        await courierApi(options)
      ).ask<{ deleted: number }>("DELETE", pathOf(client, { tenant }));
      print(`Notifications deleted from the inbox of ${client}: ${deleted}.`);
    });
