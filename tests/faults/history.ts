import { createWriteStream, type WriteStream } from "node:fs";
import { once } from "node:events";

/**
 * What happened, in the order in which it was seen, as clients and publishers saw it. `id` is what the load wrote into a
 * notification: unlike the platform's own it is known where no answer came. `key` is tenant/client; `at` is in ms, monotonic.
 */
export type HistoryEvent =
  | { kind: "client"; key: string; steady: boolean }
  /** Whoever sends on one stream waits for the answer before it sends again: its order is the order of its answers. */
  | { kind: "send"; id: string; key: string; stream: string; at: number; ttl?: number }
  /** `notification`: the platform's own id of it, where it said one. */
  | { kind: "answer"; id: string; outcome: Outcome; notification?: string; at: number }
  | { kind: "connect"; connection: number; key: string; cursor: string | undefined; at: number }
  /** `connected`: where the connection really resumes. */
  | { kind: "resume"; connection: number; cursor: string; at: number }
  | { kind: "receive"; connection: number; id: string; cursor: string; at: number }
  | { kind: "live"; connection: number; at: number }
  | { kind: "acknowledge"; connection: number; cursor: string; at: number }
  | { kind: "close"; connection: number; at: number }
  /** Seen in Postgres for this client, up to this cursor. */
  | { kind: "stored"; key: string; cursor: string; at: number }
  /** By the platform's own id: so its log has it. */
  | { kind: "expire"; notification: string; at: number }
  | { kind: "dead letter"; notification: string; reason: string; at: number }
  /** What the protocol does not allow, whatever it was. */
  | { kind: "breach"; connection: number; what: string; at: number }
  | { kind: "mark"; what: "injected" | "healed" | "drained"; at: number };

/** unknown: it may have been accepted or not. A send that was never answered is unknown too. */
export type Outcome = "ok" | "failed" | "unknown";

export class History {
  readonly events: HistoryEvent[] = [];
  readonly #file: WriteStream | undefined;
  readonly #open = new Set<string>();
  readonly #here = new Set<string>();
  readonly #ids = new Map<string, string>();

  /** `path`: each event is a line of NDJSON there too, so that a run that ends badly can be read. */
  constructor(path?: string) {
    this.#file = path === undefined ? undefined : createWriteStream(path);
  }

  add(event: HistoryEvent): void {
    this.events.push(event);
    this.#count(event);
    this.#file?.write(`${JSON.stringify(event)}\n`);
  }

  /** Accepted, and neither received nor expired until now. */
  get open(): number {
    return this.#open.size;
  }

  #count(event: HistoryEvent): void {
    if (event.kind === "answer") {
      if (event.notification !== undefined) this.#ids.set(event.notification, event.id);
      if (event.outcome === "ok" && !this.#here.has(event.id)) this.#open.add(event.id);
    } else if (event.kind === "receive") {
      this.#here.add(event.id);
      this.#open.delete(event.id);
    } else if (event.kind === "expire") {
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
