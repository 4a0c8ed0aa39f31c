import { PLATFORM_TENANT } from "@saasaparilla/shared/access-rows.ts";
import { commonSettings, storeSettings } from "@saasaparilla/shared/settings.ts";
import { TENANT_FORM } from "@saasaparilla/shared/notification.ts";
import { z } from "zod";

const count = z.coerce.number().int().min(1);

/** What is made where it is not there yet. A topic that is there keeps its partitions of accepted and control. */
export const settings = commonSettings
  .pick({ NAMESPACE: true, LOG_LEVEL: true })
  .extend(storeSettings.shape)
  .extend({
    /** Of accepted, control and deferred: the most directors that can share the work; some four for each. Later only with --repartition. */
    ACCEPTED_PARTITIONS: count.max(10_000).default(4),
    /** Slots: the most distributors that can run at once. It can be raised at any time. */
    ROUTED_PARTITIONS: count.max(65_535).default(16),
    /** Of the table of stored notifications. Later only while nothing is stored. */
    STORED_PARTITIONS: count.max(1_024).default(8),
    /** Made where they are not there yet, with commas between them: their issuers' tokens are trusted in what they say. */
    TENANTS: z
      .string()
      .default("")
      .transform((list) => list.split(",").filter((name) => name !== ""))
      .pipe(
        z.array(
          z
            .string()
            .regex(TENANT_FORM, "names of tenants")
            .refine((name) => name !== PLATFORM_TENANT, `names of tenants; ${PLATFORM_TENANT} is reserved`),
        ),
      ),
    /** Copies of each topic. */
    REPLICAS: count.max(9).default(1),
    /** Brokers that must have a record before it counts as written. In production: 3 replicas, and 2 here. */
    MIN_INSYNC: count.max(9).default(1),
  });
