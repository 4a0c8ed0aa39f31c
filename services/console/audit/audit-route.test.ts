import { expect, test } from "vitest";
import type { Identity } from "@saasaparilla/shared/auth/identity.ts";
import type { Call } from "#api/routes.ts";
import type { AuditEntry } from "./audit-reader.ts";
import { auditRoute, pageOf } from "./audit-route.ts";

const entry = (at: number, more: Partial<AuditEntry> = {}): AuditEntry => ({
  at: `2026-01-01T00:00:0${at}.000Z`,
  ...more,
});

test("pages have every entry once, also when many have the same time", () => {
  const all = [entry(5), entry(4, { n: 1 }), entry(4, { n: 2 }), entry(4, { n: 3 }), entry(3)];
  const seen: unknown[] = [];
  let before: string | null = null;
  do {
    const { items, next }: ReturnType<typeof pageOf> = pageOf(all, before, 2);
    seen.push(...items);
    before = next ?? null;
  } while (before !== null);
  expect(seen).toEqual(all);
});

test("a tenant's operator reads the entries of its tenant only, and none that a stranger claims", async () => {
  const entries: AuditEntry[] = [
    entry(1, { tenant: "acme", allowed: true }),
    entry(1, { tenant: "acme", allowed: false, source: { kind: "key", id: "k" } }),
    entry(1, { tenant: "acme", allowed: false, address: "stranger" }),
    entry(1, { tenant: "other", allowed: true }),
    entry(1, { missing: 3 }),
  ];
  const { handle } = auditRoute({ latest: (fits) => Promise.resolve(entries.filter(fits)) });
  const ask = async (source: Identity["source"], query = ""): Promise<unknown[]> => {
    const caller = { tenant: "acme", source } as Identity;
    const response = await handle({ caller, query: new URLSearchParams(query) } as Call, undefined);
    return (JSON.parse(response.body as string) as { items: unknown[] }).items;
  };
  expect(await ask({ kind: "key", id: "k" })).toEqual(entries.slice(0, 2));
  expect(await ask({ kind: "platform" })).toEqual(entries);
  expect(await ask({ kind: "platform" }, "tenant=other&outcome=allowed")).toEqual([entries[3]]);
  await expect(ask({ kind: "console", platform: false }, "tenant=other")).rejects.toMatchObject({
    response: { status: 403 },
  });
});

test("notable entries are changes, refusals and gaps", async () => {
  const entries: AuditEntry[] = [
    entry(1, { allowed: true, method: "get" }),
    entry(2, { allowed: true, method: "put" }),
    entry(3, { allowed: false, method: "get" }),
    entry(4, { missing: 3 }),
  ];
  const { handle } = auditRoute({ latest: (fits) => Promise.resolve(entries.filter(fits)) });
  const caller = { tenant: "acme", source: { kind: "platform" } } as Identity;
  const response = await handle({ caller, query: new URLSearchParams("outcome=notable") } as Call, undefined);
  expect(JSON.parse(response.body as string)).toEqual({ items: entries.slice(1) });
});
