import { setTimeout as sleep } from "node:timers/promises";
import type { Backing } from "./backing-service.ts";
import { kafka } from "./kafka.ts";
import { withFileLock } from "#local/process/file-lock.ts";
import { port, rememberPort, wantPort } from "#local/process/ports.ts";
import { postgres } from "./postgres.ts";
import { type Process, ending, isAlive, running, start, stop } from "#local/process/processes.ts";
import { step } from "#local/process/progress.ts";
import { redis } from "./redis.ts";
import { UserError, reasonOf } from "#local/process/user-error.ts";

export type BackingUrls = Record<Backing["variable"], string>;

export const all = [kafka, postgres, redis];

/** Starts the missing stores and waits until each answers. Any number of processes may call it, any number of times. */
export async function backing(): Promise<BackingUrls> {
  const [brokers, database, cache] = await withFileLock("backing", () => together(all.map((one) => () => ensure(one))));
  if (brokers === undefined || database === undefined || cache === undefined)
    throw new Error("a backing service has no URL");
  return { KAFKA_BROKERS: brokers, DATABASE_URL: database, REDIS_URL: cache };
}

/** Unlike Promise.all it waits for every promise, because a start must not continue after its lock is released. */
export async function together<T>(works: (() => Promise<T>)[]): Promise<T[]> {
  const results = await Promise.allSettled(works.map((work) => work()));
  const reasons = results.flatMap((result) => (result.status === "rejected" ? [result.reason as unknown] : []));
  // All reasons, so that a user without Java and Redis learns both at once.
  if (reasons.length > 0)
    throw reasons.length === 1 ? reasons[0] : new AggregateError(reasons, reasons.map(reasonOf).join("\n"));
  return results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
}

async function ensure(one: Backing): Promise<string> {
  const given = process.env[one.variable];
  if (given !== undefined && given !== "") {
    await step(`${one.label} of ${one.variable}`, () => elsewhere(one, given));
    return given;
  }
  const setup = one.ports.map((name) => port(name)).join(",");
  const current = running(one.name);
  const label = `${one.label} on port ${port(one.ports[0]!)}`;
  await step(label, async () => {
    const failure = current?.setup === setup ? await answer(one, current, SHORT_PATIENCE) : "it does not run";
    if (failure === undefined) return;
    // A process that runs but does not answer is left to its user, who can look at it.
    if (current?.setup === setup && isAlive(current)) throw notUp(one, current, failure);
    await launch(one, setup);
  });
  return one.url();
}

async function launch(one: Backing, setup: string): Promise<void> {
  // It may run on other ports than the present settings.
  await stop(one.name, one.stopSignal);
  for (const name of one.ports) await wantPort(name, port(name), one.label);
  const command = await one.command();
  for (let left = TRIES; ; left--) {
    const process = await start(one.name, command, setup);
    const failure = await answer(one, process);
    if (failure === undefined) break;
    if (isAlive(process) || left === 1) throw notUp(one, process, failure);
    await sleep(1000);
  }
  for (const name of one.ports) rememberPort(name, port(name));
}

const PATIENCE = 90_000;
/** The time for a store that was up before. */
const SHORT_PATIENCE = 20_000;
/** After kill -9 the children of the killed process may hold its data folder for a moment. */
const TRIES = 4;

function answer(one: Backing, process: Process, patience = PATIENCE): Promise<string | undefined> {
  return until(
    patience,
    () => one.answers(one.url()),
    () => isAlive(process),
  );
}

function notUp(one: Backing, process: Process, failure: string): UserError {
  const wrong = isAlive(process)
    ? `${one.label} (pid ${process.pid}) runs and does not answer: ${failure.replace(/\.$/, "")}.`
    : `${one.label} exits during its start.`;
  return new UserError(
    wrong,
    `Stop it: npx just down. Start again without its data: npx just clean\n${ending(one.name, process.logFrom)}`,
  );
}

async function elsewhere(one: Backing, url: string): Promise<void> {
  const failure = await until(
    10_000,
    () => one.answers(url),
    () => true,
  );
  if (failure === undefined) return;
  throw new UserError(
    `${one.variable} is set, and no ${one.label} answers there: ${failure.replace(/\.$/, "")}.`,
    `Start that one, or unset ${one.variable} to start one here.`,
  );
}

/** Tries until it works, and returns undefined. If the time is over or a retry is pointless, returns the last error. */
async function until(
  patience: number,
  attempt: () => Promise<void>,
  worthwhile: () => boolean,
): Promise<string | undefined> {
  const deadline = Date.now() + patience;
  for (;;) {
    try {
      await attempt();
      return undefined;
    } catch (error) {
      if (Date.now() > deadline || !worthwhile()) return reasonOf(error);
    }
    await sleep(100);
  }
}
