import { expect, test } from "vitest";
import { laneTable } from "#services/director/lanes/lane-table.ts";
import { settleUpTo } from "#services/director/lanes/lane-transitions.ts";
import { mutants, type BrokenPlatform } from "./mutants.ts";
import { lifeOf, AckOrdering, ackOrderingsOf, type Event } from "./ack-orderings.ts";

/** R25, R32: several connections of one client, in every order of connect, publish, acknowledge and die. */

const two: Event[][] = [0, 1, 2].flatMap((acksA) =>
  [0, 1].flatMap((acksB) =>
    [false, true].flatMap((dies) => ackOrderingsOf(3, { A: lifeOf("A", acksA, true), B: lifeOf("B", acksB, dies) })),
  ),
);
const three: Event[][] = [0, 1, 2].flatMap((who) =>
  ackOrderingsOf(2, {
    A: lifeOf("A", who === 0 ? 1 : 0, true),
    B: lifeOf("B", who === 1 ? 1 : 0, true),
    C: lifeOf("C", who === 2 ? 1 : 0, false),
  }),
);

/** The first order that breaks a promise, and how. */
function violation(
  orders: readonly Event[][],
  seed: number,
  machines?: BrokenPlatform["machines"],
): string | undefined {
  const mend = machines?.();
  try {
    for (const [index, events] of orders.entries()) {
      for (const apart of [false, true]) {
        for (const pace of ["at rest", "in haste"] as const) {
          const broken = run(events, apart, pace, seed + index, false);
          if (broken !== undefined)
            return `${events.join(", ")} (${apart ? "apart" : "together"}, ${pace}): ${run(events, apart, pace, seed + index, true)}`;
        }
      }
    }
    return undefined;
  } finally {
    mend?.();
  }
}

function run(events: readonly Event[], apart: boolean, pace: "at rest" | "in haste", seed: number, tracing: boolean) {
  try {
    new AckOrdering(seed, tracing).run(events, apart, pace);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

test.for([
  ["two", two],
  ["three", three],
] as const)(
  "with %s connections nothing is lost, and an acknowledgement by one of them settles",
  { timeout: 120_000 },
  ([, orders]) => {
    expect(violation(orders, 1)).toBeUndefined();
  },
);

const { LIVE } = laneTable;
const { accepted, close } = LIVE;

const broken: readonly BrokenPlatform[] = [
  mutants.find(({ name }) => name === "a further connection that does not get the unsettled window")!,
  {
    name: "a sent notification that counts as acknowledged",
    machines() {
      LIVE.accepted = (lane, event, context) => {
        accepted(lane, event, context);
        settleUpTo(lane, event.entry.sequence, context);
      };
      return () => (LIVE.accepted = accepted);
    },
  },
  {
    name: "a window that is forgotten when its connection dies",
    machines() {
      LIVE.close = (lane, event, context) => {
        const last = lane.queue.at(lane.sent - 1);
        if (lane.sent > 0 && last) settleUpTo(lane, last.sequence, context);
        close(lane, event, context);
      };
      return () => (LIVE.close = close);
    },
  },
];

test.for(broken)("the orders of two connections reveal $name", ({ machines }) => {
  expect(violation(two, 1, machines)).toBeDefined();
});
