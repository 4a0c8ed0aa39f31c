import type { Epoch } from "@saasaparilla/shared/kafka/epochs.ts";
import type { Session } from "./session.ts";

/**
 * A recreated topic starts at offset 0 again, and a repartitioned one has its clients in other partitions. Both need a
 * new epoch, or sequences would go backwards. The row is written before the topic is created. A crash between the two
 * costs a number, because the next run writes another. In the reverse order, a new topic would continue under the old
 * epoch.
 *
 * `kept` is the epoch in Kafka. Postgres and Kafka each keep the epochs, so the loss of either does not restart them.
 */
export async function beginEpoch(
  session: Session,
  kept: Epoch | undefined,
  { partitions, fresh }: { partitions: number; fresh: boolean },
): Promise<Epoch & { begun: boolean }> {
  const { rows } = await session.query<Epoch>("select epoch, partitions from epochs order by epoch desc limit 1");
  const known = [rows[0], kept].filter((epoch) => epoch !== undefined);
  const latest = known.toSorted((a, b) => b.epoch - a.epoch)[0];
  const begun = fresh || latest?.partitions !== partitions;
  const epoch = begun ? (latest?.epoch ?? 0) + 1 : latest.epoch;
  await session.query("insert into epochs (epoch, partitions) values ($1, $2) on conflict do nothing", [
    epoch,
    partitions,
  ]);
  return { epoch, partitions, begun };
}
