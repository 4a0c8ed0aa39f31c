import { z } from "zod";

/** Clients, by their id: one exactly, or all that begin with what stands before the `*`. */
const pattern = z
  .string()
  .regex(
    /^([!#-)+-[\]-z|~]{1,128}|[!#-)+-[\]-z|~]{0,128}\*)$/,
    "a client's id, or the beginning of some with * after it",
  );

/** All of them, where a pattern is left out. */
export const patterns = z.array(pattern).min(1).max(100).default(["*"]);

/**
 * Made once, when what it stands in is read: to match costs a look-up for each length that a beginning has, and nothing where all match. A tenant's
 * own people write patterns, and how many there are is not to cost the others anything.
 */
export class ClientPatterns {
  /** Whatever is asked. */
  readonly all: boolean;
  readonly texts: readonly string[];
  readonly #exact = new Set<string>();
  readonly #beginnings = new Map<number, Set<string>>();

  constructor(texts: readonly string[]) {
    this.texts = texts;
    this.all = texts.includes("*");
    for (const text of texts) {
      if (text.endsWith("*")) this.#begin(text.slice(0, -1));
      else this.#exact.add(text);
    }
  }

  has(name: string): boolean {
    if (this.all || this.#exact.has(name)) return true;
    for (const [length, beginnings] of this.#beginnings)
      if (length <= name.length && beginnings.has(name.slice(0, length))) return true;
    return false;
  }

  #begin(text: string): void {
    const beginnings = this.#beginnings.get(text.length);
    if (beginnings) beginnings.add(text);
    else this.#beginnings.set(text.length, new Set([text]));
  }
}
