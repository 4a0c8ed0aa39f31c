import { getTableName } from "./drizzle.ts";
import { START, type ClientKey, type Sequence } from "#protocol/notification.ts";
import { FOLLOWED, HEAD_BYTES, notificationBody } from "#protocol/pack.ts";
import type { Postgres } from "./client.ts";
import { byKey, confirmQuery, countsOf, inLockOrder, placesOf, rest } from "./queue-batch.ts";
import { tablesOf } from "./schema.ts";

export interface QueueMessage {
  sequence: Sequence;
  /** ms since 1970, by the broker. */
  appended: number;
  /** Claims of this message so far. */
  attempts: number;
  /** A notification's body, as in protocol/pack.ts. */
  body: Buffer;
}

export interface QueuePage {
  /** The oldest first. */
  messages: QueueMessage[];
  /** False if no message was stored after these at the time of reading. */
  more: boolean;
}

export interface ClaimRequest {
  queue: ClientKey;
  limit: number;
  seconds: number;
  /** A message with as many attempts goes to quarantine. Undefined for no limit. */
  maxAttempts: number | undefined;
}

export interface ClaimedPage {
  messages: QueueMessage[];
  /** Messages that went to quarantine instead. */
  quarantined: number;
  /** Messages had to go to quarantine, and it is full: they stay, and are not claimed. */
  quarantineFull: boolean;
  /** Messages that have to go to quarantine by QueueEnds, because they ask for an outcome. */
  asking: Sequence[];
}

/** One claim of one message. */
export interface Claim {
  sequence: Sequence;
  attempts: number;
  /** It ends so many seconds from now; 0 releases the message. */
  seconds: number;
}

/** A page ends with the message that reaches so many bytes. */
const PAGE_BYTES = 1 << 20;

/**
 * The messages of queues. Each is a stored notification whose client is the queue. A statement handles many queues.
 * What changes a queue locks it, in functions of migration 0007. Only Postgres' clock decides.
 */
export class QueueStore {
  readonly #postgres: Postgres;
  readonly #schema: string;
  readonly #stored: string;

  constructor(postgres: Postgres, namespace: string) {
    this.#postgres = postgres;
    this.#schema = `"${namespace}"`;
    this.#stored = `${this.#schema}.${getTableName(tablesOf(namespace).stored)}`;
  }

  /** The oldest unconfirmed messages of each queue, claimed or not. */
  async read(asked: readonly { queue: ClientKey; limit: number }[]): Promise<QueuePage[]> {
    // One more than asked for says whether there are more.
    const rows = await this.#ask<{ asker: number; page: Buffer }>(
      "queue-read",
      `select asked.asker::int, string_agg(
         convert_to(page.sequence, 'UTF8') || int8send(page.appended) || int4send(page.attempts)
           || int4send(octet_length(page.body)) || page.body, '' order by page.sequence) as page
       from unnest($1::text[], $2::int[]) with ordinality as asked(client, most, asker)
       cross join lateral (
         select *, sum(octet_length(body)) over (order by sequence rows unbounded preceding) - octet_length(body) as ahead
         from (select stored.sequence, (extract(epoch from stored.appended) * 1000)::int8 as appended, stored.body,
                 coalesce(claim.attempts, 0) as attempts
               from ${this.#oldest("asked.client")}
               order by stored.sequence limit asked.most) as oldest
       ) as page where page.ahead < $3 group by asked.asker`,
      [asked.map(({ queue }) => queue), asked.map(({ limit }) => limit + 1), PAGE_BYTES],
    );
    const pages: QueuePage[] = asked.map(() => ({ messages: [], more: false }));
    for (const { asker, page } of rows) {
      const { limit } = asked[asker - 1]!;
      const { messages, bytes } = readPage(page);
      const more = messages.length > limit || bytes >= PAGE_BYTES;
      pages[asker - 1] = { messages: messages.slice(0, limit), more };
    }
    return pages;
  }

  /** Of these queues, those with an unconfirmed message. */
  async nonEmpty(queues: readonly ClientKey[]): Promise<ClientKey[]> {
    const rows = await this.#ask<{ client: ClientKey }>(
      "queue-non-empty",
      `select asked.client from unnest($1::text[]) as asked(client)
       where exists (select from ${this.#oldest("asked.client")} offset 0 limit 1)`,
      [queues],
    );
    return rows.map(({ client }) => client);
  }

  /**
   * The sequences of messages with these ids, by id. It looks at the `limit` oldest unconfirmed messages only: ids have
   * no index.
   */
  async find(queue: ClientKey, ids: readonly string[], limit: number): Promise<Map<string, Sequence>> {
    const rows = await this.#ask<{ id: string; sequence: Sequence }>(
      "queue-find",
      `select id, sequence from (
         select stored.sequence, encode(substring(stored.body from 1 for 16), 'hex')::uuid::text as id
         from ${this.#oldest("$1::text")} order by stored.sequence limit $3
       ) as oldest where id = any($2::text[])`,
      [queue, ids, limit],
    );
    return new Map(rows.map(({ id, sequence }) => [id, sequence]));
  }

  /** The ids of the followed ones among these messages. */
  async followed(queue: ClientKey, sequences: readonly Sequence[]): Promise<Map<Sequence, string>> {
    const rows = await this.#ask<{ sequence: Sequence; head: Buffer }>(
      "queue-followed",
      `select sequence, substring(body from 1 for ${HEAD_BYTES}) as head from ${this.#stored}
       where client = $1 and sequence = any($2::text[]) and get_byte(body, ${HEAD_BYTES - 1}) & ${FOLLOWED} <> 0`,
      [queue, sequences],
    );
    return new Map(rows.map(({ sequence, head }) => [sequence, notificationBody.id(head)]));
  }

  /** Claims the oldest free messages. Two claims never have the same message at the same time. */
  async claim(unordered: readonly ClaimRequest[]): Promise<ClaimedPage[]> {
    const order = unordered.map((_, index) => index).sort((a, b) => byKey(unordered[a]!.queue, unordered[b]!.queue));
    const asked = order.map((index) => unordered[index]!);
    const rows = await this.#ask<{
      request: number;
      page: Buffer | null;
      quarantined: number;
      full: boolean;
      asking: Sequence[] | null;
    }>(
      "queue-claim",
      `select request, page, quarantined, full_quarantine as full, asking
       from ${this.#schema}.queue_claim($1::text[], $2::int[], $3::float8[], $4::int[], $5::int)`,
      [
        asked.map(({ queue }) => queue),
        asked.map(({ limit }) => limit),
        asked.map(({ seconds }) => seconds),
        asked.map(({ maxAttempts }) => maxAttempts ?? null),
        PAGE_BYTES,
      ],
    );
    const pages: ClaimedPage[] = asked.map(() => ({ messages: [], quarantined: 0, quarantineFull: false, asking: [] }));
    for (const { request, page, quarantined, full, asking } of rows) {
      const messages = page === null ? [] : readPage(page).messages;
      pages[order[request - 1]!] = { messages, quarantined, quarantineFull: full, asking: asking ?? [] };
    }
    return pages;
  }

  /**
   * Confirms messages by their sequences, and returns for each queue those that are not confirmed: unknown ones, and
   * those that QueueEnds has to confirm, because they ask for an outcome. A confirmed message may be confirmed again.
   */
  async confirm(unordered: ReadonlyMap<ClientKey, readonly Sequence[]>): Promise<Map<ClientKey, Sequence[]>> {
    const asked = inLockOrder(unordered);
    const { rows } = await this.#postgres.pool.query<{ place: number }>(confirmQuery(this.#schema, asked));
    const unknown = placesOf(rows);
    return rest(asked, (place) => unknown.has(place));
  }

  /** Moves the end of claims, and returns for each queue those that had ended or were another worker's by then. */
  async renew(unordered: ReadonlyMap<ClientKey, readonly Claim[]>): Promise<Map<ClientKey, Claim[]>> {
    const asked = inLockOrder(unordered);
    const claims = [...asked.values()].flat();
    const rows = await this.#ask<{ place: number }>(
      "queue-renew",
      `select queue_renew as place
       from ${this.#schema}.queue_renew($1::text[], $2::int[], $3::text[], $4::int[], $5::float8[])`,
      [
        ...countsOf(asked),
        claims.map(({ sequence }) => sequence),
        claims.map(({ attempts }) => attempts),
        claims.map(({ seconds }) => seconds),
      ],
    );
    const renewed = placesOf(rows);
    return rest(asked, (place) => !renewed.has(place));
  }

  /**
   * Deletes rows that were inserted again after their confirmation, and claims that ended, of the next `queues` queues.
   * Returns the last queue, or undefined after the last page.
   */
  async sweep(after: ClientKey, queues: number, rows: number): Promise<{ last: ClientKey | undefined; swept: number }> {
    const swept = await this.#ask<{ client: ClientKey; swept: number }>(
      "queue-sweep",
      `select client, ${this.#schema}.queue_sweep(client, sequence, $3) as swept from
         (select client, sequence from ${this.#schema}.queue_positions where client > $1 order by client limit $2) as page`,
      [after, queues, rows],
    );
    const last = swept.length < queues ? undefined : swept.at(-1)!.client;
    return { last, swept: swept.reduce((sum, { swept: each }) => sum + each, 0) };
  }

  /** The from and where of unconfirmed messages. A subquery with a limit is never made a join, which could scan claims. */
  #oldest(queue: string): string {
    return `${this.#stored} as stored
      left join lateral (select attempts, confirmed from ${this.#schema}.claims as claim
                         where claim.client = ${queue} and claim.sequence = stored.sequence limit 1) as claim on true
      where stored.client = ${queue}
        and stored.sequence > coalesce((select sequence from ${this.#schema}.queue_positions where client = ${queue}), '')
        and (stored.expires is null or stored.expires > now()) and claim.confirmed is not true`;
  }

  async #ask<Row extends object>(name: string, text: string, values: unknown[]): Promise<Row[]> {
    return (await this.#postgres.pool.query<Row>({ name, text, values })).rows;
  }
}

/** Layout of a row in a page: sequence, appended u64 (ms), attempts u32, length u32 (of the body). */
const APPENDED_AT = START.length;
const ATTEMPTS_AT = APPENDED_AT + 8;
const LENGTH_AT = ATTEMPTS_AT + 4;
const BODY_AT = LENGTH_AT + 4;

/** A page is one value, row after row: one value per row costs Postgres' client more than the row. */
function readPage(page: Buffer): { messages: QueueMessage[]; bytes: number } {
  const messages: QueueMessage[] = [];
  let bytes = 0;
  for (let at = 0; at < page.length;) {
    const end = at + BODY_AT + page.readUInt32BE(at + LENGTH_AT);
    const body = page.subarray(at + BODY_AT, end);
    messages.push({
      sequence: page.toString("latin1", at, at + APPENDED_AT),
      // Only the low six bytes can be non-zero.
      appended: page.readUIntBE(at + APPENDED_AT + 2, 6),
      attempts: page.readUInt32BE(at + ATTEMPTS_AT),
      body,
    });
    bytes += body.length;
    at = end;
  }
  return { messages, bytes };
}
