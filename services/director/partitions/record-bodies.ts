import { Failure } from "@saasaparilla/shared/runtime/errors.ts";
import { NOTHING } from "@saasaparilla/shared/kafka/dead-letters.ts";
import { checkNotification, Kind, readPack, type BadItem } from "@saasaparilla/shared/protocol/pack.ts";

/**
 * The bodies by index, without those that go to `bad`: the sequence of a notification is its index in the record. If
 * the framing is malformed, no item counts. The record is a dead letter as a whole, and a redrive would repeat those
 * before the defect.
 */
export function bodiesOf(value: Buffer | null, bad: BadItem[]): (Buffer | undefined)[] {
  const bodies: (Buffer | undefined)[] = [];
  readPack(
    value ?? NOTHING,
    (kind, body, index) => {
      if (kind !== Kind.NOTIFICATION)
        throw new Failure("reject", `Item ${index} has the unknown kind ${kind}, not ${Kind.NOTIFICATION}.`);
      checkNotification(body, index);
      bodies.push(body);
    },
    (item) => {
      bodies.push(undefined);
      bad.push(item);
    },
  );
  return bodies;
}
