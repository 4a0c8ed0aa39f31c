import { readRange } from "@saasaparilla/shared/kafka/read-range.ts";
import { field, printable, printableJson } from "@saasaparilla/shared/runtime/printable.ts";
import { askKafka } from "./kafka.ts";
import type { KafkaOptions } from "./kafka-options.ts";

/** The number of records that are read from the end of each partition. */
const MOST_RECORDS = 2_000;

export interface Entry {
  at: string;
  service: string;
  times?: number;
  /** The attempts among these with another path or address. */
  omitted?: number;
  missing?: number;
  allowed?: boolean;
  scope?: string;
  method?: string;
  path?: string;
  address?: string;
  tenant?: string;
  subject?: string;
  why?: string;
  outcome?: string;
  wrote?: { kind: string; id: string; changed: Record<string, [unknown, unknown]> }[];
}

/** The end of the audit log of all services, in the order of time. */
export async function latestEntries(options: KafkaOptions): Promise<Entry[]> {
  return askKafka(options, async (link, { audit: topic }) => {
    // A group that does not exist has no committed offsets, so it would begin at the oldest.
    const ends = await link.progress(`${topic}-none`, topic);
    const found: Entry[] = [];
    const read = async ([partition, { committed, end }]: [
      number,
      { committed: number; end: number },
    ]): Promise<void> => {
      const range = { topic, partition, from: Math.max(committed, end - MOST_RECORDS), to: end };
      for await (const { value } of readRange(link, range))
        for (const text of String(value).split("\n")) found.push(JSON.parse(text) as Entry);
    };
    await Promise.all([...ends].map(read));
    return found.sort((a, b) => (a.at < b.at ? -1 : 1));
  });
}

/** One line. Refused callers chose some of these texts. */
export function line(entry: Entry): string {
  const { at, service, times = 1, omitted = 0, missing, allowed, scope = "", method = "", path = "" } = entry;
  const { address = "", tenant, subject, why, outcome } = entry;
  if (missing !== undefined) return `${field(at)}  ${field(service)}  ${missing} attempts are missing here`;
  const verdict = outcome === undefined ? (allowed ? "allowed" : "REFUSED") : field(outcome);
  const often = times > 1 ? ` ×${times}` : "";
  const others = omitted > 0 ? ` (${omitted} with another path or address)` : "";
  const who = `${field(tenant || "-")}/${field(subject || "-")}`;
  const what = `${field(scope)}  ${field(method)} ${field(path)}  from ${field(address)}${others}`;
  return `${field(at)}  ${verdict}${often}  ${who}  ${what}${why ? `: ${printable(why)}` : ""}${wrote(entry)}`;
}

function wrote({ wrote: documents = [] }: Entry): string {
  return documents
    .map(({ kind, id, changed }) => {
      const members = Object.entries(changed).map(
        ([name, [before, after]]) => `${field(name)} ${printableJson(before)} → ${printableJson(after)}`,
      );
      return `; ${field(kind)} ${field(id)}: ${members.join(", ") || "no change"}`;
    })
    .join("");
}
