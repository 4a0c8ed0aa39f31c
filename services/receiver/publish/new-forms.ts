import { jittered } from "@saasaparilla/shared/http/problem.ts";
import { upgradeUnfinished } from "#api/item-problems.ts";
import { isDispatched, NEW_FORMS } from "./forms.ts";
import type { Published } from "./notification-schema.ts";
import type { Item } from "./item.ts";

/** An operator has to finish the upgrade. */
const RETRY_SECONDS = [30, 60] as const;

/** Refuses items that a service of the version before could not read. The rest continues. */
export function refuseNewForms(items: readonly Item[], format: number): void {
  if (format >= NEW_FORMS) return;
  for (const item of items) {
    if (item.outcome !== "open" || !item.published) continue;
    const member = newMember(item.published, item.options);
    if (member === undefined) continue;
    item.outcome = { ...upgradeUnfinished(item, member), retryAfter: jittered(...RETRY_SECONDS) };
  }
}

function newMember(published: Published, options: Buffer | undefined): string | undefined {
  const { to, at, headers, collapse } = published;
  if ("queue" in to) return "/to/queue";
  if ("group" in to) return "/to/group";
  if ("exchange" in to) return "/to/exchange";
  if (isDispatched(published)) return at === undefined ? "/delay" : "/at";
  if (options === undefined) return undefined;
  if (headers) return "/headers";
  return collapse === undefined ? "/outcomes" : "/collapse";
}
