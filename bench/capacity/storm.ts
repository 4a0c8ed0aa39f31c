import { distributorSettings } from "../../services/distributor/settings.ts";
import type { Values } from "./constants.ts";
import type { Input } from "./input.ts";
import { Part, smallest, type Line } from "./line.ts";
import type { Load } from "./load.ts";
import type { Service } from "./services.ts";
import type { RedisTaken } from "./stores.ts";

const CONNECT_RATE = distributorSettings.shape.CONNECT_RATE.parse(undefined);

export interface Stormed {
  directors: Service;
  distributors: Service;
  redis: RedisTaken;
}

/** How long until all are back: after the loss of a zone, and where every distributor is restarted once. */
export function storm(input: Input, values: Values, load: Load, taken: Stormed): Line[] {
  const part = new Part("Everybody back");
  const { zones } = input;
  const lost = part.result(
    "connections that a lost zone had",
    zones > 1 ? load.connections / zones : load.connections / taken.distributors.pods,
    "",
    zones > 1 ? "connections / --zones" : "connections / pods: one distributor, for there is one zone",
  );
  const left = zones > 1 ? (zones - 1) / zones : 1 - 1 / taken.distributors.pods;
  const [rate, from] = rateWith(values, taken, left);
  part.result("taken in meanwhile", rate, "/s", from);
  part.result("all back after", rate > 0 ? lost / rate : Infinity, "s", "the lost / taken in");
  const [whole, wholeFrom] = rateWith(values, taken, 1);
  part.result("after a restart of all, at least", load.connections / whole, "s", `connections / (${wholeFrom})`);
  return part.lines;
}

/** Connects a second beside all that goes on, with a share of the processes. */
function rateWith(values: Values, { directors, distributors, redis }: Stormed, share: number) {
  const pods = Math.floor(distributors.pods * share);
  const free = (all: number, busy: number, each: number): number => (Math.max(0, all - busy) * 1e6) / each;
  return smallest([
    [pods * CONNECT_RATE, "distributors that are left x CONNECT_RATE"],
    [free(pods, distributors.busy, values["distributor.connect"]), "free cores of distributors / distributor.connect"],
    [
      free(Math.floor(directors.pods * share), directors.busy, values["director.connect"]),
      "free cores of directors / director.connect",
    ],
    [free(redis.shards, redis.busy, values["redis.connect"]), "free cores of Redis / redis.connect"],
  ]);
}
