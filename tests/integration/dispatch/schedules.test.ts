import { afterAll, beforeAll, expect, test } from "vitest";
import { readAccepted } from "#tests/support/accepted-records.ts";
import { startDispatchPlatform, type DispatchPlatform } from "#tests/support/dispatch-platform.ts";
import { Schedules } from "#tests/support/schedules.ts";
import type { Service } from "#tests/support/stack.ts";

const SECOND = 1_000;
const MINUTE = 60_000;
let platform: DispatchPlatform;
let schedules: Schedules;
let dispatchers: Service[];

beforeAll(async () => {
  platform = await startDispatchPlatform({ env: { GROUP_SESSION_MS: "2000" } });
  schedules = new Schedules(platform.operator, platform.dispatch);
  dispatchers = [platform.service("dispatcher")];
});

afterAll(() => platform.close());

const acceptedFor = async (client: string) =>
  (await readAccepted(platform.stack)).filter(({ key }) => key === `acme/${client}`);

const steps = (times: readonly number[]): number[] => times.slice(1).map((at, index) => at - times[index]!);

test("a schedule fires each second, until it is paused, changed or removed", async () => {
  await schedules.put("clock", { missed: "all" });
  await schedules.put("tick", { data: { n: 1 }, event: "tick", headers: { a: true }, ttl: 60, missed: "all" });
  const first = await schedules.fired("tick", 3);
  expect(new Set(steps(first.map(({ at }) => at)))).toEqual(new Set([SECOND]));
  const [notification] = await acceptedFor("tick");
  expect(notification).toMatchObject({ id: first[0]!.id, payload: '{"n": 1}', event: "tick", ttl: 60 });
  expect(JSON.parse(notification!.options!.headers!)).toEqual({
    a: true,
    occurrence: new Date(first[0]!.at).toISOString(),
  });

  await schedules.put("tick", { paused: true });
  await schedules.timed("clock");
  const paused = await schedules.occurrences("tick");
  await schedules.fired("clock", (await schedules.occurrences("clock")).length + 3);
  expect(await schedules.occurrences("tick")).toHaveLength(paused.length);

  await schedules.put("tick", { data: { n: 2 }, missed: "all" });
  const after = await schedules.fired("tick", paused.length + 2);
  // The pause is no outage: nothing of it is fired or skipped.
  expect(steps(after.map(({ at }) => at)).filter((step) => step !== SECOND)).toHaveLength(1);
  const payloads = (await acceptedFor("tick")).map(({ payload }) => payload);
  expect(payloads.slice(paused.length).every((payload) => payload === '{"n": 2}')).toBe(true);

  await schedules.remove("tick");
  await schedules.timed("clock");
  const removed = (await schedules.occurrences("tick")).length;
  await schedules.fired("clock", (await schedules.occurrences("clock")).length + 3);
  expect(await schedules.occurrences("tick")).toHaveLength(removed);
  await schedules.remove("clock");
});

test("a schedule that cannot be read holds up no other one", async () => {
  await schedules.put("good", { missed: "all" });
  await schedules.timed("good");
  // A later version, or another version of the tz database, may have written it.
  await platform.dispatch.query(
    `with version as (update $schema.documents_version set version = version + 1 returning version),
       bad as (
         insert into $schema.documents (kind, tenant, id, value, changed)
         select kind, tenant, 'bad', value || '{"zone": "Mars/Olympus"}', version from $schema.documents, version
         where kind = 'schedule' and id = 'good' returning id, changed)
     insert into $schema.schedule_timers (tenant, name, version, occurrence)
     select 'acme', id, changed, now() - interval '1 minute' from bad`,
  );
  await schedules.fired("good", (await schedules.occurrences("good")).length + 3);
  const warning = await dispatchers[0]!.logged(({ msg }) => msg?.startsWith("a schedule cannot be read") ?? false);
  expect(warning).toMatchObject({ tenant: "acme", schedule: "bad" });
  for (const name of ["good", "bad"]) await schedules.remove(name);
});

test("after ten minutes without a dispatcher, `one` fires once, `all` ten times and `none` never", async () => {
  // Each minute, and for the last time 17 s ago: the next one is far away.
  const last = (await schedules.now()) - 17 * SECOND;
  const cron = `${new Date(last).getUTCSeconds()} * * * * *`;
  const policies = ["one", "all", "none"] as const;
  for (const missed of policies) await schedules.put(missed, { cron, missed });
  await schedules.timed(...policies);
  await dispatchers[0]!.stop();
  await schedules.shift("-10 minutes");
  dispatchers = [await platform.stack.start("dispatcher")];
  const ended = async (name: string) => (await schedules.occurrences(name)).map(({ state }) => state);
  await expect.poll(() => ended("all")).toEqual(Array(10).fill("done"));
  await expect.poll(() => ended("one")).toEqual([...Array(9).fill("skipped"), "done"]);
  expect(await ended("none")).toEqual(Array(10).fill("skipped"));
  for (const name of policies) {
    const found = await schedules.occurrences(name);
    expect(new Set(steps(found.map(({ at }) => at)))).toEqual(new Set([MINUTE]));
    for (const { state, reason } of found) expect(reason !== null).toBe(state === "skipped");
    const fired = found.filter(({ state }) => state === "done").map(({ id }) => id);
    expect((await acceptedFor(name)).map(({ id }) => id)).toEqual(fired);
  }
  expect((await schedules.occurrences("one")).at(-1)!.missed).toBe(9);
  expect(JSON.parse((await acceptedFor("one"))[0]!.options!.headers!)).toMatchObject({ missed: 9 });
  for (const name of policies) await schedules.remove(name);
});

test("a clock of Postgres that is set back repeats nothing", async () => {
  await schedules.put("back", { missed: "all" });
  const before = await schedules.fired("back", 2);
  // Seen from the clock, the timers are an hour ahead.
  await schedules.shift("1 hour");
  await schedules.put("witness", {});
  await schedules.fired("witness", 3);
  const during = await schedules.occurrences("back");
  expect(during.length).toBeLessThanOrEqual(before.length + 1);
  await schedules.shift("-1 hour");
  const after = await schedules.fired("back", during.length + 3);
  const times = after.map(({ at }) => at);
  expect(new Set(steps(times))).toEqual(new Set([SECOND]));
  const ids = (await acceptedFor("back")).map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const name of ["back", "witness"]) await schedules.remove(name);
});

/** A process whose `Date` is off by so many ms. */
const offBy = (ms: number): Record<string, string> => {
  const shifted = `const D = Date;
    globalThis.Date = class extends D {
      constructor(...given) { if (given.length > 0) super(...given); else super(D.now() + ${ms}); }
      static now() { return D.now() + ${ms}; }
    };`;
  return { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(shifted)}` };
};

test("wrong clocks of dispatchers change nothing, and two of them fire each occurrence once", async () => {
  await schedules.timed();
  await dispatchers[0]!.stop();
  const { stack, dispatch } = platform;
  dispatchers = await Promise.all([60, -60].map((minutes) => stack.start("dispatcher", offBy(minutes * MINUTE))));
  const logged = await Promise.all(dispatchers.map((one) => one.logged(({ msg }) => msg === "API ready")));
  const [ahead, behind] = logged.map(({ time }) => new Date(time as string | number).getTime()) as [number, number];
  expect(Math.round((ahead - behind) / MINUTE)).toBeGreaterThan(110);

  const names = Array.from({ length: 10 }, (_, n) => `two-${n}`);
  const start = await schedules.now();
  await Promise.all(names.map((name) => schedules.put(name, { missed: "all" })));
  const [delayed] = await dispatch.publish({ to: { client: "delayed" }, delay: 2 });
  const [at] = await dispatch.publish({ to: { client: "delayed" }, at: Math.floor(start) + 3_000 });
  await Promise.all(names.map((name) => schedules.fired(name, 4)));
  for (const id of [delayed!, at!]) await dispatch.ended(id);
  const end = await schedules.now();
  const accepted = await readAccepted(stack);
  for (const name of names) {
    const found = await schedules.occurrences(name);
    const times = found.map(({ at: occurrence }) => occurrence);
    expect(new Set(steps(times))).toEqual(new Set([SECOND]));
    expect(times[0]).toBeGreaterThanOrEqual(start);
    expect(times[3]).toBeLessThanOrEqual(end);
    // A dispatcher that gives up a partition can leave a page to be repeated. Repeats share an id: a client gets one.
    const ids = accepted.filter(({ key }) => key === `acme/${name}`).map(({ id }) => id);
    const fired = found.filter(({ state }) => state === "done").map(({ id }) => id);
    expect([...new Set(ids)].slice(0, fired.length)).toEqual(fired);
  }
  const waited = await dispatch.query<{ late: number }>(
    "select extract(epoch from ended - due)::float8 as late from $schema.publications where id = any($1::uuid[])",
    [[delayed, at]],
  );
  for (const { late } of waited) expect(late).toBeGreaterThanOrEqual(0);
});
