import { CliCommand } from "#cli/command.ts";
import { consoleApi } from "#cli/connection/api.ts";
import { consoleOptions, tenantOption, type ConsoleOptions } from "#cli/connection/options.ts";
import { JSON_OPTION, print, printJson, printTable } from "#cli/output.ts";
import { secondsFrom, watchId } from "#cli/values.ts";

interface Options extends ConsoleOptions {
  tenant: string;
}

interface Watch {
  id: string;
  until: string;
}

const WEEK = 604_800;
const HOUR = 3_600;

export const watchesCommand = (): CliCommand =>
  new CliCommand("watches")
    .summary("follow a client or a publisher for a while: add, list, remove")
    .description("Follow all notifications of a client or a publisher for a while, so that the timeline has each step.")
    .examples("watches add client:u1 --tenant shop", "watches list --tenant shop")
    .addCommand(add())
    .addCommand(list())
    .addCommand(remove());

const of = (name: string, description: string): CliCommand =>
  consoleOptions(new CliCommand(name).description(description).addOption(tenantOption()));

const pathOf = (tenant: string, id = ""): string =>
  `/v1/tenants/${tenant}/watches${id && `/${encodeURIComponent(id)}`}`;

const add = (): CliCommand =>
  of("add", "Follow a client or a publisher from now on. A repeat sets a new end.")
    .argument("<id>", "client:NAME or publisher:NAME", watchId)
    .option("--seconds <n>", `the length of the watch, 1 to ${WEEK}; an hour by default`, secondsFrom(1, WEEK), HOUR)
    .examples("watches add client:u1 --tenant shop", "watches add publisher:checkout --tenant shop --seconds 86400")
    .action(async (id: string, { tenant, seconds, ...options }: Options & { seconds: number }) => {
      printJson(await (await consoleApi(options)).ask("PUT", pathOf(tenant, id), { seconds }));
    });

const list = (): CliCommand =>
  of("list", "List the watches of a tenant.")
    .option(...JSON_OPTION)
    .examples("watches list --tenant shop", "watches list --tenant shop --json")
    .action(async ({ tenant, json, ...options }: Options & { json?: true }) => {
      const { items } = await (await consoleApi(options)).ask<{ items: Watch[] }>("GET", pathOf(tenant));
      if (json) return printJson(items);
      if (items.length === 0) print("There is no watch.");
      else
        printTable(
          ["ID", "UNTIL"],
          items.map(({ id, until }) => [id, until]),
        );
      return undefined;
    });

const remove = (): CliCommand =>
  of("remove", "End a watch.")
    .argument("<id>", "client:NAME or publisher:NAME", watchId)
    .examples("watches remove client:u1 --tenant shop")
    .action(async (id: string, { tenant, ...options }: Options) => {
      await (await consoleApi(options)).ask("DELETE", pathOf(tenant, id));
      print(`Ended the watch ${id}.`);
    });
