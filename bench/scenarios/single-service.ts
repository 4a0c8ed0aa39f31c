import { setTimeout as sleep } from "node:timers/promises";
import type { Service } from "#tests/support/stack.ts";
import { FakeDirector } from "#bench/load/fake-director.ts";
import { FakeDistributor } from "#bench/load/fake-distributor.ts";
import { LoadClients } from "#bench/load/load-clients.ts";
import { Meters, type Cost } from "#bench/load/meters.ts";
import type { Figures } from "#bench/results/figures.ts";
import { Baseline } from "#bench/load/baseline.ts";
import { checkDelivery, recordCost, recordLatency } from "#bench/results/record.ts";
import { LoadPublisher } from "#bench/load/load-publisher.ts";
import { Samples } from "#bench/load/samples.ts";
import { publish, tokensOf, UNDER_WAY, webSocketOf } from "./saturation.ts";
import { startPlatform } from "#bench/load/platform.ts";
import { turn } from "#bench/results/interleave.ts";

export interface StageOptions {
  clients: number;
  runs: number;
  seconds: number;
}

const WARM_SECONDS = 3;
const DEADLINE_MS = 60_000;

/** From requests to accepted, without a reader of accepted. */
export async function receiverAlone(
  figures: Figures,
  work: string,
  { runs, seconds, batch, partitions }: StageOptions & { batch: number; partitions?: number },
): Promise<void> {
  const stack = await startPlatform(["receiver"], partitions ? { ACCEPTED_PARTITIONS: String(partitions) } : {});
  const meters = await Meters.of(stack);
  const token = await stack.token({ publisher: "load" });
  const publisher = new LoadPublisher({ url: stack.services[0]!.url, token, clients: 10_000, batch });
  const load = async (length: number): Promise<void> => {
    publisher.saturate(() => batch);
    await sleep(length * 1_000);
    await publisher.stop();
  };
  try {
    await load(WARM_SECONDS);
    // The first append to many new partitions takes longer than a receiver's timeout.
    const refused = publisher.refused;
    for (let count = 0; count < runs; count += 1) {
      await turn();
      const accepted = publisher.accepted;
      const end = await meters.begin();
      await load(seconds);
      const cost = await end();
      const taken = publisher.accepted - accepted;
      figures.note(work, "accepted", taken / cost.seconds, { unit: "/s", better: "higher" });
      recordCost(figures, work, cost, taken);
    }
    if (publisher.refused > refused) throw new Error(`${publisher.refused - refused} were not accepted.`);
  } finally {
    publisher.close();
    await meters.close();
    await stack.close();
  }
}

/** From accepted to routed. The load tool replaces receiver and distributor. */
export async function directorAlone(figures: Figures, work: string, options: StageOptions): Promise<void> {
  const stack = await startPlatform(["director"]);
  const meters = await Meters.of(stack);
  const others = await FakeDistributor.of(stack, options.clients);
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
    const load = async (seconds: number): Promise<void> => {
      others.onRouted = () => others.accept(Math.max(0, UNDER_WAY - (others.sent - others.routed)));
      others.onRouted();
      await sleep(seconds * 1_000);
      const drained = Promise.withResolvers<void>();
      others.onRouted = () => {
        if (others.routed >= others.sent) drained.resolve();
      };
      others.onRouted();
      await drained.promise;
    };
    await load(WARM_SECONDS);
    for (let count = 0; count < options.runs; count += 1) {
      await turn();
      const routed = others.routed;
      const end = await meters.begin();
      await load(options.seconds);
      const cost = await end();
      const passed = others.routed - routed;
      figures.note(work, "routed", passed / cost.seconds, { unit: "/s", better: "higher" });
      recordCost(figures, work, cost, passed);
    }
  } finally {
    await others.close();
    await meters.close();
    await stack.close();
  }
}

/** From routed to sockets. In turns with it runs the floor: only the WebSocket library, with the same load. */
export async function distributorAlone(
  figures: Figures,
  work: string,
  options: StageOptions & { aim: number },
): Promise<void> {
  const ours = await loadedDistributor(options.clients);
  let floor: Loaded | undefined;
  try {
    floor = await loadedFloor(options.clients);
    for (const { open, load } of [ours, floor]) {
      await open();
      await load(WARM_SECONDS);
    }
    for (let count = 0; count < options.runs; count += 1) {
      await turn();
      const each = await measure(figures, work, ours, options.seconds);
      const least = await measure(figures, `${work}, floor`, floor, options.seconds);
      figures.note(work, "against the floor", each.distributor! / least.floor!, {
        unit: "times its CPU",
        better: "lower",
        aim: options.aim,
      });
    }
    ours.check();
    floor.check();
  } finally {
    await ours.close();
    await floor?.close();
  }
}

interface Loaded {
  clients: LoadClients;
  meters: Meters;
  open: () => Promise<void>;
  /** Runs at full speed for this many seconds, and until all has arrived. */
  load: (seconds: number) => Promise<void>;
  check(): void;
  close(): Promise<void>;
}

async function loadedDistributor(count: number): Promise<Loaded> {
  const stack = await startPlatform(["distributor"]);
  const [distributor] = stack.services as [Service];
  const director = await FakeDirector.of(stack);
  const clients = new LoadClients({ url: webSocketOf(distributor), tokens: await tokensOf(stack, count) });
  const meters = await Meters.of(stack);
  let at = 0;
  const fill = (): void => {
    while (director.sent - clients.received < UNDER_WAY) {
      at = (at + 1) % count;
      director.deliver(at);
    }
  };
  return {
    clients,
    meters,
    async open() {
      await clients.open();
      await director.allLive(count);
    },
    async load(seconds) {
      let going = true;
      // Once per turn of the event loop, not for each frame.
      clients.onReceived = once(() => going && fill());
      fill();
      await sleep(seconds * 1_000);
      going = false;
      await clients.all(director.sent);
    },
    check: () => checkDelivery(clients, 0),
    async close() {
      await clients.close();
      await director.close();
      await meters.close();
      await stack.close();
    },
  };
}

async function loadedFloor(count: number): Promise<Loaded> {
  const floor = await Baseline.open(count, 5);
  const { clients, publisher, meters } = floor;
  return {
    clients,
    meters,
    // It is.
    open: () => Promise.resolve(),
    async load(seconds) {
      await publish(publisher, clients, undefined, seconds);
      await clients.all(publisher.accepted);
    },
    check: () => checkDelivery(clients, publisher.refused),
    close: () => floor.close(),
  };
}

/** CPU seconds of each process for each notification. */
async function measure(figures: Figures, work: string, loaded: Loaded, seconds: number): Promise<Cost["cpu"]> {
  const { clients, meters, load } = loaded;
  const received = clients.received;
  const end = await meters.begin();
  await load(seconds);
  const cost = await end();
  const delivered = clients.received - received;
  figures.note(work, "delivered", delivered / cost.seconds, { unit: "/s", better: "higher" });
  recordCost(figures, work, cost, delivered);
  return Object.fromEntries(Object.entries(cost.cpu).map(([name, used]) => [name, used / delivered]));
}

/** The load tool's and the library's part of a latency: from the due time, through only the floor. */
export async function floorAtRate(
  figures: Figures,
  work: string,
  { clients: count, rate, runs, seconds }: StageOptions & { rate: number },
): Promise<void> {
  const floor = await Baseline.open(count, 1);
  const { clients, publisher } = floor;
  try {
    await publisher.steadily(rate, WARM_SECONDS);
    for (let run = 0; run < runs; run += 1) {
      await turn();
      clients.latency = new Samples();
      clients.ownDelay();
      await publisher.steadily(rate, seconds);
      recordLatency(figures, work, clients);
    }
    await clients.all(publisher.accepted);
    checkDelivery(clients, publisher.refused);
  } finally {
    await floor.close();
  }
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
