import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { nameOf } from "@saasaparilla/shared/http/problem.ts";
import type { StoredBound } from "@saasaparilla/shared/postgres/stored-tenants.ts";
import { expect, test } from "vitest";
import { FullInboxCheck } from "./full-inboxes.ts";
import type { Item } from "./item.ts";

const itemOf = (client: string, outcome: Item["outcome"] = "open"): Item =>
  ({ published: { to: { client }, data: 1 }, outcome }) as Item;

const outcomes = (items: readonly Item[]): string[] =>
  items.map(({ outcome }) => (typeof outcome === "string" ? outcome : nameOf(outcome)));

function fullOf(tenants: { tenant: string; bound: StoredBound }[]) {
  const source = { away: false, refused: [] as string[] };
  const answer = <T>(rows: T[]): Promise<T[]> =>
    source.away ? Promise.reject(new Error("away")) : Promise.resolve(rows);
  const fullInboxes = new FullInboxCheck({
    clients: { all: () => answer(["acme/full"]) },
    tenants: { full: () => answer(tenants) },
    everyMs: 1_000,
    refused: (tenant, bound) => source.refused.push(`${tenant} ${bound}`),
    log: createLog("test", "fatal"),
  });
  return { fullInboxes, source };
}

test("a full tenant's new items are refused and counted once, and accepted ones stay", async () => {
  const { fullInboxes, source } = fullOf([{ tenant: "acme", bound: "clients" }]);
  await fullInboxes.refresh();
  const items = [itemOf("a"), itemOf("b", "repeated"), itemOf("full")];
  fullInboxes.refuse(items, "acme");
  expect(outcomes(items)).toEqual(["tenant-full", "repeated", "tenant-full"]);
  expect(items[0]!.outcome).toMatchObject({ status: 429, retryAfter: expect.any(Number) as number });
  const repeats = [itemOf("b", "repeated")];
  fullInboxes.refuse(repeats, "acme");
  expect(source.refused).toEqual(["acme clients"]);
  const others = [itemOf("a"), itemOf("full")];
  fullInboxes.refuse(others, "other");
  expect(outcomes(others)).toEqual(["open", "open"]);
});

test("the last known state holds while Postgres is away", async () => {
  const { fullInboxes, source } = fullOf([{ tenant: "acme", bound: "bytes" }]);
  await fullInboxes.refresh();
  source.away = true;
  await fullInboxes.refresh();
  expect([fullInboxes.clients, fullInboxes.tenants]).toEqual([1, 1]);
  const items = [itemOf("a")];
  fullInboxes.refuse(items, "acme");
  expect(outcomes(items)).toEqual(["tenant-full"]);
});
