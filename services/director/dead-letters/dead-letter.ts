import { messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import type { Batch, Incoming } from "@saasaparilla/shared/kafka/client.ts";

/**
 * A record that can never be processed: its original position, and its bytes, which can be sent there again unchanged.
 */
export interface DeadLetter {
  topic: string;
  partition: number;
  offset: number;
  value: Buffer;
  reason: string;
}

export const NOTHING: Buffer = Buffer.alloc(0);

export function deadLetterOf(
  { topic, partition }: Pick<Batch, "topic" | "partition">,
  { offset, value }: Incoming,
  error: unknown,
): DeadLetter {
  return { topic, partition, offset, value: value ?? NOTHING, reason: messageOf(error) };
}

/** The header of a record that an operator redrives: the id of its dead letter. */
export const REDRIVEN = "redriven";
