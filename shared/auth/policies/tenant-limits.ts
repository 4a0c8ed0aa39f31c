import { z } from "zod";
import type { Policies } from "./policies.ts";

const count = (value: number) => z.coerce.number().int().min(1).default(value);
/** Range of a weight. Above it one tenant leaves others nearly nothing. Below it a tenant has nearly nothing itself. */
export const WEIGHTS = { least: 0.01, most: 100 } as const;
const rate = (value: number) => z.coerce.number().min(0.001).default(value);

/** The limits of every tenant whose row in Postgres sets no others. */
export const tenantLimitSettings = z.object({
  TENANT_PUBLISH_RATE: rate(20_000).meta({ description: "Notifications per second that a tenant may publish." }),
  TENANT_PUBLISH_BURST: count(100_000).meta({
    description: "Notifications that a tenant may publish in a burst.",
  }),
  PUBLISHER_RATE: rate(10_000).meta({
    description:
      "Notifications per second that each publisher may publish. A publisher is the subject of a token, or an API key.",
  }),
  PUBLISHER_BURST: count(50_000).meta({
    description: "Notifications that a publisher may publish in a burst.",
  }),
  TENANT_PUBLISH_BYTE_RATE: rate(20 << 20).meta({
    description:
      "Bytes of bodies per second that a tenant may publish. The default is 1 KiB for each notification of the default rate.",
  }),
  TENANT_PUBLISH_BYTE_BURST: count(40 << 20).meta({
    description: "Bytes of bodies that a tenant may publish in a burst. The default fits ten of the largest requests.",
  }),
  TENANT_REQUESTS: count(2_500).meta({
    description: "A tenant's requests in progress, at one receiver.",
  }),
  TENANT_REQUEST_RATE: rate(10_000).meta({
    description: "Connects, polls, acknowledgements and tickets per second of a tenant's clients, at one distributor.",
  }),
  TENANT_REQUEST_BURST: count(100_000).meta({ description: "Such requests in a burst." }),
  TENANT_QUEUED_BYTES: count(32 << 20).meta({
    description: "Bytes of a tenant's requests that one receiver holds at once.",
  }),
  TENANT_CONNECTIONS: count(50_000).meta({ description: "Connections of a tenant, at one distributor." }),
  CLIENT_CONNECTIONS: count(50).meta({
    description: "Connections of one client, at one distributor. Above it, the oldest is closed.",
  }),
  CLIENT_STORED: count(1_000_000).meta({
    description: "Notifications stored for one client. At the limit, publishing to it is refused until it has read.",
  }),
  TENANT_STORED_BYTES: count(8 * 2 ** 30).meta({
    description:
      "Bytes of notifications stored for all clients of a tenant. At the limit, its publishing is refused until they have read.",
  }),
  TENANT_STORED_CLIENTS: count(2_000_000).meta({
    description:
      "Clients of a tenant that have stored notifications. At the limit, its publishing is refused until some have read.",
  }),
  TENANT_WAITING_PUBLICATIONS: count(1_000_000).meta({
    description:
      "Publications of a tenant that wait for their time. At the limit, further ones are refused until some are due.",
  }),
  TENANT_WEIGHT: z.coerce
    .number()
    .min(WEIGHTS.least)
    .max(WEIGHTS.most)
    .default(1)
    .meta({ description: "A tenant's weight against others for shared resources: twice the weight, twice the share." }),
  TENANT_OUTBOX_BYTES: count(256 << 20).meta({
    description: "Bytes that wait for a tenant's slow clients, at one distributor.",
  }),
});

/** The names in a tenant's row. */
const NAMES = {
  publishRate: "TENANT_PUBLISH_RATE",
  publishBurst: "TENANT_PUBLISH_BURST",
  publisherRate: "PUBLISHER_RATE",
  publisherBurst: "PUBLISHER_BURST",
  publishByteRate: "TENANT_PUBLISH_BYTE_RATE",
  publishByteBurst: "TENANT_PUBLISH_BYTE_BURST",
  requests: "TENANT_REQUESTS",
  requestRate: "TENANT_REQUEST_RATE",
  requestBurst: "TENANT_REQUEST_BURST",
  queuedBytes: "TENANT_QUEUED_BYTES",
  connections: "TENANT_CONNECTIONS",
  clientConnections: "CLIENT_CONNECTIONS",
  stored: "CLIENT_STORED",
  storedBytes: "TENANT_STORED_BYTES",
  storedClients: "TENANT_STORED_CLIENTS",
  waitingPublications: "TENANT_WAITING_PUBLICATIONS",
  outboxBytes: "TENANT_OUTBOX_BYTES",
  weight: "TENANT_WEIGHT",
} as const satisfies Record<string, keyof z.output<typeof tenantLimitSettings>>;

/** A row that is read may have a name from a later version. A write with an unknown name is refused. */
export const LIMITS: readonly string[] = Object.keys(NAMES);

export type TenantLimits = Record<keyof typeof NAMES, number>;
export type LimitsOf = (tenant: string) => TenantLimits;

/** The limits of a tenant, from its current row or else from the settings. */
export function tenantLimits(
  policies: Pick<Policies, "tenant">,
  settings: z.output<typeof tenantLimitSettings>,
): LimitsOf {
  const names = Object.keys(NAMES) as (keyof TenantLimits)[];
  const usual = Object.fromEntries(names.map((name) => [name, settings[NAMES[name]]])) as TenantLimits;
  // Read with every request. A changed row is a new object.
  const known = new WeakMap<object, TenantLimits>();
  return (tenant) => {
    const own = policies.tenant(tenant)?.row?.limits;
    if (own === undefined) return usual;
    let limits = known.get(own);
    if (!limits) {
      const all = Object.fromEntries(names.map((name) => [name, least(name, own[name] ?? usual[name])]));
      known.set(own, (limits = all as TenantLimits));
    }
    return limits;
  };
}

/** An empty bucket would be full at once. A tenant that may do nothing is suspended instead. */
function least(name: string, value: number): number {
  if (name === "weight") return Math.min(WEIGHTS.most, Math.max(WEIGHTS.least, value));
  return name.endsWith("Burst") ? Math.max(1, value) : name.endsWith("Rate") ? Math.max(0.001, value) : value;
}
