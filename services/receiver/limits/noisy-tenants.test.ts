import type { Log } from "@saasaparilla/shared/runtime/log.ts";
import type { Use } from "@saasaparilla/shared/postgres/tenant-use.ts";
import { beforeEach, expect, test } from "vitest";
import { NoisyTenants } from "./noisy-tenants.ts";

let clock: number;
let reports: { seconds: number; uses: readonly Use[] }[];
let lines: object[];
let noisyTenants: NoisyTenants;

beforeEach(() => {
  [clock, reports, lines] = [0, [], []];
  noisyTenants = new NoisyTenants({
    source: {
      report: (_, seconds, uses) => {
        reports.push({ seconds, uses });
        return Promise.resolve();
      },
    },
    name: "r",
    everyMs: 1_000,
    log: { warn: (line: object) => lines.push(line), debug: () => {} } as unknown as Log,
    now: () => clock,
  });
});

test("a tenant's publishes and refusals since the last report appear in one report", async () => {
  noisyTenants.took("a", 2, 100);
  noisyTenants.took("a", 1, 50);
  noisyTenants.refused("b", "tenant-bytes");
  clock = 2_000;
  await noisyTenants.report();
  await noisyTenants.report();
  expect(
    reports.map(({ seconds, uses }) => [seconds, uses.toSorted((one, two) => (one.tenant < two.tenant ? -1 : 1))]),
  ).toEqual([
    [
      2,
      [
        { tenant: "a", notifications: 3, bytes: 150, refused: {} },
        { tenant: "b", notifications: 0, bytes: 0, refused: { "tenant-bytes": 1 } },
      ],
    ],
    [0.001, []],
  ]);
});

test("a report lists a fixed number of the loudest tenants of each kind, for any number of tenants", async () => {
  for (let n = 0; n < 20_000; n += 1) noisyTenants.took(`t${n}`, n < 1_000 ? n : 0, n < 1_000 ? 1_000 - n : 1);
  noisyTenants.refused("t500", "tenant");
  await noisyTenants.report();
  const { uses } = reports[0]!;
  expect(uses.length).toBeLessThanOrEqual(60);
  const names = uses.map(({ tenant }) => tenant);
  expect(names).toEqual(expect.arrayContaining(["t0", "t19", "t999", "t980", "t500"]));
  expect(names).not.toContain("t600");
});

test("a tenant's refusals are logged at once, then rarely and together, for a bounded number of tenants", async () => {
  noisyTenants.refused("a", "tenant");
  expect(lines).toEqual([{ tenant: "a", refused: { tenant: 1 } }]);
  for (let n = 0; n < 50; n += 1) noisyTenants.refused("a", n % 2 === 0 ? "tenant" : "bytes");
  await noisyTenants.report();
  expect(lines).toHaveLength(1);
  clock = 31_000;
  await noisyTenants.report();
  expect(lines.slice(1)).toEqual([{ tenant: "a", refused: { tenant: 25, bytes: 25 } }]);
  lines = [];
  for (let n = 0; n < 1_000; n += 1) noisyTenants.refused(`t${n}`, "tenant");
  expect(lines.length).toBeLessThanOrEqual(100);
  lines = [];
  clock = 70_000;
  await noisyTenants.report();
  noisyTenants.refused("late", "tenant");
  expect(lines).toEqual([{ tenant: "late", refused: { tenant: 1 } }]);
});
