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

/** Made once, when what it stands in is read: to match costs a look-up, and nothing where all match. */
export class Patterns {
  /** Whatever is asked. */
  readonly all: boolean;
  readonly #exact = new Set<string>();
  readonly #prefixes: string[] = [];

  constructor(texts: readonly string[]) {
    this.all = texts.includes("*");
    for (const text of texts) {
      if (text.endsWith("*")) this.#prefixes.push(text.slice(0, -1));
      else this.#exact.add(text);
    }
  }

  has(name: string): boolean {
    return this.all || this.#exact.has(name) || this.#prefixes.some((prefix) => name.startsWith(prefix));
  }
}
