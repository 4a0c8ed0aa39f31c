import { expect, test } from "vitest";
import { cronProblem, CronTimes, inZone, zoneProblem } from "./cron.ts";

const NOW = new Date("2026-11-27T00:00:00Z");

/** The next times after `from`, each computed from the one before. */
function times(cron: string, zone: string, from: string, count: number): string[] {
  const found = new CronTimes(cron, zone);
  let at = new Date(from);
  return Array.from({ length: count }, () => inZone((at = found.next(at)!), zone));
}

test("a time that a change of the clock skips or repeats fires once on that day", () => {
  expect(times("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", 2)).toEqual([
    "2026-03-29T03:00:00+02:00",
    "2026-03-30T02:30:00+02:00",
  ]);
  expect(times("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2)).toEqual([
    "2026-10-25T02:30:00+02:00",
    "2026-10-26T02:30:00+01:00",
  ]);
});

test("six fields begin with seconds", () => {
  expect(times("*/10 * * * * *", "UTC", "2026-11-27T00:00:55Z", 2)).toEqual([
    "2026-11-27T00:01:00+00:00",
    "2026-11-27T00:01:10+00:00",
  ]);
});

test.for([
  ["America/St_Johns", "2026-11-26T20:30:00-03:30"],
  ["Asia/Kathmandu", "2026-11-27T05:45:00+05:45"],
  ["UTC", "2026-11-27T00:00:00+00:00"],
])("a time in %s has its offset", ([zone, text]) => {
  expect(inZone(NOW, zone!)).toBe(text);
  expect(new Date(text!)).toEqual(NOW);
});

test.for(["0 0 31 2 *", "0 0 30 2 *", "0 0 0 31 4,6,9,11 *"])(
  "a cron expression that never fires is refused: %s",
  (cron) => {
    expect(cronProblem(cron, "UTC", NOW)).toContain("never fires");
  },
);

test.for(["", "x", "* * * *", "* * * * * * 2027", "61 * * * *", "2027-01-01T00:00:00", "@reboot", "0 9 * * MONDAY+"])(
  "no cron expression: %j",
  (cron) => {
    expect(cronProblem(cron, "UTC", NOW)).toBeDefined();
  },
);

test.for(["0 9 * * MON-FRI", "0 0 29 2 *", "*/10 * * * * *", "@daily", "0 0 L * *"])(
  "a cron expression: %s",
  (cron) => {
    expect(cronProblem(cron, "UTC", NOW)).toBeUndefined();
  },
);

test.for(["", "Mars/Olympus", "Europe/Berlim", "local"])("no time zone: %j", (zone) => {
  expect(zoneProblem(zone)).toContain("not a time zone");
});

test("a time zone of the tz database is one", () => {
  expect(zoneProblem("Europe/Berlin")).toBeUndefined();
});
