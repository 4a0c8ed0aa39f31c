import { printable } from "@saasaparilla/shared/runtime/printable.ts";
import { CliCommand, CliError } from "#cli/command.ts";
import { consoleApi, type Api } from "#cli/connection/api.ts";
import { consoleOptions, tenantOption, type ConsoleOptions } from "#cli/connection/options.ts";
import { JSON_OPTION, print, printJson } from "#cli/output.ts";
import { deleteAll } from "#cli/support/delete-all.ts";
import { clientId, messageId } from "#cli/values.ts";

interface Options extends ConsoleOptions {
  tenant: string;
  json?: true;
}

const EXAMPLE = "0190a3f2-7d52-7a31-9a44-1d8a3c9c1f10";

export const clientCommand = (): CliCommand =>
  new CliCommand("client")
    .summary("a client: show, explain, disconnect, delete")
    .description("See the connections and notifications of a client, end its connections, or delete all of it.")
    .examples("client show u1 --tenant shop", "client explain u1 --tenant shop")
    .addCommand(show())
    .addCommand(explain())
    .addCommand(disconnect())
    .addCommand(remove());

const of = (name: string, description: string): CliCommand =>
  consoleOptions(
    new CliCommand(name)
      .description(description)
      .argument("<client>", "the client", clientId)
      .addOption(tenantOption()),
  );

const pathOf = (tenant: string, client: string, verb = ""): string =>
  `/v1/tenants/${tenant}/clients/${encodeURIComponent(client)}${verb}`;

const show = (): CliCommand =>
  of("show", "Show the connections, stored notifications, inbox, groups and recent notifications of a client, as JSON.")
    .examples("client show u1 --tenant shop")
    .action(async (client: string, { tenant, ...options }: Options) => {
      printJson(await (await consoleApi(options)).ask("GET", pathOf(tenant, client)));
    });

const explain = (): CliCommand =>
  of("explain", "Explain in sentences why a client got a notification or not.")
    .option("--id <id>", "the id of a notification or a publication", messageId)
    .option(...JSON_OPTION)
    .examples("client explain u1 --tenant shop", `client explain u1 --tenant shop --id ${EXAMPLE}`)
    .action(async (client: string, { tenant, id, json, ...options }: Options & { id?: string }) => {
      const api: Api = await consoleApi(options);
      const query = id === undefined ? "" : `?id=${id}`;
      const found = await api.ask<{ sentences: string[]; unknown: string[] }>(
        "GET",
        pathOf(tenant, client, `/explain${query}`),
      );
      if (json) return printJson(found);
      for (const sentence of found.sentences) print(printable(sentence));
      for (const sentence of found.unknown) print(printable(`Unknown: ${sentence}`));
      return undefined;
    });

const disconnect = (): CliCommand =>
  of("disconnect", "End all connections of a client. It may come back at once: to keep it away, revoke it first.")
    .examples("client disconnect u1 --tenant shop")
    .action(async (client: string, { tenant, ...options }: Options) => {
      const { connections } = await (
        await consoleApi(options)
      ).ask<{ connections: string[] }>("POST", pathOf(tenant, client, "/disconnect"));
      print(`Told ${connections.length} connections of ${client} to end.`);
    });

const remove = (): CliCommand =>
  of("delete", "Delete everything that is kept of a client, and print what remains. It cannot be undone.")
    .option("--yes", "confirm it")
    .examples("client delete u1 --tenant shop --yes")
    .action(async (client: string, { tenant, yes, ...options }: Options & { yes?: true }) => {
      if (!yes)
        throw new CliError(`This deletes everything that is kept of the client ${client}. Add --yes to confirm.`);
      printJson(await deleteAll(await consoleApi(options), pathOf(tenant, client)));
    });
