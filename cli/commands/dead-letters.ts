import type { Summary } from "#services/director/dead-letters/decode.ts";
import { CliCommand } from "#cli/command.ts";
import { directorApi } from "#cli/connection/api.ts";
import { directorOptions, type DirectorOptions } from "#cli/connection/options.ts";
import { JSON_OPTION, print, printJson, printTable } from "#cli/output.ts";
import { deadLetterId, deadLetterPosition, limitOf } from "#cli/values.ts";

const PATH = "/v1/dead-letters";
const HEAD = ["ID", "WHEN", "FROM", "SIZE", "CLIENT", "REASON"];

export const deadLettersCommand = (): CliCommand =>
  new CliCommand("dead-letters")
    .summary("records that could not be processed: list, show, redrive")
    .description("Read the records that could not be processed, and send one again. Without a command, lists them.")
    .examples("dead-letters list --limit 10", "dead-letters show 0-17", "dead-letters redrive 0-17")
    .addCommand(list())
    .addCommand(show())
    .addCommand(redrive());

interface ListOptions extends DirectorOptions {
  limit?: number;
  after?: string;
  json?: true;
}

const list = (): CliCommand =>
  directorOptions(
    new CliCommand("list")
      .description("List dead letters: the newest, or the oldest after --after.")
      .option("--limit <n>", "the number of dead letters to list, 1 to 500; 50 by default", limitOf(500))
      .option("--after <id>", "list those after this id; start: from the oldest", deadLetterPosition)
      .option(...JSON_OPTION),
  )
    .examples("dead-letters list", "dead-letters list --after start --limit 100 --json")
    .action(async ({ limit, after, json, ...options }: ListOptions, command: CliCommand) => {
      const query = new URLSearchParams({
        ...(limit !== undefined && { limit: String(limit) }),
        ...(after !== undefined && { after }),
      });
      const api = await directorApi(options);
      const page = await api.ask<{ deadLetters: Summary[]; next?: string }>("GET", `${PATH}?${query.toString()}`);
      if (json) return printJson(page);
      if (page.deadLetters.length === 0) return print("There are no dead letters.");
      printTable(HEAD, page.deadLetters.map(cells));
      if (page.next !== undefined) print(`\nMore: ${command.path} --after ${page.next}`);
      return undefined;
    });

const show = (): CliCommand =>
  directorOptions(new CliCommand("show").description("Show one dead letter with its content, as JSON."))
    .argument("<id>", "its id, from the list", deadLetterId)
    .examples("dead-letters show 0-17")
    .action(async (id: string, options: DirectorOptions) => {
      printJson(await (await directorApi(options)).ask("GET", `${PATH}/${id}`));
    });

const redrive = (): CliCommand =>
  directorOptions(
    new CliCommand("redrive").description(
      "Send a dead letter again, byte for byte. If it is still wrong, it becomes a dead letter again.",
    ),
  )
    .argument("<id>", "its id, from the list", deadLetterId)
    .examples("dead-letters redrive 0-17")
    .action(async (id: string, options: DirectorOptions) => {
      const api = await directorApi(options);
      const { topic, partition, offset } = await api.ask<Summary>("POST", `${PATH}/${id}/redrive`);
      print(`${id} was sent again: ${topic}, partition ${partition}, offset ${offset}.`);
    });

function cells({ id, when, topic, partition, offset, index, size, notifications, reason }: Summary): string[] {
  const [first, ...more] = notifications;
  const client = more.length > 0 ? `${first!.client} +${more.length}` : (first?.client ?? "-");
  const item = index === undefined ? "" : `#${index}`;
  return [id, when, `${topic}/${partition}@${offset}${item}`, `${size} B`, client, reason];
}
