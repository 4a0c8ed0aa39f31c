import { printable } from "@saasaparilla/shared/runtime/printable.ts";
import { CliCommand } from "#cli/command.ts";
import { consoleApi } from "#cli/connection/api.ts";
import { consoleOptions, tenantOption, type ConsoleOptions } from "#cli/connection/options.ts";
import { JSON_OPTION, print, printJson } from "#cli/output.ts";
import { clientId, messageId, targetId } from "#cli/values.ts";

interface Options extends ConsoleOptions {
  tenant: string;
  client?: string;
  queue?: string;
  payload?: true;
  json?: true;
}

interface Notification {
  state: { sentence: string };
  events: { at: string; service: string; sentence: string }[];
  unknown: string[];
  payload?: { text: string };
}

const EXAMPLE = "0190a3f2-7d52-7a31-9a44-1d8a3c9c1f10";

export const whereCommand = (): CliCommand =>
  consoleOptions(
    new CliCommand("where")
      .summary("what became of a notification")
      .description(
        "Say what became of a notification or a publication: its present state, its events, and what is unknown.",
      )
      .argument("<id>", "the id of the notification or the publication", messageId)
      .addOption(tenantOption())
      .option("--client <client>", "its client: name it if the notification is not followed", clientId)
      .option("--queue <queue>", "its queue, if it is a message of a queue", targetId)
      .option("--payload", "also print its data; the audit log records it")
      .option(...JSON_OPTION),
  )
    .examples(`where ${EXAMPLE} --tenant shop`, `where ${EXAMPLE} --tenant shop --client u1 --json`)
    .action(async (id: string, { tenant, client, queue, payload, json, ...options }: Options) => {
      const query = new URLSearchParams({
        ...(client !== undefined && { client }),
        ...(queue !== undefined && { queue }),
        ...(payload && { payload: "1" }),
      });
      const api = await consoleApi(options);
      const found = await api.ask<Notification>("GET", `/v1/tenants/${tenant}/notifications/${id}?${query.toString()}`);
      if (json) return printJson(found);
      print(printable(found.state.sentence));
      for (const { at, service, sentence } of found.events) print(printable(`  ${at}  ${service}: ${sentence}`));
      for (const sentence of found.unknown) print(printable(`Unknown: ${sentence}`));
      if (found.payload) print(printable(`Data: ${found.payload.text}`));
      return undefined;
    });
