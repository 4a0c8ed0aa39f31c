import type { Values } from "./constants.ts";
import { courier } from "./inbox.ts";
import type { Input } from "./input.ts";
import type { Line } from "./line.ts";
import { load } from "./load.ts";
import { price } from "./price.ts";
import { director, dispatcher, distributor, receiver } from "./services.ts";
import { storm } from "./storm.ts";
import { kafka, postgres, redis } from "./stores.ts";

/** The whole plan: a pure function of the inputs, the measured constants, and the amounts already owned. */
export function plan(input: Input, values: Values, owned?: readonly Line[]): Line[] {
  const asked = load(input);
  const receivers = receiver(input, values, asked, owned);
  const distributors = distributor(input, values, asked, owned);
  const directors = director(input, values, asked, owned);
  const dispatchers = dispatcher(input, values, asked, owned);
  const couriers = courier(input, values, asked, directors.partitions, owned);
  const taken = {
    receivers,
    directors,
    distributors,
    dispatchers,
    couriers,
    Kafka: kafka(input, values, asked, { partitions: directors.partitions, slots: distributors.slots }, owned),
    Redis: redis(input, values, asked, owned),
    Postgres: postgres(
      input,
      values,
      asked,
      {
        pools: directors.pods + distributors.pods + dispatchers.pods + couriers.pods,
        receivers: receivers.pods,
      },
      owned,
    ),
  };
  return [
    ...asked.lines,
    ...Object.values(taken).flatMap(({ lines }) => lines),
    ...storm(input, values, asked, { directors, distributors, redis: taken.Redis }),
    ...price(input, asked, taken, distributors.bytesToClients),
  ];
}
