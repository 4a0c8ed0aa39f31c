import { startStack, type Algorithm, type Kind, type Stack } from "../tests/stack.ts";

/** What a distributor can is measured, and not how many it lets in. */
const OPEN_DOOR = { CONNECT_RATE: "1000000", CONNECT_BURST: "1000000", MAX_HANDOVERS: "1000000" };

export function startPlatform(
  services: Kind[],
  env: Record<string, string> = {},
  algorithm: Algorithm = "EdDSA",
): Promise<Stack> {
  return startStack({ services, env: { ...OPEN_DOOR, ...env }, algorithm });
}
