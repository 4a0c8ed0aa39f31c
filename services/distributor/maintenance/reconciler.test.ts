import type { ClientKey, Sequence } from "@saasaparilla/shared/protocol/notification.ts";
import { expect, onTestFinished, test } from "vitest";
import type { Peer } from "#sessions/connection.ts";
import { SafetyNet } from "./reconciler.ts";

const peerOf = (key: ClientKey, sent: Sequence, state = "LIVE"): Peer =>
  ({ session: { key, sent, state } }) as unknown as Peer;

test("a round finds every live connection of a client for which something is stored, and asks from the one that has least", async () => {
  const peers = [peerOf("t/a", "2"), peerOf("t/a", "1"), peerOf("t/b", "3"), peerOf("t/c", "1", "REPLAYING")];
  const asked: [ClientKey, Sequence][] = [];
  const found: Peer[] = [];
  const net = new SafetyNet({
    peers: { all: () => peers.values(), step: (peer) => found.push(peer) },
    stored: {
      waiting: (sent) => {
        asked.push(...sent);
        return Promise.resolve(["t/a"]);
      },
    },
    metrics: { netted: () => {} },
    failed: (error) => expect.unreachable(String(error)),
    roundMs: 60_000,
  });
  onTestFinished(() => net.end());
  await net.round(0);
  expect(asked).toEqual([
    ["t/a", "1"],
    ["t/b", "3"],
  ]);
  expect(found).toEqual(peers.slice(0, 2));
});
