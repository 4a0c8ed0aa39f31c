import { MARKS } from "@saasaparilla/shared/protocol/inbox.ts";
import type { HistoryEvent, ListedNotification } from "./history.ts";

interface Request {
  /** 1: seen, 2: read, 3: archived. */
  rank: number;
  /** "": by ids. */
  upTo: string;
  answered: number;
}

const RANKS = [1, 2, 3] as const;

export const rankOf = (mark: ListedNotification["mark"]): number => (mark === null ? 0 : MARKS.indexOf(mark) + 1);

/** The marks that devices asked for in one inbox. Pure. */
export class ItemMarks {
  readonly #byId = new Map<string, Request[]>();
  readonly #upTo: Request[] = [];

  /** The caller sets `answered` later. */
  add({ mark, which }: Extract<HistoryEvent, { kind: "marking" }>): Request {
    const request = { rank: rankOf(mark), upTo: "upTo" in which ? which.upTo : "", answered: Infinity };
    if ("upTo" in which) this.#upTo.push(request);
    else for (const id of which.ids) this.#byId.set(id, [...(this.#byId.get(id) ?? []), request]);
    return request;
  }

  /** The ranks that were asked for, of any item. */
  asked(): (notification: string, cursor: string) => number[] {
    return this.#ranks(() => true);
  }

  /** The ranks that a list has to show if it was asked for at `time`. */
  owed(time: number): (notification: string, cursor: string) => number[] {
    return this.#ranks(({ answered }) => answered < time);
  }

  #ranks(counts: (request: Request) => boolean): (notification: string, cursor: string) => number[] {
    const ends = RANKS.map((rank) =>
      this.#upTo.reduce((end, one) => (one.rank === rank && one.upTo > end && counts(one) ? one.upTo : end), ""),
    );
    return (notification, cursor) => {
      const own = this.#byId.get(notification)?.filter(counts) ?? [];
      return RANKS.filter(
        (rank, index) => (ends[index] !== "" && cursor <= ends[index]!) || own.some((one) => one.rank === rank),
      );
    };
  }
}
