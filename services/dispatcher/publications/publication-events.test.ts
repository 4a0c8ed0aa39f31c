import { expect, test } from "vitest";
import { Failure } from "@saasaparilla/shared/runtime/errors.ts";
import { PackWriter } from "@saasaparilla/shared/protocol/pack-writer.ts";
import { Kind, readPack } from "@saasaparilla/shared/protocol/pack.ts";
import type { PublicationHead } from "@saasaparilla/shared/protocol/publication.ts";
import { PublicationEvents } from "./publication-events.ts";

const ID = "6e8bc430-9c3a-41d9-9669-0800200c9a66";
const HEAD: PublicationHead = { id: ID, tenant: "acme", publisher: "shop", to: { group: "team" } };

function eventsWith({ format = 4, watched = "" } = {}) {
  const recorded: unknown[][] = [];
  const timeline = new PublicationEvents({
    events: { record: (...event) => void recorded.push(event) },
    followerOf: () => (watched === "" ? undefined : (client) => (client === watched ? "watch" : undefined)),
    format: () => format,
  });
  return { timeline, recorded };
}

test("recipients of a followed publication are followed, and a watched client in any case", () => {
  const { timeline } = eventsWith({ watched: "u1" });
  const follows = (head: PublicationHead) => ["acme/u1", "acme/u2"].map((key) => timeline.follower(head)?.(key, ID));
  expect(follows({ ...HEAD, followed: "all" })).toEqual([true, true]);
  expect(follows({ ...HEAD, followed: "watch" })).toEqual([true, true]);
  // Of a sample each recipient is drawn by itself.
  expect(follows({ ...HEAD, followed: "sample" })).toEqual([true, false]);
  expect(follows(HEAD)).toEqual([true, false]);
  expect(eventsWith().timeline.follower(HEAD)).toBeUndefined();
});

test("before the upgrade is finished no recipient is followed", () => {
  const { timeline } = eventsWith({ format: 3, watched: "u1" });
  expect(timeline.follower({ ...HEAD, followed: "all" })).toBeUndefined();
});

test("a rejected publication is recorded without being followed, if its head can be read", () => {
  const { timeline, recorded } = eventsWith();
  const writer = new PackWriter();
  writer.publication({ head: HEAD, payload: Buffer.from("1") });
  const place = { topic: "dispatch", partition: 1, offset: 7 };
  const error = new Failure("reject", "It has no target.");
  readPack(writer.take(), (kind, body, index) => timeline.rejected(place, { index, kind, body, error }));
  timeline.rejected(place, { index: 0, kind: Kind.PUBLICATION, body: Buffer.from("short"), error });
  expect(recorded).toEqual([["dead-lettered", "acme/", ID, { why: "It has no target.", ...place, index: 0 }]]);
});
