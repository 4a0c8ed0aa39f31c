import { CliCommand } from "#cli/command.ts";
import { memberApi } from "#cli/connection/api.ts";
import { memberOptions, type MemberOptions } from "#cli/connection/options.ts";
import { printJson } from "#cli/output.ts";
import { clientId, limitOf, targetId } from "#cli/values.ts";

/** The most changes in one request. */
const AT_ONCE = 1_000;

interface Options extends MemberOptions {
  group: string;
}

export const groupCommand = (): CliCommand =>
  new CliCommand("group")
    .summary("members of groups: add, remove, list, show")
    .description("Manage the members of a group. Needs the right to publish to the group.")
    .examples("group add u1 u2 --tenant shop --group team", "group show --tenant shop --group team")
    .addCommand(change("add", "Add clients to a group."))
    .addCommand(change("remove", "Remove clients from a group."))
    .addCommand(list())
    .addCommand(show());

const of = (name: string, description: string): CliCommand =>
  memberOptions(
    new CliCommand(name).description(description).requiredOption("--group <name>", "the name of the group", targetId),
    "publisher",
  );

const pathOf = (group: string): string => `/v1/groups/${encodeURIComponent(group)}`;

const change = (verb: "add" | "remove", description: string): CliCommand =>
  of(verb, description)
    .argument("<clients...>", "ids of clients", (text: string, before: string[] | undefined) => [
      ...(before ?? []),
      clientId(text),
    ])
    .examples(`group ${verb} u1 u2 --tenant shop --group team`)
    .action(async (clients: string[], { group, ...options }: Options) => {
      const api = await memberApi(options, "publisher");
      for (let from = 0; from < clients.length; from += AT_ONCE) {
        const some = clients.slice(from, from + AT_ONCE);
        printJson(await api.ask("POST", `${pathOf(group)}/members`, { [verb]: some }));
      }
    });

const list = (): CliCommand =>
  of("list", "List members of a group in the order of their ids, as JSON.")
    .option("--limit <n>", "the number of members to list, 1 to 1000; 100 by default", limitOf(1_000))
    .option("--after <client>", "list those after this client: `next` of the previous page", clientId)
    .examples("group list --tenant shop --group team --limit 1000")
    .action(async ({ group, limit, after, ...options }: Options & { limit?: number; after?: string }) => {
      const query = new URLSearchParams({
        ...(limit !== undefined && { limit: String(limit) }),
        ...(after !== undefined && { after }),
      });
      const api = await memberApi(options, "publisher");
      printJson(await api.ask("GET", `${pathOf(group)}/members?${query.toString()}`));
    });

const show = (): CliCommand =>
  of("show", "Show how many members a group has.")
    .examples("group show --tenant shop --group team")
    .action(async ({ group, ...options }: Options) => {
      printJson(await (await memberApi(options, "publisher")).ask("GET", pathOf(group)));
    });
