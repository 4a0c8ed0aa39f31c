import { createRequire } from "node:module";

/** CRC-32C, as the Kafka client computes it for each record batch. */
export const checksum = createRequire(import.meta.url)("kafkajs/src/protocol/recordBatch/crc32C") as (
  bytes: Buffer,
) => number;

const CALLS = 1_000;
const BYTES = 64;

/**
 * Calls the checksum with small inputs before the first large batch. V8 then knows the statement behind its loop when
 * it compiles the loop. Without these calls, large first batches make the process discard the compiled code at the end
 * of each call. That lasts for as long as it runs. In the receiver it takes 1.3 µs of CPU per notification, of 9.4.
 * docs/internals/decisions/0018-http-servers.md has the figures.
 */
export function warmUpChecksum(): void {
  const bytes = Buffer.alloc(BYTES);
  for (let call = 0; call < CALLS; call += 1) checksum(bytes);
}
