import { classify, Failure } from "@saasaparilla/shared/runtime/errors.ts";
import type { Batch } from "@saasaparilla/shared/kafka/client.ts";
import { SEQUENCE_FORM, tenantOf, type ClientKey } from "@saasaparilla/shared/protocol/notification.ts";
import {
  checkNotification,
  Kind,
  notificationBody,
  readDeferred,
  readPack,
  type BadItem,
} from "@saasaparilla/shared/protocol/pack.ts";
import type { ConnectionId } from "@saasaparilla/shared/protocol/control-messages.ts";
import type { StoredNotification } from "@saasaparilla/shared/postgres/stored-notifications.ts";
import { deadLetterOf, deadLetterOfItem, NOTHING, type DeadLetter } from "@saasaparilla/shared/kafka/dead-letters.ts";

/** The most connections to remember. Connections above the bound ask again on their own. */
const MAX_WANTING = 50_000;

/**
 * For all tenants: Postgres is away, or an earlier owner left records. For one tenant: it stores more than its share.
 */
export type DeferredReason = "away" | "share";

/** Stands for all tenants. No tenant has this name. */
const ALL = "";

/** What one tenant, or all tenants, deferred and Postgres does not have yet. */
export interface DeferredLine {
  readonly reason: DeferredReason;
  /** Records on their way into the topic. */
  appending: number;
  /** The offset after the last record that counts. */
  end: number;
}

/**
 * Tracks whether deferred notifications are missing in Postgres, for all tenants or for some. Until they are inserted,
 * these tenants' new notifications are deferred behind them. A direct insert would replay later notifications before
 * earlier ones.
 */
export class DeferredQueue {
  /** The next offset of deferred to read. */
  #position: number;
  readonly #lines = new Map<string, DeferredLine>();
  /** Connections that asked for a hold while something was deferred, which a replay would miss. */
  readonly #wanting = new Map<string, { key: ClientKey; id: ConnectionId }>();
  /** A line was drained since the last `takeWanting`. */
  #drained = false;

  constructor(position: number, end: number) {
    this.#position = position;
    if (position < end) this.#lines.set(ALL, { reason: "away", appending: 0, end });
  }

  /** Whether this tenant's notifications to store are deferred. */
  active(tenant: string): boolean {
    return this.#lines.size > 0 && (this.#lines.has(ALL) || this.#lines.has(tenant));
  }

  activeFor(key: ClientKey): boolean {
    return this.#lines.size > 0 && this.active(tenantOf(key));
  }

  /** A record of this tenant is on its way into the topic. `away`: all other tenants' records are deferred too. */
  appending(tenant: string, away: boolean): DeferredLine {
    const name = away || this.#lines.has(ALL) ? ALL : tenant;
    let line = this.#lines.get(name);
    if (!line) this.#lines.set(name, (line = { reason: name === ALL ? "away" : "share", appending: 0, end: 0 }));
    line.appending += 1;
    return line;
  }

  appended(line: DeferredLine, offset: number): void {
    line.appending -= 1;
    line.end = Math.max(line.end, offset + 1);
    this.#forgetDrained();
  }

  /** Everything up to this offset is in Postgres. */
  drainedTo(next: number): void {
    this.#position = Math.max(this.#position, next);
    this.#forgetDrained();
  }

  want(key: ClientKey, id: ConnectionId): void {
    if (this.#wanting.size < MAX_WANTING) this.#wanting.set(`${id.incarnation}:${id.session}`, { key, id });
  }

  /** Connections that no longer need to wait. */
  takeWanting(): { key: ClientKey; id: ConnectionId }[] {
    if (!this.#drained) return [];
    this.#drained = false;
    const taken = [...this.#wanting].filter(([, { key }]) => !this.activeFor(key));
    for (const [name] of taken) this.#wanting.delete(name);
    return taken.map(([, wanting]) => wanting);
  }

  /**
   * The rows of all unread records, from any owner. An earlier owner that continues also appends a client's
   * notifications in order, so Postgres never has a gap. Choosing among them would create one. Rejected records and
   * items become dead letters only after the rows are in Postgres: while it is away, the batch is read repeatedly.
   */
  read(batch: Batch): { rows: StoredNotification[]; rejected: DeadLetter[] } {
    const rows: StoredNotification[] = [];
    const rejected: DeadLetter[] = [];
    for (const record of batch.records) {
      if (record.offset < this.#position) continue;
      const whole: StoredNotification[] = [];
      const bad: BadItem[] = [];
      try {
        readPack(
          record.value ?? NOTHING,
          (kind, body, index) => whole.push(toRow(kind, body, index)),
          (item) => bad.push(item),
        );
        rows.push(...whole);
        rejected.push(...bad.map((item) => deadLetterOfItem(batch, record, item)));
      } catch (error) {
        if (classify(error) !== "reject") throw error;
        rejected.push(deadLetterOf(batch, record, error));
      }
    }
    return { rows, rejected };
  }

  #forgetDrained(): void {
    for (const [name, { appending, end }] of this.#lines) {
      if (appending > 0 || this.#position < end) continue;
      this.#lines.delete(name);
      this.#drained = true;
    }
  }
}

/** An unknown kind is not skipped: Kafka may have no other copy of what it carries. */
function toRow(kind: number, deferred: Buffer, index: number): StoredNotification {
  if (kind !== Kind.DEFERRED)
    throw new Failure("reject", `Item ${index} has the unknown kind ${kind}, not ${Kind.DEFERRED}.`);
  const { appended, sequence, body } = readDeferred(deferred);
  if (!SEQUENCE_FORM.test(sequence)) throw new Failure("reject", `Item ${index} has a sequence of no known form.`);
  checkNotification(body, index);
  const ttl = notificationBody.ttl(body);
  const expires = ttl === 0 ? undefined : appended + ttl * 1_000;
  return {
    client: notificationBody.key(body),
    sequence,
    appended,
    expires,
    body,
    options: notificationBody.endOptions(body),
  };
}
