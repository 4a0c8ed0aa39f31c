import { createLog } from "@saasaparilla/shared/log.ts";
import { START } from "@saasaparilla/shared/notification.ts";
import type { TenantLimits } from "@saasaparilla/shared/tenant-limits.ts";
import { expect, test } from "vitest";
import { Overfull, type OverfullParts } from "./overfull.ts";

function overfull(trim: OverfullParts["stored"]["trim"]) {
  const counted = { dropped: 0, failed: 0 };
  const parts: OverfullParts = {
    stored: { trim },
    limitsOf: (tenant) => ({ stored: tenant === "small" ? 20 : 100 }) as TenantLimits,
    metrics: { dropped: (rows) => (counted.dropped += rows), failed: () => (counted.failed += 1) },
    log: createLog("test", "fatal"),
  };
  return { counted, one: new Overfull(parts) };
}

const rows = (client: string, count: number) =>
  Array.from({ length: count }, () => ({
    client,
    sequence: START,
    appended: 0,
    expires: undefined,
    body: Buffer.alloc(0),
  }));

test("a client is looked at each time that a tenth of its bound was stored for it, and no sooner", async () => {
  const asked: [string, number][][] = [];
  const { one, counted } = overfull((clients) => {
    asked.push([...clients]);
    return Promise.resolve([{ client: "small/a", notification: "x" }]);
  });
  one.inserted([...rows("small/a", 1), ...rows("other/a", 9)]);
  await one.trim();
  expect(asked).toEqual([]);
  one.inserted([...rows("small/a", 1), ...rows("other/a", 1)]);
  await one.trim();
  expect(asked).toEqual([
    [
      ["small/a", 20],
      ["other/a", 100],
    ],
  ]);
  await one.trim();
  expect([asked.length, counted]).toEqual([1, { dropped: 1, failed: 0 }]);
});

test("where Postgres is away it is tried again", async () => {
  let tries = 0;
  const { one, counted } = overfull(() => {
    tries += 1;
    return tries === 1 ? Promise.reject(new Error("away")) : Promise.resolve([]);
  });
  one.inserted(rows("small/a", 2));
  await one.trim();
  await one.trim();
  await one.trim();
  expect([tries, counted.failed]).toEqual([2, 1]);
});
