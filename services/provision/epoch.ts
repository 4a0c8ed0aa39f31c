import type { Session } from "./migrate.ts";

/**
 * A topic made anew starts at offset 0 again, and one that is repartitioned has its clients elsewhere: both need a new
 * epoch, or sequences would go backwards. The row is written before the topic is made. A crash between the two costs a
 * number, for the next run writes another; the other way round, a new topic would go on under the old epoch. A director
 * that starts in between reads the new epoch and waits for the topic.
 */
export async function beginEpoch(
  session: Session,
  partitions: { present: number | undefined; wanted: number },
): Promise<number | undefined> {
  const { rows } = await session.query<{ epoch: number; partitions: number }>(
    "select epoch, partitions from epochs order by epoch desc limit 1",
  );
  const latest = rows[0];
  if (!needsEpoch(latest, partitions.present)) return undefined;
  const epoch = (latest?.epoch ?? 0) + 1;
  await session.query("insert into epochs (epoch, partitions) values ($1, $2)", [
    epoch,
    partitions.present ?? partitions.wanted,
  ]);
  return epoch;
}

/** `present`: how many partitions the accepted topic has, undefined where it is not there. */
function needsEpoch(latest: { partitions: number } | undefined, present: number | undefined): boolean {
  return present === undefined || latest === undefined || latest.partitions !== present;
}
