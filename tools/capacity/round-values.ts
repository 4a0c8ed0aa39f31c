import type { Values } from "./constants.ts";
import { readInput } from "./input.ts";
import { plan } from "./plan.ts";

/** Round numbers, so that a plan can be checked by hand. */
export const values: Values = {
  "receiver.notification": 10,
  "receiver.single": 110,
  "receiver.byte": 1,
  "receiver.process": 100,
  "director.byte": 2,
  "director.live": 20,
  "director.stored": 30,
  "director.replayed": 10,
  "director.connect": 100,
  "director.rest": 0.1,
  "director.lane": 1_000,
  "director.lane.stored": 500,
  "director.process": 100,
  "distributor.byte": 3,
  "distributor.live": 25,
  "distributor.replayed": 15,
  "distributor.connect": 200,
  "distributor.rest": 1,
  "distributor.connection": 4_096,
  "distributor.process": 100,
  "distributor.frame": 400,
  "kafka.notification": 10,
  "kafka.byte": 4,
  "kafka.connect": 50,
  "kafka.accepted": 300,
  "kafka.routed": 400,
  "kafka.control": 100,
  "kafka.routed.connect": 200,
  "kafka.control.connect": 300,
  "redis.connection": 250,
  "redis.connect": 20,
  "redis.connect.commands": 3,
  "redis.register": 10,
  "redis.register.commands": 2,
  "redis.rest": 0,
  "redis.id": 200,
  "redis.id.cpu": 10,
  "postgres.stored": 40,
  "postgres.replayed": 60,
  "postgres.rest": 0.5,
  "postgres.row": 400,
  "postgres.log.stored": 500,
  "postgres.log.replayed": 300,
};

/** The values by `part: name`. */
export function planned(args: string, measured = values): Record<string, number> {
  const { input } = readInput(args.split(" "));
  return Object.fromEntries(plan(input, measured).map(({ part, name, value }) => [`${part}: ${name}`, value]));
}

export const LARGE = "--rate 1000000 --clients 100000000 --online 0.1 --headroom 0.5";
