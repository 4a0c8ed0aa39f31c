import { TENANT_ROW } from "@saasaparilla/shared/auth/policies/schema.ts";
import type { PolicyStore } from "@saasaparilla/shared/auth/policies/store.ts";
import { clientKey } from "@saasaparilla/shared/protocol/notification.ts";
import { recipientId } from "@saasaparilla/shared/protocol/publication.ts";
import type { ClientParts, ClientView } from "./client-view.ts";
import { findNotification, type Found } from "./notification-facts.ts";
import { reasonIn, TRANSPORTS } from "./reasons.ts";
import { sentenceOf } from "./sentences.ts";
import { timeOf } from "./told-events.ts";

const EVERYBODY = "*";

/** The state of a client's access and connections, in sentences. */
export async function explainClient(
  policyStore: Pick<PolicyStore, "find">,
  { tenant, client, view }: { tenant: string; client: string; view: ClientView },
): Promise<string[]> {
  const [row, own, all] = await Promise.all([
    policyStore.find("tenant", tenant, TENANT_ROW),
    policyStore.find("revocation", tenant, client),
    policyStore.find("revocation", tenant, EVERYBODY),
  ]);
  const revoked = Math.max(own?.before ?? 0, all?.before ?? 0);
  return [
    ...(row?.state === "suspended" ? [`The tenant ${tenant} is suspended. It may neither publish nor connect.`] : []),
    ...(revoked > 0
      ? [`Tokens of ${client} that were issued until ${timeOf(revoked * 1_000)} are revoked. It needs a newer one.`]
      : []),
    connected(client, view),
    stored(client, view),
    ...(view.lastAcknowledged === undefined
      ? []
      : [`The last recorded acknowledgement of ${client} was at ${timeOf(view.lastAcknowledged)}.`]),
  ];
}

function connected(client: string, { connections }: ClientView): string {
  if (!connections) return `Redis does not answer, so it is unknown whether ${client} is connected.`;
  if (connections.length === 0) return `No connection of ${client} is registered now.`;
  const each = connections.map(({ transport, since, address }) =>
    [
      transport === undefined ? "an unknown transport" : reasonIn(TRANSPORTS, transport),
      ...(since === undefined ? [] : [`since ${timeOf(since)}`]),
      ...(address === undefined ? [] : [`from ${address}`]),
    ].join(" "),
  );
  return `${client} is connected now: ${each.join("; ")}.`;
}

function stored(client: string, { stored: { count, more, oldest } }: ClientView): string {
  if (count === 0) return `No notification is stored for ${client} now.`;
  const since = oldest === undefined ? "" : ` The oldest one was accepted at ${timeOf(oldest)}.`;
  return `${more ? "More than " : ""}${count} notifications are stored for ${client} now.${since}`;
}

/**
 * What became of a notification for this client. The id may also be that of a publication: each of its recipients has a
 * notification with an id of its own.
 */
export async function explainNotification(
  parts: ClientParts,
  { tenant, client, id }: { tenant: string; client: string; id: string },
): Promise<{ found: Found; sentences: string[] }> {
  const [given, part] = await Promise.all(
    [id, recipientId(id, clientKey(tenant, client))].map((one) =>
      findNotification(parts, { tenant, id: one, hint: client }),
    ),
  );
  const isPart = part!.state.name !== "unknown";
  const found = isPart ? part! : given!;
  const events = found.facts.events.map((event) => `${timeOf(event.at)}: ${sentenceOf(event)}`);
  return {
    found,
    sentences: [
      found.state.sentence,
      ...(isPart ? [`It is the notification ${found.id}, a part of the publication ${id}.`] : []),
      ...events,
    ],
  };
}
