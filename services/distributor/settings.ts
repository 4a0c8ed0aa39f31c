import { commonSettings } from "@saasaparilla/shared/settings.ts";
import { identitySettings } from "@saasaparilla/shared/auth/settings.ts";
import { tenantLimitSettings } from "@saasaparilla/shared/auth/policies/tenant-limits.ts";
import { timelineSettings } from "@saasaparilla/shared/timeline/open-events.ts";
import { z } from "zod";

const count = (value: number) => z.coerce.number().int().min(1).default(value);

export const distributorSettings = commonSettings.extend({
  ...identitySettings.shape,
  ...tenantLimitSettings.shape,
  ...timelineSettings.shape,
  PORT: z.coerce
    .number()
    .int()
    .min(0)
    .max(65535)
    .default(8081)
    .meta({ description: "The port that the service listens on." }),
  KEEP_ALIVE: z.stringbool().default(true).meta({
    description:
      "Set false to close a connection after each response. For load balancers that reuse a connection after more than 8 s of idleness, when the socket library may already close it: docs/guides/proxies.md.",
  }),
  LEASE_MS: count(10_000).meta({
    description:
      "The lease of the slot in Redis, in ms. A distributor that cannot renew it for this time counts as dead.",
  }),
  OUTBOX_BYTES: count(256 << 10).meta({
    description: "The most bytes that wait for one slow client. Above it, notifications are stored.",
  }),
  HEARTBEAT_MS: z.coerce.number().int().min(1).max(25_000).default(15_000).meta({
    description:
      "The time between heartbeats to a client, in ms. Clients may reconnect after two missing ones. Permissions are checked at the same interval, so within a minute (R19).",
  }),
  FRAME_RATE: count(1_000).meta({
    description: "Frames and pings per second of one WebSocket. Above it, the connection is closed.",
  }),
  FRAME_BURST: count(5_000).meta({ description: "Frames and pings of one WebSocket in a burst." }),
  CLIENT_RATE: count(100).meta({
    description: "Requests per second of one client: connections, polls and acknowledgements.",
  }),
  CLIENT_BURST: count(1_000).meta({ description: "Such requests in a burst." }),
  STUCK_MS: count(60_000).meta({
    description: "A client whose outbox does not drain for this time, in ms, is disconnected.",
  }),
  POLL_GRACE_MS: count(30_000).meta({ description: "The longest time between two polls of a long-poll loop, in ms." }),
  POLL_MAX_WAIT_SECONDS: count(60).meta({
    description: "The longest wait of a poll, in seconds, even if it asks for more.",
  }),
  PREPARE_MS: count(2_000).meta({
    description: "The longest wait for a hold, in ms. Stored notifications are then replayed without one.",
  }),
  SAFETY_NET_MS: count(60_000).meta({
    description: "The interval at which the reconciler checks each client for missed notifications, in ms.",
  }),
  CONNECT_RATE: count(2_000).meta({ description: "New connections per second, each with its whole handover." }),
  CONNECT_BURST: count(5_000).meta({ description: "New connections in a burst." }),
  MAX_HANDOVERS: count(5_000).meta({ description: "The most connections that are not live yet." }),
  MAX_CONNECTIONS: count(100_000).meta({
    description: "The most connections. The limit is never above 90 % of the process's file descriptors.",
  }),
  DRAIN_MS: z.coerce.number().int().min(0).default(5_000).meta({
    description:
      "On SIGTERM, connections are closed over this time, in ms. At most half of SHUTDOWN_MS, so that the rest of the shutdown has time.",
  }),
});

export type DistributorSettings = z.output<typeof distributorSettings>;
