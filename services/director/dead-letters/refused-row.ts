import { messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import type { DeadLetter } from "@saasaparilla/shared/kafka/dead-letters.ts";
import { offsetOf, partitionOf } from "@saasaparilla/shared/protocol/notification.ts";
import { Kind } from "@saasaparilla/shared/protocol/pack.ts";
import { packOf } from "@saasaparilla/shared/protocol/pack-writer.ts";
import type { StoredNotification } from "@saasaparilla/shared/postgres/stored-notifications.ts";

/**
 * A notification whose data Postgres refuses: a pack of one, from accepted, even if it was last read from deferred.
 */
export function refusedRow(
  { client, sequence, body }: StoredNotification,
  accepted: { topic: string; partitions: number },
  error: unknown,
): DeadLetter {
  return {
    topic: accepted.topic,
    partition: partitionOf(client, accepted.partitions),
    offset: offsetOf(sequence),
    value: packOf(Kind.NOTIFICATION, body),
    reason: messageOf(error),
  };
}
