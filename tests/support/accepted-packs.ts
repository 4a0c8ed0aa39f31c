import { randomUUID } from "node:crypto";
import { clientKey, partitionOf } from "@saasaparilla/shared/protocol/notification.ts";
import { writeOptions, type NotificationOptions } from "@saasaparilla/shared/protocol/options.ts";
import { OUTCOME_EVENT, type Outcome } from "@saasaparilla/shared/protocol/outcome.ts";
import { PackWriter } from "@saasaparilla/shared/protocol/pack-writer.ts";
import { readAccepted } from "./accepted-records.ts";
import { produce } from "./kafka-records.ts";
import type { Stack } from "./stack.ts";

export interface OptionItem extends NotificationOptions {
  client: string;
  id?: string;
  ttl?: number;
}

/** Writes notifications with options to accepted, each in a separate record. Returns their ids. */
export async function accept(stack: Stack, items: readonly OptionItem[]): Promise<string[]> {
  const ids: string[] = [];
  for (const { client, id = randomUUID(), ttl = 0, ...options } of items) {
    const key = clientKey("acme", client);
    const writer = new PackWriter();
    const bytes = writeOptions(options);
    const payload = Buffer.from(JSON.stringify(ids.length));
    writer.notification({ key, id, ttl, options: bytes.length === 0 ? undefined : bytes, payload });
    await produce(stack, "accepted", partitionOf(key, Number(stack.env.ACCEPTED_PARTITIONS ?? 4)), [writer.take()]);
    ids.push(id);
  }
  return ids;
}

/** The outcomes in accepted, in order, by the id of their notification. */
export async function outcomesOf(stack: Stack, ids: readonly string[]): Promise<Map<string, Outcome[]>> {
  const outcomes = new Map<string, Outcome[]>(ids.map((id) => [id, []]));
  const messages = new Map<string, string>();
  for (const { event, id: message, payload } of await readAccepted(stack)) {
    if (event !== OUTCOME_EVENT) continue;
    const { id, outcome } = JSON.parse(payload) as { id: string; outcome: Outcome };
    // Repeats share the id of their message.
    if ((messages.get(id) ?? message) !== message) throw new Error(`The outcomes of ${id} have two ids.`);
    messages.set(id, message);
    outcomes.get(id)?.push(outcome);
  }
  return outcomes;
}
