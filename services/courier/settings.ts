import { commonSettings } from "@saasaparilla/shared/settings.ts";
import { identitySettings } from "@saasaparilla/shared/auth/settings.ts";
import { nodeServerSettings } from "@saasaparilla/shared/http/settings.ts";
import { tenantInboxSettings } from "@saasaparilla/shared/auth/policies/tenant-inbox.ts";
import { tenantLimitSettings } from "@saasaparilla/shared/auth/policies/tenant-limits.ts";
import { timelineSettings } from "@saasaparilla/shared/timeline/open-events.ts";
import { z } from "zod";

const count = (value: number) => z.coerce.number().int().min(1).default(value);

export const courierSettings = commonSettings.extend({
  ...identitySettings.shape,
  ...nodeServerSettings.shape,
  ...tenantLimitSettings.shape,
  ...tenantInboxSettings.shape,
  ...timelineSettings.shape,
  PORT: z.coerce.number().int().min(0).max(65535).default(8084).meta({ description: "The port to listen on." }),
  CLIENT_RATE: count(20).meta({ description: "Requests per second of one client to its inbox." }),
  CLIENT_BURST: count(200).meta({ description: "Such requests in a burst." }),
  GROUP_SESSION_MS: z.coerce.number().int().min(1_000).max(300_000).default(6_000).meta({
    description: "A courier that its Kafka group does not hear from for this time, in ms, loses its partitions.",
  }),
  PARTITION_MAX_BYTES: count(16 << 20).meta({
    description:
      "A partition of the accepted topic pauses when this many bytes of its records wait in the courier's memory. It continues at three quarters of the limit.",
  }),
});
