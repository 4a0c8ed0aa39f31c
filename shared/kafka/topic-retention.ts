import type { Topics } from "./topic-names.ts";

export interface Retention {
  retentionMs: number;
  /** Only closed segments are deleted, so a record can stay for this time longer. */
  segmentMs: number;
}

/** Kafka keeps the records of accepted for so many days. */
export const ACCEPTED_DAYS = 7;

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const MINUTES: Retention = { retentionMs: 15 * MINUTE, segmentMs: 5 * MINUTE };
const ONE_DAY: Retention = { retentionMs: DAY, segmentMs: HOUR };
const WEEK: Retention = { retentionMs: ACCEPTED_DAYS * DAY, segmentMs: DAY };
const MONTH: Retention = { retentionMs: 30 * DAY, segmentMs: DAY };

/** How long Kafka keeps the records of each topic that provision made. Epochs are kept for ever. */
export const RETENTION: Readonly<Record<Exclude<keyof Topics, "epochs">, Retention>> = {
  accepted: WEEK,
  deferred: WEEK,
  dispatch: WEEK,
  routed: MINUTES,
  control: MINUTES,
  deadLetters: MONTH,
  audit: MONTH,
  events: ONE_DAY,
};
