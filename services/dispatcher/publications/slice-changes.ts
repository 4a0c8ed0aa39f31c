import { StatementBatches, type StatementBatchesOptions } from "@saasaparilla/shared/fairness/statement-batches.ts";
import type { Move, Moved, Progress, PublicationStore, Slice } from "./publication-store.ts";

/** One statement at a time: two of one dispatcher that change the same rows would wait for each other. */
const BATCH = { statements: 1, requests: 64, cost: 64, turn: 1 } as const;

type Ended = Pick<Slice, "id" | "tenant">;

/** Changes of slices at the same time share a statement: most of the cost of small publications is statements. */
export class SliceChanges {
  readonly #begins: StatementBatches<Slice, boolean>;
  readonly #moves: StatementBatches<Move, Moved>;
  readonly #ends: StatementBatches<Ended, true>;

  constructor(store: Pick<PublicationStore, "begin" | "advance" | "end">, weightOf: (tenant: string) => number) {
    const batches = <Asked extends object, Answer>(
      run: StatementBatchesOptions<Asked, Answer>["run"],
      tenantOf: (asked: Asked) => string,
    ): StatementBatches<Asked, Answer> => new StatementBatches({ ...BATCH, run, tenantOf, weightOf, costOf: () => 1 });
    this.#begins = batches(
      (slices) => store.begin(slices),
      ({ tenant }) => tenant,
    );
    this.#moves = batches(
      (moves) => store.advance(moves),
      ({ from }) => from.tenant,
    );
    this.#ends = batches(
      async (ended) => {
        await store.end(ended.map(({ id }) => id));
        return ended.map(() => true as const);
      },
      ({ tenant }) => tenant,
    );
  }

  begin(slice: Slice): Promise<boolean> {
    return this.#begins.ask(slice);
  }

  advance(from: Slice, to: Progress): Promise<Moved> {
    return this.#moves.ask({ from, to });
  }

  async end({ id, tenant }: Ended): Promise<void> {
    await this.#ends.ask({ id, tenant });
  }
}
