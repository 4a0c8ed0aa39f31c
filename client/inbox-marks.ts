import type { Cursor, InboxItem, Mark, Marked } from "./api.ts";

/** Marks of single items that are remembered, until the server's list has them. */
const MOST_IDS = 1_000;

export type MarkRequest = { mark: Mark } & Marked;

export const MARKS: readonly (Mark | null)[] = [null, "seen", "read", "archived"];

const higher = (one: Mark | null, other: Mark | null): Mark | null =>
  MARKS.indexOf(one) > MARKS.indexOf(other) ? one : other;

/** What was marked. Marks only rise, so their order does not matter. */
export class Marks {
  readonly #ids: Map<string, Mark>;
  readonly #upTo: Partial<Record<Mark, Cursor>>;

  constructor(ids?: Map<string, Mark>, upTo?: Partial<Record<Mark, Cursor>>) {
    this.#ids = new Map(ids);
    this.#upTo = { ...upTo };
  }

  copy(): Marks {
    return new Marks(this.#ids, this.#upTo);
  }

  add({ mark, ...marked }: MarkRequest): void {
    if ("upTo" in marked) {
      if (marked.upTo > (this.#upTo[mark] ?? "")) this.#upTo[mark] = marked.upTo;
      return;
    }
    for (const id of marked.ids) {
      const level = higher(mark, this.#ids.get(id) ?? null)!;
      this.#ids.delete(id);
      this.#ids.set(id, level);
    }
    for (const id of this.#ids.keys()) {
      if (this.#ids.size <= MOST_IDS) break;
      this.#ids.delete(id);
    }
  }

  /** The highest mark of the item: its own, by its id, or up to a later one. */
  of({ id, cursor, mark }: Pick<InboxItem, "id" | "cursor" | "mark">): Mark | null {
    const range = (Object.keys(this.#upTo) as Mark[]).filter((one) => cursor <= this.#upTo[one]!);
    return [this.#ids.get(id) ?? null, ...range].reduce<Mark | null>(higher, mark);
  }

  /** Whether everything up to the cursor has this mark or a higher one. */
  all(mark: Mark, cursor: Cursor): boolean {
    const level = MARKS.indexOf(mark);
    return (Object.keys(this.#upTo) as Mark[]).some((one) => MARKS.indexOf(one) >= level && cursor <= this.#upTo[one]!);
  }
}
