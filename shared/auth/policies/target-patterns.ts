import { z } from "zod";
import { NAME_FORM } from "#protocol/notification.ts";
import { isReserved, TARGET_KINDS } from "#protocol/target.ts";
import type { ClientPatterns } from "./client-patterns.ts";

const KINDS = TARGET_KINDS.join("|");
const NAME = NAME_FORM.source.slice(1, -1);
const TARGET = new RegExp(`^(?:${KINDS})/${NAME}$`);
const PATTERN = new RegExp(`^(?:\\*|(?:${KINDS})/(?:\\*|${NAME}\\*?))$`);

export const targetForm = z
  .string()
  .regex(TARGET, "a queue, group or exchange, as queue/changes")
  .meta({ description: "A queue, group or exchange, as queue/changes." });

/** Left out, a grant or key names no target. */
export const targetPatterns = z
  .array(
    z
      .string()
      .regex(PATTERN, "a target as queue/changes, the beginning of some with * after it as group/team-*, or * alone"),
  )
  .min(1)
  .max(100)
  .meta({
    description:
      "The queues, groups and exchanges that it may name: queue/changes, group/team-*, exchange/*, or * for all. Without it, none.",
  });

/** The scopes that are about targets: to publish to them, or to read queues. */
export type TargetScope = "publish" | "consume";

/** The targets that a caller may name with one scope. */
export class TargetPatterns {
  readonly #patterns: ClientPatterns;
  readonly #scope: TargetScope;

  constructor(patterns: ClientPatterns, scope: TargetScope) {
    this.#patterns = patterns;
    this.#scope = scope;
  }

  /** `target`: `queue/changes`. */
  has(target: string): boolean {
    if (this.#scope === "publish" && isReserved(target)) return false;
    return this.#patterns.has(target);
  }
}
