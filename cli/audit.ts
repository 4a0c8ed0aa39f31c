import { parseArgs } from "node:util";
import { Health } from "@saasaparilla/shared/runtime/health.ts";
import { KafkaLink } from "@saasaparilla/shared/kafka/client.ts";
import { kafkaSettings } from "@saasaparilla/shared/kafka/settings.ts";
import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { readRange } from "@saasaparilla/shared/kafka/read-range.ts";
import { readSettings } from "@saasaparilla/shared/runtime/load-settings.ts";
import { topicsOf } from "@saasaparilla/shared/kafka/topics.ts";
import { withTimeout } from "@saasaparilla/shared/runtime/timeout.ts";
import { kafka } from "#local/stores/kafka.ts";
import { field, printable, printableJson } from "@saasaparilla/shared/runtime/printable.ts";
import { UserError, command, reasonOf } from "#local/process/user-error.ts";

const USAGE = "Usage: npx just audit [--refused] [--tenant NAME] [--subject NAME] [--limit N] [--json]";
/** Of each partition, as far back as is looked. */
const MOST_RECORDS = 2_000;
const PATIENCE_MS = 10_000;

interface Entry {
  at: string;
  service: string;
  times?: number;
  /** Of these, attempts with another path or address. */
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

/** The end of the audit log, whichever service wrote it, in the order of time. */
async function latest(): Promise<Entry[]> {
  const topic = topicsOf(process.env.NAMESPACE || "notifications").audit;
  const address = readSettings(kafkaSettings, {
    ...process.env,
    KAFKA_BROKERS: process.env.KAFKA_BROKERS || kafka.url(),
  });
  const link = new KafkaLink(address, "audit", createLog("audit", "fatal"), new Health([]));
  // A group that does not exist has committed nothing: it would begin at the oldest.
  const ends = await link.progress(`${topic}-none`, topic);
  const found: Entry[] = [];
  const read = async ([partition, { committed, end }]: [number, { committed: number; end: number }]): Promise<void> => {
    const range = { topic, partition, from: Math.max(committed, end - MOST_RECORDS), to: end };
    for await (const { value } of readRange(link, range))
      for (const text of String(value).split("\n")) found.push(JSON.parse(text) as Entry);
  };
  await Promise.all([...ends].map(read));
  return found.sort((a, b) => (a.at < b.at ? -1 : 1));
}

/** One line. Whoever was refused has chosen these texts. */
function line(entry: Entry): string {
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

await command(async () => {
  const { refused = false, json = false, tenant, subject, limit = "50" } = parsed();
  if (!/^[1-9]\d{0,5}$/.test(limit)) throw new UserError(`--limit ${JSON.stringify(limit)} is no number.`, USAGE);
  const found = await withTimeout(PATIENCE_MS, latest());
  if (!found) throw new UserError("Kafka did not bring the audit log in time.", "Start what is missing: npx just up");
  const wanted = found.filter(
    (entry) =>
      (!refused || entry.allowed === false) &&
      (tenant === undefined || entry.tenant === tenant) &&
      (subject === undefined || entry.subject === subject),
  );
  const lines = wanted.slice(-Number(limit)).map((entry) => (json ? printableJson(entry) : line(entry)));
  process.stdout.write(lines.length === 0 ? "There is nothing of that in the audit log.\n" : `${lines.join("\n")}\n`);
}, USAGE);

function parsed() {
  try {
    const text = { type: "string" } as const;
    const flag = { type: "boolean" } as const;
    return parseArgs({ options: { refused: flag, json: flag, tenant: text, subject: text, limit: text } }).values;
  } catch (error) {
    throw new UserError(`${reasonOf(error)}.`, USAGE, { cause: error });
  }
}
