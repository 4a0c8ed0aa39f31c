import { spread, type Figure } from "#bench/results/figures.ts";

/**
 * The constants of the plan. Each is a figure that `just bench` measured. Of several, the most expensive counts. A
 * notification costs most when packs hold one or two, as they do when very many processes share the work.
 */
type Sources = readonly (readonly [work: string, name: string])[];

const TO_CONNECTED = ["saturation", "5,000/s to 10,000"] as const;
const ofBoth = (name: string): Sources => TO_CONNECTED.map((work) => [work, name] as const);

export const sources = {
  "receiver.notification": [...ofBoth("receiver"), ["receiver alone, 128 partitions", "receiver"]],
  "receiver.single": [["receiver alone, single", "receiver"]],
  "receiver.byte": [["larger data", "receiver, for a byte more"]],
  "receiver.process": [["saturation", "receiver, resident"]],

  "director.byte": [["larger data", "director, for a byte more"]],
  "director.live": ofBoth("director"),
  "director.stored": [["storing", "director"]],
  "director.replayed": [["come back", "director"]],
  "director.connect": [["idle WebSocket", "director, to connect"]],
  "director.rest": [["at rest", "director"]],
  "director.lane": [["10M lanes, live", "resident"]],
  "director.lane.stored": [["10M lanes, stored", "resident"]],
  "director.process": [["saturation", "director, resident"]],

  "distributor.byte": [["larger data", "distributor, for a byte more"]],
  "distributor.live": ofBoth("distributor"),
  "distributor.replayed": [["come back", "distributor"]],
  // The most expensive signature algorithm of the tokens counts.
  "distributor.connect": [
    ["idle WebSocket", "distributor, to connect"],
    ["idle WebSocket, RS256", "distributor, to connect"],
  ],
  "distributor.rest": [["at rest", "distributor"]],
  "distributor.connection": [["idle WebSocket", "distributor, resident"]],
  "distributor.process": [["saturation", "distributor, resident"]],
  "distributor.frame": ofBoth("frames"),

  "kafka.notification": ofBoth("kafka"),
  "kafka.byte": [["larger data", "kafka, for a byte more"]],
  "kafka.connect": [["idle WebSocket", "kafka, to connect"]],
  "kafka.accepted": ofBoth("Kafka accepted"),
  "kafka.routed": ofBoth("Kafka routed"),
  "kafka.control": ofBoth("Kafka control"),
  "kafka.routed.connect": [["idle WebSocket", "Kafka routed, to connect"]],
  "kafka.control.connect": [["idle WebSocket", "Kafka control, to connect"]],

  "redis.connection": [["10M connections", "Redis"]],
  "redis.connect": [["idle WebSocket", "redis, to connect"]],
  "redis.connect.commands": [["idle WebSocket", "Redis commands, to connect"]],
  "redis.register": [["10M connections", "Redis, to register"]],
  "redis.register.commands": [["10M connections", "commands to register"]],
  "redis.rest": [["at rest", "redis"]],
  "redis.id": [["1M ids", "Redis"]],
  "redis.id.cpu": [["1M ids", "Redis, to reserve and conclude"]],

  "postgres.stored": [["storing", "postgres"]],
  "postgres.replayed": [["come back", "postgres"]],
  "postgres.rest": [["at rest", "postgres"]],
  "postgres.row": [["storing", "Postgres disk"]],
  "postgres.log.stored": [["storing", "Postgres log"]],
  "postgres.log.replayed": [["come back", "Postgres log"]],
} as const satisfies Record<string, Sources>;

export type ConstantName = keyof typeof sources;

export const constantNames = Object.keys(sources) as ConstantName[];

/** Bytes of `data` in the measurements. */
export const MEASURED_PAYLOAD = 200;
/** The same for the cost of each further byte (bench/scenarios/payload-size.ts). */
export const LARGEST_PAYLOAD = 2_000;

export interface Constant {
  name: ConstantName;
  /** The median of its most expensive figure. */
  median: number;
  /** The range over all runs of all its figures. */
  min: number;
  max: number;
  unit: string;
  quick: boolean;
  /** The figure's name in the benchmark's table. */
  from: string;
}

/** If a figure is missing, the error says how to measure it. */
export function readConstants(figures: readonly Figure[]): Constant[] {
  const missing = new Set<string>();
  const found = constantNames.flatMap((name) => {
    const all = sources[name].map(([work, figure]) => {
      const known = figures.find((one) => one.work === work && one.name === figure);
      if (!known) missing.add(work);
      return known;
    });
    const known = all.flatMap((figure) => (figure ? [{ ...figure, ...spread(figure.runs) }] : []));
    const [dearest] = known.sort((one, other) => other.median - one.median);
    if (!dearest || known.length < all.length) return [];
    const { work, name: figure, median, unit } = dearest;
    const { min, max } = spread(known.flatMap(({ runs }) => runs));
    const quick = known.some((one) => one.quick);
    return [{ name, median, min, max, unit, quick, from: `${work}: ${figure}` }];
  });
  if (missing.size > 0) {
    const works = [...missing].map((work) => `"${work}"`).join(" ");
    throw new Error(
      `Some figures of the plan are not measured yet. On an idle machine run: npx just bench ${works} --save`,
    );
  }
  return found;
}

export type Values = Record<ConstantName, number>;

export function valuesOf(constants: readonly Constant[], which: "median" | "min" | "max"): Values {
  return Object.fromEntries(constants.map((constant) => [constant.name, constant[which]])) as Values;
}
