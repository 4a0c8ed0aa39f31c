import { commonSettings } from "@saasaparilla/shared/settings.ts";
import { identitySettings } from "@saasaparilla/shared/auth/settings.ts";
import { nodeServerSettings } from "@saasaparilla/shared/http/settings.ts";
import { tenantLimitSettings } from "@saasaparilla/shared/auth/policies/tenant-limits.ts";
import { timelineSettings } from "@saasaparilla/shared/timeline/open-events.ts";
import { z } from "zod";

const count = (value: number) => z.coerce.number().int().min(1).default(value);

export const directorSettings = commonSettings.extend({
  ...identitySettings.shape,
  ...nodeServerSettings.shape,
  ...tenantLimitSettings.shape,
  ...timelineSettings.shape,
  PORT: z.coerce
    .number()
    .int()
    .min(0)
    .max(65535)
    .default(8082)
    .meta({ description: "The port that the service listens on." }),
  GROUP_SESSION_MS: z.coerce
    .number()
    .int()
    .min(1_000)
    .max(300_000)
    .default(6_000)
    .meta({ description: "A director that does not reach its group for this time, in ms, loses its partitions." }),
  WINDOW: z.coerce
    .number()
    .int()
    .min(1)
    .max(4_096)
    .default(256)
    .meta({ description: "The most unacknowledged notifications in flight to one client." }),
  LANE_MAX_QUEUED: count(1_024).meta({
    description: "The most unsettled notifications of one client in memory. Above it they are stored.",
  }),
  LANE_MAX_BYTES: count(1 << 20).meta({
    description: "The most bytes of unsettled notifications of one client in memory.",
  }),
  ACK_MS: count(10_000).meta({
    description: "A sent notification that is not acknowledged within this time, in ms, is stored.",
  }),
  HOLD_MS: count(5_000).meta({
    description: "The longest hold, in ms. After it, the held notifications are stored.",
  }),
  INVITE_MS: count(2_000).meta({
    description: "The time that an invited connection has to prepare, in ms. It doubles with each try.",
  }),
  INVITE_TRIES: count(3).meta({
    description: "The number of tries without an answer after which unsettled notifications are stored.",
  }),
  MAX_LANES: z.coerce.number().int().min(1).max(10_000_000).default(1_000_000).meta({
    description:
      "The most lanes of one partition in memory. Above it idle ones are forgotten. A Map takes no more than 2^24.",
  }),
  PARTITION_MAX_UNSETTLED: count(50_000).meta({
    description: "A partition pauses at this number of unsettled notifications, and resumes at three quarters of it.",
  }),
  PARTITION_MAX_BYTES: count(64 << 20).meta({
    description:
      "A partition pauses at this number of bytes of unsettled notifications, and resumes at three quarters of it.",
  }),
  SWEEP_MS: count(30_000).meta({ description: "The interval at which expired rows are deleted, in ms." }),
});
