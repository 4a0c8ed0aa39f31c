import type { DirectorOptions, Progress } from "#director-options.ts";
import { LaneEffects } from "./lane-effects.ts";
import { changeOwnership, type Ownership, type OwnershipOutput } from "./ownership.ts";
import { PartitionLanes } from "./partition.ts";

/**
 * Claims newly assigned partitions. A claim is a record in `control`, and its offset is the partition's generation: it
 * fences every earlier owner. The lanes of a partition exist only after its claim is in Kafka.
 */
export function claimPartitions(
  ownerships: Ownership[],
  options: DirectorOptions,
  out: OwnershipOutput,
): Map<Ownership, Promise<PartitionLanes>> {
  const appended = ownerships.map(({ partition }) => appendClaim(partition, options));
  // This must follow the claims, so that it counts everything that earlier owners deferred.
  const progress = Promise.all(appended).then(() => options.kafka.progress());
  return new Map(
    ownerships.map((ownership, index) => {
      const known = Promise.all([appended[index]!, progress]);
      return [ownership, known.then((claimed) => own(ownership, claimed, options, out))];
    }),
  );
}

/** Resolves to the offset of the claim. */
function appendClaim(partition: number, { kafka, topics, name }: DirectorOptions): Promise<number> {
  return new Promise((resolve, reject) =>
    kafka.producer.add(
      topics.control,
      partition,
      (writer) => writer.signal({ type: "claim", director: name }),
      (error, offset) => (error instanceof Error ? reject(error) : resolve(offset)),
    ),
  );
}

function own(
  ownership: Ownership,
  [generation, progress]: [number, Progress],
  options: DirectorOptions,
  out: OwnershipOutput,
): PartitionLanes {
  const { partition } = ownership;
  const deferred = progress.deferred.get(partition) ?? { committed: 0, end: 0 };
  const oldest = progress.oldest.get(partition) ?? 0;
  changeOwnership(ownership, { type: "claimed", generation }, out);
  const superseded = (offset: number): void => changeOwnership(ownership, { type: "newer claim", offset }, out);
  const lanes = new PartitionLanes(
    { ...options, claim: { ownership, deferred, oldest } },
    (owner) => new LaneEffects(owner, superseded, options),
  );
  options.log.info({ partition, generation, deferred: deferred.end - deferred.committed }, "partition claimed");
  return lanes;
}
