import { startStack, type Kind, type Stack } from "#tests/support/stack.ts";
import type { Algorithm } from "#tests/support/tokens.ts";

const NONE = "1000000000";
/** Switches limits off, because a benchmark measures capacity. */
const OPEN_DOOR = {
  CONNECT_RATE: "1000000",
  CONNECT_BURST: "1000000",
  MAX_HANDOVERS: "1000000",
  TENANT_PUBLISH_RATE: NONE,
  TENANT_PUBLISH_BURST: NONE,
  TENANT_PUBLISH_BYTE_RATE: NONE,
  TENANT_PUBLISH_BYTE_BURST: NONE,
  TENANT_STORED_BYTES: "1000000000000",
  TENANT_STORED_CLIENTS: NONE,
  PUBLISHER_RATE: NONE,
  PUBLISHER_BURST: NONE,
  TENANT_QUEUED_BYTES: NONE,
  TENANT_CONNECTIONS: NONE,
  TENANT_OUTBOX_BYTES: NONE,
  CLIENT_RATE: NONE,
  CLIENT_BURST: NONE,
  SOCKET_BURST: NONE,
};

/** The checkout of the measured services. Undefined: this one. */
let checkout: string | undefined;

export function measureServicesOf(folder: string): void {
  checkout = folder;
}

const open = new Set<Stack>();

/** After a signal, this leaves nothing in the stores. */
export async function closePlatforms(): Promise<void> {
  await Promise.allSettled(Array.from(open, (stack) => stack.close()));
}

export async function startPlatform(
  services: Kind[],
  env: Record<string, string> = {},
  algorithm: Algorithm = "EdDSA",
): Promise<Stack> {
  const stack = await startStack({
    services,
    env: { ...OPEN_DOOR, ...env },
    algorithm,
    ...(checkout ? { checkout } : {}),
  });
  // Only once: a signal and the benchmark may both close it.
  let closing: Promise<void> | undefined;
  const once = { ...stack, close: () => (closing ??= stack.close().finally(() => open.delete(once))) };
  open.add(once);
  return once;
}
