import { getTableName } from "./drizzle.ts";
import type { Postgres } from "./client.ts";
import { tablesOf } from "./schema.ts";

/** Limits of one statement: tenants, and queues of each. */
const TENANTS = 100;
const QUEUES = 1_000;

/** More messages of a queue are not counted. */
const MOST_COUNTED = 100_000;

export interface QueueDepths {
  /** For the next page. Undefined after the last tenant. */
  last: string | undefined;
  /** Unconfirmed messages of the longest queue. */
  messages: number;
  /** Age of the oldest unconfirmed message. */
  seconds: number;
}

/** The longest and the oldest queue of the next tenants: for an alert, which needs no names. */
export async function queueDepths(postgres: Postgres, namespace: string, after: string): Promise<QueueDepths> {
  const schema = `"${namespace}"`;
  const stored = `${schema}.${getTableName(tablesOf(namespace).stored)}`;
  // From queue to queue: a look into an index for each, however much is stored. { and | enclose the keys of queues.
  const next = (behind: string): string =>
    `select client from ${stored} where client > ${behind} and client < page.tenant || '/|' order by client limit 1`;
  // Of the messages behind the position.
  const open = `from ${stored} as message where message.client = queue.client
    and message.sequence > coalesce((select sequence from ${schema}.queue_positions as at where at.client = queue.client), '')
    and (message.expires is null or message.expires > now())`;
  const { rows } = await postgres.pool.query<{
    last: string | null;
    tenants: number;
    messages: number;
    seconds: number;
  }>({
    name: "queue-depths",
    text: `with page as materialized (
             select distinct tenant from ${schema}.access where kind = 'tenant' and tenant > $1 order by tenant limit ${TENANTS}
           ), queue as materialized (
             select each.client from page cross join lateral (
               with recursive each (client, number) as (
                 (select client, 1 from (${next("page.tenant || '/{'")}) as first)
                 union all
                 select following.client, number + 1 from each
                 cross join lateral (${next("each.client")}) as following where number < ${QUEUES}
               ) select client from each
             ) as each
           ), measured as (
             select (select count(*) from (select ${open} limit ${MOST_COUNTED}) as counted) as messages,
               (select extract(epoch from now() - message.appended) ${open} and not exists (
                  select from ${schema}.claims as claim
                  where claim.client = queue.client and claim.sequence = message.sequence and claim.confirmed offset 0)
                order by message.sequence limit 1) as seconds
             from queue
           )
           select (select max(tenant) from page) as last, (select count(*)::int from page) as tenants,
             coalesce(max(messages), 0)::int as messages, greatest(coalesce(max(seconds), 0), 0)::float8 as seconds from measured`,
    values: [after],
  });
  const { last, tenants, messages, seconds } = rows[0]!;
  return { last: tenants === TENANTS ? last! : undefined, messages, seconds };
}
