import type { Identity } from "@saasaparilla/shared/auth/identity.ts";
import {
  clientKey,
  cursorTag,
  packSequence,
  partitionOf,
  sequenceAt,
  toCursor,
} from "@saasaparilla/shared/protocol/notification.ts";
import { expect, test } from "vitest";
import { acknowledge } from "./ack-endpoint.ts";

type Parts = Parameters<typeof acknowledge>[2];

test("R22: the client's connections here, and its director, hear each acknowledgement", async () => {
  const key = clientKey("acme", "u1");
  const sequence = sequenceAt(packSequence(1, 7), 0);
  const told: unknown[] = [];
  const parts = {
    hub: { ofClient: () => ["peer"], step: (peer: unknown, event: unknown) => told.push([peer, event]) },
    controlProducer: { ack: (...said: unknown[]) => told.push(said) },
    partitions: 12,
  } as unknown as Parts;
  const identity = { tenant: "acme", subject: "u1" } as Identity;
  const say = (cursor: string) => acknowledge(identity, Buffer.from(JSON.stringify({ cursor })), parts);
  expect(await say(toCursor(sequence, cursorTag(key)))).toEqual({ status: 204 });
  expect(told).toEqual([
    ["peer", { type: "ack", sequence }],
    [partitionOf(key, 12), key, 0, sequence],
  ]);
  expect(await say(toCursor(sequence, cursorTag("acme/u2")))).toMatchObject({ status: 400 });
  expect(told).toHaveLength(2);
});
