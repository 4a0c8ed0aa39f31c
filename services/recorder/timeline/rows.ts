import type { Incoming } from "@saasaparilla/shared/kafka/client.ts";
import { tenantOf, TENANT_FORM } from "@saasaparilla/shared/protocol/notification.ts";
import { classify, messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import { readEvents } from "@saasaparilla/shared/timeline/events.ts";
import { z } from "zod";

/** The place of an event in the topic, which names its row. */
export interface Place {
  /** Whole days since 1970 at which Kafka appended its record. */
  day: number;
  partition: number;
  offset: number;
  item: number;
}

export interface EventRow extends Place {
  tenant: string;
  client: string;
  id: string;
  /** ms since 1970. */
  at: number;
  service: string;
  instance: string;
  kind: string;
  /** JSON that Postgres can store. */
  detail: string;
}

export interface GapRow extends Place {
  service: string;
  instance: string;
  /** ms since 1970. */
  began: number;
  ended: number;
  count: number;
}

export interface RowsRead {
  events: EventRow[];
  gaps: GapRow[];
  /** Why a line, or the whole record, cannot be read. */
  bad: string[];
}

export const DAY_MS = 86_400_000;
const NOTHING = Buffer.alloc(0);
const NAME_LENGTH = 100;
const CLIENT_LENGTH = 200;

const line = z.tuple([
  z.number(),
  z.string().max(NAME_LENGTH),
  z.string(),
  z.string(),
  z.record(z.string(), z.unknown()),
]);
const gap = z.object({ from: z.number(), count: z.int().min(0) });
const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

/** A kind that this version does not know is kept: a service of a later version wrote it. */
export function readRows({ offset, appended, value, headers }: Incoming, partition: number): RowsRead {
  const read: RowsRead = { events: [], gaps: [], bad: [] };
  const day = Math.floor(appended / DAY_MS);
  const from = { service: nameOf(headers.service), instance: nameOf(headers.instance) };
  let lines: unknown[];
  try {
    lines = readEvents(value ?? NOTHING);
  } catch (error) {
    if (classify(error) !== "reject") throw error;
    read.bad.push(messageOf(error));
    return read;
  }
  lines.forEach((given, item) => {
    const why = add(read, given, { ...from, day, partition, offset, item });
    if (why !== undefined) read.bad.push(`Event ${item}: ${why}`);
  });
  return read;
}

function add(read: RowsRead, given: unknown, place: Place & { service: string; instance: string }): string | undefined {
  const known = line.safeParse(given);
  if (!known.success) return "it is not [at, kind, key, id, detail].";
  const [at, kind, key, id, detail] = known.data;
  if (!isTime(at)) return "its time is not in ms since 1970.";
  if (kind === "gap") {
    const missing = gap.safeParse(detail);
    if (!missing.success || !isTime(missing.data.from)) return "it is a gap without from and count.";
    read.gaps.push({ ...place, began: missing.data.from, ended: at, count: missing.data.count });
    return undefined;
  }
  const tenant = tenantOf(key);
  const client = key.slice(tenant.length + 1);
  if (!TENANT_FORM.test(tenant) || client.length > CLIENT_LENGTH) return "its key is not tenant/client.";
  if (!UUID.test(id)) return "its id is not a UUID.";
  read.events.push({
    ...place,
    tenant,
    client: storable(client),
    id,
    at,
    kind: storable(kind),
    detail: jsonOf(detail),
  });
  return undefined;
}

const isTime = (ms: number): boolean => Number.isFinite(ms) && Math.abs(ms) < 8.64e15;

/** Postgres stores no NUL, and no half of a surrogate pair. */
const storable = (text: string): string => text.toWellFormed().replaceAll("\0", "\u{FFFD}");

const UNSTORABLE = /\\u(?:0000|d[89a-f])/i;

function jsonOf(detail: object): string {
  const text = JSON.stringify(detail);
  if (!UNSTORABLE.test(text)) return text;
  return JSON.stringify(detail, (_, value: unknown) => (typeof value === "string" ? storable(value) : value));
}

const nameOf = (header: string | undefined): string => storable((header ?? "unknown").slice(0, NAME_LENGTH));
