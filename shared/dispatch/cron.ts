import { Cron } from "croner";

/** Five fields, or six with seconds first, or a nickname. The library would also take a single date and time. */
const FORM = /^(?:@[a-z]+|\S+(?: +\S+){4,5})$/i;

/**
 * The times of a cron expression in a time zone. It is the only importer of the library, and uses no timer of it.
 *
 * A time that a change of the clock skips fires at the next one that exists; a time that occurs twice fires once.
 */
export class CronTimes {
  readonly #cron: Cron;

  /** Throws a `RangeError` or `TypeError` with the reason if an argument is wrong. */
  constructor(cron: string, zone: string) {
    if (!FORM.test(cron)) throw new TypeError("it must have five or six fields, separated by spaces");
    this.#cron = new Cron(cron, { timezone: zone, mode: "5-or-6-parts", paused: true });
  }

  /** The first time after `after`, or undefined if there is none. */
  next(after: Date): Date | undefined {
    return this.#cron.nextRun(after) ?? undefined;
  }
}

/** Why it is no time zone of the tz database, or undefined. */
export function zoneProblem(zone: string): string | undefined {
  try {
    return void Intl.DateTimeFormat("en", { timeZone: zone });
  } catch {
    return "it is not a time zone: use a name of the tz database, such as Europe/Berlin or UTC";
  }
}

/** Why the expression cannot be used, or undefined. The zone must be one. */
export function cronProblem(cron: string, zone: string, now: Date): string | undefined {
  try {
    return new CronTimes(cron, zone).next(now) ? undefined : "it never fires: no date fits it";
  } catch (error) {
    return `it is not a cron expression: ${(error as Error).message.replace(/^CronPattern: /, "")}`;
  }
}

/** RFC 3339 with the zone's offset at that time: 2026-11-28T09:00:00+01:00. */
export function inZone(time: Date, zone: string): string {
  const parts = new Intl.DateTimeFormat("en", { timeZone: zone, timeZoneName: "longOffset" }).formatToParts(time);
  const [, sign = "+", hours = "00", minutes = "00", seconds = "00"] =
    /^GMT([+-])(\d\d):(\d\d)(?::(\d\d))?$/.exec(parts.find(({ type }) => type === "timeZoneName")!.value) ?? [];
  const offset = (Number(hours) * 60 + Number(minutes)) * 60_000 + Number(seconds) * 1_000;
  const local = new Date(time.getTime() + (sign === "-" ? -offset : offset));
  return `${local.toISOString().slice(0, 19)}${sign}${hours}:${minutes}`;
}
