import { expect, test } from "vitest";
import { patiently } from "./patiently.ts";

const locked = (): Error => Object.assign(new Error("canceling statement due to lock timeout"), { code: "55P03" });

function patienceOf(): { warned: string[]; paused: number[]; patience: Parameters<typeof patiently>[1] } {
  const [warned, paused]: [string[], number[]] = [[], []];
  const patience = {
    table: "timeline_days",
    log: { warn: (_: object, message: string) => void warned.push(message) } as never,
    pause: (tries: number) => Promise.resolve(void paused.push(tries)),
  };
  return { warned, paused, patience };
}

test("a lock that is taken is tried again, with one line in the log", async () => {
  const { warned, paused, patience } = patienceOf();
  let tries = 0;
  await patiently(() => ((tries += 1) < 4 ? Promise.reject(locked()) : Promise.resolve()), patience);
  expect([tries, paused, warned.length]).toEqual([4, [0, 1, 2], 1]);
});

test("a lock that stays taken ends the run, and says what to do", async () => {
  const { paused, patience } = patienceOf();
  await expect(patiently(() => Promise.reject(locked()), patience)).rejects.toThrow("pg_stat_activity");
  expect(paused).toHaveLength(29);
});

test("another error is not tried again", async () => {
  const { paused, patience } = patienceOf();
  await expect(patiently(() => Promise.reject(new Error("no such table")), patience)).rejects.toThrow("no such table");
  expect(paused).toEqual([]);
});
