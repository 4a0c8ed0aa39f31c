import { CliCommand, CliError } from "#cli/command.ts";
import { consoleApi } from "#cli/connection/api.ts";
import { consoleOptions, tenantOption, type ConsoleOptions } from "#cli/connection/options.ts";
import { readGiven } from "#cli/connection/read-file.ts";
import { printJson } from "#cli/output.ts";
import { allOf } from "#cli/tenant/documents.ts";
import { targetId } from "#cli/values.ts";

export interface DocumentOptions extends ConsoleOptions {
  tenant: string;
}

/** One kind of documents of a tenant: list, show, put, remove. */
export function documentCommand(kind: string, summary: string): CliCommand {
  const of = (command: CliCommand): CliCommand => consoleOptions(command.addOption(tenantOption()));
  const one = (name: string, description: string): CliCommand =>
    of(new CliCommand(name).description(description).argument("<id>", `the name of the ${kind}`, targetId));
  const command = new CliCommand(kind)
    .summary(summary)
    .description(`Manage the documents of kind ${kind}: ${summary}.`)
    .examples(`${kind} list --tenant shop`, `${kind} put orders --tenant shop --file ${kind}.json`);
  command
    .addCommand(
      of(new CliCommand("list").description(`List each ${kind} of a tenant, as JSON.`))
        .examples(`${kind} list --tenant shop`)
        .action(async ({ tenant, ...options }: DocumentOptions) =>
          printJson(await allOf(await consoleApi(options), `/${tenant}/${kind}s`)),
        ),
    )
    .addCommand(
      one("show", `Show one ${kind}, as JSON.`)
        .examples(`${kind} show orders --tenant shop`)
        .action(async (id: string, { tenant, ...options }: DocumentOptions) =>
          printJson(await (await consoleApi(options)).ask("GET", pathOf(kind, tenant, id))),
        ),
    )
    .addCommand(
      one("put", `Create or replace one ${kind}.`)
        .requiredOption("--file <file>", "the document, as JSON, for example as show prints it; - reads stdin")
        .examples(`${kind} put orders --tenant shop --file ${kind}.json`)
        .action(async (id: string, { tenant, file, ...options }: DocumentOptions & { file: string }) => {
          const document = documentOf(await readGiven("--file", file), file);
          printJson(await (await consoleApi(options)).ask("PUT", pathOf(kind, tenant, id), document));
        }),
    )
    .addCommand(
      one("remove", `Remove one ${kind}.`)
        .examples(`${kind} remove orders --tenant shop`)
        .action(async (id: string, { tenant, ...options }: DocumentOptions) =>
          printJson(await (await consoleApi(options)).ask("DELETE", pathOf(kind, tenant, id))),
        ),
    );
  return command;
}

export const pathOf = (kind: string, tenant: string, id: string): string =>
  `/v1/tenants/${tenant}/${kind}s/${encodeURIComponent(id)}`;

/** Removes the members that only the console writes. */
function documentOf(text: string, file: string): object {
  const document = parsed(text);
  if (typeof document !== "object" || document === null || Array.isArray(document))
    throw new CliError(`--file ${JSON.stringify(file)} has no JSON object. /openapi.json of the console describes it.`);
  const { tenant: _tenant, id: _id, changed: _changed, ...rest } = document as Record<string, unknown>;
  return rest;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
