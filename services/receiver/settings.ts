import { commonSettings } from "@saasaparilla/shared/settings.ts";
import { identitySettings } from "@saasaparilla/shared/auth/settings.ts";
import { nodeServerSettings } from "@saasaparilla/shared/http/settings.ts";
import { tenantLimitSettings } from "@saasaparilla/shared/auth/policies/tenant-limits.ts";
import { tenantTimelineSettings } from "@saasaparilla/shared/auth/policies/tenant-timeline.ts";
import { timelineSettings } from "@saasaparilla/shared/timeline/open-events.ts";
import { z } from "zod";

const KiB = 1024;
const MiB = 1024 * KiB;
const bytes = z.coerce.number().int().min(1);
const ms = z.coerce.number().int().min(0);

export const settings = commonSettings
  .omit({ PORT: true })
  .extend(identitySettings.shape)
  .extend(nodeServerSettings.shape)
  .extend(tenantLimitSettings.shape)
  .extend(tenantTimelineSettings.shape)
  .extend(timelineSettings.shape)
  .extend({
    PORT: z.coerce
      .number()
      .int()
      .min(0)
      .max(65535)
      .default(8080)
      .meta({ description: "The port that the service listens on." }),
    CONSOLE_URL: z
      .url({ protocol: /^https?$/ })
      .optional()
      .meta({
        description:
          "The console's address. A browser that opens / of the receiver is sent there. Without it, / is answered 404.",
      }),
    MAX_DATA_BYTES: bytes
      .max(512 * KiB)
      .default(64 * KiB)
      .meta({
        description:
          "Bytes of one notification's data. At most 512 KiB: a send to one partition must stay under Kafka's limit for a record batch, 2 MiB.",
      }),
    MAX_BATCH_ITEMS: z.coerce
      .number()
      .int()
      .min(1)
      .max(10_000)
      .default(1_000)
      .meta({ description: "The most notifications in one request." }),
    MAX_BODY_BYTES: bytes.default(4 * MiB).meta({ description: "The most bytes of one request." }),
    MAX_QUEUED_BYTES: bytes.default(64 * MiB).meta({
      description: "Bytes of bodies in progress, and of notifications that wait for Kafka. Above it: 503.",
    }),
    MAX_REQUESTS: z.coerce
      .number()
      .int()
      .min(1)
      .default(5_000)
      .meta({ description: "Requests in progress. Above it: 503." }),
    PACE_MS: ms.max(100).default(6).meta({
      description:
        "The shortest time between the starts of two sends to Kafka, in ms. Notifications that arrive meanwhile share packs. The first send does not wait.",
    }),
    ANSWER_MS: ms
      .min(200)
      .max(1_900)
      .default(1_600)
      .meta({ description: "A publisher gets a response within this time, in ms, even if Kafka does not answer." }),
    STALL_MS: ms.min(50).default(500).meta({
      description:
        "If a send to Kafka is unanswered for this time, in ms, Kafka counts as unavailable. Further requests are then refused at once.",
    }),
    REPEAT_WAIT_MS: ms.max(2_000).default(200).meta({
      description:
        "The longest wait for Redis, in ms, which usually answers in less than 1 ms. The request then continues without it.",
    }),
    RATE_WAIT_MS: ms
      .max(2_000)
      .default(200)
      .meta({ description: "The longest wait for Redis to check rates, in ms. The receiver then counts alone." }),
    IDEMPOTENCY_SECONDS: z.coerce
      .number()
      .int()
      .min(10)
      .default(24 * 60 * 60)
      .meta({ description: "The time for which a repeat is recognised by its Idempotency-Key or id, in seconds." }),
  });
