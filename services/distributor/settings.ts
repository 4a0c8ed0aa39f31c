import { commonSettings, identitySettings } from "@saasaparilla/shared/settings.ts";
import { tenantLimitSettings } from "@saasaparilla/shared/tenant-limits.ts";
import { z } from "zod";

const count = (value: number) => z.coerce.number().int().min(1).default(value);

export const distributorSettings = commonSettings.extend({
  ...identitySettings.shape,
  ...tenantLimitSettings.shape,
  /** The port that it listens on. */
  PORT: z.coerce.number().int().min(0).max(65535).default(8081),
  /** `false`: each answer ends its connection. For load balancers that reuse a connection which was idle for longer than the socket library keeps it, 8 to 12 s: docs/guides/proxies.md. */
  KEEP_ALIVE: z.stringbool().default(true),
  /** The slot's lease in Redis: a distributor that is away for longer counts as dead. */
  LEASE_MS: count(10_000),
  /** What waits for one slow client, at most; past it the lane is stored. */
  OUTBOX_BYTES: count(256 << 10),
  /** ms between heartbeats to a client; it may count as dead after two are missing. As often it is looked at whether it may stay: within a minute (R19). */
  HEARTBEAT_MS: z.coerce.number().int().min(1).max(25_000).default(15_000),
  /** Frames and pings that one WebSocket may say in a second; over it, it is ended. */
  FRAME_RATE: count(1_000),
  /** As many at once, after a rest. */
  FRAME_BURST: count(5_000),
  /** Requests of one client in a second: connections, polls and acknowledgements. */
  CLIENT_RATE: count(100),
  /** As many at once, after a rest. */
  CLIENT_BURST: count(1_000),
  /** A client whose outbox does not drain for so long is closed. */
  STUCK_MS: count(60_000),
  /** Between two polls of a long-poll loop, at most. */
  POLL_GRACE_MS: count(30_000),
  /** A poll waits for no longer, whatever it asks for. */
  POLL_MAX_WAIT_SECONDS: count(60),
  /** So long a hold is waited for; then what is stored is replayed without one. */
  PREPARE_MS: count(2_000),
  /** The safety net's round: every client is asked about once in it. */
  SAFETY_NET_MS: count(60_000),
  /** New connections that are taken in a second, each with its whole handover. */
  CONNECT_RATE: count(2_000),
  /** As many at once, after a rest. */
  CONNECT_BURST: count(5_000),
  /** Connections that were taken in and are not live yet, at most. */
  MAX_HANDOVERS: count(5_000),
  /** Connections in all, at most; and never more than nine tenths of the descriptors that the process may open. */
  MAX_CONNECTIONS: count(100_000),
  /** On SIGTERM closes are spread over so long; at most half of SHUTDOWN_MS, so that the rest of the ending has time. */
  DRAIN_MS: z.coerce.number().int().min(0).default(5_000),
});

export type DistributorSettings = z.output<typeof distributorSettings>;
