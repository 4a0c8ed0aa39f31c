import type { Postgres } from "@saasaparilla/shared/postgres/client.ts";
import type { Gap } from "./facts.ts";
import { inOrder, type StoredEvent } from "./told-events.ts";

/** Events of one notification that an answer shows. One that is sent again and again can have more. */
export const MOST_EVENTS = 1_000;
const MOST_GAPS = 20;

/** The place of an event in a list. */
export interface Place {
  /** ms since 1970. */
  at: number;
  partition: number;
  offset: number;
  item: number;
}

export interface ListedEvent extends StoredEvent {
  id: string;
  place: Place;
}

export interface ListQuery {
  tenant: string;
  client?: string | undefined;
  publisher?: string | undefined;
  /** Undefined: the newest event of each notification. */
  kind?: string | undefined;
  /** Only refusals of whole requests. */
  requests?: boolean;
  before?: Place | undefined;
  limit: number;
}

interface Row {
  at: string;
  service: string;
  instance: string;
  client: string;
  id: string;
  kind: string;
  detail: object;
  partition: number;
  record_offset: string;
  item: number;
}

const COLUMNS =
  "(extract(epoch from at) * 1000)::int8 as at, service, instance, client, id, kind, detail, partition, record_offset, item";
const NEWEST_FIRST = "order by at desc, partition desc, record_offset desc, item desc";

/** Reads the tables of the recorder. */
export class TimelineStore {
  readonly #pool: Postgres["pool"];
  readonly #schema: string;

  constructor({ pool }: Pick<Postgres, "pool">, namespace: string) {
    this.#pool = pool;
    this.#schema = `"${namespace}"`;
  }

  /** The newest events of these notifications, in order. `clients`: only theirs, and those without a client. */
  async events(tenant: string, ids: readonly string[], clients?: readonly string[]): Promise<ListedEvent[]> {
    const { rows } = await this.#pool.query<Row>({
      name: "support-events",
      text: `select ${COLUMNS} from ${this.#schema}.timeline
             where tenant = $1 and id = any($2::uuid[]) and ($3::text[] is null or client = any($3) or client = '')
             ${NEWEST_FIRST} limit ${MOST_EVENTS}`,
      values: [tenant, ids, clients ?? null],
    });
    return inOrder(rows.map(listed));
  }

  /** Newest first. */
  async list({ tenant, client, publisher, kind, requests, before, limit }: ListQuery): Promise<ListedEvent[]> {
    const values: unknown[] = [tenant];
    const bound = (value: unknown): string => `$${values.push(value)}`;
    const conditions = ["tenant = $1"];
    if (client !== undefined) conditions.push(`client = ${bound(client)}`);
    if (publisher !== undefined) conditions.push(`detail ->> 'publisher' = ${bound(publisher)}`);
    // A constant, so that the planner finds the partial indexes.
    if (kind !== undefined) conditions.push(`kind = '${kind}'`);
    else conditions.push(this.#isNewest());
    if (requests) conditions.push("detail ? 'instance'");
    if (before) {
      const at = bound(new Date(before.at));
      const rest = [before.partition, before.offset, before.item].map(bound).join(", ");
      conditions.push(`at <= ${at}`, `(at, partition, record_offset, item) < (${at}, ${rest})`);
    }
    const { rows } = await this.#pool.query<Row>(
      `select ${COLUMNS} from ${this.#schema}.timeline as event where ${conditions.join(" and ")}
       ${NEWEST_FIRST} limit ${bound(limit)}`,
      values,
    );
    return rows.map(listed);
  }

  /** The newest gaps between two times. */
  async gaps(from: number, to: number): Promise<Gap[]> {
    const { rows } = await this.#pool.query<
      Record<"from" | "to" | "count", string> & Pick<Gap, "service" | "instance">
    >({
      name: "support-gaps",
      text: `select service, instance, count, (extract(epoch from began) * 1000)::int8 as from,
                    (extract(epoch from ended) * 1000)::int8 as to
             from ${this.#schema}.timeline_gaps where ended >= $1 and began <= $2 order by ended desc limit ${MOST_GAPS}`,
      values: [new Date(from), new Date(to)],
    });
    return rows
      .map(({ from: began, to: ended, count, ...gap }) => ({
        ...gap,
        from: Number(began),
        to: Number(ended),
        count: Number(count),
      }))
      .toReversed();
  }

  /** The last time at which a followed notification of this client was acknowledged. */
  async lastAcknowledged(tenant: string, client: string): Promise<number | undefined> {
    const { rows } = await this.#pool.query<{ at: string }>({
      name: "support-acknowledged",
      text: `select (extract(epoch from at) * 1000)::int8 as at from ${this.#schema}.timeline
             where tenant = $1 and client = $2 and kind = 'acknowledged' order by at desc limit 1`,
      values: [tenant, client],
    });
    return rows[0] && Number(rows[0].at);
  }

  /** The days that the timeline keeps. */
  async days(): Promise<number> {
    const { rows } = await this.#pool.query<{ days: number }>({
      name: "support-days",
      text: `select days from ${this.#schema}.timeline_days`,
    });
    return rows[0]!.days;
  }

  /** Of the events of one client and notification, the newest one. */
  #isNewest(): string {
    return `not exists (
      select from ${this.#schema}.timeline as newer
      where newer.tenant = event.tenant and newer.id = event.id and newer.client = event.client
      and (newer.at, newer.partition, newer.record_offset, newer.item)
        > (event.at, event.partition, event.record_offset, event.item))`;
  }
}

function listed({ at, partition, record_offset, item, ...event }: Row): ListedEvent {
  const place = { at: Number(at), partition, offset: Number(record_offset), item };
  return { ...event, at: place.at, place };
}
