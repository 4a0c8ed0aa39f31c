/** The documents of a tenant, as the console shows them. */
export interface Listed<T> {
  items: T[];
  next?: string;
}

export interface Tenant {
  tenant: string;
  state: "active" | "suspended";
  trust: "scopes" | "grants";
  limits: Record<string, number>;
  origins?: string[];
  inbox?: { events: string[]; items?: number; days?: number };
  timeline?: { follow: "all" | "exceptions" | number };
  changed: string;
}

export interface Key {
  id: string;
  name: string;
  scopes: string[];
  clients: string[];
  targets?: string[];
  created: number;
  expires: number | null;
}

export interface MadeKey extends Key {
  /** Only in the answer that made it. */
  key: string;
}

export interface Issuer {
  id: string;
  issuer: string;
  audience: string;
  algorithms: string[];
  jwksUrl?: string;
  jwks?: { keys: { kid?: string; kty: string }[] };
  changed: string;
}

export interface Grant {
  id: string;
  role: string;
  subjects: string[];
  clients: string[];
  targets?: string[];
  changed: string;
}

export interface Revocation {
  id: string;
  before: number;
  changed: string;
}

export type Recipient = { client: string } | { clients: string[] } | { group: string } | { queue: string };

export interface Binding {
  name?: string;
  key?: string;
  headers?: unknown;
  to: Recipient;
}

export interface Exchange {
  id: string;
  type: "direct" | "fanout" | "headers";
  bindings: Binding[];
  fallback?: Recipient;
  changed: string;
}

export interface Queue {
  id: string;
  maxAttempts?: number;
  claimSeconds: number;
  changed: string;
}

export interface Schedule {
  id: string;
  cron: string;
  zone: string;
  to: Recipient | { exchange: string; key?: string };
  data: unknown;
  missed: "one" | "all" | "none";
  paused?: boolean;
  changed: string;
}

export interface Usage {
  tenant: string;
  stored: { notifications: number; bytes: number; clients: number; full?: "bytes" | "clients" };
  published: { notifications: number; bytes: number };
  refused: Record<string, number>;
}

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
