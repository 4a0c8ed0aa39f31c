import { printable } from "@saasaparilla/shared/runtime/printable.ts";
import { CliCommand } from "#cli/command.ts";
import { consoleApi } from "#cli/connection/api.ts";
import { consoleOptions, tenantOption, type ConsoleOptions } from "#cli/connection/options.ts";
import { JSON_OPTION, print, printJson, printTable } from "#cli/output.ts";
import { limitOf, refusalId } from "#cli/values.ts";

interface Options extends ConsoleOptions {
  tenant: string;
  json?: true;
}

interface Refusal {
  instance: string;
  at: string;
  service: string;
  problem: string;
  status: number;
  method: string;
  path: string;
  why: string;
}

const EXAMPLE = "urn:uuid:6e8bc430-9c3a-41d9-9669-0800200c9a66";
const MOST = 200;
const LIMIT = 20;

export const refusalCommand = (): CliCommand =>
  new CliCommand("refusal")
    .summary("why a request was refused: show, list")
    .description(
      "Say why a request was refused, by `instance` of its answer. Those without an accepted token are of the tenant platform.",
    )
    .examples(`refusal show ${EXAMPLE} --tenant shop`, "refusal list --tenant platform")
    .addCommand(show())
    .addCommand(list());

const of = (name: string, description: string): CliCommand =>
  consoleOptions(new CliCommand(name).description(description).addOption(tenantOption())).option(...JSON_OPTION);

const show = (): CliCommand =>
  of("show", "Say why one request was refused.")
    .argument("<instance>", "`instance` of the answer, with or without urn:uuid:", refusalId)
    .examples(`refusal show ${EXAMPLE} --tenant shop`)
    .action(async (id: string, { tenant, json, ...options }: Options) => {
      const found = await (await consoleApi(options)).ask<Refusal>("GET", `/v1/tenants/${tenant}/refusals/${id}`);
      if (json) return printJson(found);
      const { at, service, method, path, status, problem, why } = found;
      print(printable(`${at}  ${service}: ${method.toUpperCase()} ${path} was answered ${status}, ${problem}.`));
      print(printable(why));
      return undefined;
    });

const list = (): CliCommand =>
  of("list", "List the newest refused requests of a tenant.")
    .option("--limit <n>", `1 to ${MOST}; ${LIMIT} by default`, limitOf(MOST), LIMIT)
    .examples("refusal list --tenant shop", "refusal list --tenant platform --json")
    .action(async ({ tenant, json, limit, ...options }: Options & { limit: number }) => {
      const api = await consoleApi(options);
      const { items } = await api.ask<{ items: Refusal[] }>("GET", `/v1/tenants/${tenant}/refusals?limit=${limit}`);
      if (json) return printJson(items);
      if (items.length === 0) print("The timeline has no refused request.");
      else
        printTable(
          ["AT", "INSTANCE", "STATUS", "PROBLEM", "WHY"],
          items.map(({ at, instance, status, problem, why }) => [at, instance, String(status), problem, why]),
        );
      return undefined;
    });
