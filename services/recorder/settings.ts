import { commonSettings } from "@saasaparilla/shared/settings.ts";
import { nodeServerSettings } from "@saasaparilla/shared/http/settings.ts";
import { z } from "zod";

export const recorderSettings = commonSettings.omit({ REDIS_URL: true, REDIS_CLUSTER: true }).extend({
  ...nodeServerSettings.shape,
  PORT: z.coerce.number().int().min(0).max(65535).default(8086).meta({ description: "The port to listen on." }),
  TIMELINE_DAYS: z.coerce
    .number()
    .int()
    .min(1)
    .max(90)
    .default(7)
    .meta({ description: "The days for which the timeline keeps events. Give all recorders the same number." }),
  GROUP_SESSION_MS: z.coerce.number().int().min(1_000).max(300_000).default(6_000).meta({
    description: "A recorder that its Kafka group does not hear from for this time, in ms, loses its partitions.",
  }),
  PARTITION_MAX_BYTES: z.coerce
    .number()
    .int()
    .min(1)
    .default(8 << 20)
    .meta({
      description:
        "A partition of the events topic pauses when this many bytes of its records wait in the recorder's memory. It continues at three quarters of the limit.",
    }),
});
