import type { TopicSpec } from "@saasaparilla/shared/kafka/admin.ts";
import type { Topics } from "@saasaparilla/shared/kafka/topics.ts";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const FOR_EVER = -1;
/** Of each of the four partitions of the audit log: floods of attempts must not fill the disk. */
const AUDIT_BYTES = 1 << 30;
const AUDIT_SEGMENT_BYTES = 64 << 20;
const MAX_RECORD_BYTES = 2 * 1024 * 1024;

export interface TopicSizes {
  ACCEPTED_PARTITIONS: number;
  ROUTED_PARTITIONS: number;
  REPLICAS: number;
  MIN_INSYNC: number;
}

/** Accepted answers for what is not settled, for days; routed and control only carry, for minutes. */
export function topicSpecs(names: Topics, sizes: TopicSizes): TopicSpec[] {
  const accepted = sizes.ACCEPTED_PARTITIONS;
  return [
    specOf(sizes, names.accepted, accepted, 7 * DAY, DAY),
    specOf(sizes, names.control, accepted, 15 * MINUTE, 5 * MINUTE),
    specOf(sizes, names.deferred, accepted, 7 * DAY, DAY),
    specOf(sizes, names.routed, sizes.ROUTED_PARTITIONS, 15 * MINUTE, 5 * MINUTE),
    bounded(specOf(sizes, names.audit, 4, 30 * DAY, DAY), AUDIT_BYTES, AUDIT_SEGMENT_BYTES),
    // What was too large once more, with its headers and with what is sent together with it, would block its director for good.
    specOf(sizes, names.deadLetters, 1, 30 * DAY, DAY, 2 * MAX_RECORD_BYTES),
  ];
}

export function epochsSpec(names: Topics, sizes: TopicSizes): TopicSpec {
  return specOf(sizes, names.epochs, 1, FOR_EVER, DAY);
}

/** Only closed segments are deleted: they are small beside what is kept. */
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
  retentionMs: number,
  segmentMs: number,
  maxBytes = MAX_RECORD_BYTES,
): TopicSpec {
  return {
    topic,
    partitions,
    replicas: sizes.REPLICAS,
    config: {
      "cleanup.policy": "delete",
      "retention.ms": String(retentionMs),
      // Only closed segments are deleted: a segment must not live much longer than the retention.
      "segment.ms": String(segmentMs),
      "max.message.bytes": String(maxBytes),
      "min.insync.replicas": String(sizes.MIN_INSYNC),
      // Whoever writes here himself may compress as he likes: our reader knows gzip only, so the broker unpacks it.
      "compression.type": "uncompressed",
      // The time to live counts from the broker's clock, which is one for all publishers.
      "message.timestamp.type": "LogAppendTime",
    },
  };
}
