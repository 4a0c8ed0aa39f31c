import { once } from "node:events";
import { connect } from "node:net";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { readAll } from "#tests/support/kafka-records.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";

/** The power of callers without a good token over the platform. */
let stack: Stack;

beforeAll(async () => {
  stack = await startStack({ services: ["receiver", "director", "distributor", "console"] });
});

afterAll(() => stack.close());

/** The routes that take a body, as "POST /v1/acks", with a word for each name. */
async function bodyRoutes(service: Service): Promise<string[]> {
  const { routes } = await service.logged(({ routes: all }) => Array.isArray(all) && all.length > 4);
  return (routes as string[])
    .filter((route) => /^(POST|PUT|DELETE) /.test(route))
    .map((route) => route.replaceAll(/:[^/]+/g, "x"));
}

/** The status of the answer to a request whose body stays incomplete, and whether the connection was closed. */
async function half(service: Service, route: string, authorization = ""): Promise<{ status: number; body: string }> {
  const { hostname, port } = new URL(service.url);
  const socket = connect(Number(port), hostname);
  let said = "";
  socket.on("error", () => {}).on("data", (data) => (said += data.toString("latin1")));
  socket.write(`${route} HTTP/1.1\r\nhost: x\r\n${authorization}content-length: 900\r\n\r\n${"x".repeat(100)}`);
  const late = setTimeout(() => socket.destroy(), 5_000);
  await once(socket, "close");
  clearTimeout(late);
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(said)?.[1]), body: said };
}

test("a stranger is 403 before its body arrives, on every route of every service, and is disconnected", async () => {
  const bad = `authorization: Bearer ${await stack.token({ client: "c", publisher: "p", scope: "nothing" })}\r\n`;
  for (const service of stack.services) {
    const routes = await bodyRoutes(service);
    expect(routes.length).toBeGreaterThan(0);
    for (const route of routes)
      for (const authorization of ["", bad]) {
        const { status, body } = await half(service, route, authorization);
        expect(`${service.kind} ${route} ${status} ${body.slice(0, 12)}`).toBe(
          `${service.kind} ${route} 403 HTTP/1.1 403`,
        );
      }
  }
});

test("a refused request with a complete body keeps its connection", async () => {
  for (const service of stack.services) {
    const [route] = await bodyRoutes(service);
    const { hostname, port } = new URL(service.url);
    const socket = connect(Number(port), hostname);
    let said = "";
    socket.on("data", (data) => (said += data.toString("latin1")));
    for (let times = 1; times <= 2; times += 1) {
      socket.write(`${route} HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n${"x".repeat(10)}`);
      await expect.poll(() => said.match(/HTTP\/1\.1 403/g)?.length).toBe(times);
    }
    socket.destroy();
  }
});

test("the console bounds the bytes of the bodies that it holds", async () => {
  const desk = stack.services[3]!;
  const operator = await stack.token({ publisher: "root", scope: "operate read", tenant: "platform" });
  const { hostname, port } = new URL(desk.url);
  const open = (): { said: () => string; close: () => void } => {
    const socket = connect(Number(port), hostname);
    let said = "";
    socket.on("error", () => {}).on("data", (data) => (said += data.toString("latin1")));
    const head = `POST /v1/tenants/acme/keys HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${operator}\r\n`;
    socket.write(`${head}content-length: 65000\r\n\r\n${"x".repeat(64_900)}`);
    return { said: () => said, close: () => socket.destroy() };
  };
  const all = Array.from({ length: 150 }, open);
  await expect.poll(() => all.filter(({ said }) => said().startsWith("HTTP/1.1 503")).length).toBeGreaterThan(10);
  expect(await scrapeMetric(desk, "http_body_bytes")).toBeLessThanOrEqual(8 << 20);
  expect(await scrapeMetric(desk, "http_bodies_full_total")).toBeGreaterThan(10);
  for (const one of all) one.close();
  await expect.poll(() => scrapeMetric(desk, "http_body_bytes")).toBe(0);
});

test("paths that strangers invent share one audit log entry, for each service and method", async () => {
  const [, director, , desk] = stack.services as [Service, Service, Service, Service];
  const invented = Array.from({ length: 30 }, (_, index) => `/v1/tenants/invented-${index}/keys`);
  for (const path of invented) {
    expect((await fetch(`${desk.url}${path}`)).status).toBe(403);
    expect((await fetch(`${desk.url}${path}?token=x`)).status).toBe(400);
  }
  for (let index = 0; index < 30; index += 1)
    expect((await fetch(`${director.url}/v1/dead-letters/0-${index}`)).status).toBe(403);
  const entries = async (): Promise<{ path?: string; times?: number; omitted?: number }[]> =>
    (await readAll(stack, "audit")).flatMap(({ value }) =>
      value
        .toString()
        .split("\n")
        .map((line) => JSON.parse(line) as object),
    );
  const sums = async () => {
    const mine = (await entries()).filter(({ path }) => /invented-|dead-letters\/0-/.test(path ?? ""));
    const sum = (of: "times" | "omitted", none: number) => mine.reduce((total, each) => total + (each[of] ?? none), 0);
    return { entries: mine.length, times: sum("times", 1), omitted: sum("omitted", 0) };
  };
  await expect.poll(async () => (await sums()).times, { timeout: 10_000 }).toBe(90);
  const { entries: count, omitted } = await sums();
  // Each second may begin another entry.
  expect(count).toBeLessThan(30);
  expect(omitted).toBe(90 - count);
});

test("Redis gets no ticket lookups from an address over its refusal rate, and a good ticket costs none of it", async () => {
  const distributor = await stack.start("distributor", { REFUSED_RATE: "0.001", REFUSED_BURST: "5" });
  const redis = new Redis(stack.env.REDIS_URL!);
  const monitor = await redis.monitor();
  let asked = 0;
  const last = Promise.withResolvers<void>();
  monitor.on("monitor", (_: string, [command, argument]: string[]) => {
    if (command?.toLowerCase() === "getdel" && argument?.startsWith(`${stack.namespace}:`)) asked += 1;
    if (argument === `${stack.namespace}-last`) last.resolve();
  });
  const open = async (ticket: string): Promise<number> => {
    const given = new AbortController();
    const { status } = await fetch(`${distributor.url}/v1/sse?ticket=${ticket}`, { signal: given.signal });
    given.abort();
    return status;
  };
  const authorization = `Bearer ${await stack.token({ client: "ticketed" })}`;
  for (let times = 0; times < 10; times += 1) {
    const issued = await fetch(`${distributor.url}/v1/tickets`, { method: "POST", headers: { authorization } });
    expect(await open(((await issued.json()) as { ticket: string }).ticket)).toBe(200);
  }
  const statuses = await Promise.all(Array.from({ length: 40 }, (_, index) => open(`${"t".repeat(41)}${index + 10}`)));
  expect(statuses.filter((status) => status === 403)).toHaveLength(5);
  expect(statuses.filter((status) => status === 429)).toHaveLength(35);
  await redis.echo(`${stack.namespace}-last`);
  await last.promise;
  expect(asked).toBe(15);
  monitor.disconnect();
  redis.disconnect();
  await distributor.stop();
});
