import { randomUUID } from "node:crypto";
import { partitionOf } from "@saasaparilla/shared/protocol/notification.ts";
import { writeOptions } from "@saasaparilla/shared/protocol/options.ts";
import { PackWriter } from "@saasaparilla/shared/protocol/pack-writer.ts";
import { produce } from "#tests/support/kafka-records.ts";
import type { Load } from "#tests/faults/load.ts";
import type { Rig } from "#tests/faults/rig.ts";

const HEADERS = JSON.stringify({ source: "upgrade", urgent: true });

/** Writes one notification with options for each client, past the receivers. The history judges them like others. */
export async function sendOptions(rig: Rig, load: Load): Promise<number> {
  const history = rig.history!;
  const to = { namespace: rig.env.NAMESPACE!, env: { KAFKA_BROKERS: rig.stores.kafka.url } };
  for (const [index, { key }] of load.clients.entries()) {
    const id = `options.${index}`;
    const notification = randomUUID();
    const writer = new PackWriter();
    writer.notification({
      key,
      id: notification,
      options: writeOptions({ headers: HEADERS, outcomes: "audit" }),
      payload: Buffer.from(JSON.stringify({ id, pad: "" })),
    });
    history.add({ kind: "send", id, key, stream: "options", at: performance.now() });
    await produce(to, "accepted", partitionOf(key, rig.partitions), [writer.take()]);
    history.add({ kind: "answer", id, outcome: "ok", at: performance.now(), notification });
  }
  return load.clients.length;
}
