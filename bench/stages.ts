import { setTimeout as sleep } from "node:timers/promises";
import type { Service } from "../tests/stack.ts";
import { AsDirector } from "./as-director.ts";
import { AsDistributor } from "./as-distributor.ts";
import { LoadClients } from "./clients.ts";
import { Meters } from "./cost.ts";
import type { Figures } from "./figures.ts";
import { Floor } from "./bare.ts";
import { checkDelivery, noteCost, noteLatency } from "./note.ts";
import { LoadPublisher } from "./publisher.ts";
import { Samples } from "./samples.ts";
import { publish, tokensOf, UNDER_WAY, webSocketOf } from "./unicast.ts";
import { startPlatform } from "./platform.ts";

export interface StageOptions {
  clients: number;
  runs: number;
  seconds: number;
}

const WARM_MS = 3_000;
const DEADLINE_MS = 60_000;

/** Requests into accepted, with nobody behind. */
export async function receiverAlone(
  figures: Figures,
  work: string,
  { runs, seconds, batch, partitions }: StageOptions & { batch: number; partitions?: number },
): Promise<void> {
  const stack = await startPlatform(["receiver"], partitions ? { ACCEPTED_PARTITIONS: String(partitions) } : {});
  const meters = await Meters.of(stack);
  const token = await stack.token({ publisher: "load" });
  const publisher = new LoadPublisher({ url: stack.services[0]!.url, token, clients: 10_000, batch });
  try {
    publisher.saturate(() => batch);
    await sleep(WARM_MS);
    // The first append to many new partitions takes longer than a receiver waits for.
    const refused = publisher.refused;
    for (let count = 0; count < runs; count += 1) {
      const accepted = publisher.accepted;
      const end = await meters.begin();
      await sleep(seconds * 1_000);
      const cost = await end();
      const taken = publisher.accepted - accepted;
      figures.note(work, "accepted", taken / cost.seconds, { unit: "/s", better: "higher" });
      noteCost(figures, work, cost, taken);
    }
    await publisher.stop();
    if (publisher.refused > refused) throw new Error(`${publisher.refused - refused} were not accepted.`);
  } finally {
    publisher.close();
    await meters.close();
    await stack.close();
  }
}

/** Records in accepted to records in routed; the load tool plays what is before and behind. */
export async function directorAlone(figures: Figures, work: string, options: StageOptions): Promise<void> {
  const stack = await startPlatform(["director"]);
  const meters = await Meters.of(stack);
  const others = await AsDistributor.of(stack, options.clients);
  try {
    const live = Promise.withResolvers<void>();
    const late = setTimeout(
      () => live.reject(new Error(`${others.live} of ${options.clients} are live.`)),
      DEADLINE_MS,
    );
    others.onRouted = () => {
      if (others.live >= options.clients) live.resolve();
    };
    others.connect();
    await live.promise;
    clearTimeout(late);
    let going = true;
    others.onRouted = () => {
      if (going) others.accept(Math.max(0, UNDER_WAY - (others.sent - others.routed)));
    };
    others.onRouted();
    await sleep(WARM_MS);
    for (let count = 0; count < options.runs; count += 1) {
      const routed = others.routed;
      const end = await meters.begin();
      await sleep(options.seconds * 1_000);
      const cost = await end();
      const passed = others.routed - routed;
      figures.note(work, "routed", passed / cost.seconds, { unit: "/s", better: "higher" });
      noteCost(figures, work, cost, passed);
    }
    going = false;
  } finally {
    await others.close();
    await meters.close();
    await stack.close();
  }
}

/** Records in routed to sockets, and beside it the floor: the WebSocket library alone, sent the same. Answers nothing, notes the ratio. */
export async function distributorAlone(
  figures: Figures,
  work: string,
  options: StageOptions & { aim: number },
): Promise<void> {
  const ours = await distributorRuns(figures, work, options);
  const floor = await floorRuns(figures, `${work}, floor`, options);
  ours.forEach((each, index) =>
    figures.note(work, "against the floor", each / floor[index]!, {
      unit: "times its CPU",
      better: "lower",
      aim: options.aim,
    }),
  );
}

/** CPU seconds for each notification, by run. */
async function distributorRuns(figures: Figures, work: string, options: StageOptions): Promise<number[]> {
  const stack = await startPlatform(["distributor"]);
  const [distributor] = stack.services as [Service];
  const director = await AsDirector.of(stack);
  const clients = new LoadClients({ url: webSocketOf(distributor), tokens: await tokensOf(stack, options.clients) });
  const meters = await Meters.of(stack);
  try {
    await clients.open();
    await director.allLive(options.clients);
    let at = 0;
    let going = true;
    const fill = (): void => {
      if (!going) return;
      while (director.sent - clients.received < UNDER_WAY) {
        at = (at + 1) % options.clients;
        director.deliver(at);
      }
    };
    // Once in a turn of the event loop, and not at each frame.
    clients.onReceived = once(fill);
    fill();
    await sleep(WARM_MS);
    const each = await measure(figures, work, { ...options, clients, meters, process: "distributor" });
    going = false;
    await clients.all(director.sent);
    checkDelivery(clients, 0);
    return each;
  } finally {
    await clients.close();
    await director.close();
    await meters.close();
    await stack.close();
  }
}

async function floorRuns(figures: Figures, work: string, options: StageOptions): Promise<number[]> {
  const floor = await Floor.open(options.clients, 5);
  const { clients, publisher, meters } = floor;
  try {
    const load = publish(publisher, clients, undefined, WARM_MS / 1_000 + options.runs * (options.seconds + 1));
    await sleep(WARM_MS);
    const each = await measure(figures, work, { ...options, clients, meters, process: "floor" });
    await load;
    await clients.all(publisher.accepted);
    checkDelivery(clients, publisher.refused);
    return each;
  } finally {
    await floor.close();
  }
}

/** The load tool's own part in a latency, and the library's: from when it was due, through nothing but the floor. */
export async function floorAtRate(
  figures: Figures,
  work: string,
  { clients: count, rate, runs, seconds }: StageOptions & { rate: number },
): Promise<void> {
  const floor = await Floor.open(count, 1);
  const { clients, publisher } = floor;
  try {
    await publisher.steadily(rate, WARM_MS / 1_000);
    for (let run = 0; run < runs; run += 1) {
      clients.latency = new Samples();
      clients.ownDelay();
      await publisher.steadily(rate, seconds);
      noteLatency(figures, work, clients);
    }
    await clients.all(publisher.accepted);
    checkDelivery(clients, publisher.refused);
  } finally {
    await floor.close();
  }
}

async function measure(
  figures: Figures,
  work: string,
  run: { clients: LoadClients; meters: Meters; process: string; runs: number; seconds: number },
): Promise<number[]> {
  const each: number[] = [];
  for (let count = 0; count < run.runs; count += 1) {
    const received = run.clients.received;
    const end = await run.meters.begin();
    await sleep(run.seconds * 1_000);
    const cost = await end();
    const delivered = run.clients.received - received;
    figures.note(work, "delivered", delivered / cost.seconds, { unit: "/s", better: "higher" });
    noteCost(figures, work, cost, delivered);
    each.push(cost.cpu[run.process]! / delivered);
  }
  return each;
}

function once(work: () => void): () => void {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    setImmediate(() => {
      asked = false;
      work();
    });
  };
}
