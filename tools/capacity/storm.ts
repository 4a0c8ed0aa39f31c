import { distributorSettings } from "#services/distributor/settings.ts";
import type { Values } from "./constants.ts";
import type { Input } from "./input.ts";
import { Part, smallest, type Bound, type Line } from "./line.ts";
import type { Load } from "./load.ts";
import type { Service } from "./services.ts";
import type { RedisTaken } from "./stores.ts";

const CONNECT_RATE = distributorSettings.shape.CONNECT_RATE.parse(undefined);

export interface Stormed {
  directors: Service;
  distributors: Service;
  redis: RedisTaken;
}

/** The time until all clients are back: after the loss of a zone, and after one restart of every distributor. */
export function storm(input: Input, values: Values, load: Load, taken: Stormed): Line[] {
  const part = new Part("Everybody back");
  const { zones } = input;
  const lost = part.result(
    "connections that a lost zone had",
    zones > 1 ? load.connections / zones : load.connections / taken.distributors.pods,
    "",
    zones > 1 ? "connections / --zones" : "connections / pods: one distributor, for there is one zone",
  );
  const left = {
    directors: zones > 1 ? Math.floor((taken.directors.pods * (zones - 1)) / zones) : taken.directors.pods,
    distributors:
      zones > 1
        ? Math.floor((taken.distributors.pods * (zones - 1)) / zones)
        : Math.max(1, taken.distributors.pods - 1),
  };
  const [rate, from] = rateWith(values, taken, left);
  part.result("taken in meanwhile", rate, "/s", from);
  part.result("all back after", secondsOf(lost, rate), "s", "the lost / taken in");
  const all = { directors: taken.directors.pods, distributors: taken.distributors.pods };
  const [whole, wholeFrom] = rateWith(values, taken, all);
  part.result(
    "after a restart of all, at least",
    secondsOf(load.connections, whole),
    "s",
    `connections / (${wholeFrom})`,
  );
  return part.lines;
}

function secondsOf(connections: number, rate: number): number {
  return connections === 0 ? 0 : connections / rate;
}

/** Connects per second beside the normal load, with these processes. */
function rateWith(
  values: Values,
  { directors, distributors, redis }: Stormed,
  pods: { directors: number; distributors: number },
): Bound {
  const free = (cores: number, busy: number, each: number): number => (Math.max(0, cores - busy) * 1e6) / each;
  return smallest([
    [pods.distributors * CONNECT_RATE, "distributors that are left x CONNECT_RATE"],
    [
      free(pods.distributors, distributors.busy, values["distributor.connect"]),
      "free cores of distributors / distributor.connect",
    ],
    [free(pods.directors, directors.busy, values["director.connect"]), "free cores of directors / director.connect"],
    [free(redis.shards, redis.busy, values["redis.connect"]), "free cores of Redis / redis.connect"],
  ]);
}
