import type { Target } from "./publication.ts";

/** Kinds of targets that need a right of their own. The name follows a slash: `queue/changes`. */
export const TARGET_KINDS = ["group", "queue", "exchange"] as const;
type TargetKind = (typeof TARGET_KINDS)[number];

/** A target as grants, keys and checks name it: `group/team-a`, `queue/changes`, `exchange/orders`. */
export type TargetName = `${TargetKind}/${string}`;

/** The platform writes these queues itself: they hold runs of actions and requests to endpoints. */
const RESERVED = /^queue\/(?:action|endpoint)\./;

/** The target of a publication, or undefined if it goes to clients. */
export function targetName(to: Target): TargetName | undefined {
  if ("queue" in to) return `queue/${to.queue}`;
  if ("group" in to) return `group/${to.group}`;
  return "exchange" in to ? `exchange/${to.exchange}` : undefined;
}

/** Whether no publisher may publish to it directly, whatever its grants say. */
export function isReserved(target: string): boolean {
  return RESERVED.test(target);
}
