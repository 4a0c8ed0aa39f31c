import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startKafkaProxy, startProxy, type Mode, type TcpProxy } from "#tests/support/tcp-proxy.ts";
import { Publisher } from "#tests/support/publisher.ts";
import { provision, startStack, type Kind, type Service, type Stack } from "#tests/support/stack.ts";
import { Subscriber } from "#tests/support/subscriber.ts";

type Dependency = "kafka" | "postgres" | "redis";

const KINDS: Kind[] = ["receiver", "director", "distributor", "console", "courier", "dispatcher"];
/** The stores that each service needs to work or to start: policies are read before any caller is admitted. */
const NEEDS: Record<Dependency, Kind[]> = {
  kafka: ["receiver", "director", "distributor", "courier", "dispatcher"],
  postgres: ["receiver", "director", "distributor", "console", "courier", "dispatcher"],
  redis: ["director", "distributor"],
};

/** The director's report. */
const MISSING: Record<Dependency, unknown> = {
  kafka: expect.arrayContaining(["kafka", "epoch", "partitions"]),
  postgres: expect.toSatisfy((names: string[]) => names.toSorted().join(" ") === "access postgres"),
  redis: ["redis"],
};

let stack: Stack;
let proxies: Record<Dependency, TcpProxy>;

beforeAll(async () => {
  const [kafka, postgres, redis] = await Promise.all([
    startKafkaProxy(process.env.KAFKA_BROKERS!),
    startProxy(new URL(process.env.DATABASE_URL!).host),
    startProxy(new URL(process.env.REDIS_URL!).host),
  ]);
  proxies = { kafka, postgres, redis };
  stack = await startStack({ env: { DRAIN_MS: "0", ACCEPTED_PARTITIONS: "3", ROUTED_PARTITIONS: "8" } });
});

afterAll(async () => {
  await stack.close();
  await Promise.all(Object.values(proxies).map((proxy) => proxy.close()));
});

/** All services behind the proxies, without waiting for any of them. */
function startAll(env: Record<string, string> = {}): Promise<Service[]> {
  const behind = (url: string, { address }: TcpProxy): string => Object.assign(new URL(url), { host: address }).href;
  const proxied = {
    KAFKA_BROKERS: proxies.kafka.address,
    DATABASE_URL: behind(process.env.DATABASE_URL!, proxies.postgres),
    REDIS_URL: behind(process.env.REDIS_URL!, proxies.redis),
  };
  return Promise.all(KINDS.map((kind) => stack.start(kind, { ...proxied, ...env }, { ready: false })));
}

async function missing({ url }: Service): Promise<Record<string, string>> {
  const response = await fetch(`${url}/health/ready`);
  const said = (await response.json()) as { ready: boolean; missing: Record<string, string> };
  expect({ status: response.status, ready: said.ready }).toEqual(
    Object.keys(said.missing).length === 0 ? { status: 200, ready: true } : { status: 503, ready: false },
  );
  return said.missing;
}

async function expectScrapes(services: Service[]): Promise<void> {
  for (const { url } of services) {
    const scrape = await fetch(`${url}/metrics`);
    expect([scrape.status, await scrape.text()]).toEqual([200, expect.stringContaining("process_cpu_seconds_total")]);
  }
}

async function expectAllWork(services: Service[], client: string): Promise<void> {
  await Promise.all(services.map((service) => service.ready()));
  stack.services[0] = services[0]!;
  const publisher = await Publisher.of(stack);
  await publisher.number(client, 3);
  const subscriber = await Subscriber.of(stack, { client, transport: "websocket" });
  await subscriber.connect(services[2]!);
  await subscriber.live();
  await publisher.number(client, 3);
  await subscriber.all(publisher);
  await subscriber.close();
}

test.for(["kafka", "postgres", "redis"] as const)(
  "%s starts last: each service that needs it reports a hang and a refusal, and works once it is up",
  async (last) => {
    await proxies[last].set("hang");
    const services = await startAll();
    const said = async (mode: Mode): Promise<void> => {
      await proxies[last].set(mode);
      for (const [index, service] of services.entries()) {
        const needs = NEEDS[last].includes(KINDS[index]!);
        if (!needs) await service.ready();
        // Missing stores are known from the start, and stay so.
        else
          await expect
            .poll(async () => Object.keys(await missing(service)))
            .toContain(KINDS[index] === "receiver" && last === "postgres" ? "access" : last);
      }
      // Long enough to reach the stores that are up.
      await expect.poll(async () => Object.keys(await missing(services[1]!))).toEqual(MISSING[last]);
      await expectScrapes(services);
    };
    await said("hang");
    await said("refuse");
    await proxies[last].set("pass");
    await expectAllWork(services, last);
    for (const service of services) await service.stop();
  },
);

test("topics and tables appear last: each service reports the missing ones, and all work once they exist", async () => {
  const namespace = `test_${randomBytes(6).toString("hex")}`;
  const env = { ...stack.env, NAMESPACE: namespace };
  const services = await startAll({ NAMESPACE: namespace });
  try {
    for (const service of services)
      await expect
        .poll(async () => JSON.stringify(await missing(service)))
        .toContain("does not exist yet: run the provision service");
    await provision(env);
    await expectAllWork(services, "topics");
    for (const service of services) await service.stop();
  } finally {
    await provision(env, ["--drop"]);
  }
});
