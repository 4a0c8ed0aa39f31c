import type { Sent } from "./tracked.ts";
import type { Violation } from "./verdict.ts";

/** R33: notifications of one publisher have the order of its answers. */
export function reorderedAnswers(all: Iterable<Sent>): Violation[] {
  const violations: Violation[] = [];
  const last = new Map<string, Sent>();
  for (const sent of all) {
    if (sent.outcome !== "ok" || sent.cursor === undefined) continue;
    const name = `${sent.stream} ${sent.key}`;
    const before = last.get(name);
    if (before && before.answered <= sent.at && sent.cursor <= before.cursor!) {
      const detail = `${before.id} was answered before ${sent.id} was sent, and comes after it`;
      violations.push({ breach: "reordered", key: sent.key, detail });
    }
    last.set(name, sent);
  }
  return violations;
}
