import type { Schemas } from "./schemas.ts";

/** The documents of a tenant, as the console shows them. */
export interface Listed<T> {
  items: T[];
  next?: string;
}

export type Tenant = Schemas["PutTenantResult"] & { tenant: string; changed: string };

/** A stored document of a tenant. */
type Stored<T> = T & { id: string; changed: string };

export type Issuer = Stored<Schemas["PutIssuerResult"]>;
export type Grant = Stored<Schemas["PutGrantResult"]>;
export type Revocation = Stored<Schemas["PutRevocationResult"]>;
export type Exchange = Stored<Schemas["PutExchangeResult"]>;
export type Queue = Stored<Schemas["PutQueueResult"]>;
export type Schedule = Stored<Schemas["PutScheduleResult"]>;
export type Recipient = Exchange["bindings"][number]["to"];

export interface Key {
  id: string;
  name: string;
  scopes: string[];
  clients: string[];
  targets?: string[];
  created: number;
  expires: number | null;
}

/** Only the answer that made it has the key itself. */
export type MadeKey = Key & Schemas["CreateKeyResult"];

export type Usage = Schemas["ListLoudestTenantsResult"]["items"][number];

/** A document as it is written: without the members that the console adds. */
export function written<T extends object>(document: T): Omit<T, "tenant" | "id" | "changed"> {
  const { tenant: _tenant, id: _id, changed: _changed, ...rest } = document as T & Record<string, unknown>;
  return rest;
}

export function recipientText(to: Schedule["to"]): string {
  if ("client" in to) return `client ${to.client}`;
  if ("clients" in to) return `${to.clients.length} clients: ${to.clients.slice(0, 3).join(", ")}`;
  if ("group" in to) return `group ${to.group}`;
  if ("queue" in to) return `queue ${to.queue}`;
  return `exchange ${to.exchange}${to.key === undefined ? "" : ` with the key ${to.key}`}`;
}
