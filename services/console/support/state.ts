import type { Facts } from "./facts.ts";
import { KnownFacts } from "./known-facts.ts";
import { acknowledged, deadLettered, expired, quarantined, read, withdrawn } from "./state-ends.ts";
import type { PresentState, Rule } from "./state-rule.ts";
import { begun, fannedOut, notWritten, publication, refused, stored, underWay, waiting } from "./state-ways.ts";

/**
 * The first rule that fits decides. An end comes before everything on the way to it, because the times of events come
 * from several clocks.
 */
const RULES: readonly Rule[] = [
  read,
  acknowledged,
  withdrawn,
  expired,
  quarantined,
  deadLettered,
  notWritten,
  refused,
  stored,
  underWay,
  waiting,
  publication,
  fannedOut,
  begun,
];

/** It never says that something did not happen: an event can be missing. */
export function presentState(facts: Facts): PresentState {
  const known = new KnownFacts(facts);
  for (const rule of RULES) {
    const state = rule(known);
    if (state) return state;
  }
  return {
    name: "unknown",
    sentence: "Nothing is known of it: no store that was searched has it, and the timeline has no event of it.",
  };
}
