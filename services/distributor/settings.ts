import { commonSettings } from "@saasaparilla/shared/settings.ts";
import { identitySettings } from "@saasaparilla/shared/auth/settings.ts";
import { tenantLimitSettings } from "@saasaparilla/shared/auth/policies/tenant-limits.ts";
import { z } from "zod";

const count = (value: number) => z.coerce.number().int().min(1).default(value);

export const distributorSettings = commonSettings.extend({
  ...identitySettings.shape,
  ...tenantLimitSettings.shape,
  PORT: z.coerce.number().int().min(0).max(65535).default(8081).meta({ description: "The port that it listens on." }),
  KEEP_ALIVE: z.stringbool().default(true).meta({
    description:
      "Set false to close a connection after each answer. For load balancers that reuse a connection after more than 8 s of idleness, when the socket library may already close it: docs/guides/proxies.md.",
  }),
  LEASE_MS: count(10_000).meta({
    description: "The lease of the slot in Redis, in ms. A distributor that is away for longer counts as dead.",
  }),
  OUTBOX_BYTES: count(256 << 10).meta({
    description: "The most bytes that wait for one slow client. Above it, notifications are stored.",
  }),
  HEARTBEAT_MS: z.coerce.number().int().min(1).max(25_000).default(15_000).meta({
    description:
      "Ms between heartbeats to a client, which may reconnect after two missing ones. Permission is checked as often, so within a minute (R19).",
  }),
  FRAME_RATE: count(1_000).meta({
    description: "Frames and pings a second of one WebSocket. Above it, the connection is closed.",
  }),
  FRAME_BURST: count(5_000).meta({ description: "Frames and pings at once, after a rest." }),
  CLIENT_RATE: count(100).meta({
    description: "Requests a second of one client: connections, polls and acknowledgements.",
  }),
  CLIENT_BURST: count(1_000).meta({ description: "Such requests at once, after a rest." }),
  STUCK_MS: count(60_000).meta({ description: "A client whose outbox does not drain for so many ms is closed." }),
  POLL_GRACE_MS: count(30_000).meta({ description: "The most ms between two polls of a long-poll loop." }),
  POLL_MAX_WAIT_SECONDS: count(60).meta({ description: "The most seconds that a poll waits, whatever it asks for." }),
  PREPARE_MS: count(2_000).meta({
    description: "Ms to wait for a hold. Stored notifications are then replayed without one.",
  }),
  SAFETY_NET_MS: count(60_000).meta({ description: "The safety net asks about each client once in so many ms." }),
  CONNECT_RATE: count(2_000).meta({ description: "New connections a second, each with its whole handover." }),
  CONNECT_BURST: count(5_000).meta({ description: "New connections at once, after a rest." }),
  MAX_HANDOVERS: count(5_000).meta({ description: "The most connections that are not live yet." }),
  MAX_CONNECTIONS: count(100_000).meta({
    description: "The most connections in all; never more than nine tenths of the file descriptors of the process.",
  }),
  DRAIN_MS: z.coerce.number().int().min(0).default(5_000).meta({
    description:
      "On SIGTERM connections are closed over so many ms. At most half of SHUTDOWN_MS, so that the rest of the ending has time.",
  }),
});

export type DistributorSettings = z.output<typeof distributorSettings>;
