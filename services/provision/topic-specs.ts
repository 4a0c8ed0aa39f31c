import type { TopicSpec } from "@saasaparilla/shared/kafka/admin.ts";
import { ACCEPTED_DAYS, type Topics } from "@saasaparilla/shared/kafka/topic-names.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const FOR_EVER = -1;
/** For each of the audit log's four partitions: floods of attempts must not fill the disk. */
const AUDIT_BYTES = 1 << 30;
const AUDIT_SEGMENT_BYTES = 64 << 20;
/** For each partition of events: following everything must not fill the disk. The recorder notes what it misses. */
const EVENTS_BYTES = 4 * 2 ** 30;
const EVENTS_SEGMENT_BYTES = 256 << 20;
const MAX_RECORD_BYTES = 2 * 1024 * 1024;

export interface TopicSizes {
  ACCEPTED_PARTITIONS: number;
  ROUTED_PARTITIONS: number;
  DISPATCH_PARTITIONS: number;
  REPLICAS: number;
  MIN_INSYNC: number;
}

/** Accepted keeps unsettled notifications, for days. Routed and control are only transport, for minutes. */
interface Kept {
  retentionMs: number;
  segmentMs: number;
  /** The size of a record. */
  maxBytes?: number;
}

const MINUTES: Kept = { retentionMs: 15 * MINUTE, segmentMs: 5 * MINUTE };
const ONE_DAY: Kept = { retentionMs: DAY, segmentMs: HOUR };
const WEEK: Kept = { retentionMs: ACCEPTED_DAYS * DAY, segmentMs: DAY };
const MONTH: Kept = { retentionMs: 30 * DAY, segmentMs: DAY };

export function topicSpecs(names: Topics, sizes: TopicSizes): TopicSpec[] {
  const accepted = sizes.ACCEPTED_PARTITIONS;
  return [
    specOf(sizes, names.accepted, accepted, WEEK),
    specOf(sizes, names.control, accepted, MINUTES),
    specOf(sizes, names.deferred, accepted, WEEK),
    specOf(sizes, names.dispatch, sizes.DISPATCH_PARTITIONS, WEEK),
    specOf(sizes, names.routed, sizes.ROUTED_PARTITIONS, MINUTES),
    bounded(specOf(sizes, names.audit, 4, MONTH), AUDIT_BYTES, AUDIT_SEGMENT_BYTES),
    bounded(specOf(sizes, names.events, accepted, ONE_DAY), EVENTS_BYTES, EVENTS_SEGMENT_BYTES),
    // A dead letter carries headers, and is sent together with others. If it were too large again, it would block its
    // director forever.
    specOf(sizes, names.deadLetters, 1, { ...MONTH, maxBytes: 2 * MAX_RECORD_BYTES }),
  ];
}

export function epochsSpec(names: Topics, sizes: TopicSizes): TopicSpec {
  return specOf(sizes, names.epochs, 1, { retentionMs: FOR_EVER, segmentMs: DAY });
}

/** Only closed segments are deleted, so they must be small compared with the limit. */
function bounded(spec: TopicSpec, bytes: number, segmentBytes: number): TopicSpec {
  return {
    ...spec,
    config: { ...spec.config, "retention.bytes": String(bytes), "segment.bytes": String(segmentBytes) },
  };
}

function specOf(
  sizes: TopicSizes,
  topic: string,
  partitions: number,
  { retentionMs, segmentMs, maxBytes = MAX_RECORD_BYTES }: Kept,
): TopicSpec {
  return {
    topic,
    partitions,
    replicas: sizes.REPLICAS,
    config: {
      "cleanup.policy": "delete",
      "retention.ms": String(retentionMs),
      // Only closed segments are deleted, so a segment must not live much longer than the retention.
      "segment.ms": String(segmentMs),
      "max.message.bytes": String(maxBytes),
      "min.insync.replicas": String(sizes.MIN_INSYNC),
      // External producers may compress as they like. Our reader knows only gzip, so the broker decompresses.
      "compression.type": "uncompressed",
      // The time to live counts from the broker's clock, which is the same for all publishers.
      "message.timestamp.type": "LogAppendTime",
    },
  };
}
