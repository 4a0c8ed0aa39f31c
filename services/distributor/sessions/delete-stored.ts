import { partitionOf, type ClientKey, type Sequence } from "@saasaparilla/shared/protocol/notification.ts";
import type { StoredNotifications } from "@saasaparilla/shared/postgres/stored-notifications.ts";
import type { storedEvents } from "@saasaparilla/shared/timeline/stored-events.ts";
import type { ControlProducer } from "./control-producer.ts";

export interface DeletionParts {
  stored: Pick<StoredNotifications, "deleteUpTo">;
  controlProducer: Pick<ControlProducer, "ack">;
  /** The partitions of accepted. */
  partitions: number;
  /** Records a deleted row that is followed. */
  ended: ReturnType<typeof storedEvents>;
}

/**
 * Deletes acknowledged rows. Rows that ask for an outcome are left to the client's director, which gets the
 * acknowledgement as from the client itself: a distributor may not write to accepted. Returns the clients of such rows.
 */
export async function deleteStored(
  acknowledged: ReadonlyMap<ClientKey, Sequence>,
  { stored, controlProducer, partitions, ended }: DeletionParts,
): Promise<Iterable<ClientKey>> {
  const asking = new Set<ClientKey>();
  await stored.deleteUpTo(acknowledged, { asking, ended: (row) => ended(row, "acknowledged") });
  for (const client of asking)
    controlProducer.ack(partitionOf(client, partitions), client, 0, acknowledged.get(client)!);
  return asking;
}
