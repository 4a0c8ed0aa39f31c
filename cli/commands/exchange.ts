import { CliCommand } from "#cli/command.ts";
import { consoleApi } from "#cli/connection/api.ts";
import { consoleOptions, tenantOption } from "#cli/connection/options.ts";
import { documentCommand, pathOf, type DocumentOptions } from "#cli/dispatch/documents.ts";
import { printJson } from "#cli/output.ts";
import { headers, targetId } from "#cli/values.ts";

type Options = DocumentOptions & { key?: string; headers?: object };

export const exchangeCommand = (): CliCommand =>
  documentCommand("exchange", "bindings that decide who gets its publications").addCommand(explain());

const explain = (): CliCommand =>
  consoleOptions(
    new CliCommand("explain")
      .description("Explain which bindings match a publication and why, and who would get it. Nothing is sent.")
      .argument("<id>", "the name of the exchange", targetId)
      .addOption(tenantOption())
      .option("--key <key>", "the routing key of the publication")
      .option("--headers <json>", "its headers, as a JSON object", headers),
  )
    .examples(
      "exchange explain orders --tenant shop --key de",
      `exchange explain orders --tenant shop --headers '{"country":"FR"}'`,
    )
    .action(async (id: string, { tenant, key, headers: given, ...options }: Options) => {
      const publication = { ...(key !== undefined && { key }), ...(given && { headers: given }) };
      const api = await consoleApi(options);
      printJson(await api.ask("POST", `${pathOf("exchange", tenant, id)}/explain`, publication));
    });
