import { beforeEach, expect, test } from "vitest";
import { Admission } from "./admission.ts";
import { Doorkeeper, type DoorkeeperOptions, type Entry } from "./doorkeeper.ts";

let asked: string[];

beforeEach(() => (asked = []));

function doorkeeper(limits: Partial<ConstructorParameters<typeof Admission>[0]>, connections = 0): Doorkeeper {
  const all = { rate: 1, burst: 1, handovers: 10, connections: 10, ...limits };
  return new Doorkeeper({
    admission: new Admission(all, performance.now()),
    connections: () => connections,
    metrics: { turnedAway: () => {} },
    full: (tenant: string) => asked.push(tenant) > 1,
  } as unknown as DoorkeeperOptions);
}

const ANYBODY = { identity: { tenant: "acme" } } as Entry;
const busy = { status: 503, headers: { "retry-after": expect.stringMatching(/^[1-9]\d*$/) as string } };

test("R36: who is refused is told when to come back, whatever is in its way, before its token and after it", () => {
  for (const door of [doorkeeper({ burst: 0 }), doorkeeper({ handovers: 0 }), doorkeeper({}, 10)]) {
    expect(door.closed()).toMatchObject(busy);
    expect(door.enter(ANYBODY)).toMatchObject(busy);
  }
});

test("R9: one who asks why is told it, too; a server that ends says when to come back to all", () => {
  const door = doorkeeper({ burst: 0 });
  expect(door.closedOfLate()).toBeUndefined();
  door.enter(ANYBODY);
  expect(door.closedOfLate()).toMatchObject(busy);
  const ending = doorkeeper({});
  expect(ending.closed()).toBeUndefined();
  ending.drain();
  for (const answer of [ending.closed(), ending.enter(ANYBODY), ending.closedOfLate()])
    expect(answer).toMatchObject(busy);
});

test("R39: a tenant is asked for room only where nothing else refuses its newcomer", () => {
  expect(doorkeeper({ burst: 0 }).enter(ANYBODY)).toMatchObject(busy);
  expect(asked).toEqual([]);
  const door = doorkeeper({ burst: 2 });
  expect(door.enter(ANYBODY)).toBeUndefined();
  expect(door.enter(ANYBODY)).toMatchObject({ status: 429 });
  expect(asked).toEqual(["acme", "acme"]);
});
