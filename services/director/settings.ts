import { commonSettings } from "@saasaparilla/shared/settings.ts";
import { identitySettings } from "@saasaparilla/shared/auth/settings.ts";
import { nodeServerSettings } from "@saasaparilla/shared/http/settings.ts";
import { tenantLimitSettings } from "@saasaparilla/shared/auth/policies/tenant-limits.ts";
import { z } from "zod";

const count = (value: number) => z.coerce.number().int().min(1).default(value);

export const directorSettings = commonSettings.extend({
  ...identitySettings.shape,
  ...nodeServerSettings.shape,
  ...tenantLimitSettings.shape,
  PORT: z.coerce.number().int().min(0).max(65535).default(8082).meta({ description: "The port that it listens on." }),
  GROUP_SESSION_MS: z.coerce
    .number()
    .int()
    .min(1_000)
    .max(300_000)
    .default(6_000)
    .meta({ description: "A director that is silent to its group for so many ms loses its partitions." }),
  WINDOW: z.coerce
    .number()
    .int()
    .min(1)
    .max(4_096)
    .default(256)
    .meta({ description: "The most unacknowledged notifications under way to one client." }),
  LANE_MAX_QUEUED: count(1_024).meta({
    description: "The most unsettled notifications of one client in memory. Above it they are stored.",
  }),
  LANE_MAX_BYTES: count(1 << 20).meta({ description: "The most bytes of these." }),
  ACK_MS: count(10_000).meta({ description: "A sent notification that is not acknowledged for so many ms is stored." }),
  HOLD_MS: count(5_000).meta({
    description: "A hold that takes more ms is given up, and held notifications are stored.",
  }),
  INVITE_MS: count(2_000).meta({
    description: "An invited connection has so many ms to prepare. Doubled with each try.",
  }),
  INVITE_TRIES: count(3).meta({
    description: "After so many tries without an answer, unsettled notifications are stored.",
  }),
  MAX_LANES: z.coerce.number().int().min(1).max(10_000_000).default(1_000_000).meta({
    description:
      "The most lanes of one partition in memory. Above it idle ones are forgotten. A Map takes no more than 2^24.",
  }),
  PARTITION_MAX_UNSETTLED: count(50_000).meta({
    description: "A partition pauses at so many unsettled notifications, and goes on at three quarters of it.",
  }),
  PARTITION_MAX_BYTES: count(64 << 20).meta({ description: "A partition pauses at so many bytes of them, likewise." }),
  SWEEP_MS: count(30_000).meta({ description: "Expired rows are swept every so many ms." }),
});
