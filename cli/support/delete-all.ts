import { CliError } from "#cli/command.ts";
import type { Api } from "#cli/connection/api.ts";

interface Deletion {
  finished: boolean;
  deleted: Record<string, number>;
}

/** A request deletes for some seconds. Several hundred of them are a defect. */
const MOST_REQUESTS = 1_000;

/** Repeats a deletion until nothing is left, and adds the numbers. */
export async function deleteAll(api: Pick<Api, "ask">, path: string): Promise<object> {
  const sums: Record<string, number> = {};
  for (let requests = 0; requests < MOST_REQUESTS; requests += 1) {
    const { finished, deleted, ...rest } = await api.ask<Deletion>("DELETE", path);
    for (const [name, count] of Object.entries(deleted)) sums[name] = (sums[name] ?? 0) + count;
    if (finished) return { deleted: sums, ...rest };
  }
  throw new CliError(`There is still something left after ${MOST_REQUESTS} requests. Run the command again.`);
}
