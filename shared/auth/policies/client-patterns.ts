import { z } from "zod";

/** A client's id, or a prefix of ids followed by `*`. */
const pattern = z
  .string()
  .regex(
    /^([!#-)+-[\]-z|~]{1,128}|[!#-)+-[\]-z|~]{0,128}\*)$/,
    "a client's id, or the beginning of some with * after it",
  );

/** All clients, if it is left out. Empty: none. */
export const patterns = z.array(pattern).max(100).default(["*"]);

/**
 * Built once, when its row is read. A match costs one look-up for each length of prefix, and nothing if all clients
 * match. A tenant's own people write patterns, so their number must not cost other tenants anything.
 */
export class ClientPatterns {
  /** True if every client matches. */
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
