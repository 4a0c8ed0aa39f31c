import { Redis } from "ioredis";
import type { Mode } from "#tests/support/tcp-proxy.ts";
import type { Kind } from "#tests/support/stack.ts";
import { MEANS } from "#tests/noisy/neighbour-loads.ts";
import { loud } from "./noisy-tenants.ts";
import { clocks, diskFull } from "./machine.ts";
import { USES, type Rig } from "./rig.ts";
import type { StoreName } from "./stores.ts";
import { hung, killed, none, stopped, type Fault } from "./tools.ts";

const KINDS: Kind[] = ["receiver", "director", "distributor", "dispatcher", "courier", "recorder"];
const MODES: Mode[] = ["refuse", "hang", "mute", "deaf", "reset", "slow"];

/** One store, cut off from one kind of service, in every way that a network fails. */
function cut(store: StoreName, kind: Kind): Fault {
  return {
    name: `${store} cut off from each ${kind}`,
    async run({ rig, random, wait }) {
      const links = rig.of(kind).map((member) => member.links[store]!);
      for (const mode of MODES.toSorted(() => random.next() - 0.5)) {
        // Cuts off all of them, or one while the others continue.
        const some = random.next() < 0.5 ? links : [random.pick(links)];
        await Promise.all(some.map((link) => link.set(mode)));
        await wait(3_000, 60_000);
        await Promise.all(some.map((link) => link.set("pass")));
        await wait(1_000, 10_000);
      }
    },
  };
}

const HOW = { SIGKILL: "kill -9", SIGTERM: "stopped", SIGINT: "stopped", SIGQUIT: "stopped at once" };

/** The store's own process is down for as long as an operator may need: ten minutes in the full form. */
function away(store: StoreName, signal: keyof typeof HOW): Fault {
  return {
    name: `${store} away (${HOW[signal]}), started again`,
    async run({ rig, wait }) {
      await rig.stores[store].kill(signal);
      await wait(8_000, 600_000);
      await rig.stores[store].start();
    },
  };
}

/** The whole store hangs: connections stay, and nothing arrives. */
function frozen(store: StoreName): Fault {
  return {
    name: `${store} hangs for everybody`,
    async run({ rig, wait }) {
      const links = rig.members.flatMap((member) => member.links[store] ?? []);
      await Promise.all(links.map((link) => link.set("hang")));
      await wait(8_000, 600_000);
      await Promise.all(links.map((link) => link.set("pass")));
    },
  };
}

const atRandom: Fault = {
  name: "kill -9 at random, of anything",
  async run({ rig, random, wait, full }) {
    for (let round = 0; round < (full ? 40 : 8); round += 1) {
      const service = random.pick(rig.members).service;
      service.kill("SIGKILL");
      await wait(random.between(300, 2_500), random.between(1_000, 30_000));
    }
    await rig.ready(120_000);
  },
};

function atOnce(kind: Kind): Fault {
  return {
    name: `kill -9 of all ${kind}s at once`,
    async run({ rig, wait }) {
      for (const { service } of rig.of(kind)) service.kill("SIGKILL");
      await wait(1_000, 10_000);
    },
  };
}

/** A director is killed while its notifications go to the deferred topic, and Postgres returns only later. */
const directorWhilePostgresIsAway: Fault = {
  name: "postgres away, and a director killed meanwhile",
  async run({ rig, random, wait }) {
    await rig.stores.postgres.kill("SIGINT");
    await wait(3_000, 60_000);
    random.pick(rig.of("director")).service.kill("SIGKILL");
    await wait(5_000, 120_000);
    await rig.stores.postgres.start();
  },
};

const flushed: Fault = {
  name: "FLUSHALL",
  async run({ rig, wait }) {
    await flush(rig);
    await wait(4_000, 60_000);
    await flush(rig);
  },
};

async function flush(rig: Rig): Promise<void> {
  const redis = new Redis(rig.stores.redis.url);
  await redis.flushall();
  redis.disconnect();
}

function rolling(kind: Kind): Fault {
  return {
    name: `rolling restart of the ${kind}s`,
    async run({ rig, wait }) {
      for (const { service } of rig.of(kind)) {
        await service.restart(60_000);
        await wait(1_000, 5_000);
      }
    },
  };
}

/** A crowd needs lanes that are kept longer than for a small load. */
const MANY = 1_000;

/** Restarts each distributor only once every client is connected again. */
const rollingUnderACrowd: Fault = {
  name: "rolling restart of the distributors under a crowd",
  crowd: true,
  async run({ rig, load, wait }) {
    const many = load.clients.length > MANY;
    if (many) await lanes(rig, String(load.clients.length));
    await load.gathered(120_000);
    for (const { service } of rig.of("distributor")) {
      await service.restart(60_000);
      await load.gathered(120_000);
      await wait(1_000, 5_000);
    }
    if (many) await lanes(rig, rig.env.MAX_LANES);
  },
};

/** The battery's directors forget lanes early. With a crowd, each notification would then begin with a handover. */
async function lanes(rig: Rig, most: string | undefined): Promise<void> {
  for (const { service } of rig.of("director")) {
    if (most === undefined) delete service.env.MAX_LANES;
    else service.env.MAX_LANES = most;
    await service.restart(60_000);
  }
}

/** The clients' own behaviour is the fault. */
function clients(name: string, load: Fault["load"]): Fault {
  return { name, ...(load && { load }), run: ({ wait }) => wait(12_000, 300_000) };
}

export const FAULTS: readonly Fault[] = [
  { name: "none", run: ({ wait }) => wait(5_000, 60_000) },
  ...KINDS.map(killed),
  atOnce("director"),
  atOnce("dispatcher"),
  atOnce("courier"),
  atRandom,
  ...KINDS.map(none),
  ...KINDS.map(stopped),
  ...KINDS.map(hung),
  ...KINDS.flatMap((kind) => USES[kind].map((store) => cut(store, kind))),
  away("kafka", "SIGKILL"),
  away("kafka", "SIGTERM"),
  away("postgres", "SIGINT"),
  away("postgres", "SIGQUIT"),
  away("redis", "SIGKILL"),
  frozen("kafka"),
  frozen("postgres"),
  frozen("redis"),
  directorWhilePostgresIsAway,
  flushed,
  rolling("distributor"),
  rolling("dispatcher"),
  rolling("courier"),
  rollingUnderACrowd,
  clients("slow readers", { habits: { trickling: 6, roaming: 1 }, bytes: 8_000 }),
  clients("half-open sockets", { habits: { abandoning: 5, roaming: 1 } }),
  clients("clients that die in a loop", { habits: { dying: 7 } }),
  ...Object.keys(MEANS).map(loud),
  clocks,
  diskFull("kafka"),
  diskFull("postgres"),
];
