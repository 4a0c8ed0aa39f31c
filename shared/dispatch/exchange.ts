import type { DocumentOf, Recipient } from "./documents.ts";
import type { Headers, Rule } from "./header-rules.ts";
import { compileRule } from "./match.ts";

/** The parts of a publication that bindings compare. */
export interface Routed {
  key?: string | undefined;
  headers?: Headers | undefined;
}

/** The answer for one binding. */
export interface BindingMatch {
  index: number;
  name?: string;
  matches: boolean;
  why: string;
  to: Recipient;
}

interface Binding {
  name: string | undefined;
  to: Recipient;
  /** Why it does not match, or undefined. */
  misses: (routed: Routed) => string | undefined;
}

/** The reason of a match, by type. */
const MATCHED = {
  direct: "the key is equal",
  fanout: "a fanout matches everything",
  headers: "the headers match its rule",
} as const;

/** The bindings of an exchange, compiled once when its document is read. */
export class Exchange {
  readonly #type: keyof typeof MATCHED;
  readonly #bindings: readonly Binding[];
  readonly #fallback: readonly Recipient[];

  constructor({ type, bindings, fallback }: DocumentOf<"exchange">) {
    this.#type = type;
    this.#fallback = fallback ? [fallback] : [];
    this.#bindings = bindings.map(({ name, key, headers, to }) => {
      const rule = headers && compileRule(headers as Rule);
      return { name, to, misses: (routed) => (rule ? rule(routed.headers) : missesKey(type, key, routed)) };
    });
  }

  /** The recipients, each once: of all bindings that match, or else the fallback. */
  route(routed: Routed): readonly Recipient[] {
    const matching = this.#bindings.filter(({ misses }) => misses(routed) === undefined);
    return matching.length === 0 ? this.#fallback : distinct(matching.map(({ to }) => to));
  }

  /** Every binding with its answer, in order. */
  explain(routed: Routed): BindingMatch[] {
    return this.#bindings.map(({ name, to, misses }, index) => {
      const why = misses(routed);
      const answer = { index, matches: why === undefined, why: why ?? MATCHED[this.#type], to };
      return name === undefined ? answer : { ...answer, name };
    });
  }
}

function missesKey(type: keyof typeof MATCHED, key: string | undefined, routed: Routed): string | undefined {
  if (type !== "direct" || routed.key === key) return undefined;
  return routed.key === undefined ? "it has no key" : `the key "${routed.key}" is not "${key}"`;
}

function distinct(recipients: readonly Recipient[]): readonly Recipient[] {
  if (recipients.length === 1) return recipients;
  return [...new Map(recipients.map((to) => [JSON.stringify(to), to])).values()];
}
