import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { START } from "@saasaparilla/shared/protocol/notification.ts";
import type { TenantLimits } from "@saasaparilla/shared/auth/policies/tenant-limits.ts";
import { expect, test } from "vitest";
import { FullInboxMarker, type FullInboxMarkerParts } from "./full-inboxes.ts";

function fullInboxes(fullInboxes: Partial<FullInboxMarkerParts["fullInboxes"]>) {
  const seen = { failed: 0 };
  const one = new FullInboxMarker({
    fullInboxes: {
      mark: () => Promise.resolve([]),
      clearRead: () => Promise.resolve([]),
      toCount: () => Promise.resolve(undefined),
      clear: () => Promise.resolve(false),
      ...fullInboxes,
    },
    limitsOf: (tenant) => ({ stored: tenant === "small" ? 20 : 100 }) as TenantLimits,
    metrics: { failed: () => (seen.failed += 1) },
    log: createLog("test", "fatal"),
  });
  return { seen, one };
}

const rows = (client: string, count: number) =>
  Array.from({ length: count }, () => ({
    client,
    sequence: START,
    appended: 0,
    expires: undefined,
    body: Buffer.alloc(0),
  }));

test("a client is checked only after each stored tenth of its limit", async () => {
  const asked: [string, number][][] = [];
  const { one } = fullInboxes({
    mark(clients) {
      asked.push([...clients]);
      return Promise.resolve(["small/a"]);
    },
  });
  one.inserted([...rows("small/a", 1), ...rows("other/a", 9)]);
  await one.look();
  expect(asked).toEqual([]);
  one.inserted([...rows("small/a", 1), ...rows("other/a", 1)]);
  await one.look();
  expect(asked).toEqual([
    [
      ["small/a", 20],
      ["other/a", 100],
    ],
  ]);
  await one.look();
  expect(asked).toHaveLength(1);
});

test("each check counts one full client, by its tenant's limit", async () => {
  const asked: unknown[] = [];
  const { one } = fullInboxes({
    toCount: () => Promise.resolve("other/a"),
    clear(...counted) {
      asked.push(counted);
      return Promise.resolve(true);
    },
  });
  await one.look();
  expect(asked).toEqual([["other/a", 100]]);
});

test("a check is repeated while Postgres is away, and one check ends before the next begins", async () => {
  let tries = 0;
  const answer = Promise.withResolvers<string[]>();
  const { one, seen } = fullInboxes({
    mark() {
      tries += 1;
      return tries === 1 ? Promise.reject(new Error("away")) : answer.promise;
    },
  });
  one.inserted(rows("small/a", 2));
  await one.look();
  const second = one.look();
  await one.look();
  answer.resolve([]);
  await second;
  await one.look();
  expect([tries, seen.failed]).toEqual([2, 1]);
});
