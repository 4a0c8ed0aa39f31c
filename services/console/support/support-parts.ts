import type { PolicyStore } from "@saasaparilla/shared/auth/policies/store.ts";
import { Refusal, wrongQuery } from "#api/responses.ts";
import { CLIENT_FORM, NAME_FORM } from "@saasaparilla/shared/protocol/notification.ts";
import type { FactsParts } from "./notification-facts.ts";

export interface SupportParts extends FactsParts {
  policyStore: Pick<PolicyStore, "find">;
}

const ID_FORM = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

/** The id of a notification, a publication or a refusal: a UUID. */
export const isNotificationId = (id: string): boolean => ID_FORM.test(id);

export const isClientId = (id: string): boolean => CLIENT_FORM.test(id);

/** A client or a queue, as the timeline names it. */
export function recipientIn(query: URLSearchParams): string | undefined {
  const [client, queue] = [query.get("client"), query.get("queue")];
  if (client !== null && queue !== null) throw new Refusal(wrongQuery("queue", "absent beside client"));
  if (client !== null && !isClientId(client)) throw new Refusal(wrongQuery("client", "the id of a client"));
  if (queue === null) return client ?? undefined;
  if (!NAME_FORM.test(queue)) throw new Refusal(wrongQuery("queue", "the name of a queue"));
  return `{${queue}}`;
}
