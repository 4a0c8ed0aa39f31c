import type { PublicationHead, Target } from "@saasaparilla/shared/protocol/publication.ts";

/** The targets of a publication, or why it has none. */
export type Resolved = { targets: readonly Target[] } | { reason: string };

/** The targets of an exchange's bindings that match, or undefined if there is no such exchange. */
export type ExchangeTargets = (
  tenant: string,
  exchange: string,
  message: { key: string | undefined; headers: PublicationHead["headers"] },
) => readonly Target[] | undefined;

export function resolve({ tenant, to, headers }: PublicationHead, exchangeTargets: ExchangeTargets): Resolved {
  if (!("exchange" in to)) return { targets: [to] };
  const targets = exchangeTargets(tenant, to.exchange, { key: to.key, headers });
  if (!targets) return { reason: `The exchange "${to.exchange}" does not exist.` };
  if (targets.length === 0)
    return { reason: `No binding of the exchange "${to.exchange}" matches, and it has no fallback.` };
  return { targets };
}
