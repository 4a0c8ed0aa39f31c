import { messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";
import {
  derivedUuid,
  publicationKey,
  type PublicationHead,
  type Target,
} from "@saasaparilla/shared/protocol/publication.ts";
import type { MemberStore } from "#groups/member-store.ts";
import { slicesOf } from "#publications/audience.ts";
import type { NewPublication } from "#publications/publication-insert.ts";
import { resolve, type ExchangeTargets } from "#publications/resolve.ts";
import { dueOccurrences, type Due } from "./occurrences.ts";
import {
  MOST_DUE,
  type DuePublication,
  type DueSchedule,
  type FiredSchedule,
  type Started,
  type TimerStore,
} from "./timer-store.ts";

/** What a schedule's document says; it was checked when it was written. */
export interface Schedule {
  cron: string;
  zone: string;
  to: Target;
  event?: string;
  headers?: Readonly<Record<string, string | number | boolean | null>>;
  ttl?: number;
  missed: "one" | "all" | "none";
  /** Seconds. */
  catchUp: number;
}

export interface TimersParts {
  store: TimerStore;
  members: Pick<MemberStore, "count">;
  exchangeTargets: ExchangeTargets;
  /** The next time of a cron expression in a zone after a time, in ms since 1970; undefined if there is none. */
  nextOccurrence: (cron: string, zone: string, after: number) => number | undefined;
  begun: () => void;
  metrics: {
    fired(publications: number): void;
    skipped(occurrences: number): void;
    failed(dependency: "postgres"): void;
  };
  log: Log;
}

/** Begins what is due: delayed publications and schedules. Several dispatchers share the work. */
export class Timers {
  readonly #parts: TimersParts;
  #running: Promise<void> | undefined;
  #lag = 0;
  #ending = false;

  constructor(parts: TimersParts) {
    this.#parts = parts;
  }

  /** Call it a few times a second. */
  run(): Promise<void> {
    return (this.#running ??= this.#run().finally(() => (this.#running = undefined)));
  }

  /** Seconds that the oldest due row had waited at the last look. */
  get lag(): number {
    return this.#lag;
  }

  async end(): Promise<void> {
    this.#ending = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    const { store, begun, metrics, log } = this.#parts;
    try {
      for (let more = true; more && !this.#ending;) {
        const due = await store.due();
        const started = due.publications ? await store.startDue((rows) => this.#start(rows)) : 0;
        const fired = due.schedules ? await store.fireDue((rows, now) => this.#fire(rows, now)) : 0;
        if (started + fired > 0) begun();
        more = Math.max(started, fired) === MOST_DUE;
      }
    } catch (error) {
      metrics.failed("postgres");
      log.warn({ err: error }, `due publications cannot be read and will be tried again: ${messageOf(error)}`);
    }
  }

  /** Call it some seconds apart: gives each new version of a schedule its first occurrence. */
  async reconcile(): Promise<void> {
    const { store, nextOccurrence, metrics, log } = this.#parts;
    try {
      await store.clear();
      const unset = await store.unset();
      const timers = unset.flatMap(({ tenant, name, version, schedule, now }) => {
        try {
          const { cron, zone } = schedule as Schedule;
          const occurrence = nextOccurrence(cron, zone, now);
          return occurrence === undefined ? [] : [{ tenant, name, version, occurrence }];
        } catch (error) {
          this.#unreadable(tenant, name, error);
          return [];
        }
      });
      await store.set(timers);
      this.#lag = await store.lag();
    } catch (error) {
      metrics.failed("postgres");
      log.warn({ err: error }, `schedules cannot be read and will be tried again: ${messageOf(error)}`);
    }
  }

  #start(due: DuePublication[]): Promise<Started[]> {
    return Promise.all(
      due.map(async (publication): Promise<Started> => {
        const { head, tenant, key } = publication;
        const resolved = resolve(head, this.#parts.exchangeTargets);
        if ("reason" in resolved) return { publication, head, state: "skipped", slices: [], reason: resolved.reason };
        const { targets } = resolved;
        const slices = await slicesOf(tenant, key, targets, this.#parts.members);
        return { publication, head: { ...head, targets }, state: "running", slices };
      }),
    );
  }

  #fire(due: DueSchedule[], now: number): Promise<FiredSchedule[]> {
    return Promise.all(
      due.map(async (one): Promise<FiredSchedule> => {
        const occurrences = this.#occurrencesOf(one, now);
        return occurrences ? this.#fireOne(one, occurrences) : { ...one, timer: undefined, publications: [] };
      }),
    );
  }

  /** Undefined if this version cannot read it: its timer goes, so that it holds up no other schedule. */
  #occurrencesOf({ tenant, name, timer, schedule }: DueSchedule, now: number): Due | undefined {
    try {
      const { cron, zone, missed, catchUp } = schedule as Schedule;
      const next = (after: number): number | undefined => this.#parts.nextOccurrence(cron, zone, after);
      return dueOccurrences({ next, missed, catchUp }, timer, now);
    } catch (error) {
      this.#unreadable(tenant, name, error);
      return undefined;
    }
  }

  #unreadable(tenant: string, name: string, error: unknown): void {
    this.#parts.log.warn({ err: error, tenant, schedule: name }, `a schedule cannot be read: ${messageOf(error)}`);
  }

  async #fireOne(due: DueSchedule, occurrences: Due): Promise<FiredSchedule> {
    const { metrics } = this.#parts;
    const { tenant, name } = due;
    const schedule = due.schedule as Schedule;
    metrics.fired(occurrences.fired.length);
    metrics.skipped(occurrences.skipped.length);
    return {
      tenant,
      name,
      timer: occurrences.timer,
      publications: await this.#publicationsOf(due, schedule, occurrences),
    };
  }

  async #publicationsOf(due: DueSchedule, schedule: Schedule, { fired, skipped }: Due): Promise<NewPublication[]> {
    const { members, exchangeTargets } = this.#parts;
    const { tenant, name } = due;
    const rows: NewPublication[] = [];
    for (const { occurrence, reason } of skipped) {
      const head = headOf(due, schedule, occurrence, 0);
      rows.push({ ...rowOf(head, name, occurrence), state: "skipped", payload: undefined, reason });
    }
    for (const { occurrence, missed } of fired) {
      const head = headOf(due, schedule, occurrence, missed);
      const row = rowOf(head, name, occurrence);
      const resolved = resolve(head, exchangeTargets);
      if ("reason" in resolved) {
        rows.push({ ...row, state: "skipped", payload: undefined, reason: resolved.reason });
        continue;
      }
      const { targets } = resolved;
      const slices = await slicesOf(tenant, row.key, targets, members);
      rows.push({ ...row, head: { ...head, targets }, state: "running", payload: Buffer.from(due.data), slices });
    }
    return rows;
  }
}

function rowOf(
  head: PublicationHead,
  schedule: string,
  occurrence: number,
): Pick<NewPublication, "head" | "key" | "due" | "schedule" | "occurrence"> {
  const key = publicationKey(head.tenant, head.to);
  return { head: { ...head, targets: [head.to] }, key, due: occurrence, schedule, occurrence };
}

/** The id derives from schedule and occurrence, so an occurrence that fires twice is one publication. */
function headOf(
  { tenant, name }: DueSchedule,
  schedule: Schedule,
  occurrence: number,
  missed: number,
): PublicationHead {
  const { to, event, headers, ttl } = schedule;
  return {
    id: derivedUuid(`schedule ${tenant}/${name}`, new Date(occurrence).toISOString()),
    tenant,
    publisher: `schedule/${name}`,
    to,
    ...(ttl === undefined ? {} : { ttl }),
    ...(event === undefined ? {} : { event }),
    headers: { ...headers, occurrence: new Date(occurrence).toISOString(), ...(missed > 0 ? { missed } : {}) },
  };
}
