import { commonSettings, identitySettings, nodeServerSettings } from "@saasaparilla/shared/settings.ts";
import { tenantLimitSettings } from "@saasaparilla/shared/tenant-limits.ts";
import { z } from "zod";

const count = (value: number) => z.coerce.number().int().min(1).default(value);

export const directorSettings = commonSettings.extend({
  ...identitySettings.shape,
  ...nodeServerSettings.shape,
  ...tenantLimitSettings.shape,
  /** The port that it listens on. */
  PORT: z.coerce.number().int().min(0).max(65535).default(8082),
  /** A director that the group has not heard of for so long loses its partitions. */
  GROUP_SESSION_MS: z.coerce.number().int().min(1_000).max(300_000).default(6_000),
  /** Sent to one client and unacknowledged, at most. */
  WINDOW: z.coerce.number().int().min(1).max(4_096).default(256),
  /** Unsettled for one client in memory, at most; over it they are stored. */
  LANE_MAX_QUEUED: count(1_024),
  /** Their bytes, at most. */
  LANE_MAX_BYTES: count(1 << 20),
  /** Without an acknowledgement for so long, what was sent is stored. */
  ACK_MS: count(10_000),
  /** A hold that takes longer is given up: what was held is stored. */
  HOLD_MS: count(5_000),
  /** So long an invited connection has to prepare; doubled with each try. */
  INVITE_MS: count(2_000),
  /** After so many without an answer, what is unsettled is stored. */
  TRIES: count(3),
  /** Lanes of one partition in memory, at most; idle ones are forgotten over it. A Map takes no more than 2^24. */
  MAX_LANES: z.coerce.number().int().min(1).max(10_000_000).default(1_000_000),
  /** A partition pauses at so many unsettled notifications, or bytes, and goes on at three quarters of it. */
  PARTITION_MAX_UNSETTLED: count(50_000),
  /** Their bytes, at most. */
  PARTITION_MAX_BYTES: count(64 << 20),
  /** Expired rows are swept every so many ms. */
  SWEEP_MS: count(30_000),
});
