import { createWriteStream, type WriteStream } from "node:fs";
import { once } from "node:events";
import type { Mark } from "@saasaparilla/shared/protocol/inbox.ts";

/**
 * The observed events, in order, as clients and publishers saw them. `id` comes from the load, inside each
 * notification: unlike the platform's own id it is known without an answer. `key` is tenant/client; `at` is in ms,
 * monotonic.
 */
export type HistoryEvent =
  | { kind: "client"; key: string; steady: boolean }
  /**
   * A publisher on one stream waits for the answer before its next request: its order is the order of its answers.
   * `repeats`: sent with its own id or Idempotency-Key, and repeated until accepted. The best of its answers counts.
   */
  | {
      kind: "send";
      id: string;
      key: string;
      stream: string;
      at: number;
      ttl?: number;
      repeats?: true;
      /** It replaces waiting notifications with this key. */
      collapse?: string;
      /** It is a retract without data. No client of the load asks for such frames. */
      retract?: true;
      /** It asks for an outcome. */
      asks?: true;
    }
  /** `notification`: the platform's own id, if the answer had one. */
  | { kind: "answer"; id: string; outcome: Outcome; notification?: string; at: number }
  | { kind: "connect"; connection: number; key: string; cursor: string | undefined; at: number }
  /** `connected`: the actual resume point of the connection. */
  | { kind: "resume"; connection: number; cursor: string; at: number }
  | { kind: "receive"; connection: number; id: string; notification?: string; cursor: string; at: number }
  | { kind: "live"; connection: number; at: number }
  | { kind: "acknowledge"; connection: number; cursor: string; at: number }
  | { kind: "close"; connection: number; at: number }
  /** Seen in Postgres for this client, up to this cursor. */
  | { kind: "stored"; key: string; cursor: string; at: number }
  /** A consumer read it in the queue `key`; it asked at `asked`. `ordered`: it reads all messages, in their order. */
  | { kind: "read"; key: string; id: string; notification: string; ordered: boolean; asked: number; at: number }
  /** The answer to its confirmation. */
  | { kind: "confirm"; key: string; notification: string; at: number }
  /**
   * The whole list of an inbox, the newest first. `paged`: read in several requests, so the counts are of another moment.
   * `last`: read after everything was in the inbox.
   */
  | {
      kind: "list";
      key: string;
      items: readonly ListedNotification[];
      unread: number;
      unseen: number;
      paged: boolean;
      last: boolean;
      asked: number;
      at: number;
    }
  /** A device asks to mark items. Without `marked` it may be done or not. */
  | { kind: "marking"; key: string; request: number; mark: Mark; which: Marked; at: number }
  /** The answer to it. */
  | { kind: "marked"; request: number; at: number }
  /** An outcome in its queue. `message`: the id of the outcome itself. */
  | { kind: "outcome"; notification: string; message: string; outcome: string; at: number }
  /** Identified by the platform's own id, as in the log. */
  | { kind: "expire"; notification: string; at: number }
  /** An unprocessable record, written to accepted past the receivers. `place`: topic, partition and offset. */
  | { kind: "poison"; place: string; partition: number; at: number }
  /** A director took over a partition: it repeats its predecessor's uncommitted work. */
  | { kind: "claim"; partition: number; at: number }
  /** A dead letter, as an operator reads it. */
  | { kind: "dead letter"; place: string; notifications: readonly string[]; reason: string; at: number }
  /** Any violation of the protocol. */
  | { kind: "breach"; connection: number; what: string; at: number }
  | { kind: "mark"; what: "injected" | "healed" | "drained"; at: number };

export interface ListedNotification {
  id: string;
  notification: string;
  cursor: string;
  mark: Mark | null;
}

/** By the platform's ids, or all up to a cursor. */
export type Marked = { ids: readonly string[] } | { upTo: string };

/** unknown: accepted or not. An unanswered send is unknown, too. */
export type Outcome = "ok" | "failed" | "unknown";

export class History {
  readonly events: HistoryEvent[] = [];
  readonly #file: WriteStream | undefined;
  readonly #steady = new Set<string>();
  /** Not yet accepted. The value is true if its client always wants to be connected. */
  readonly #sent = new Map<string, boolean>();
  /** Accepted and not yet received or expired, in the order of their answers. */
  readonly #open = new Map<string, { steady: boolean; at: number }>();
  readonly #here = new Set<string>();
  /** A notification that expired before its publisher's answer was never open. */
  readonly #expired = new Set<string>();
  readonly #ids = new Map<string, string>();
  /** These may be missing at the client. */
  readonly #mayBeReplaced = new Set<string>();
  #arrived = 0;
  #acceptedAt = 0;

  /** `path`: also writes each event there as an NDJSON line, so that a failed run can be read. */
  constructor(path?: string) {
    this.#file = path === undefined ? undefined : createWriteStream(path);
  }

  add(event: HistoryEvent): void {
    this.events.push(event);
    this.#count(event);
    this.#file?.write(`${JSON.stringify(event)}\n`);
  }

  /** Accepted, and neither received nor expired yet. */
  get open(): number {
    return this.#open.size;
  }

  /** Received or expired, including repeats. Only this counts as progress, because connections change all the time. */
  get arrived(): number {
    return this.#arrived;
  }

  /** A later publish was accepted, and clients that want to be connected have all that was accepted before it. */
  recovered(since: number): boolean {
    if (this.#acceptedAt < since) return false;
    for (const { steady, at } of this.#open.values()) {
      if (at > since) break;
      if (steady) return false;
    }
    return true;
  }

  #count(event: HistoryEvent): void {
    if (event.kind === "client") {
      if (event.steady) this.#steady.add(event.key);
    } else if (event.kind === "send") {
      this.#sent.set(event.id, this.#steady.has(event.key));
      if (event.collapse !== undefined) this.#mayBeReplaced.add(event.id);
    } else if (event.kind === "answer") {
      if (event.notification !== undefined) this.#ids.set(event.notification, event.id);
      if (event.outcome !== "ok") return;
      this.#acceptedAt = event.at;
      const steady = this.#sent.get(event.id) === true;
      this.#sent.delete(event.id);
      if (this.#mayBeReplaced.has(event.id)) return;
      const over = this.#here.has(event.id) || this.#expired.has(event.notification ?? "");
      if (!over) this.#open.set(event.id, { steady, at: event.at });
    } else if (event.kind === "receive" || event.kind === "read") {
      this.#arrived += 1;
      this.#here.add(event.id);
      this.#open.delete(event.id);
    } else if (event.kind === "expire") {
      this.#arrived += 1;
      this.#expired.add(event.notification);
      this.#open.delete(this.#ids.get(event.notification) ?? "");
    }
  }

  mark(what: "injected" | "healed" | "drained"): void {
    this.add({ kind: "mark", what, at: performance.now() });
  }

  async close(): Promise<void> {
    if (!this.#file) return;
    this.#file.end();
    await once(this.#file, "finish");
  }
}
