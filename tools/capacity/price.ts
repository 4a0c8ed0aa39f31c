import type { Input } from "./input.ts";
import { DAY, GIB, MEGA, Part, type Line, type Taken } from "./line.ts";
import type { Load } from "./load.ts";

const MONTH = 30 * DAY;

/** The cost of the bought resources at the given prices. The prices are examples, from no vendor's list. */
export function price(
  input: Input,
  { meanWritten }: Load,
  taken: Record<string, Taken>,
  bytesToClients: number,
): Line[] {
  const part = new Part("A month");
  const { priceCore, priceGib, priceDisk } = input;
  const all = Object.values(taken);
  const sum = (of: (one: Taken) => number): number => all.reduce((total, one) => total + of(one), 0);
  part.need(
    "cores",
    sum(({ cores }) => cores),
    "",
    "pods, brokers x --broker-cores, Redis nodes, Postgres nodes x --postgres-cores",
  );
  part.need(
    "memory",
    sum(({ gib }) => gib),
    "GiB",
    "pods x memory each, and likewise",
  );
  part.need(
    "disk",
    sum(({ diskGib }) => diskGib),
    "GiB",
    "Kafka, Redis x --copies x 2, Postgres x --copies",
  );
  let cost = 0;
  for (const [name, { cores, gib, diskGib }] of Object.entries(taken)) {
    const own = cores * priceCore + gib * priceGib + diskGib * priceDisk;
    cost += part.need(`for ${name}`, own, "", "its cores x --price-core + memory x --price-gib + disk x --price-disk");
  }
  const traffic = (bytesToClients * input.average * MONTH) / GIB;
  cost += part.need(
    "for traffic",
    traffic * input.priceTraffic,
    "",
    "to clients x --average x 30 days x --price-traffic",
  );
  part.need("for all of it", cost, "", "their sum");
  part.each(
    "for a million notifications",
    (cost / (meanWritten * MONTH)) * MEGA,
    "",
    "that / (accepted + members + messages of queues) x --average x 30 days",
  );
  return part.lines;
}
