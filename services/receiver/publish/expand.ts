import { nameOf } from "@saasaparilla/shared/http/problem.ts";
import { isDispatched } from "./forms.ts";
import { unavailable, unknownOutcome } from "./append-problems.ts";
import type { Item } from "./item.ts";

/** Replaces each open item for several clients by one for each client, in order. Their ids are derived when they are written. */
export function expand(items: readonly Item[]): readonly Item[] {
  return items.some(hasParts) ? items.flatMap((item) => (hasParts(item) ? partsOf(item) : item)) : items;
}

/** Gives each expanded item its outcome: accepted only if all its parts are. */
export function gather(items: readonly Item[], sent: readonly Item[]): void {
  let at = 0;
  for (const item of items) {
    if (sent[at] === item) at += 1;
    else {
      const parts = sent.slice(at, (at += item.cost));
      item.outcome = together(parts);
    }
  }
}

function hasParts({ outcome, published }: Item): boolean {
  return outcome === "open" && published !== undefined && "clients" in published.to && !isDispatched(published);
}

function partsOf(item: Item): Item[] {
  const { to } = item.published!;
  if (!("clients" in to)) return [];
  return to.clients.map((client) => ({
    ...item,
    published: { ...item.published!, to: { client } },
    cost: 1,
    partOf: item.id,
  }));
}

function together(parts: readonly Item[]): Item["outcome"] {
  if (parts.every(({ outcome }) => outcome === "accepted")) return "accepted";
  // Some are in Kafka, or may be: only the same id makes a repeat harmless.
  const known = parts.every(({ outcome }) => typeof outcome === "object" && nameOf(outcome) === "unavailable");
  return known ? unavailable() : unknownOutcome();
}
