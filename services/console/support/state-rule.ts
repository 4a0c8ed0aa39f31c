import type { KnownFacts } from "./known-facts.ts";

export const STATES = [
  "accepted",
  "waiting",
  "fanned-out",
  "held",
  "sent",
  "stored",
  "acknowledged",
  "read",
  "expired",
  "replaced",
  "retracted",
  "refused",
  "cancelled",
  "skipped",
  "repeated",
  "quarantined",
  "undeliverable",
  "dead-lettered",
  "unknown",
] as const;
export type StateName = (typeof STATES)[number];

export interface PresentState {
  name: StateName;
  /** For a support person. */
  sentence: string;
  /** Since when, by the clock of the service that said so; ms since 1970. */
  since?: number;
}

/** Undefined: the rule does not fit. */
export type Rule = (known: KnownFacts) => PresentState | undefined;
