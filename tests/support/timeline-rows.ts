import pg from "pg";
import { causalRank } from "@saasaparilla/shared/timeline/events.ts";
import type { Stack } from "./stack.ts";

export interface TimelineRow {
  kind: string;
  service: string;
  client: string;
  detail: Record<string, unknown>;
}

async function ask<Row extends object>(
  stack: Pick<Stack, "namespace">,
  text: string,
  values: unknown[],
): Promise<Row[]> {
  const client = new pg.Client({ connectionString: process.env.DATABASE_URL! });
  await client.connect();
  try {
    return (await client.query<Row>(text.replaceAll("$schema", `"${stack.namespace}"`), values)).rows;
  } finally {
    await client.end();
  }
}

/** The events of a notification of acme, in the order of their times, then in causal order. */
export async function eventsOf(stack: Pick<Stack, "namespace">, id: string): Promise<TimelineRow[]> {
  const rows = await ask<TimelineRow & { at: Date }>(
    stack,
    "select kind, service, client, detail, at from $schema.timeline where tenant = 'acme' and id = $1",
    [id],
  );
  return rows.sort(
    (one, other) => one.at.getTime() - other.at.getTime() || causalRank(one.kind) - causalRank(other.kind),
  );
}

export async function kindsOf(stack: Pick<Stack, "namespace">, id: string): Promise<string[]> {
  return (await eventsOf(stack, id)).map(({ kind }) => kind);
}

/** By id, the kinds of its events, without order. */
export async function kindsOfClient(
  stack: Pick<Stack, "namespace">,
  client: string,
): Promise<Map<string, ReadonlySet<string>>> {
  const rows = await ask<{ id: string; kinds: string[] }>(
    stack,
    "select id, array_agg(kind) as kinds from $schema.timeline where tenant = 'acme' and client = $1 group by id",
    [client],
  );
  return new Map(rows.map(({ id, kinds }) => [id, new Set(kinds)]));
}

export interface GapRowRead {
  service: string;
  count: number;
}

export function gapsOf(stack: Pick<Stack, "namespace">): Promise<GapRowRead[]> {
  return ask(stack, "select service, count::int as count from $schema.timeline_gaps order by ended", []);
}

/** The number of rows, and of different events: a repeat of a record must not add any. */
export async function rowCount(
  stack: Pick<Stack, "namespace">,
  client: string,
): Promise<{ rows: number; kinds: number }> {
  const [row] = await ask<{ rows: number; kinds: number }>(
    stack,
    `select count(*)::int as rows, count(distinct (id, kind, service))::int as kinds
     from $schema.timeline where tenant = 'acme' and client = $1`,
    [client],
  );
  return row!;
}
