import { setTimeout as sleep } from "node:timers/promises";
import type { Scope } from "#auth/policies/schema.ts";
import { networkOf } from "#http/client-address.ts";
import { messageOf } from "#runtime/errors.ts";
import type { Health } from "#runtime/health.ts";
import type { Source } from "./identity.ts";
import type { KafkaLink } from "#kafka/client.ts";
import type { Log } from "#runtime/log.ts";
import { meters, type Registry } from "#runtime/metrics.ts";
import { BatchingProducer } from "#kafka/batching-producer.ts";

/**
 * A change by a request: members of a document, with their values before and after it. Bounded, and without secrets.
 */
export interface Written {
  kind: string;
  id: string;
  changed: Readonly<Record<string, readonly [before: unknown, after: unknown]>>;
}

/** The outcome of a request that may change something. `failed`: the change may have been written. */
export interface Ending {
  outcome: "committed" | "refused" | "failed";
  why?: string;
  wrote?: readonly Written[];
}

/** One attempt: the caller, the action, its address, and why it was allowed or refused. It never has the token. */
export interface Attempt extends Partial<Ending> {
  allowed: boolean;
  scope: Scope;
  method: string;
  /** The pattern of the path. Strangers can invent paths, but not patterns. */
  route: string;
  path: string;
  address: string;
  /** The caller; of a refused one, the names that its token claims. */
  tenant: string;
  subject: string;
  /** The issuer that vouches for the caller, or undefined. */
  source: Source | undefined;
}

export interface AuditLogOptions {
  service: string;
  link: Pick<KafkaLink, "sender" | "partitions">;
  topic: string;
  /** Limit on the bytes that are not in Kafka yet. */
  maxBytes: number;
  health: Health;
  registry: Registry;
  log: Log;
  now?: () => number;
  random?: () => number;
}

/** Equal attempts within this time are one entry with a count. */
const WINDOW_MS = 1_000;
const RECORD_BYTES = 64 << 10;
/** Size of an entry without its texts. */
const ENTRY_BYTES = 200;
const TEXT_LENGTH = 300;
const LAST_WORDS_MS = 2_000;

interface Entry {
  attempt: Attempt;
  at: number;
  until: number;
  times: number;
  /** Attempts in this entry with another path or address than it shows. */
  omitted: number;
}

/**
 * Writes every attempt to the audit topic, as lines of JSON. The queue for Kafka is bounded. Over the bound, attempts
 * are dropped and counted, and the log itself records how many are missing. Refusals fill at most half of the queue, so
 * that a flood of them cannot hide what was allowed.
 */
export class AuditLog {
  readonly #options: AuditLogOptions;
  readonly #now: () => number;
  readonly #entries = new Map<string, Entry>();
  readonly #dropped: Record<"allowed" | "refused", number> = { allowed: 0, refused: 0 };
  readonly #noted: Record<"allowed" | "refused", number> = { allowed: 0, refused: 0 };
  readonly #omitted: Record<"allowed" | "refused", number> = { allowed: 0, refused: 0 };
  #bytes = 0;
  /** Dropped attempts that the log does not mention yet. */
  #unsaid = { times: 0, since: 0 };
  #producer: BatchingProducer | undefined;
  #partition = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: AuditLogOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    const { counts, gauge } = meters(options.registry);
    const both = (of: Record<"allowed" | "refused", number>) => () =>
      Object.entries(of).map(([outcome, count]) => ({ outcome, count }));
    counts("audit_attempts_total", "Requests that need a token, by outcome.", ["outcome"], both(this.#noted));
    counts(
      "audit_dropped_total",
      "Requests that are missing in the audit log because it was written too slowly.",
      ["outcome"],
      both(this.#dropped),
    );
    counts(
      "audit_omitted_total",
      "Requests whose path or address is missing in the audit log. Their entry shows those of another request.",
      ["outcome"],
      both(this.#omitted),
    );
    gauge("audit_queued_bytes", "Bytes of the audit log not yet in Kafka.", () => this.queuedBytes);
  }

  get queuedBytes(): number {
    return this.#bytes + (this.#producer?.queuedBytes ?? 0);
  }

  note(attempt: Attempt): void {
    const verdict = attempt.allowed ? "allowed" : "refused";
    this.#noted[verdict] += 1;
    const { scope, method, route, address, tenant, subject, source, why, outcome, wrote } = attempt;
    // A stranger varies its path and its address within a network at no cost. An admitted caller has a bounded rate.
    const path = attempt.allowed ? attempt.path : route;
    // A refused caller can claim any names. The lengths in the key prevent collisions between different names.
    const lengths = `${path.length}:${tenant.length}:${subject.length}`;
    const ending = outcome && `${outcome} ${JSON.stringify(wrote)}`;
    const from = networkOf(address);
    const key = [scope, method, from, lengths, path, tenant, subject, nameOf(source), why, ending].join("\n");
    const now = this.#now();
    const before = this.#entries.get(key);
    if (before) {
      before.times += 1;
      before.until = now;
      if (before.attempt.path !== attempt.path || before.attempt.address !== address) {
        before.omitted += 1;
        this.#omitted[verdict] += 1;
      }
      return;
    }
    const bytes = key.length + attempt.path.length + ENTRY_BYTES;
    if (this.queuedBytes + bytes > this.#options.maxBytes / (attempt.allowed ? 1 : 2)) {
      if (this.#unsaid.times === 0) this.#unsaid.since = now;
      this.#unsaid.times += 1;
      this.#dropped[verdict] += 1;
      this.#options.health.ail("audit", "attempts come faster than they can be written, and are counted only");
      return;
    }
    this.#bytes += bytes;
    this.#entries.set(key, { attempt, at: now, until: now, times: 1, omitted: 0 });
    if (this.#bytes >= RECORD_BYTES) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), WINDOW_MS);
  }

  /** Resolves once Kafka accepts writes. Until then attempts are kept. */
  async start(): Promise<void> {
    const { link, topic, health, log, random = Math.random } = this.#options;
    const sender = await link.sender();
    this.#partition = Math.floor(random() * (await link.partitions(topic)));
    let failing = false;
    this.#producer = new BatchingProducer({
      send: (records) => sender.send(records),
      maxPackBytes: RECORD_BYTES,
      maxSendBytes: 16 * RECORD_BYTES,
      onFailure: "retry",
      failed(error) {
        if (!failing) log.error({ err: error }, "cannot write the audit log: attempts are kept while there is room");
        failing = true;
        health.ail("audit", messageOf(error));
      },
      sent: () => {
        failing = false;
        health.heal("audit");
        // Missing attempts are recorded as soon as possible, even if no further attempt comes.
        if (this.#unsaid.times > 0) this.#timer ??= setTimeout(() => this.flush(), WINDOW_MS);
      },
    });
    this.flush();
  }

  /** Sends the attempts that were noted so far. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#producer) return;
    const lines = Array.from(this.#entries.values(), (entry) => this.#line(entry));
    this.#entries.clear();
    this.#bytes = 0;
    if (this.#unsaid.times > 0) {
      const { times, since } = this.#unsaid;
      lines.push(
        JSON.stringify({ at: isoOf(since), until: isoOf(this.#now()), service: this.#options.service, missing: times }),
      );
      this.#unsaid = { times: 0, since: 0 };
    }
    // Before the first connection to Kafka many entries may collect, and Kafka limits the size of a record.
    for (let from = 0, to = 0, length = 0; from < lines.length; from = to, length = 0) {
      while (to < lines.length && (to === from || length + lines[to]!.length <= RECORD_BYTES))
        length += lines[to++]!.length;
      this.#record(lines.slice(from, to));
    }
  }

  #record(lines: string[]): void {
    const { topic } = this.#options;
    this.#producer!.record({ topic, partition: this.#partition, value: Buffer.from(lines.join("\n")) });
  }

  /** Writes the rest, or logs how many bytes could not be written. */
  async close(): Promise<void> {
    this.flush();
    const given = new AbortController();
    await Promise.race([
      this.#producer?.drained(),
      sleep(LAST_WORDS_MS, undefined, { signal: given.signal }).catch(() => undefined),
    ]);
    given.abort();
    const { queuedBytes } = this;
    if (queuedBytes > 0) this.#options.log.error({ queuedBytes }, "could not write the end of the audit log");
  }

  #line({ attempt, at, until, times, omitted }: Entry): string {
    const { source, tenant, subject, path, route: _, ...rest } = attempt;
    return JSON.stringify({
      at: isoOf(at),
      ...(times > 1 && { until: isoOf(until), times }),
      ...(omitted > 0 && { omitted }),
      service: this.#options.service,
      ...rest,
      path: path.slice(0, TEXT_LENGTH),
      tenant: tenant.slice(0, TEXT_LENGTH),
      subject: subject.slice(0, TEXT_LENGTH),
      ...(source && { source }),
    });
  }
}

function nameOf(source: Source | undefined): string {
  if (!source) return "";
  return source.kind === "issuer" ? `issuer ${source.name}` : source.kind === "key" ? `key ${source.id}` : source.kind;
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}
