import { commonSettings, identitySettings, nodeServerSettings } from "@saasaparilla/shared/settings.ts";
import { tenantLimitSettings } from "@saasaparilla/shared/tenant-limits.ts";
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
  .extend({
    /** The port that it listens on. */
    PORT: z.coerce.number().int().min(0).max(65535).default(8080),
    /** Of one notification. At most 512 KiB: a send to one partition must stay under Kafka's limit for a record batch, 2 MiB. */
    MAX_DATA_BYTES: bytes.max(512 * KiB).default(64 * KiB),
    /** Notifications in one request, at most. */
    MAX_BATCH_ITEMS: z.coerce.number().int().min(1).max(10_000).default(1_000),
    /** Bytes of one request, at most. */
    MAX_BODY_BYTES: bytes.default(4 * MiB),
    /** Bodies that are arriving or not yet answered, and what waits for Kafka; over it, 503. */
    MAX_QUEUED_BYTES: bytes.default(64 * MiB),
    /** Requests that are arriving or not yet answered, at most; over it, 503. */
    MAX_REQUESTS: z.coerce.number().int().min(1).default(5_000),
    /** Two sends to Kafka begin so far apart, at least: what comes meanwhile shares packs. The first of them does not wait. */
    PACE_MS: ms.max(100).default(6),
    /** A publisher is answered by then, whatever Kafka does. */
    ANSWER_MS: ms.min(200).max(1_900).default(1_600),
    /** A send that is unanswered for this long is taken for Kafka being away: what comes meanwhile is refused at once. */
    STALL_MS: ms.min(50).default(500),
    /** Redis answers in less than one; a publisher is kept waiting for it for no longer, and then goes on without it. */
    REPEAT_WAIT_MS: ms.max(2_000).default(200),
    /** The same for what a tenant may publish: then it is counted here alone. */
    RATE_WAIT_MS: ms.max(2_000).default(200),
    /** How long a repeat is recognised by its Idempotency-Key or id. */
    REPEAT_SECONDS: z.coerce
      .number()
      .int()
      .min(10)
      .default(24 * 60 * 60),
  });
