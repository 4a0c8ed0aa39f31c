import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { SeededRandom } from "#tests/support/seeded-random.ts";
import { check } from "./check.ts";
import type { Verdict } from "./verdict.ts";
import { History } from "./history.ts";
import { DispatchLoad } from "./dispatch-load.ts";
import { InboxLoad } from "./inbox-load.ts";
import { Load } from "./load.ts";
import { Poison } from "./poison.ts";
import { OptionPublisher } from "./option-publisher.ts";
import { INBOX_TENANT, type Rig } from "./rig.ts";
import { noteStored } from "./stored-notes.ts";
import { judgeTimeline } from "./timeline-reader.ts";
import type { Fault } from "./tools.ts";

export interface RunOptions {
  seed: number;
  full: boolean;
  clients: number;
  /** The clients of a fault that needs a crowd. */
  crowd: number;
  rate: number;
  /** Asks the console about the history, which takes half a minute more if something is wrong. */
  timeline?: boolean;
  /** The folder of each history. */
  histories?: string | undefined;
}

export interface Outcome extends Verdict {
  fault: string;
  seed: number;
  seconds: number;
  /** Still unsettled at the directors once everything was received: they would send or store it repeatedly. */
  unsettled: number;
  /** A service that did not recover. */
  unready: string | undefined;
  /** The longest times in ms from a crash or hang until it was noticed, and until the service served again. */
  noticed: number;
  away: number;
}

const WARM_UP_MS = 1_000;
/** The clients whose inboxes are listed and marked. */
const INBOXES = 10;

let runs = 0;

/** Runs one fault under load: flow, fault, healing, flow, drain, check. */
export async function runFault(rig: Rig, fault: Fault, options: RunOptions): Promise<Outcome> {
  const { seed, full } = options;
  const began = performance.now();
  const name = `f${(runs += 1)}`;
  const history = new History(options.histories && join(options.histories, `${name}-${seed}.ndjson`));
  rig.history = history;
  for (const { service } of rig.members) service.away = service.noticed = 0;
  const load = await Load.of(rig, history, {
    name,
    seed,
    clients: options.clients,
    rate: options.rate,
    habits: { roaming: 2, dying: 1, trickling: 1 },
    expiring: 3,
    ...fault.load,
    ...(fault.crowd && { clients: options.crowd, rate: options.crowd / 10, habits: {}, pollSeconds: 20 }),
  });
  load.start();
  await sleep(WARM_UP_MS);
  const keys = load.clients.map(({ key }) => key);
  const noting = noteStored(rig.pool, rig.env.NAMESPACE!, history, keys);
  const poison = new Poison(rig, { name, history, random: new SeededRandom(seed + 1) });
  const acknowledging = load.clients.filter(({ way }) => way !== "silent").map(({ key }) => key);
  const withInbox = acknowledging.filter((key) => key.startsWith(`${INBOX_TENANT}/`)).slice(0, INBOXES);
  const inboxLoad = await InboxLoad.of(rig, withInbox, { history, random: new SeededRandom(seed + 4) });
  const optionPublisher = new OptionPublisher(rig, acknowledging, {
    name,
    history,
    random: new SeededRandom(seed + 2),
  });
  const dispatchLoad = new DispatchLoad(rig, keys, { name, history, random: new SeededRandom(seed + 3) });
  // In an upgrade test, the earlier version knows none of these.
  if (fault.poison !== false) {
    poison.start();
    await optionPublisher.start();
    await dispatchLoad.start();
    inboxLoad.start();
  }
  history.mark("injected");
  const wait = (short: number, long: number): Promise<void> => sleep(full ? long : short);
  const failure = await fault
    .run({ rig, load, random: new SeededRandom(seed), wait, full })
    .then(() => undefined, String);
  history.mark("healed");
  const healed = performance.now();
  const unready = failure ?? (await rig.ready(full ? 180_000 : 60_000).then(() => undefined, String));
  // The load continues, because draining a fault's backlog first would leave the machine idle.
  const longest = healed + (full ? 120_000 : 20_000);
  while (!history.recovered(healed) && performance.now() < longest) await sleep(50);
  if (full) await sleep(20_000);
  await noting.stop();
  await poison.stop();
  await optionPublisher.stop();
  await dispatchLoad.stop();
  await inboxLoad.stop();
  await load.drain(() => history.open === 0, full ? 120_000 : 30_000);
  // An unexpected notification would arrive now.
  for (const client of load.clients) client.reconnect();
  const listed = inboxLoad.find().then((read) => optionPublisher.find(read));
  const random = new SeededRandom(seed + 4);
  // An earlier version has no timeline.
  const told =
    fault.poison === false || options.timeline !== true ? [] : await judgeTimeline(rig, history.events, random);
  const [unsettled] = await Promise.all([settled(rig), sleep(500), poison.find(), listed]);
  await Promise.all([load.close(), dispatchLoad.close()]);
  // This is first, because log lines during this time belong to no run.
  rig.history = undefined;
  await history.close();
  const seconds = (performance.now() - began) / 1_000;
  const noticed = Math.max(...rig.members.map(({ service }) => service.noticed));
  const away = Math.max(...rig.members.map(({ service }) => service.away));
  const verdict = check(history.events, { repeatedSends: fault.name.includes("kafka") });
  return {
    ...verdict,
    violations: [...verdict.violations, ...told],
    fault: fault.name,
    seed,
    seconds,
    unsettled,
    unready,
    noticed,
    away,
  };
}

async function settled(rig: Rig): Promise<number> {
  let left = 0;
  for (const deadline = performance.now() + 30_000; performance.now() < deadline; await sleep(100)) {
    left = 0;
    for (const { service } of rig.of("director")) {
      const text = await fetch(`${service.url}/metrics`).then((response) => response.text());
      for (const line of text.split("\n")) {
        if (line.startsWith("notifications_unsettled")) left += Number(line.slice(line.lastIndexOf(" ")));
      }
    }
    if (left === 0) return 0;
  }
  return left;
}
