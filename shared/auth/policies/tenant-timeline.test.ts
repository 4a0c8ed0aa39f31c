import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { Policies } from "./policies.ts";
import { formatNeeded, tenantRow } from "./schema.ts";
import { tenantTimelines, tenantTimelineSettings } from "./tenant-timeline.ts";
import type { Watch } from "./timeline-setting.ts";

const ID = "6e8bc430-9c3a-41d9-9669-0800200c9a66";
let now = 1_000;

function followers(setting: string | undefined, row?: object) {
  const policies = new Policies();
  if (row) policies.apply([{ kind: "tenant", tenant: "acme", id: "", value: row }]);
  const settings = tenantTimelineSettings.parse(setting === undefined ? {} : { TIMELINE_FOLLOW: setting });
  return { policies, followerOf: tenantTimelines(policies, settings, () => now) };
}

test("by default nothing is followed, and no notification is asked about", () => {
  expect(followers(undefined).followerOf("acme", "shop")).toBeUndefined();
  expect(followers(undefined, {}).followerOf("acme", "shop")).toBeUndefined();
});

test.each([
  ["the setting", "all", {}, "all"],
  ["the tenant's row", "exceptions", { timeline: { follow: "all" } }, "all"],
  ["the tenant's row, which turns it off", "all", { timeline: { follow: "exceptions" } }, undefined],
  ["watches, which leave the setting in force", "all", { watches: [] }, "all"],
])("%s decides", (_, setting, row, reason) => {
  expect(followers(setting, row).followerOf("acme", "shop")?.("u1", ID)).toBe(reason);
});

test("one in N is followed, whatever part of the ids is random", () => {
  const { followerOf } = followers("10");
  const follower = followerOf("acme", "shop")!;
  const count = 20_000;
  const share = (idOf: (n: number) => string): number =>
    Array.from({ length: count }, (_, n) => follower("u1", idOf(n))).filter((one) => one === "sample").length / count;
  const random = () => randomUUID();
  // Of version 7 the first bytes are a time, and of version 1 the last ones name a machine.
  const later = (n: number) => `018f3c2a-${(n & 0xffff).toString(16).padStart(4, "0")}${randomUUID().slice(13)}`;
  const machine = (n: number) => `${n.toString(16).padStart(8, "0")}-9c3a-11d9-9669-0800200c9a66`;
  for (const idOf of [random, later, machine]) {
    expect(share(idOf)).toBeGreaterThan(0.08);
    expect(share(idOf)).toBeLessThan(0.12);
  }
  expect(follower("u1", ID)).toBe(followerOf("acme", "other")!("u2", ID));
});

test("a watch follows its client or its publisher until it ends", () => {
  const watches: Watch[] = [
    { client: "u1", until: 1_100 },
    { publisher: "shop", until: 1_200 },
  ];
  const { followerOf } = followers("exceptions", { watches });
  now = 1_000;
  expect(followerOf("acme", "shop")!("any", ID)).toBe("watch");
  expect(followerOf("acme", "other")!("u1", ID)).toBe("watch");
  expect(followerOf("acme", "other")!("u2", ID)).toBeUndefined();
  now = 1_100;
  expect(followerOf("acme", "other")!("u1", ID)).toBeUndefined();
  now = 1_200;
  expect(followerOf("acme", "shop")?.("any", ID)).toBeUndefined();
  expect(followerOf("globex", "shop")).toBeUndefined();
});

test("a changed row counts at once", () => {
  const { policies, followerOf } = followers("exceptions", { timeline: { follow: "all" } });
  expect(followerOf("acme", "shop")!("u1", ID)).toBe("all");
  policies.apply([{ kind: "tenant", tenant: "acme", id: "", value: {} }]);
  expect(followerOf("acme", "shop")).toBeUndefined();
});

test.each(["none", "1", "0", "1000001", "-5", "2.5", ""])("the setting %j stops the start", (value) => {
  expect(tenantTimelineSettings.safeParse({ TIMELINE_FOLLOW: value }).success).toBe(false);
});

test("a row with a timeline or watches needs format 4, and has at most 50 watches", () => {
  expect(formatNeeded("tenant", tenantRow.parse({}))).toBe(1);
  expect(formatNeeded("tenant", tenantRow.parse({ inbox: { events: ["*"] } }))).toBe(3);
  expect(formatNeeded("tenant", tenantRow.parse({ timeline: { follow: 100 } }))).toBe(4);
  const watch = { client: "u1", until: 5 };
  expect(formatNeeded("tenant", tenantRow.parse({ watches: [watch], inbox: { events: ["*"] } }))).toBe(4);
  expect(tenantRow.safeParse({ watches: Array.from({ length: 51 }, () => watch) }).success).toBe(false);
  for (const wrong of [{ client: "a b", until: 5 }, { until: 5 }, { client: "u1" }, { client: "u1", until: "soon" }])
    expect([wrong, tenantRow.safeParse({ watches: [wrong] }).success]).toEqual([wrong, false]);
});
