import { Failure } from "#runtime/errors.ts";
import { FairQueue } from "#fairness/fair-queue.ts";

/** A request that waits so long fails. Postgres hangs, or cannot keep up. */
const WAIT_MS = 5_000;
/** Limit of waiting requests. A further one fails at once. */
const MOST_WAITING = 2_000;
const TURN = 100;

export interface StatementBatchesOptions<Asked extends object, Answer> {
  /** One statement. The answers have the order of the requests. */
  run: (asked: Asked[]) => Promise<Answer[]>;
  /** Concurrent statements. */
  statements: number;
  /** Limits of one statement: requests, and their cost together. */
  requests: number;
  cost: number;
  costOf: (asked: Asked) => number;
  /** The cost that a tenant takes in its turn. */
  turn?: number;
  tenantOf: (asked: Asked) => string;
  weightOf: (tenant: string) => number;
}

/**
 * Requests that arrive while a statement runs share the next one. Tenants take turns, so no tenant waits for all
 * requests of another.
 */
export class StatementBatches<Asked extends object, Answer> {
  readonly #options: StatementBatchesOptions<Asked, Answer>;
  readonly #waiting: FairQueue<Asked, PromiseWithResolvers<Answer>>;
  #running = 0;
  #gathering = false;

  constructor(options: StatementBatchesOptions<Asked, Answer>) {
    this.#options = options;
    this.#waiting = new FairQueue(options.weightOf, options.turn ?? TURN);
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  async ask(asked: Asked): Promise<Answer> {
    if (this.#waiting.size >= MOST_WAITING) throw new Failure("retry", "Too many requests wait for Postgres.");
    const tenant = this.#options.tenantOf(asked);
    const answer = Promise.withResolvers<Answer>();
    this.#waiting.set(tenant, asked, answer);
    const timer = setTimeout(() => {
      // A request in a running statement waits for its end.
      if (this.#waiting.get(tenant, asked) === undefined) return;
      this.#waiting.delete(tenant, asked);
      answer.reject(new Failure("retry", "Postgres did not answer the requests before it in time."));
    }, WAIT_MS);
    this.#begin();
    try {
      return await answer.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Runs at the end of the turn, so that requests of one turn share a statement. */
  #begin(): void {
    if (this.#gathering) return;
    this.#gathering = true;
    setImmediate(() => {
      this.#gathering = false;
      while (this.#waiting.size > 0 && this.#running < this.#options.statements) void this.#run();
    });
  }

  async #run(): Promise<void> {
    const taken = this.#take();
    this.#running += 1;
    try {
      const answers = await this.#options.run(taken.map(([asked]) => asked));
      taken.forEach(([, { resolve }], index) => resolve(answers[index]!));
    } catch (error) {
      for (const [, { reject }] of taken) reject(error);
    }
    this.#running -= 1;
    if (this.#waiting.size > 0) this.#begin();
  }

  #take(): [Asked, PromiseWithResolvers<Answer>][] {
    const { requests, cost, costOf } = this.#options;
    const taken: [Asked, PromiseWithResolvers<Answer>][] = [];
    for (let spent = 0; taken.length < requests && spent < cost;) {
      const next = this.#waiting.shift(costOf);
      if (!next) break;
      spent += costOf(next[0]);
      taken.push(next);
    }
    return taken;
  }
}
