import { FairQueue } from "@saasaparilla/shared/fairness/fair-queue.ts";
import { classify, messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";
import { queueKey, clientKey, type ClientKey } from "@saasaparilla/shared/protocol/notification.ts";
import type { MemberStore } from "#groups/member-store.ts";
import type { PageWriter } from "./page-writer.ts";
import type { PublicationEvents } from "./publication-events.ts";
import { SLICES_OF_TENANT, type OpenSlices } from "./open-slices.ts";
import { nameOf, type PublicationStore, type Slice } from "./publication-store.ts";
import type { SliceChanges } from "./slice-changes.ts";

/** Recipients of a page: a crash repeats at most one. */
export const PAGE = 1_000;
/** Recipients of the pages under way. Small publications wait for Kafka together. */
const RECIPIENTS = 4 * PAGE;
/** Pages under way at once. */
const PAGES = 64;
const RETRY_MS = 1_000;
/** The most slices of all tenants, and bytes of their payloads, in memory. Those above wait in Postgres. */
const MOST_SLICES = 4_096;
const MOST_BYTES = 128 << 20;
/** More waiting slices of a tenant than a large group has: its next publications can wait for the next load. */
const ENOUGH = SLICES_OF_TENANT / 2;

export interface FanOutParts {
  open: Pick<OpenSlices, "next">;
  changes: Pick<SliceChanges, "begin" | "advance" | "end">;
  publications: Pick<PublicationStore, "cancelling" | "end">;
  members: Pick<MemberStore, "page">;
  writer: Pick<PageWriter, "write">;
  /** Takes so many notifications from the tenant's rate. Returns the ms to wait and ask again, or 0 if they were taken. */
  charge: (tenant: string, notifications: number, bytes: number) => number | Promise<number>;
  weightOf: (tenant: string) => number;
  /** The partitions of dispatch that this dispatcher owns, and their number. */
  owned: () => { partitions: readonly number[]; among: number };
  /** A large publication has one event for each page. */
  timeline: Pick<PublicationEvents, "ended">;
  metrics: {
    fannedOut(written: number, refused: number): void;
    failed(dependency: "kafka" | "postgres"): void;
    fanOutFull(): void;
    watch(readers: { remaining: () => number; slices: () => number }): void;
  };
  log: Log;
  sleep: (ms: number) => Promise<unknown>;
}

/** A number is the ms after which it may ask for its rate again. */
type Next = "more" | "over" | number;

interface Run extends Slice {
  /** This dispatcher began it, so `after` shows all that was written. */
  mine: boolean;
  /** It waits for its tenant's rate. */
  resting: boolean;
}

/**
 * Writes running publications page by page, in turns among tenants and publications: a small group waits for one turn,
 * not for a large one. Each page is in Kafka before the slice moves, and ids derive from publication and recipient. So
 * a crash repeats one page with the same ids.
 */
export class FanOut {
  readonly #parts: FanOutParts;
  readonly #runs = new Map<string, Run>();
  /** Left memory since the load under way began, which may bring what they were before. */
  readonly #left = new Set<string>();
  readonly #turns: FairQueue<Run, true>;
  #working = 0;
  /** Recipients of the pages under way. */
  #recipients = 0;
  #loading: Promise<void> | undefined;
  #ending = false;
  /** The last load brought new slices, and left some in Postgres. */
  #more = false;
  #idle: (() => void)[] = [];

  constructor(parts: FanOutParts) {
    this.#parts = parts;
    this.#turns = new FairQueue(parts.weightOf);
    parts.metrics.watch({ remaining: () => this.#remaining, slices: () => this.#runs.size });
  }

  /** Call it some times a second, and after a publication begins. Loads slices, and learns of cancellations. */
  load(): Promise<void> {
    return (this.#loading ??= this.#load().finally(() => (this.#loading = undefined)));
  }

  /** Resolves when no page is under way. The rest is left to the next owner. */
  async end(): Promise<void> {
    this.#ending = true;
    await this.#loading;
    if (this.#working > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Recipients of the loaded slices that are not written yet. */
  get #remaining(): number {
    let sum = 0;
    for (const { expected, written } of this.#runs.values()) sum += Math.max(0, expected - written);
    return sum;
  }

  get #full(): boolean {
    if (this.#runs.size >= MOST_SLICES) return true;
    let bytes = 0;
    for (const { payload } of this.#runs.values()) bytes += payload.length;
    return bytes >= MOST_BYTES;
  }

  async #load(): Promise<void> {
    const { publications, open, owned, metrics, log } = this.#parts;
    const { partitions, among } = owned();
    if (this.#ending || partitions.length === 0) return;
    try {
      this.#more = false;
      this.#left.clear();
      await this.#findCancelled();
      if (this.#full) {
        metrics.fanOutFull();
        return this.#begin();
      }
      const { slices, finished, more } = await open.next(partitions, among, this.#fullTenants());
      if (finished.length > 0) await publications.end(finished);
      for (const slice of slices) {
        const name = nameOf(slice);
        if (this.#runs.has(name) || this.#left.has(name)) continue;
        this.#more = more;
        const run = { ...slice, mine: false, resting: false };
        this.#runs.set(name, run);
        this.#turns.set(run.tenant, run, true);
      }
    } catch (error) {
      metrics.failed("postgres");
      log.warn({ err: error }, `running publications cannot be read and will be tried again: ${messageOf(error)}`);
    }
    this.#begin();
  }

  async #findCancelled(): Promise<void> {
    const runs = [...this.#runs.values()];
    const cancelling = await this.#parts.publications.cancelling([...new Set(runs.map(({ id }) => id))]);
    for (const run of runs) {
      if (!cancelling.has(run.id)) continue;
      run.cancelling = true;
      this.#again(run);
    }
  }

  /** Tenants with as many slices in memory as they may have. */
  #fullTenants(): string[] {
    const counts = new Map<string, number>();
    for (const { tenant } of this.#runs.values()) counts.set(tenant, (counts.get(tenant) ?? 0) + 1);
    return [...counts].flatMap(([tenant, count]) => (count >= SLICES_OF_TENANT ? [tenant] : []));
  }

  #begin(): void {
    while (!this.#ending && this.#working < PAGES && this.#recipients < RECIPIENTS && this.#turns.size > 0) {
      const [run] = this.#turns.shift()!;
      this.#working += 1;
      void this.#work(run);
    }
    if (this.#more && this.#working === 0) void this.load();
  }

  async #work(run: Run): Promise<void> {
    const { metrics, log, sleep } = this.#parts;
    const recipients = Math.min(PAGE, Math.max(1, run.expected - run.written));
    this.#recipients += recipients;
    let next: Next = "over";
    try {
      next = await this.#page(run);
    } catch (error) {
      if (classify(error) === "fatal") throw error;
      metrics.failed("postgres");
      log.warn({ err: error, publication: run.id, slice: run.slice }, "a page failed: it will be written again");
      await sleep(RETRY_MS);
    }
    this.#working -= 1;
    this.#recipients -= recipients;
    // What failed half-way is loaded again, and begins with the page that may have been written.
    if (next === "over") {
      this.#runs.delete(nameOf(run));
      this.#left.add(nameOf(run));
    } else if (next === "more") this.#turns.set(run.tenant, run, true);
    else {
      run.resting = true;
      void sleep(next).then(() => this.#again(run));
    }
    if (this.#ending && this.#working === 0) for (const resolve of this.#idle.splice(0)) resolve();
    else this.#begin();
  }

  /** A tenant over its rate occupies no worker while it waits. A cancellation does not wait for the rate. */
  #again(run: Run): void {
    if (this.#ending || !run.resting) return;
    run.resting = false;
    this.#turns.set(run.tenant, run, true);
    this.#begin();
  }

  async #page(run: Run): Promise<Next> {
    const { changes, writer, charge, timeline, metrics } = this.#parts;
    // A page that an earlier owner may have written is written again, so that the count is what arrived.
    if (run.cancelling && run.mine) return this.#finish(run);
    const { recipients, target, after } = await this.#next(run);
    // The receiver charged known recipients, and the earlier owner of a cancelled page paid for it.
    const charged = recipients.length === 0 || run.cancelling || run.head.charged;
    const wait = charged ? 0 : await charge(run.tenant, recipients.length, run.payload.length);
    if (wait > 0) return wait;
    if (!run.mine && !run.begun && !(await changes.begin(run))) return "over";
    run.mine = true;
    const { head, payload } = run;
    const { written, refused } = await writer.write({ head, payload, recipients });
    metrics.fannedOut(written, refused);
    const done = target >= head.targets.length;
    const state = await changes.advance(run, { target, after, written, refused, done });
    if (state === "moved") return "over";
    run.target = target;
    run.after = after;
    run.written += written + refused;
    timeline.ended(head, written, refused);
    if (done) await this.#ended(run);
    else if (state === "cancelling") return this.#finish(run);
    return done ? "over" : "more";
  }

  async #finish(run: Run): Promise<Next> {
    const { changes } = this.#parts;
    const { target, after } = run;
    await changes.advance(run, { target, after, written: 0, refused: 0, done: true });
    await this.#ended(run);
    return "over";
  }

  /**
   * The next publication of its key begins at once, unless its tenant has enough others: one load for many of them costs
   * less than a load for each. A load under way may have missed it.
   */
  async #ended({ id, tenant }: Run): Promise<void> {
    await this.#parts.changes.end({ id, tenant });
    if (this.#turns.sizeOf(tenant) >= ENOUGH) return;
    void (this.#loading ?? Promise.resolve()).then(() => this.load());
  }

  /** The next recipients, and where the slice is after them. */
  async #next({ tenant, slice, head, target, after }: Run): Promise<{
    recipients: ClientKey[];
    target: number;
    after: ClientKey;
  }> {
    for (let at = target, from = after; at < head.targets.length; at += 1, from = "") {
      const to = head.targets[at]!;
      if ("group" in to) {
        const recipients = await this.#parts.members.page({ tenant, group: to.group, slice }, from, PAGE);
        if (recipients.length === PAGE) return { recipients, target: at, after: recipients.at(-1)! };
        if (recipients.length > 0) return { recipients, target: at + 1, after: "" };
        continue;
      }
      const recipients = slice > 0 ? [] : directRecipients(tenant, to);
      if (recipients.length > 0) return { recipients, target: at + 1, after: "" };
    }
    return { recipients: [], target: head.targets.length, after: "" };
  }
}

/** The recipients of a target that needs no table. */
export function directRecipients(
  tenant: string,
  to: { client: string } | { clients: readonly string[] } | { queue: string } | { exchange: string },
): ClientKey[] {
  if ("client" in to) return [clientKey(tenant, to.client)];
  if ("clients" in to) return to.clients.map((client) => clientKey(tenant, client));
  return "queue" in to ? [queueKey(tenant, to.queue)] : [];
}
