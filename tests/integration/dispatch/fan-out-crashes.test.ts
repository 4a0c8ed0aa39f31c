import { afterAll, beforeAll, expect, test } from "vitest";
import { readAccepted } from "#tests/support/accepted-records.ts";
import { Dispatch } from "#tests/support/dispatch.ts";
import { LONG } from "#tests/support/long-form.ts";
import { startStack, type Stack } from "#tests/support/stack.ts";

const PAGE = 1_000;
const KILLS = LONG ? 5 : 3;
const MEMBERS = LONG ? 100_000 : 12_000;

let stack: Stack;
let dispatch: Dispatch;

beforeAll(async () => {
  // Slow enough that each dispatcher is killed in the middle.
  stack = await startStack({ env: { FANOUT_RATE: String(MEMBERS / 10), GROUP_SESSION_MS: "2000" } });
  dispatch = new Dispatch(stack);
});

afterAll(async () => {
  await dispatch.close();
  await stack.close();
});

async function written(id: string): Promise<number> {
  const [row] = await dispatch.query<{ written: number }>(
    "select coalesce(sum(written), 0)::int as written from $schema.publication_slices where id = $1",
    [id],
  );
  return row!.written;
}

test(
  "dispatchers are killed within one group: each member has it, and each kill repeats at most one page",
  { timeout: 300_000 },
  async () => {
    await dispatch.fill("crowd", MEMBERS);
    const [id] = await dispatch.publish({ to: { group: "crowd" } });
    for (let kill = 0; kill < KILLS; kill += 1) {
      const dispatcher = await stack.start("dispatcher");
      const goal = Math.min(MEMBERS - PAGE, ((kill + 1) * MEMBERS) / (KILLS + 1));
      await expect.poll(() => written(id!), { timeout: 60_000, interval: 50 }).toBeGreaterThanOrEqual(goal);
      dispatcher.kill("SIGKILL");
      await dispatcher.exited;
    }
    await stack.start("dispatcher");
    expect(await dispatch.ended(id!, 120_000)).toEqual({ state: "done", written: MEMBERS, refused: 0 });
    const accepted = await readAccepted(stack);
    const byKey = Map.groupBy(accepted, ({ key }) => key);
    expect(byKey.size).toBe(MEMBERS);
    for (const got of byKey.values()) expect(new Set(got.map((one) => one.id)).size).toBe(1);
    expect(accepted.length).toBeLessThanOrEqual(MEMBERS + KILLS * PAGE);
  },
);
