import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { readAccepted } from "#tests/support/accepted-records.ts";
import { startDispatchPlatform, type DispatchPlatform } from "#tests/support/dispatch-platform.ts";
import { LONG } from "#tests/support/long-form.ts";
import { Schedules } from "#tests/support/schedules.ts";
import type { Service } from "#tests/support/stack.ts";

/** SCHEDULE_MINUTES=60 makes the long form an hour. */
const MINUTES = Number(process.env.SCHEDULE_MINUTES ?? 1);
const { SCHEDULES, EVERY, KILLS } = LONG
  ? { SCHEDULES: 1_000, EVERY: 10, KILLS: Infinity }
  : { SCHEDULES: 20, EVERY: 1, KILLS: 4 };
const DEADLINE_MS = 300_000 + (LONG ? MINUTES * 60_000 : 0);

let platform: DispatchPlatform;
let schedules: Schedules;
let dispatchers: Service[];

beforeAll(async () => {
  platform = await startDispatchPlatform({ env: { GROUP_SESSION_MS: "2000", OPERATOR_BURST: String(2 * SCHEDULES) } });
  schedules = new Schedules(platform.operator, platform.dispatch);
  dispatchers = [platform.service("dispatcher"), await platform.stack.start("dispatcher")];
});

afterAll(() => platform.close());

const names = Array.from({ length: SCHEDULES }, (_, n) => `s${n}`);

async function writeSchedules(): Promise<void> {
  const left = [...names];
  const writer = async (): Promise<void> => {
    for (let name = left.pop(); name !== undefined; name = left.pop())
      await schedules.put(name, { cron: `*/${EVERY} * * * * *`, missed: "all" });
  };
  await Promise.all(Array.from({ length: 10 }, writer));
  await schedules.timed(...names);
}

const count = async (text: string, values: unknown[] = []): Promise<number> =>
  (await platform.dispatch.query<{ count: number }>(`select count(*)::int as count from ${text}`, values))[0]!.count;

/** An occurrence has fired, and is not written yet. */
const fired = () =>
  vi.waitUntil(async () => (await count("$schema.publication_slices where not done")) > 0, {
    timeout: 60_000,
    interval: 1,
  });

async function killAtRandom(): Promise<void> {
  const until = performance.now() + MINUTES * 60_000;
  for (let kill = 0; kill < KILLS && performance.now() < until; kill += 1) {
    if (LONG) await sleep(Math.random() * 30_000);
    else await fired();
    const [killed] = dispatchers.splice(kill % 2, 1);
    killed!.kill("SIGKILL");
    await killed!.exited;
    dispatchers.push(await platform.stack.start("dispatcher"));
  }
}

test(
  "dispatchers are killed between firing and writing: each occurrence comes once",
  { timeout: DEADLINE_MS },
  async () => {
    await writeSchedules();
    await killAtRandom();
    const end = await schedules.now();
    const due = "to_timestamp($1::float8 / 1000)";
    await vi.waitUntil(
      async () =>
        (await count(`$schema.schedule_timers where occurrence <= ${due}`, [end])) === 0 &&
        (await count(`$schema.publications where occurrence <= ${due} and ended is null`, [end])) === 0,
      { timeout: 120_000, interval: 200 },
    );
    const rows = await platform.dispatch.query<{ schedule: string; id: string; at: number; state: string }>(
      `select schedule, id, (extract(epoch from occurrence) * 1000)::float8 as at, state from $schema.publications
     where occurrence <= ${due} order by occurrence`,
      [end],
    );
    const bySchedule = Map.groupBy(rows, ({ schedule }) => schedule);
    expect(bySchedule.size).toBe(SCHEDULES);
    const arrived = new Map<string, Set<string>>();
    for (const { key, id } of await readAccepted(platform.stack)) {
      const ids = arrived.get(key) ?? new Set();
      arrived.set(key, ids.add(id));
    }
    for (const [name, occurrences] of bySchedule) {
      const wrong = occurrences.filter(
        ({ state, at, id }, index) =>
          state !== "done" ||
          (index > 0 && at - occurrences[index - 1]!.at !== EVERY * 1_000) ||
          !arrived.get(`acme/${name}`)?.delete(id),
      );
      expect({ name, wrong }).toEqual({ name, wrong: [] });
    }
    // The rest fired after the end.
    const more = [...arrived.values()].flatMap((ids) => [...ids]);
    expect(await count("$schema.publications where id = any($1::uuid[])", [more])).toBe(more.length);
    expect(rows.length).toBeGreaterThan(SCHEDULES * 3);
  },
);
