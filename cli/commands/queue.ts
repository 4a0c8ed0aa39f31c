import { CliCommand } from "#cli/command.ts";
import { memberApi } from "#cli/connection/api.ts";
import { memberOptions, type MemberOptions } from "#cli/connection/options.ts";
import { documentCommand } from "#cli/dispatch/documents.ts";
import { printJson } from "#cli/output.ts";
import { limitOf, secondsFrom, targetId } from "#cli/values.ts";

const MOST = 1_000;
const MOST_CLAIM_SECONDS = 43_200;

export const queueCommand = (): CliCommand =>
  documentCommand("queue", "how the messages of a queue are claimed")
    .addCommand(read())
    .addCommand(claim())
    .addCommand(receipts("confirm", "Confirm messages: they never come again.", "confirmations"))
    .addCommand(receipts("release", "Give claimed messages back: another worker gets them at once.", "releases"));

const of = (name: string, description: string): CliCommand =>
  memberOptions(
    new CliCommand(name).description(description).argument("<queue>", "the name of the queue", targetId),
    "consumer",
  );

const pathOf = (queue: string, name: string): string => `/v1/queues/${encodeURIComponent(queue)}/${name}`;

const read = (): CliCommand =>
  of("read", "Read the oldest messages that are not confirmed, as JSON. It changes nothing.")
    .option("--limit <n>", `the number of messages to read, 1 to ${MOST}; 100 by default`, limitOf(MOST))
    .option("--wait <seconds>", "seconds to wait for a first message, at most 25", secondsFrom(0, 25))
    .examples("queue read jobs --tenant shop --limit 10 --wait 20")
    .action(async (queue: string, { limit, wait, ...options }: MemberOptions & { limit?: number; wait?: number }) => {
      const query = new URLSearchParams({
        ...(limit !== undefined && { limit: String(limit) }),
        ...(wait !== undefined && { wait: String(wait) }),
      });
      const api = await memberApi(options, "consumer");
      printJson(await api.ask("GET", `${pathOf(queue, "messages")}?${query.toString()}`));
    });

const claim = (): CliCommand =>
  of("claim", "Claim the oldest free messages, as JSON. No other worker gets them until the claim ends.")
    .option("--limit <n>", `the number of messages to claim, 1 to ${MOST}; 100 by default`, limitOf(MOST))
    .option("--seconds <n>", "the length of the claim", secondsFrom(1, MOST_CLAIM_SECONDS))
    .examples("queue claim jobs --tenant shop --limit 1 --seconds 60")
    .action(
      async (queue: string, { limit, seconds, ...options }: MemberOptions & { limit?: number; seconds?: number }) => {
        const body = { ...(limit !== undefined && { limit }), ...(seconds !== undefined && { seconds }) };
        printJson(await (await memberApi(options, "consumer")).ask("POST", pathOf(queue, "claims"), body));
      },
    );

const receipts = (verb: string, description: string, path: string): CliCommand =>
  of(verb, description)
    .argument("<receipts...>", `receipts that read or claim printed, at most ${MOST}`)
    .examples(`queue ${verb} jobs 0001000000000000a0000f3c2d1-1 --tenant shop`)
    .action(async (queue: string, given: string[], options: MemberOptions) => {
      const api = await memberApi(options, "consumer");
      printJson(await api.ask("POST", pathOf(queue, path), { receipts: given }));
    });
