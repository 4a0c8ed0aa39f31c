import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { START } from "@saasaparilla/shared/protocol/notification.ts";
import type { StoredBound, TenantStored } from "@saasaparilla/shared/postgres/stored-tenants.ts";
import type { TenantLimits } from "@saasaparilla/shared/auth/policies/tenant-limits.ts";
import { beforeEach, expect, test } from "vitest";
import { TenantFullness, type TenantFullnessParts } from "./full-tenants.ts";

let done: string[];
let table: Map<string, TenantStored>;
/** Tenants with a due count of clients. */
let due: string[];
let away: boolean;
let failed: number;
let clock: number;
let fullness: TenantFullness;

const has = (tenant: string, bytes: number, clients: number, full?: StoredBound): void =>
  void table.set(tenant, { tenant, bytes, clients, full });

const rows = (...clients: string[]) =>
  clients.map((client) => ({ client, sequence: START, appended: 0, expires: undefined, body: Buffer.alloc(0) }));

beforeEach(() => {
  [done, table, due, away, failed, clock] = [[], new Map(), [], false, 0, 0];
  const stored: TenantFullnessParts["stored"] = {
    follow: (tenants) => {
      done.push(`follow ${tenants.join()}`);
      return away ? Promise.reject(new Error("away")) : Promise.resolve();
    },
    countNext: () => {
      clock += 30;
      return Promise.resolve(due.shift());
    },
    of: (tenants) => {
      const marked = [...table.values()].filter(({ full }) => full !== undefined).map(({ tenant }) => tenant);
      return Promise.resolve([...new Set([...tenants, ...marked])].map((tenant) => table.get(tenant)!));
    },
    mark: (tenant, bound) => {
      done.push(`mark ${tenant} ${bound}`);
      table.get(tenant)!.full = bound;
      return Promise.resolve(true);
    },
    clear: (tenant) => {
      done.push(`clear ${tenant}`);
      return Promise.resolve(true);
    },
  };
  fullness = new TenantFullness({
    stored,
    limitsOf: () => ({ storedBytes: 1_000, storedClients: 100 }) as TenantLimits,
    metrics: { failed: () => (failed += 1) },
    log: createLog("test", "fatal"),
    now: () => clock,
  });
});

test("a tenant is checked once for all its stored notifications, and marked at the limit that it reaches", async () => {
  has("a", 1_000, 1);
  has("b", 999, 100);
  has("c", 999, 99);
  fullness.inserted(rows("a/1", "a/2", "b/1", "a/3", "c/1"));
  await fullness.look();
  expect(done).toEqual(["follow a,b,c", "mark a bytes", "mark b clients"]);
  await fullness.look();
  expect(done).toHaveLength(3);
});

test("a mark is removed when a twentieth of both limits is free, and follows changes of the limit", async () => {
  has("a", 951, 1, "bytes");
  has("b", 0, 96, "clients");
  has("c", 950, 95, "bytes");
  has("d", 10, 100, "bytes");
  await fullness.look();
  expect(done).toEqual(["clear c", "mark d clients"]);
});

test("a tenant is checked after its count of clients, and no count begins late in a long check", async () => {
  for (const tenant of ["a", "b", "c", "d", "e"]) has(tenant, 0, 100);
  due = ["a", "b", "c", "d", "e"];
  await fullness.look();
  expect(due).toEqual(["e"]);
  expect(done).toEqual(["mark a clients", "mark b clients", "mark c clients", "mark d clients"]);
});

test("due checks stay due while Postgres is away", async () => {
  has("a", 1_000, 0);
  fullness.inserted(rows("a/1"));
  away = true;
  await fullness.look();
  expect([done, failed]).toEqual([["follow a"], 1]);
  away = false;
  await fullness.look();
  expect(done).toEqual(["follow a", "follow a", "mark a bytes"]);
});

test("the fullest tenant's part of a limit is reported from one half", async () => {
  has("a", 700, 1);
  has("b", 800, 49);
  fullness.inserted(rows("a/1", "b/1"));
  await fullness.look();
  expect([...fullness.highest()]).toEqual([
    ["bytes", 0.8],
    ["clients", 0],
  ]);
  has("b", 0, 50);
  fullness.inserted(rows("b/1"));
  await fullness.look();
  expect([...fullness.highest()]).toEqual([
    ["bytes", 0.7],
    ["clients", 0.5],
  ]);
});

test("a tenant with much stored is checked until it has little, whichever service deletes", async () => {
  has("a", 900, 1);
  fullness.inserted(rows("a/1"));
  await fullness.look();
  has("a", 100, 1);
  await fullness.look();
  expect(fullness.highest().get("bytes")).toBe(0);
});
