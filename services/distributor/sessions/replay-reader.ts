import { Failure } from "@saasaparilla/shared/runtime/errors.ts";
import { FairQueue } from "@saasaparilla/shared/fairness/fair-queue.ts";
import { tenantOf, type ClientKey, type Sequence } from "@saasaparilla/shared/protocol/notification.ts";
import type { Page, Session } from "./session.ts";

/**
 * Reads from Postgres for many sessions in one statement. Requests that arrive while their share's statements run go
 * into the next one. Two shares keep sessions with a long replay from delaying sessions with a short one. Within a
 * share tenants take turns, so no client waits for all clients of another tenant.
 */
interface Share {
  /** Concurrent statements. */
  queries: number;
  /** Clients in one statement. */
  clients: number;
  /** Bytes of one client in one statement. The page ends with the row that reaches them. */
  pageBytes: number;
}

/** The memory is at most queries * clients * (pageBytes + one body), until the rows are in the outboxes. */
const SHARES = {
  /** For sessions whose last page had no more rows, or that read none. */
  first: { queries: 2, clients: 128, pageBytes: 32 * 1024 },
  further: { queries: 2, clients: 16, pageBytes: 128 * 1024 },
} satisfies Record<string, Share>;

/** A session that waits this long is told that Postgres does not answer. It asks again on its own. */
const WAIT_MS = 5_000;

export interface Asked {
  client: ClientKey;
  after: Sequence;
}

interface Waiting extends PromiseWithResolvers<Page> {
  since: number;
}

export interface ReplayReaderOptions {
  pages(asked: readonly Asked[], pageBytes: number): Promise<Page[]>;
  clock: () => number;
  /** One statement was answered. */
  asked(clients: number, seconds: number): void;
  /** The number of reads that waited too long. */
  late(reads: number): void;
  weightOf: (tenant: string) => number;
}

export class ReplayReader {
  readonly #first: Queue;
  readonly #further: Queue;
  /** Sessions whose last page had more rows. */
  readonly #long = new WeakSet<Session>();

  constructor(options: ReplayReaderOptions) {
    this.#first = new Queue(SHARES.first, options);
    this.#further = new Queue(SHARES.further, options);
  }

  get waiting(): number {
    return this.#first.size + this.#further.size;
  }

  /** The next page after the session's last sent sequence, as of the start of the statement. */
  async page(session: Session): Promise<Page> {
    const page = await (this.#long.has(session) ? this.#further : this.#first).add(session);
    if (page.more) this.#long.add(session);
    else this.#long.delete(session);
    return page;
  }
}

class Queue {
  readonly #share: Share;
  readonly #options: ReplayReaderOptions;
  /** One entry for each session. */
  readonly #waiting: FairQueue<Session, Waiting>;
  #underWay = 0;
  #gathering = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(share: Share, options: ReplayReaderOptions) {
    this.#share = share;
    this.#options = options;
    this.#waiting = new FairQueue(options.weightOf);
  }

  get size(): number {
    return this.#waiting.size;
  }

  add(session: Session): Promise<Page> {
    const tenant = tenantOf(session.key);
    const before = this.#waiting.get(tenant, session);
    // The statement has not started, so its result answers both requests.
    if (before) return before.promise;
    const waiting = { since: this.#options.clock(), ...Promise.withResolvers<Page>() };
    this.#waiting.set(tenant, session, waiting);
    if (this.#timer === undefined) this.#timer = setTimeout(() => this.#giveUp(), WAIT_MS);
    this.#begin();
    return waiting.promise;
  }

  /** Runs at the end of the turn, so that all requests caused by one batch of signals share one statement. */
  #begin(): void {
    if (this.#gathering) return;
    this.#gathering = true;
    setImmediate(() => {
      this.#gathering = false;
      while (this.#waiting.size > 0 && this.#underWay < this.#share.queries) void this.#query();
    });
  }

  async #query(): Promise<void> {
    const options = this.#options;
    const taken = this.#take();
    if (taken.length === 0) return;
    this.#underWay += 1;
    const begun = options.clock();
    try {
      const answers = await options.pages(
        taken.map(([{ key, sent }]) => ({ client: key, after: sent })),
        this.#share.pageBytes,
      );
      options.asked(taken.length, (options.clock() - begun) / 1_000);
      taken.forEach(([, { resolve }], index) => resolve(answers[index]!));
    } catch (error) {
      for (const [, { reject }] of taken) reject(error);
    }
    this.#underWay -= 1;
    if (this.#waiting.size > 0) this.#begin();
  }

  #take(): [Session, Waiting][] {
    const taken: [Session, Waiting][] = [];
    while (taken.length < this.#share.clients) {
      const next = this.#waiting.shift();
      if (!next) break;
      const [session, waiting] = next;
      if (session.state === "CLOSED") waiting.resolve({ rows: [], more: false });
      else taken.push([session, waiting]);
    }
    return taken;
  }

  /** The server hangs or cannot keep up. Requests that waited too long fail; the rest keep waiting. */
  #giveUp(): void {
    this.#timer = undefined;
    const now = this.#options.clock();
    let late = 0;
    let oldest = Infinity;
    for (const [tenant, waiting] of this.#waiting.lines()) {
      for (const [session, { since, reject }] of waiting) {
        if (now - since < WAIT_MS) {
          oldest = Math.min(oldest, since);
          break;
        }
        this.#waiting.delete(tenant, session);
        reject(new Failure("retry", "Postgres did not answer those before it in time."));
        late += 1;
      }
    }
    if (oldest < Infinity) this.#timer = setTimeout(() => this.#giveUp(), WAIT_MS - (now - oldest));
    if (late > 0) this.#options.late(late);
  }
}
