import { randomUUID } from "node:crypto";
import { parseArgs } from "node:util";
import { Kafka, logLevel } from "kafkajs";
import { kafka } from "./kafka.ts";
import { Trouble, command, reasonOf } from "./trouble.ts";

const USAGE = "Usage: npx just audit [--refused] [--tenant NAME] [--subject NAME] [--limit N] [--json]";
/** Of each partition, as far back as is looked. */
const MOST_RECORDS = 2_000;
const PATIENCE_MS = 10_000;

interface Entry {
  at: string;
  service: string;
  times?: number;
  missing?: number;
  allowed?: boolean;
  scope?: string;
  method?: string;
  path?: string;
  address?: string;
  tenant?: string;
  subject?: string;
  why?: string;
}

/** The end of the audit log, whichever service wrote it, in the order of time. */
async function latest(): Promise<Entry[]> {
  const topic = `${process.env.NAMESPACE || "notifications"}.audit`;
  const brokers = (process.env.KAFKA_BROKERS || kafka.url()).split(",");
  const client = new Kafka({ brokers, logLevel: logLevel.NOTHING, retry: { retries: 2 } });
  const admin = client.admin();
  const consumer = client.consumer({ groupId: `${topic}-${randomUUID()}`, maxWaitTimeInMs: 50 });
  try {
    await admin.connect();
    const ends = (await admin.fetchTopicOffsets(topic)).map(({ partition, low, high }) => ({
      partition,
      low: Number(low),
      end: Number(high),
    }));
    const open = new Map(ends.filter(({ low, end }) => end > low).map(({ partition, end }) => [partition, end]));
    if (open.size === 0) return [];
    const found: Entry[] = [];
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const late = setTimeout(() => reject(new Error(`Kafka did not bring all of ${topic} in time`)), PATIENCE_MS);
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    consumer.on(consumer.events.CRASH, ({ payload }) => payload.restart || reject(payload.error));
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ partition, message }) => {
        const end = open.get(partition);
        if (end === undefined) return;
        for (const line of String(message.value).split("\n")) found.push(JSON.parse(line) as Entry);
        if (Number(message.offset) + 1 >= end) open.delete(partition);
        if (open.size === 0) resolve();
      },
    });
    for (const { partition, low, end } of ends)
      consumer.seek({ topic, partition, offset: String(Math.max(low, end - MOST_RECORDS)) });
    await promise.finally(() => clearTimeout(late));
    return found.sort((a, b) => (a.at < b.at ? -1 : 1));
  } catch (error) {
    throw new Trouble(`The audit log cannot be read: ${reasonOf(error)}.`, "Start what is missing: npx just up", {
      cause: error,
    });
  } finally {
    await Promise.allSettled([consumer.disconnect(), admin.disconnect()]);
  }
}

function line(entry: Entry): string {
  const { at, service, times = 1, missing, allowed, scope, method, path, address, tenant, subject, why } = entry;
  if (missing !== undefined) return `${at}  ${service}  ${missing} attempts are missing here`;
  const who = `${tenant || "-"}/${subject || "-"}`;
  const often = times > 1 ? ` ×${times}` : "";
  return `${at}  ${allowed ? "allowed" : "REFUSED"}${often}  ${who}  ${scope}  ${method} ${path}  from ${address}${why ? `: ${why}` : ""}`;
}

await command(async () => {
  const { refused = false, json = false, tenant, subject, limit = "50" } = parsed();
  if (!/^[1-9]\d{0,5}$/.test(limit)) throw new Trouble(`--limit ${JSON.stringify(limit)} is no number.`, USAGE);
  const wanted = (await latest()).filter(
    (entry) =>
      (!refused || entry.allowed === false) &&
      (tenant === undefined || entry.tenant === tenant) &&
      (subject === undefined || entry.subject === subject),
  );
  const lines = wanted.slice(-Number(limit)).map((entry) => (json ? JSON.stringify(entry) : line(entry)));
  process.stdout.write(lines.length === 0 ? "There is nothing of that in the audit log.\n" : `${lines.join("\n")}\n`);
});

function parsed() {
  try {
    const text = { type: "string" } as const;
    const flag = { type: "boolean" } as const;
    return parseArgs({ options: { refused: flag, json: flag, tenant: text, subject: text, limit: text } }).values;
  } catch (error) {
    throw new Trouble(`${reasonOf(error)}.`, USAGE, { cause: error });
  }
}
