import { parseArgs } from "node:util";
import type { Summary } from "#services/director/dead-letters/decode.ts";
import { signToken } from "#local/sign-token.ts";
import { port } from "#local/process/ports.ts";
import { printable, printableJson } from "@saasaparilla/shared/runtime/printable.ts";
import { UserError, command, reasonOf } from "#local/process/user-error.ts";

const USAGE = "Usage: npx just dead-letters list [--limit N] [--after ID|start] | show ID | redrive ID";

const base = process.env.DIRECTOR_URL || `http://localhost:${port("DIRECTOR_PORT")}`;

async function ask<T>(path: string, method: "GET" | "POST" = "GET"): Promise<T> {
  const headers = { authorization: `Bearer ${await signToken({ operator: "local" })}` };
  const response = await fetch(`${base}/v1/dead-letters${path}`, { method, headers }).catch((error: unknown) => {
    throw new UserError(`The director at ${base} does not answer: ${reasonOf(error)}.`, "Start it: npx just up");
  });
  const answer = (await response.json()) as T & { detail?: string };
  if (!response.ok) throw new UserError(`${answer.detail ?? response.statusText}`, USAGE);
  return answer;
}

function table(letters: Summary[]): string {
  const rows = letters.map(({ id, when, topic, partition, offset, size, notifications, reason }) => [
    id,
    when,
    `${topic}/${partition}@${offset}`,
    `${size} B`,
    notifications.length > 1
      ? `${notifications[0]!.client} +${notifications.length - 1}`
      : (notifications[0]?.client ?? "-"),
    reason,
  ]);
  const all = [["ID", "WHEN", "FROM", "SIZE", "CLIENT", "REASON"], ...rows];
  const widths = all[0]!.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  // The last one is as long as it is.
  const line = (row: string[]): string =>
    row
      .map(printable)
      .map((cell, column) => (column < 5 ? cell.padEnd(widths[column]!) : cell))
      .join("  ");
  return all.map(line).join("\n");
}

async function list(query: Record<string, string>): Promise<string> {
  const { deadLetters, next } = await ask<{ deadLetters: Summary[]; next?: string }>(`?${new URLSearchParams(query)}`);
  if (deadLetters.length === 0) return "There are no dead letters.";
  return `${table(deadLetters)}${next === undefined ? "" : `\n\nMore: npx just dead-letters list --after ${next}`}`;
}

await command(async () => {
  const { positionals, values } = parsed();
  const [verb = "list", id, more] = positionals;
  const one = id !== undefined && more === undefined;
  if (verb === "list" && id === undefined) {
    process.stdout.write(`${await list(values)}\n`);
  } else if (verb === "show" && one) {
    process.stdout.write(`${printableJson(await ask(`/${encodeURIComponent(id)}`), 2)}\n`);
  } else if (verb === "redrive" && one) {
    const { topic, partition, offset } = await ask<Summary>(`/${encodeURIComponent(id)}/redrive`, "POST");
    process.stdout.write(`${id} was sent again: ${topic}, partition ${partition}, offset ${offset}.\n`);
  } else throw new UserError("That is no command.", USAGE);
}, USAGE);

function parsed() {
  try {
    const text = { type: "string" } as const;
    return parseArgs({ allowPositionals: true, options: { limit: text, after: text } });
  } catch (error) {
    throw new UserError(`${reasonOf(error)}.`, USAGE, { cause: error });
  }
}
