import { afterAll, beforeAll, expect, test } from "vitest";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { provision, startStack, type Kind, type Service, type Stack } from "#tests/support/stack.ts";
import { SHORT_TIMES, BackgroundTraffic } from "#tests/support/background-traffic.ts";

/** Not divisible by two, three or four directors. There are as many slots as distributors. */
const PARTITIONS = 11;
const SLOTS = 5;
const WAIT = { timeout: 60_000, interval: 50 };

let stack: Stack;
let traffic: BackgroundTraffic | undefined;

beforeAll(async () => {
  const env = { ...SHORT_TIMES, ACCEPTED_PARTITIONS: String(PARTITIONS), ROUTED_PARTITIONS: String(SLOTS - 1) };
  const services: Kind[] = ["receiver", "receiver", ...three("director"), ...three("distributor"), "distributor"];
  stack = await startStack({ services, env });
});

afterAll(async () => {
  await traffic?.close();
  await stack?.close();
});

function three(kind: Kind): Kind[] {
  return [kind, kind, kind];
}

/** Every partition has one owner, and directors' shares differ by at most one. */
async function balanced(directors: Service[]): Promise<void> {
  const least = Math.floor(PARTITIONS / directors.length);
  const expected = directors.map((_, index) => least + (index < PARTITIONS % directors.length ? 1 : 0));
  const shares = async (): Promise<number[]> => {
    const owned = await Promise.all(directors.map((director) => scrapeMetric(director, "partitions_owned")));
    return owned.sort((a, b) => b - a);
  };
  await expect.poll(shares, WAIT).toEqual(expected);
}

const claims = (director: Service): number => director.logs.filter(({ msg }) => msg === "partition claimed").length;
const slotOf = ({ logs }: Service): number => Number(logs.findLast(({ msg }) => msg === "slot owned")?.slot);
const slots = (services: Service[]): number[] => services.map(slotOf).sort((a, b) => a - b);
const connections = (services: Service[]): Promise<number[]> =>
  Promise.all(services.map((service) => scrapeMetric(service, "connections")));

test("R32, R33, R34: services join, leave and die under load: nothing is lost, out of order or duplicated", async () => {
  const platform = (traffic = await BackgroundTraffic.start(stack, { clients: 60, rate: 150 }));
  const add = async (kind: Kind): Promise<Service> => {
    const service = await stack.start(kind);
    platform.add(service);
    return service;
  };
  await platform.flows();
  await balanced(platform.of("director"));
  expect(new Set(slots(platform.of("distributor"))).size).toBe(4);

  // A new director takes its share, and no other partition moves.
  const before = platform.of("director").map(claims);
  const [oldest, older] = platform.of("director") as [Service, Service];
  const newDirector = await add("director");
  await balanced(platform.of("director"));
  expect(claims(newDirector)).toBe(await scrapeMetric(newDirector, "partitions_owned"));
  expect(platform.of("director").map(claims)).toEqual([...before, claims(newDirector)]);
  await platform.flows();

  // A new distributor takes a new slot and new connections; directors find it there.
  const interruptions = platform.interruptions;
  await provision({ ...stack.env, ROUTED_PARTITIONS: String(SLOTS) });
  const newDistributor = await add("distributor");
  await expect.poll(() => scrapeMetric(newDistributor, "sessions", 'state="LIVE"'), WAIT).toBeGreaterThan(0);
  await platform.flows();
  // No connected client was disconnected.
  expect(platform.interruptions).toBe(interruptions);
  expect(slots(platform.of("distributor"))).toEqual([0, 1, 2, 3, 4]);

  // One of each ends as in a rollout.
  const [leaving, dying] = platform.of("distributor") as [Service, Service];
  const freed = slotOf(leaving);
  platform.remove(leaving);
  platform.remove(oldest);
  expect(await Promise.all([leaving.stop(), oldest.stop()])).toEqual([
    { code: 0, signal: null },
    { code: 0, signal: null },
  ]);
  await balanced(platform.of("director"));
  await platform.flows();
  // Its slot is free at once; there is no other free slot.
  expect(slotOf(await add("distributor"))).toBe(freed);

  // One of each dies. A replacement gets its slot once the lease expires.
  platform.remove(dying);
  platform.remove(older);
  dying.kill("SIGKILL");
  older.kill("SIGKILL");
  expect(slotOf(await add("distributor"))).toBe(slotOf(dying));
  await balanced(platform.of("director"));
  await platform.flows();
  const running = platform.of("distributor");
  await expect.poll(async () => Math.min(...(await connections(running))), WAIT).toBeGreaterThan(0);

  await platform.drain();
  // Each client has one connection, to a running distributor.
  await expect.poll(async () => (await connections(running)).reduce((a, b) => a + b), WAIT).toBe(platform.clients);
  const { violations, figures } = platform.verdict;
  expect(violations).toEqual([]);
  expect(figures.received).toBe(figures.sent);
  expect(figures.sent).toBeGreaterThan(200);
});
