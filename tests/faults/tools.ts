import { setTimeout as sleep } from "node:timers/promises";
import type { Kind } from "#tests/support/stack.ts";
import type { SeededRandom } from "#tests/support/seeded-random.ts";
import type { Load, LoadOptions } from "./load.ts";
import type { Rig } from "./rig.ts";

export interface Tools {
  rig: Rig;
  load: Load;
  random: SeededRandom;
  /** ms: the first in the short form, the second in the full one. */
  wait(short: number, full: number): Promise<void>;
  full: boolean;
}

export interface Fault {
  name: string;
  load?: Partial<LoadOptions>;
  /** Many clients, each with few notifications. */
  crowd?: true;
  /** False: the load writes no unprocessable record, so any dead letter is wrong. */
  poison?: false;
  /** Resolves once the cause of the fault is gone. */
  run(tools: Tools): Promise<void>;
}

/** kill -9 of one after the other. Each follows once the previous one serves again. */
export function killed(kind: Kind): Fault {
  return {
    name: `kill -9 of each ${kind}`,
    async run({ rig, wait }) {
      for (const { service } of rig.of(kind)) {
        service.kill("SIGKILL");
        await sleep(50);
        await service.ready(60_000);
        await wait(1_000, 20_000);
      }
    },
  };
}

/**
 * No service of a kind can even start, as after a bad rollout: each ends at once, until its settings are right again.
 */
export function none(kind: Kind): Fault {
  return {
    name: `every ${kind} away`,
    async run({ rig, wait }) {
      const services = rig.of(kind).map(({ service }) => service);
      const ports = services.map(({ env }) => env.PORT!);
      for (const service of services) {
        service.env.PORT = "none";
        service.kill("SIGKILL");
      }
      await wait(6_000, 600_000);
      services.forEach((service, index) => (service.env.PORT = ports[index]!));
    },
  };
}

/** Permanently: its supervisor must notice within a minute, and the service must serve within three. */
export function hung(kind: Kind): Fault {
  return {
    name: `a ${kind} hangs for good`,
    async run({ rig, random, wait }) {
      const { service } = random.pick(rig.of(kind));
      const began = performance.now();
      await service.hang(60_000);
      await service.ready(began + 180_000 - performance.now());
      await wait(1_000, 20_000);
    },
  };
}

/** Stopped for longer than its lease or session, so that another takes over; then it continues as a zombie. */
export function stopped(kind: Kind): Fault {
  return {
    name: `SIGSTOP of a ${kind}, and a zombie`,
    async run({ rig, random, wait, full }) {
      for (const [short, long] of full
        ? [
            [0, 5_000],
            [0, 20_000],
            [0, 90_000],
          ]
        : [
            [1_500, 0],
            [8_000, 0],
          ]) {
        const { service } = random.pick(rig.of(kind));
        service.kill("SIGSTOP");
        await wait(short!, long!);
        service.kill("SIGCONT");
        await wait(2_000, 20_000);
      }
    },
  };
}
