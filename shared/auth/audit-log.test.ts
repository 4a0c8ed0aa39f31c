import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { AuditLog, type Attempt } from "./audit-log.ts";
import { Health } from "#runtime/health.ts";
import type { Outgoing } from "#kafka/client.ts";
import type { Log } from "#runtime/log.ts";
import { createRegistry } from "#runtime/metrics.ts";

const attempt: Attempt = {
  allowed: true,
  scope: "publish",
  method: "post",
  route: "/v1/notifications",
  path: "/v1/notifications",
  address: "127.0.0.1",
  tenant: "acme",
  subject: "shop",
  source: { kind: "platform" },
};
const { route: _, ...shown } = attempt;
const refused: Attempt = { ...attempt, allowed: false, why: "the token has expired", source: undefined };

let away: boolean;
let written: Record<string, unknown>[];
/** Bytes of a record. */
let largest: number;
let health: Health;
let registry: ReturnType<typeof createRegistry>;

beforeEach(() => {
  vi.useFakeTimers();
  away = false;
  written = [];
  largest = 0;
  health = new Health([]);
  registry = createRegistry("test");
});

afterEach(() => vi.useRealTimers());

async function audit(maxBytes = 1 << 20, early: (made: AuditLog) => void = () => {}): Promise<AuditLog> {
  const send = async (records: Outgoing[]): Promise<number[]> => {
    await Promise.resolve();
    if (away) throw new Error("Kafka is away");
    largest = Math.max(largest, ...records.map(({ value }) => value.length));
    for (const { value } of records)
      for (const line of value.toString().split("\n")) written.push(JSON.parse(line) as Record<string, unknown>);
    return records.map(() => 0);
  };
  const link = {
    sender: () => Promise.resolve({ send, close: () => Promise.resolve() }),
    partitions: () => Promise.resolve(4),
  };
  const log = { error: () => {} } as unknown as Log;
  const made = new AuditLog({ service: "receiver", link, topic: "audit", maxBytes, health, registry, log });
  early(made);
  await made.start();
  return made;
}

const passes = (ms = 1_100): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

test("repeats of an attempt are one entry with a count; every other attempt has its own", async () => {
  const log = await audit();
  for (let time = 0; time < 3; time += 1) log.note(attempt);
  log.note({ ...attempt, address: "127.0.0.2" });
  log.note(refused);
  await passes();
  expect(written).toHaveLength(3);
  expect(written[0]).toMatchObject({ service: "receiver", times: 3, ...shown });
  expect(written[1]).toMatchObject({ address: "127.0.0.2" });
  expect(written[1]).not.toHaveProperty("times");
  expect(written[2]).toMatchObject({ allowed: false, why: "the token has expired", tenant: "acme", subject: "shop" });
});

test("entries are kept and reported while Kafka is away, and written when it is back", async () => {
  const log = await audit();
  away = true;
  log.note(attempt);
  await passes();
  expect(written).toEqual([]);
  expect(health.ready()).toMatchObject({ ready: true, ailing: { audit: "Kafka is away" } });
  away = false;
  await passes(5_000);
  expect(written).toHaveLength(1);
  expect(health.ready()).toEqual({ ready: true, missing: {} });
});

test("attempts past the limit are counted, refusals first, and the log itself states how many are missing", async () => {
  const log = await audit(10_000);
  away = true;
  for (let count = 0; count < 100; count += 1) log.note({ ...refused, subject: `r${count}` });
  const afterRefusals = log.queuedBytes;
  expect(afterRefusals).toBeLessThanOrEqual(5_000);
  for (let count = 0; count < 100; count += 1) log.note({ ...attempt, subject: `a${count}` });
  expect(log.queuedBytes).toBeGreaterThan(afterRefusals);
  expect(log.queuedBytes).toBeLessThanOrEqual(10_000);
  expect(health.ready()).toMatchObject({ ailing: { audit: expect.stringContaining("faster") as string } });
  away = false;
  await passes(10_000);
  const kept = written.filter(({ subject }) => subject !== undefined);
  const missing = written.reduce((sum, entry) => sum + Number(entry.missing ?? 0), 0);
  expect(kept.length + missing).toBe(200);
  expect(kept.filter(({ allowed }) => allowed === true).length).toBeGreaterThan(10);
  const metrics = await registry.metrics();
  expect(metrics).toMatch(/audit_attempts_total\{outcome="refused"[^}]*\} 100/);
  expect(metrics).toMatch(
    new RegExp(
      `audit_dropped_total\\{outcome="allowed"[^}]*\\} ${missing - (100 - kept.filter(({ allowed }) => !allowed).length)}`,
    ),
  );
});

test("refused paths and addresses of one route and network share one entry, which counts the omitted ones", async () => {
  const log = await audit();
  const stranger = { ...refused, route: "/v1/tenants/:tenant", tenant: "", subject: "" };
  for (let count = 0; count < 50; count += 1)
    log.note({ ...stranger, path: `/v1/tenants/t${count}`, address: `2001:db8::${count.toString(16)}` });
  log.note({ ...stranger, path: "/v1/tenants/t0", address: "2001:db8:0:1::1" });
  await passes();
  expect(written).toMatchObject([
    { path: "/v1/tenants/t0", address: "2001:db8::0", times: 50, omitted: 49 },
    { path: "/v1/tenants/t0", address: "2001:db8:0:1::1" },
  ]);
  expect(await registry.metrics()).toMatch(/audit_omitted_total\{outcome="refused"[^}]*\} 49/);
});

test("each allowed path has its own entry", async () => {
  const log = await audit();
  for (const path of ["/v1/tenants/a", "/v1/tenants/b"]) log.note({ ...attempt, route: "/v1/tenants/:tenant", path });
  await passes();
  expect(written.map(({ path }) => path)).toEqual(["/v1/tenants/a", "/v1/tenants/b"]);
});

test("an attempt noted just before the end is written", async () => {
  const log = await audit();
  log.note(attempt);
  const ended = log.close();
  await passes(0);
  await ended;
  expect(written).toHaveLength(1);
});

test("attempts that arrive before Kafka is up are written in records that Kafka accepts", async () => {
  const log = await audit(16 << 20, (made) => {
    for (let count = 0; count < 10_000; count += 1) made.note({ ...attempt, subject: `s${count}` });
  });
  await passes();
  expect(written).toHaveLength(10_000);
  expect(largest).toBeLessThan(100_000);
  expect(log.queuedBytes).toBe(0);
});

test("invented names cannot merge two attempts into one entry", async () => {
  const log = await audit();
  log.note({ ...refused, tenant: "a\nb", subject: "c" });
  log.note({ ...refused, tenant: "a", subject: "b\nc" });
  await passes();
  expect(written).toHaveLength(2);
});

test("missing entries are reported once Kafka is back, even without further attempts", async () => {
  const log = await audit(1_500);
  away = true;
  log.note(attempt);
  await passes();
  for (const name of ["x", "y"]) {
    log.note({ ...attempt, subject: name.repeat(1_000) });
    await passes();
  }
  away = false;
  await passes(10_000);
  expect(written.at(-1)).toMatchObject({ missing: 1 });
});
