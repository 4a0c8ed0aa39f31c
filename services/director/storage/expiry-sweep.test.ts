import type { Log } from "@saasaparilla/shared/runtime/log.ts";
import { readPack } from "@saasaparilla/shared/protocol/pack.ts";
import { PackWriter } from "@saasaparilla/shared/protocol/pack-writer.ts";
import { expect, test } from "vitest";
import type { DirectorMetrics } from "#metrics.ts";
import { sweepExpired } from "./expiry-sweep.ts";

test("any number of expired rows is swept, counted and named", async () => {
  const writer = new PackWriter();
  writer.notification({ key: "t/a", id: "00000000-0000-4000-8000-000000000000", payload: Buffer.from("1") });
  let body: Buffer = Buffer.alloc(0);
  readPack(writer.take(), (_, item) => (body = item));
  let left = 2_500;
  let counted = 0;
  let named = 0;
  const sweep = (limit: number) => {
    const rows = Math.min(left, limit);
    left -= rows;
    return Promise.resolve(Array.from({ length: rows }, () => ({ client: "t/a", sequence: "", body })));
  };
  const metrics = { swept: (rows: number) => (counted += rows) } as unknown as DirectorMetrics;
  const log = { info: () => (named += 1) } as unknown as Log;
  const recorded: string[] = [];
  const events = { record: (kind: string, key: string) => void recorded.push(`${kind} ${key}`) };
  const none = { sweep: () => Promise.resolve([]) };
  expect(await sweepExpired({ sweep }, none, { events, metrics, log })).toBe(true);
  expect([left, counted, named]).toEqual([0, 2_500, 2_500]);
  expect([recorded.length, recorded[0]]).toEqual([2_500, "expired t/a"]);
});
