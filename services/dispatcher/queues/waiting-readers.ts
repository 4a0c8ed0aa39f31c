import { Failure } from "@saasaparilla/shared/runtime/errors.ts";
import type { ClientKey } from "@saasaparilla/shared/protocol/notification.ts";

/** All waiting readers of this process share one query in this time. */
const EVERY_MS = 200;
/** Limit of waiting readers. A further one fails at once. */
const MOST_READERS = 2_000;

/** Readers of empty queues. Each waits for a message, or for the end of its time. */
export class WaitingReaders {
  readonly #nonEmpty: (queues: ClientKey[]) => Promise<ClientKey[]>;
  readonly #byQueue = new Map<ClientKey, Set<PromiseWithResolvers<void>>>();
  #timer: NodeJS.Timeout | undefined;
  #size = 0;
  #ended = false;
  #looking = false;

  constructor(nonEmpty: (queues: ClientKey[]) => Promise<ClientKey[]>) {
    this.#nonEmpty = nonEmpty;
  }

  get size(): number {
    return this.#size;
  }

  /** Resolves when the queue may have messages, after `ms`, or when the reader goes away. */
  async wait(queue: ClientKey, ms: number, gone: AbortSignal): Promise<void> {
    if (this.#ended || gone.aborted) return;
    if (this.#size >= MOST_READERS) throw new Failure("retry", "Too many readers of empty queues wait.");
    const waiting = Promise.withResolvers<void>();
    const readers = this.#byQueue.get(queue) ?? new Set();
    this.#byQueue.set(queue, readers.add(waiting));
    this.#size += 1;
    const late = setTimeout(waiting.resolve, ms);
    const leave = (): void => waiting.resolve();
    gone.addEventListener("abort", leave);
    this.#later();
    try {
      await waiting.promise;
    } finally {
      clearTimeout(late);
      gone.removeEventListener("abort", leave);
      this.#size -= 1;
      readers.delete(waiting);
      if (readers.size === 0 && this.#byQueue.get(queue) === readers) this.#byQueue.delete(queue);
    }
  }

  /** Answers all who wait, at the end of the process. */
  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    for (const queue of this.#byQueue.keys()) this.#each(queue, ({ resolve }) => resolve());
  }

  async #look(): Promise<void> {
    this.#timer = undefined;
    const queues = [...this.#byQueue.keys()];
    if (queues.length === 0) return;
    this.#looking = true;
    try {
      for (const queue of await this.#nonEmpty(queues)) this.#each(queue, ({ resolve }) => resolve());
    } catch (error) {
      for (const queue of queues) this.#each(queue, ({ reject }) => reject(error));
    }
    this.#looking = false;
    this.#later();
  }

  /** One query at a time. */
  #later(): void {
    if (this.#looking || this.#ended) return;
    this.#timer ??= setTimeout(() => void this.#look(), EVERY_MS);
  }

  #each(queue: ClientKey, tell: (waiting: PromiseWithResolvers<void>) => void): void {
    for (const waiting of this.#byQueue.get(queue) ?? []) tell(waiting);
  }
}
