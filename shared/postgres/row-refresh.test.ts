import { expect, test } from "vitest";
import type { Row } from "./row-store.ts";
import { RowRefresh } from "./row-refresh.ts";
import { Policies } from "#auth/policies/policies.ts";
import { Health } from "#runtime/health.ts";
import type { Log } from "#runtime/log.ts";
import { createRegistry } from "#runtime/metrics.ts";

/** A table in which each row has its number. */
function feed() {
  const table: Row[] = [];
  let away = false;
  const answered = async <T>(value: T): Promise<T> => {
    await Promise.resolve();
    if (away) throw new Error("Postgres is away");
    return value;
  };
  const asked: number[] = [];
  const policies = new Policies();
  const health = new Health(["access"]);
  const registry = createRegistry("test");
  let now = 0;
  const feeding = new RowRefresh({
    name: "access",
    what: "policies",
    cache: policies,
    store: {
      version: () => answered(table.length),
      changes(after) {
        asked.push(after);
        return answered(table.slice(after));
      },
    },
    everyMs: 1_000,
    health,
    registry,
    log: { warn: () => {}, debug: () => {} } as unknown as Log,
    clock: () => now,
  });
  const tenant = (name: string): Row => ({ kind: "tenant", tenant: name, id: "", value: {} });
  return {
    policies,
    asked,
    feeding,
    ready: () => health.ready().ready,
    put: (name: string) => table.push(tenant(name)),
    setBack: (rows: number) => table.splice(rows),
    away: (is: boolean) => (away = is),
    pass: (ms: number) => (now += ms),
  };
}

test("a refresh brings the changed rows only", async () => {
  const { policies, asked, feeding, put, ready } = feed();
  put("a");
  expect(ready()).toBe(false);
  await feeding.refresh();
  await feeding.refresh();
  put("b");
  await feeding.refresh();
  expect(asked).toEqual([0, 1]);
  expect([policies.tenant("a")?.row?.state, policies.tenant("b")?.row?.state, ready()]).toEqual([
    "active",
    "active",
    true,
  ]);
});

test("the last policies hold without Postgres, and report their age", async () => {
  const { policies, away, feeding, pass, put, ready } = feed();
  away(true);
  await expect(feeding.refresh()).rejects.toThrow("away");
  expect([feeding.age, policies.loaded, ready()]).toEqual([-1, false, false]);
  away(false);
  put("a");
  await feeding.refresh();
  away(true);
  pass(600_000);
  await expect(feeding.refresh()).rejects.toThrow("away");
  expect([feeding.age, policies.tenant("a")?.row?.state, ready()]).toEqual([600, "active", true]);
});

test("all rows are read again after a day or a restore of Postgres", async () => {
  const { policies, asked, feeding, pass, put, setBack } = feed();
  put("a");
  put("b");
  await feeding.refresh();
  setBack(1);
  await feeding.refresh();
  expect(policies.tenant("b")).toBeUndefined();
  pass(25 * 60 * 60 * 1_000);
  await feeding.refresh();
  expect(asked).toEqual([0, 0, 0]);
});

test("two concurrent refreshes run one after the other", async () => {
  const { policies, asked, feeding, put } = feed();
  put("a");
  const first = feeding.refresh();
  put("b");
  await Promise.all([first, feeding.refresh()]);
  expect(asked[0]).toBe(0);
  expect(new Set(asked).size).toBe(asked.length);
  expect(policies.tenant("b")?.row?.state).toBe("active");
});
