import { commonSettings } from "@saasaparilla/shared/settings.ts";
import { identitySettings } from "@saasaparilla/shared/auth/settings.ts";
import { nodeServerSettings } from "@saasaparilla/shared/http/settings.ts";
import { tenantLimitSettings } from "@saasaparilla/shared/auth/policies/tenant-limits.ts";
import { z } from "zod";

const count = (value: number) => z.coerce.number().int().min(1).default(value);

export const dispatcherSettings = commonSettings.extend({
  ...identitySettings.shape,
  ...nodeServerSettings.shape,
  ...tenantLimitSettings.shape,
  PORT: z.coerce.number().int().min(0).max(65535).default(8085).meta({ description: "The port that it listens on." }),
  GROUP_SESSION_MS: z.coerce
    .number()
    .int()
    .min(1_000)
    .max(300_000)
    .default(6_000)
    .meta({ description: "A dispatcher that is silent to its group for so many ms loses its partitions." }),
  FANOUT_RATE: count(10_000).meta({
    description:
      "Notifications a second that a dispatcher writes for groups at most. It writes fewer while directors lag behind.",
  }),
  SWEEP_MS: count(10_000).meta({
    description: "How often rows that are over are deleted, in ms: of queues, and of publications.",
  }),
  PARTITION_MAX_BYTES: count(16 << 20).meta({
    description:
      "A partition of dispatch pauses at so many bytes of records that wait in memory. It goes on at three quarters of it.",
  }),
});

export type DispatcherSettings = z.output<typeof dispatcherSettings>;
