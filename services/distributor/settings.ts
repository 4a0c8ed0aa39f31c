import { commonSettings } from "@saasaparilla/shared/settings.ts";
import { identitySettings } from "@saasaparilla/shared/auth/settings.ts";
import { tenantLimitSettings } from "@saasaparilla/shared/auth/policies/tenant-limits.ts";
import { z } from "zod";

const count = (value: number) => z.coerce.number().int().min(1).default(value);

export const distributorSettings = commonSettings.extend({
  ...identitySettings.shape,
  ...tenantLimitSettings.shape,
  /** The port that it listens on. */
  PORT: z.coerce.number().int().min(0).max(65535).default(8081),
  /** Set false to close a connection after each answer. For load balancers that reuse a connection after more than 8 s of idleness, when the socket library may already close it: docs/guides/proxies.md. */
  KEEP_ALIVE: z.stringbool().default(true),
  /** The lease of the slot in Redis, in ms. A distributor that is away for longer counts as dead. */
  LEASE_MS: count(10_000),
  /** The most bytes that wait for one slow client. Above it, notifications are stored. */
  OUTBOX_BYTES: count(256 << 10),
  /** Ms between heartbeats to a client, which may reconnect after two missing ones. Permission is checked as often, so within a minute (R19). */
  HEARTBEAT_MS: z.coerce.number().int().min(1).max(25_000).default(15_000),
  /** Frames and pings a second of one WebSocket. Above it, the connection is closed. */
  FRAME_RATE: count(1_000),
  /** Frames and pings at once, after a rest. */
  FRAME_BURST: count(5_000),
  /** Requests a second of one client: connections, polls and acknowledgements. */
  CLIENT_RATE: count(100),
  /** Such requests at once, after a rest. */
  CLIENT_BURST: count(1_000),
  /** A client whose outbox does not drain for so many ms is closed. */
  STUCK_MS: count(60_000),
  /** The most ms between two polls of a long-poll loop. */
  POLL_GRACE_MS: count(30_000),
  /** The most seconds that a poll waits, whatever it asks for. */
  POLL_MAX_WAIT_SECONDS: count(60),
  /** Ms to wait for a hold. Stored notifications are then replayed without one. */
  PREPARE_MS: count(2_000),
  /** The safety net asks about each client once in so many ms. */
  SAFETY_NET_MS: count(60_000),
  /** New connections a second, each with its whole handover. */
  CONNECT_RATE: count(2_000),
  /** New connections at once, after a rest. */
  CONNECT_BURST: count(5_000),
  /** The most connections that are not live yet. */
  MAX_HANDOVERS: count(5_000),
  /** The most connections in all; never more than nine tenths of the file descriptors of the process. */
  MAX_CONNECTIONS: count(100_000),
  /** On SIGTERM connections are closed over so many ms. At most half of SHUTDOWN_MS, so that the rest of the ending has time. */
  DRAIN_MS: z.coerce.number().int().min(0).default(5_000),
});

export type DistributorSettings = z.output<typeof distributorSettings>;
