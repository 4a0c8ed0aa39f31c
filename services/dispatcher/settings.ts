import { commonSettings } from "@saasaparilla/shared/settings.ts";
import { identitySettings } from "@saasaparilla/shared/auth/settings.ts";
import { nodeServerSettings } from "@saasaparilla/shared/http/settings.ts";
import { tenantLimitSettings } from "@saasaparilla/shared/auth/policies/tenant-limits.ts";
import { tenantTimelineSettings } from "@saasaparilla/shared/auth/policies/tenant-timeline.ts";
import { timelineSettings } from "@saasaparilla/shared/timeline/open-events.ts";
import { z } from "zod";

const count = (value: number) => z.coerce.number().int().min(1).default(value);

export const dispatcherSettings = commonSettings.extend({
  ...identitySettings.shape,
  ...nodeServerSettings.shape,
  ...tenantLimitSettings.shape,
  ...tenantTimelineSettings.shape,
  ...timelineSettings.shape,
  PORT: z.coerce.number().int().min(0).max(65535).default(8085).meta({ description: "The port to listen on." }),
  GROUP_SESSION_MS: z.coerce.number().int().min(1_000).max(300_000).default(6_000).meta({
    description: "A dispatcher that its Kafka group does not hear from for this time, in ms, loses its partitions.",
  }),
  FANOUT_RATE: count(9_000).meta({
    description:
      "The most notifications per second that a dispatcher writes for groups. It writes fewer while directors lag behind.",
  }),
  SWEEP_MS: count(10_000).meta({
    description: "The interval at which finished rows of queues and publications are deleted, in ms.",
  }),
  PARTITION_MAX_BYTES: count(16 << 20).meta({
    description:
      "A partition of the dispatch topic pauses when this many bytes of its records wait in memory. It continues at three quarters of the limit.",
  }),
});

export type DispatcherSettings = z.output<typeof dispatcherSettings>;
