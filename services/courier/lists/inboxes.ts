import type { InboxOf, TenantInbox } from "@saasaparilla/shared/auth/policies/tenant-inbox.ts";
import { StatementBatches } from "@saasaparilla/shared/fairness/statement-batches.ts";
import { boundedFrame, RELOAD, type InboxFrame, type Mark } from "@saasaparilla/shared/protocol/inbox.ts";
import {
  cursorTag,
  tenantOf,
  toCursor,
  type ClientKey,
  type Sequence,
} from "@saasaparilla/shared/protocol/notification.ts";
import type { Events } from "@saasaparilla/shared/timeline/event-log.ts";
import type { CourierMetrics } from "#metrics.ts";
import type { AcceptedEnds } from "./accepted-ends.ts";
import type { AskingItem, Counts, ListBounds, ListPage, ListStore, Marked } from "./list-store.ts";
import type { MarkStore } from "./mark-store.ts";
import type { ReadOutcomes } from "./read-outcomes.ts";

/** Postgres does so many requests at once; the tenants of the others take turns. */
const STATEMENTS = { statements: 4, requests: 1, cost: 1, costOf: () => 1, turn: 1 } as const;

export interface InboxesParts {
  lists: ListStore;
  marks: MarkStore;
  outcomes: Pick<ReadOutcomes, "append">;
  ends: Pick<AcceptedEnds, "after">;
  inboxOf: InboxOf;
  weightOf: (tenant: string) => number;
  /** Tells the live connections of a client. */
  tell: (client: ClientKey, frame: InboxFrame) => void;
  events: Events;
  metrics: Pick<CourierMetrics, "marked" | "marksDropped" | "failed" | "watch">;
}

interface Work {
  client: ClientKey;
  run: () => Promise<unknown>;
}

/** The inboxes of all clients, as the requests of this process use them. */
export class Inboxes {
  readonly #parts: InboxesParts;
  readonly #work: StatementBatches<Work, unknown>;

  constructor(parts: InboxesParts) {
    this.#parts = parts;
    const { weightOf, metrics } = parts;
    this.#work = new StatementBatches({
      ...STATEMENTS,
      tenantOf: ({ client }) => tenantOf(client),
      weightOf,
      run: async ([work]) => [await work!.run()],
    });
    metrics.watch({ requestsWaiting: () => this.#work.waiting });
  }

  /** Undefined: its tenant has none. */
  of(client: ClientKey): TenantInbox | undefined {
    return this.#parts.inboxOf(tenantOf(client));
  }

  page(bounds: ListBounds, before: Sequence | undefined, limit: number): Promise<ListPage> {
    return this.#ask(bounds.client, () => this.#parts.lists.page({ ...bounds, before, limit }));
  }

  /** The mark is committed when it resolves. */
  async mark(bounds: ListBounds, mark: Mark, marked: Marked): Promise<Counts> {
    const { lists, marks, tell, events, metrics } = this.#parts;
    const { client } = bounds;
    // Before the commit: after a death in between, the repeat of the request appends them again.
    const reported = mark === "read" ? await this.#report(bounds, marked) : [];
    const { dropped, followed } = await this.#ask(client, () => marks.write(client, mark, marked));
    for (const id of followed) events.record(mark, client, id, {});
    if (reported.length > 0) await this.#ask(client, () => lists.answered(client, reported));
    // Items that came meanwhile: their writer may have looked for marks before this one was committed.
    const late = mark === "read" ? await this.#report(bounds, marked) : [];
    if (late.length > 0) await this.#ask(client, () => lists.answered(client, late));
    metrics.marked(mark);
    metrics.marksDropped(dropped);
    const counts = await this.#ask(client, () => lists.counts(bounds));
    const which = "ids" in marked ? { ids: [...marked.ids] } : { upTo: toCursor(marked.upTo, cursorTag(client)) };
    tell(client, boundedFrame({ type: "inbox", mark, ...which, ...counts }));
    return counts;
  }

  /** Whether a notification with this sequence can exist. */
  async exists(client: ClientKey, sequence: Sequence): Promise<boolean> {
    return sequence < (await this.#parts.ends.after(client, sequence));
  }

  /** Deletes all of a person. What accepted still has, no list shows. */
  async forget(client: ClientKey): Promise<number> {
    const { marks, tell, ends } = this.#parts;
    const end = await ends.after(client);
    const deleted = await this.#ask(client, () => marks.forget(client, end));
    tell(client, RELOAD);
    return deleted;
  }

  async #report({ client, ...bounds }: ListBounds, marked: Marked): Promise<readonly AskingItem[]> {
    const { lists, outcomes } = this.#parts;
    const asking = await this.#ask(client, () => lists.asking({ client, ...bounds }, marked));
    // While it waits for Kafka, it keeps no other request from Postgres.
    await outcomes.append(client, asking);
    return asking;
  }

  async #ask<T>(client: ClientKey, run: () => Promise<T>): Promise<T> {
    try {
      return (await this.#work.ask({ client, run })) as T;
    } catch (error) {
      this.#parts.metrics.failed("postgres");
      throw error;
    }
  }
}
