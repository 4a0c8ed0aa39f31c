import type { TopicSpec } from "@saasaparilla/shared/kafka/admin.ts";
import type { Topics } from "@saasaparilla/shared/kafka/topic-names.ts";
import { RETENTION, type Retention } from "@saasaparilla/shared/kafka/topic-retention.ts";

const DAY = 24 * 60 * 60_000;
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

interface Kept extends Retention {
  /** The size of a record. */
  maxBytes?: number;
}

export function topicSpecs(names: Topics, sizes: TopicSizes): TopicSpec[] {
  const accepted = sizes.ACCEPTED_PARTITIONS;
  return [
    specOf(sizes, names.accepted, accepted, RETENTION.accepted),
    specOf(sizes, names.control, accepted, RETENTION.control),
    specOf(sizes, names.deferred, accepted, RETENTION.deferred),
    specOf(sizes, names.dispatch, sizes.DISPATCH_PARTITIONS, RETENTION.dispatch),
    specOf(sizes, names.routed, sizes.ROUTED_PARTITIONS, RETENTION.routed),
    bounded(specOf(sizes, names.audit, 4, RETENTION.audit), AUDIT_BYTES, AUDIT_SEGMENT_BYTES),
    bounded(specOf(sizes, names.events, accepted, RETENTION.events), EVENTS_BYTES, EVENTS_SEGMENT_BYTES),
    // A dead letter carries headers, and is sent together with others. If it were too large again, it would block its
    // director forever.
    specOf(sizes, names.deadLetters, 1, { ...RETENTION.deadLetters, maxBytes: 2 * MAX_RECORD_BYTES }),
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
