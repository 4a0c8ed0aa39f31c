import { writeOptions } from "@saasaparilla/shared/protocol/options.ts";
import type { PublicationHead } from "@saasaparilla/shared/protocol/publication.ts";
import { timeOf } from "./date-time.ts";
import type { Published } from "./notification-schema.ts";

/** The oldest `format` of a platform whose services all read options, keys of queues, and publications. */
export const NEW_FORMS = 2;

/** Whether it goes to dispatch: it is due later, or the dispatcher finds its recipients. */
export function isDispatched({ to, at, delay }: Published): boolean {
  return at !== undefined || delay !== undefined || "group" in to || "exchange" in to;
}

/** What one receiver writes or charges for it: the members of a group are charged when they are known. */
export function recipientsOf({ to }: Published): number {
  return "clients" in to ? to.clients.length : 1;
}

function hasKnownRecipients(to: Published["to"]): boolean {
  return "client" in to || "clients" in to || "queue" in to;
}

/** Undefined for none, as most have. */
export function optionsOf({ headers, collapse, retract, outcomes }: Published): Buffer | undefined {
  if (headers === undefined && collapse === undefined && retract === undefined && outcomes === undefined)
    return undefined;
  return writeOptions({
    // Sorted, because a repeat may have another order.
    ...(headers && { headers: JSON.stringify(headers, Object.keys(headers).toSorted()) }),
    ...(collapse !== undefined && { collapse }),
    ...(retract && { retract }),
    ...(outcomes !== undefined && { outcomes }),
  });
}

/** The head of its record in dispatch. */
export function headOf(
  { to, at, delay, ttl, event, headers, collapse, retract, outcomes }: Published,
  {
    traceparent,
    followed,
    ...origin
  }: Pick<PublicationHead, "id" | "tenant" | "publisher"> & {
    traceparent: string;
    followed: PublicationHead["followed"] | undefined;
  },
): PublicationHead {
  return {
    ...origin,
    to,
    ...(hasKnownRecipients(to) && { charged: true }),
    ...(traceparent !== "" && { traceparent }),
    ...(at !== undefined && { at: timeOf(at)! }),
    ...(delay !== undefined && { delay }),
    ...(ttl !== undefined && { ttl }),
    ...(event !== undefined && { event }),
    ...(headers && { headers }),
    ...(collapse !== undefined && { collapse }),
    ...(retract && { retract }),
    ...(outcomes !== undefined && { outcomes }),
    ...(followed !== undefined && { followed }),
  };
}
