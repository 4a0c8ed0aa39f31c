import type { ClientKey, Sequence } from "@saasaparilla/shared/protocol/notification.ts";
import { expect, onTestFinished, test } from "vitest";
import type { Connection } from "#sessions/connection.ts";
import { Reconciler } from "./reconciler.ts";

const connectionOf = (key: ClientKey, sent: Sequence, state = "LIVE"): Connection =>
  ({ session: { key, sent, state } }) as unknown as Connection;

test("a round finds every live connection of a client with stored rows, and reads from the earliest one", async () => {
  const connections = [
    connectionOf("t/a", "2"),
    connectionOf("t/a", "1"),
    connectionOf("t/b", "3"),
    connectionOf("t/c", "1", "REPLAYING"),
  ];
  const asked: [ClientKey, Sequence][] = [];
  const found: Connection[] = [];
  const reconciler = new Reconciler({
    hub: { all: () => connections.values(), step: (connection) => found.push(connection) },
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
  onTestFinished(() => reconciler.end());
  await reconciler.round(0);
  expect(asked).toEqual([
    ["t/a", "1"],
    ["t/b", "3"],
  ]);
  expect(found).toEqual(connections.slice(0, 2));
});
