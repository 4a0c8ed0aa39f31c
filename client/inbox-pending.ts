import type { InboxError, Mark, Marked } from "./api.ts";
import type { Counts } from "./inbox-list.ts";
import type { MarkRequest } from "./inbox-marks.ts";

/** The server takes so many ids in a request. */
const MOST_IDS = 1_000;
/** Requests that wait for the server, as while offline. Further marks are refused at once. */
const MOST_WAITING = 8;

export const FULL: InboxError = { code: "full", text: "Too many marks wait for the server." };

export interface Pending {
  /** The same in all tabs. */
  key: string;
  request: MarkRequest;
}

/** What another tab says of its marks. */
export type PendingMessage =
  | { about: "marked"; pending: Pending; instead?: string | undefined }
  | { about: "settled"; key: string; counts?: Counts | undefined };

type Waiting = Pending & { tell: ((taken: boolean) => void)[] };

/** Marks that the server does not have yet, oldest first. Each tab has those of all tabs, so any tab can send them. */
export class PendingMarks {
  readonly #post: (message: PendingMessage) => void;
  /** Not the random function of the application: with a fixed one, two tabs would have one name. */
  readonly #tab = Math.random().toString(36);
  #keys = 0;
  #waiting: Waiting[] = [];
  /** The key of the request that is under way: it takes no further ids. */
  sending: string | undefined;

  constructor(post: (message: PendingMessage) => void) {
    this.#post = post;
  }

  get requests(): readonly MarkRequest[] {
    return this.#waiting.map(({ request }) => request);
  }

  get next(): Pending | undefined {
    return this.#waiting[0];
  }

  /** Resolves with whether the server took it; undefined if there is no room. */
  add(mark: Mark, marked: Marked): Promise<boolean> | undefined {
    const same = this.#waiting.find(({ key, request }) => key !== this.sending && merged(request, { mark, ...marked }));
    if (!same && this.#waiting.length >= MOST_WAITING) return undefined;
    // Another tab may be sending the smaller request: the larger one is another request, and repeats are harmless.
    const pending = {
      key: `${this.#tab}-${(this.#keys += 1)}`,
      request: same ? merged(same.request, { mark, ...marked })! : { mark, ...marked },
    };
    this.#post({ about: "marked", pending, instead: same?.key });
    return new Promise((resolve) => this.#put({ ...pending, tell: [...(same?.tell ?? []), resolve] }, same?.key));
  }

  /** From another tab. */
  take(pending: Pending, instead: string | undefined): void {
    if (this.#waiting.some(({ key }) => key === pending.key)) return;
    const replaced = this.#waiting.find(({ key }) => key === instead);
    this.#put({ ...pending, tell: replaced?.tell ?? [] }, instead);
  }

  /** The server took it, or refused it. */
  settle(key: string, taken: boolean): MarkRequest | undefined {
    const settled = this.#waiting.find((one) => one.key === key);
    this.#waiting = this.#waiting.filter((one) => one !== settled);
    settled?.tell.forEach((tell) => tell(taken));
    return settled?.request;
  }

  /** For a tab that has just opened. */
  tellAll(): void {
    for (const { key, request } of this.#waiting) this.#post({ about: "marked", pending: { key, request } });
  }

  #put(waiting: Waiting, instead: string | undefined): void {
    const at = this.#waiting.findIndex(({ key }) => key === instead);
    if (at < 0) this.#waiting.push(waiting);
    else this.#waiting[at] = waiting;
  }
}

/** One request for both, if there is one. */
function merged(one: MarkRequest, other: MarkRequest): MarkRequest | undefined {
  if (one.mark !== other.mark) return undefined;
  if ("upTo" in one) return "upTo" in other ? (one.upTo > other.upTo ? one : other) : undefined;
  if ("upTo" in other) return undefined;
  const ids = [...new Set([...one.ids, ...other.ids])];
  return ids.length > MOST_IDS ? undefined : { mark: one.mark, ids };
}
