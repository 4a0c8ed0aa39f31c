import type { HistoryEvent } from "./history.ts";
import type { Sent } from "./tracked.ts";
import type { Breach, Violation } from "./verdict.ts";

/**
 * Marks notifications that a later one with the same collapse key replaced (R60), and judges outcomes (R63). Pure. Call
 * it after all other events.
 */
export function judgeEndings(
  events: readonly HistoryEvent[],
  all: Iterable<Sent>,
  named: ReadonlyMap<string, Sent>,
): Violation[] {
  const violations: Violation[] = [];
  const say = (breach: Breach, { key, id }: Sent, more = ""): void =>
    void violations.push({ breach, key, detail: `${id}${more}` });
  for (const event of events) {
    // The outcome `read` comes in addition: inbox-lists.ts judges it.
    if (event.kind !== "outcome" || event.outcome === "read") continue;
    const sent = named.get(event.notification);
    if (sent?.ended && sent.ended.message !== event.message) say("outcome under two ids", sent);
    // The first outcome counts.
    if (sent) sent.ended ??= { message: event.message, outcome: event.outcome };
  }
  const last = new Map<string, Sent>();
  for (const sent of all) {
    // A notification with an unknown answer may also have replaced others.
    if (sent.collapse === undefined || sent.outcome === "failed") continue;
    const name = `${sent.key} ${sent.collapse}`;
    const before = last.get(name);
    if (before) before.replaced = true;
    last.set(name, sent);
  }
  for (const sent of all) {
    if (!sent.asks || sent.outcome !== "ok") continue;
    if (!sent.ended) say("no outcome", sent);
    else if (!isRight(sent, sent.ended.outcome)) say("wrong outcome", sent, `: ${sent.ended.outcome}`);
  }
  return violations;
}

/** A retract that its client did not ask for is acknowledged without a receipt (R62). */
function isRight({ received, retract, replaced, expired, dead }: Sent, outcome: string): boolean {
  if (outcome === "acknowledged") return received || retract;
  if (outcome === "replaced" || outcome === "retracted") return replaced;
  return outcome === "expired" ? expired : outcome === "dead" && dead;
}
