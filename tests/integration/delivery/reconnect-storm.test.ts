import { connect as connectTo, createServer, type Socket } from "node:net";
import { request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { allLive, allReceived, ClientLibraryCrowd } from "#tests/support/client-library-crowd.ts";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { Publisher } from "#tests/support/publisher.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";
import { Subscriber } from "#tests/support/subscriber.ts";
import { SUBPROTOCOL, TRANSPORTS } from "#tests/support/raw-transports.ts";

/** The admission rate for a crowd. */
interface Pace {
  rate: number;
  burst: number;
}

const DRAIN_MS = 1_500;
const settingsOf = ({ rate, burst }: Pace): Record<string, string> => ({
  CONNECT_RATE: String(rate),
  CONNECT_BURST: String(burst),
  DRAIN_MS: String(DRAIN_MS),
});

let stack: Stack;
let publisher: Publisher;

beforeAll(async () => {
  stack = await startStack({ services: ["receiver", "director"] });
  publisher = await Publisher.of(stack);
});

afterAll(() => stack.close());

const crowdOf = (name: string, size: number): string[] => Array.from({ length: size }, (_, n) => `${name}-${n}`);
const opened = (distributor: Service): Promise<number> => scrapeMetric(distributor, "connections_opened_total");
const refused = (distributor: Service, reason: string): Promise<number> =>
  scrapeMetric(distributor, "connections_refused_total", `reason="${reason}"`);

/** Samples the number of admitted clients continuously, each sample between two times. */
function watch(distributor: Service, { rate, burst }: Pace): { stop(): Promise<void> } {
  const seen: { before: number; after: number; count: number }[] = [];
  const over = new AbortController();
  const run = (async () => {
    while (!over.signal.aborted) {
      const before = performance.now();
      const count = await opened(distributor);
      seen.push({ before, after: performance.now(), count });
      await sleep(50);
    }
  })();
  run.catch(() => {});
  return {
    /** No interval admits more than the burst plus its share of the rate. */
    async stop() {
      over.abort();
      await run;
      for (const from of seen)
        for (const to of seen)
          if (to.before >= from.after)
            expect(to.count - from.count).toBeLessThanOrEqual(burst + (rate * (to.after - from.before)) / 1_000);
    },
  };
}

/** A proxy before the distributors: each connection goes to the next of `targets` until it closes. */
async function balancer(targets: Service[]): Promise<{ url: string; targets: Service[] }> {
  const state = { url: "", targets };
  const sockets = new Set<Socket>();
  let turn = 0;
  const server = createServer((near) => {
    const { hostname, port } = new URL(state.targets[(turn += 1) % state.targets.length]!.url);
    const far = connectTo({ host: hostname, port: Number(port) });
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.pipe(other);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        sockets.delete(one);
        other.destroy();
      });
    }
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((done) => server.close(done));
  });
  state.url = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  return state;
}

test("R36: a crowd is admitted at the configured rate, all of it becomes live, and nothing is missed", async () => {
  // A slow rate, so that most are refused, however long their arrival takes.
  const pace = { rate: 5, burst: 30 };
  const distributor = await stack.start("distributor", settingsOf(pace));
  const clients = crowdOf("crowd", 90);
  await publisher.number(clients, 2);
  const watched = watch(distributor, pace);
  const began = performance.now();
  const crowd = await ClientLibraryCrowd.connect(stack, distributor.url, clients, { auto: true });
  onTestFinished(() => crowd.close());
  const stream = publisher.stream(clients, 400);
  await expect.poll(() => opened(distributor)).toBeGreaterThanOrEqual(clients.length);
  await stream.stop();
  await allLive(crowd);
  await allReceived(crowd, publisher);
  await watched.stop();

  const came = crowd.opened.toSorted((a, b) => a - b);
  came.forEach((at, index) => expect(index + 1).toBeLessThanOrEqual(pace.burst + (pace.rate * (at - began)) / 1_000));
  const told = crowd.waits("answered 503").map(({ delay }) => delay / 1_000);
  expect(told.length).toBeGreaterThan(0);
  const most = await refused(distributor, "rate");
  expect(most).toBeGreaterThanOrEqual(told.length);
  for (const seconds of told) {
    expect(Number.isInteger(seconds)).toBe(true);
    expect(seconds).toBeGreaterThanOrEqual(1);
    expect(seconds).toBeLessThanOrEqual(Math.max(1, Math.ceil((1.25 * most) / pace.rate)));
  }
  // Longer than the first few waits: `Retry-After` grows with the number of refused clients.
  expect(Math.max(...told)).toBeGreaterThanOrEqual(3);
  // No client mistook a refusal for a network without WebSockets, even for one attempt.
  for (const { statuses, transport } of crowd.members)
    expect(new Set(statuses.map((status) => status.transport))).toEqual(new Set([transport]));
  await crowd.close();
  await distributor.stop();
});

test("R30, R31, R32: both distributors restart one after the other under a crowd, and nothing is lost", async () => {
  const pace = { rate: 40, burst: 40 };
  const start = (): Promise<Service> => stack.start("distributor", settingsOf(pace));
  const old = await Promise.all([start(), start()]);
  const between = await balancer([...old]);
  const clients = crowdOf("rolling", 120);
  const crowd = await ClientLibraryCrowd.connect(stack, between.url, clients);
  onTestFinished(() => crowd.close());
  await allLive(crowd);
  const stream = publisher.stream(clients, 400);
  let all = 0;
  let most = 0;
  for (const [index, ending] of old.entries()) {
    const heard =
      (await scrapeMetric(ending, "connections", 'transport="websocket"')) +
      (await scrapeMetric(ending, "connections", 'transport="sse"'));
    expect(heard).toBeGreaterThan(0);
    const others = between.targets.filter((target) => target !== ending);
    const watched = others.map((other) => watch(other, pace));
    const exit = ending.stop();
    // Or the process has already ended, on a busy machine.
    const status = (): Promise<number> =>
      fetch(`${ending.url}/health/ready`).then(
        (said) => said.status,
        () => 503,
      );
    await expect.poll(status, { interval: 5 }).toBe(503);
    between.targets = others;
    expect(await exit).toEqual({ code: 0, signal: null });
    // Poll loops that moved between distributors count, too.
    const { connections } = await ending.logged(({ msg }) => msg === "draining");
    most = Math.max(most, connections as number);
    // Each reachable client heard of it before the process ended, with a delay of its own.
    all += heard;
    await expect.poll(() => crowd.waits("The server is restarting", "websocket", "sse").length).toBe(all);
    const next = await start();
    between.targets = index === 0 ? [...others, next] : [between.targets[0]!, next];
    await allLive(crowd, { quiet: false });
    for (const one of watched) await one.stop();
  }
  await stream.stop();
  await allLive(crowd);
  await allReceived(crowd, publisher);
  const told = crowd.waits("The server is restarting").map(({ delay }) => delay / 1_000);
  expect(new Set(told).size).toBeGreaterThan(told.length / 2);
  const longest = Math.max(1, most / pace.rate - DRAIN_MS / 1_000);
  for (const seconds of told) {
    expect(seconds).toBeGreaterThanOrEqual(0);
    expect(seconds).toBeLessThanOrEqual(longest);
  }
  await crowd.close();
  for (const target of between.targets) await target.stop();
});

test("R36, R37, R9: refused connections have their status, and some refusals cost no admission token", async () => {
  const distributor = await stack.start("distributor", {
    CONNECT_RATE: "1",
    CONNECT_BURST: "50",
    MAX_CONNECTIONS: "3",
  });
  const token = await stack.token({ client: "fourth" });
  const ask = (path: string, init: RequestInit = {}, bearer = token): Promise<Response> =>
    fetch(`${distributor.url}${path}`, { ...init, headers: { authorization: `Bearer ${bearer}` } });
  const why = (): Promise<Response> => ask("/v1/acks", { method: "POST", body: "{}" });
  const full = await scrapeMetric(distributor, "connect_tokens");
  for (let times = 0; times < 60; times += 1) expect((await ask("/v1/sse", {}, "nonsense")).status).toBe(403);
  expect(await scrapeMetric(distributor, "connect_tokens")).toBe(full);
  expect((await why()).status).toBe(400);

  const inside = await Promise.all(
    TRANSPORTS.map((transport) => Subscriber.of(stack, { client: `inside-${transport}`, transport })),
  );
  for (const one of inside) await one.connect(distributor);
  await publisher.number(inside.map(({ client }) => client));
  await Promise.all(inside.map((one) => one.all(publisher)));

  const answers = [await upgrade(distributor, token), await ask("/v1/sse"), await ask("/v1/poll?wait=0")];
  for (const answer of answers) {
    expect(answer.status).toBe(503);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    expect(answer.headers.get("connection")).toBe("close");
    expect(await answer.json()).toMatchObject({ type: "/problems/busy", status: 503 });
  }
  expect(await refused(distributor, "connections")).toBe(3);
  // The same holds without a token: authentication comes only after admission.
  expect((await ask("/v1/sse", {}, "nonsense")).status).toBe(503);
  // Polls are different: only the token identifies the loop that a poll may continue.
  expect((await ask("/v1/poll?wait=0", {}, "nonsense")).status).toBe(403);
  const asked = await why();
  expect([asked.status, Number(asked.headers.get("retry-after")) >= 1]).toEqual([503, true]);

  // Connected clients notice nothing, and a poll loop continues.
  await publisher.number(
    inside.map(({ client }) => client),
    3,
  );
  await Promise.all(inside.map((one) => one.all(publisher)));
  expect(await opened(distributor)).toBe(3);
  await inside[0]!.close();
  const later = await Subscriber.of(stack, { client: "fourth", transport: "websocket" });
  await later.connect(distributor);
  await later.live();
  await Promise.all([later, ...inside.slice(1)].map((one) => one.close()));
  await distributor.stop();
});

test("R36: handovers under way are bounded, and one that becomes live makes room", async () => {
  const distributor = await stack.start("distributor", { MAX_HANDOVERS: "5" });
  const director = stack.services[1]!;
  const come = async (client: string): Promise<Subscriber> => {
    const subscriber = await Subscriber.of(stack, { client, transport: "websocket" });
    await subscriber.connect(distributor);
    return subscriber;
  };
  const authorization = `Bearer ${await stack.token({ client: "handover-next" })}`;
  // Without it no connection becomes live.
  director.kill("SIGSTOP");
  onTestFinished(() => director.kill("SIGCONT"));
  const first = await Promise.all(crowdOf("handover", 5).map(come));
  const answer = await fetch(`${distributor.url}/v1/sse`, { headers: { authorization } });
  await answer.body?.cancel();
  expect(answer.status).toBe(503);
  expect(await refused(distributor, "handovers")).toBe(1);
  director.kill("SIGCONT");
  await Promise.all(first.map((one) => one.live()));
  const next = await come("handover-next");
  await next.live();
  expect(await scrapeMetric(distributor, "handovers")).toBe(0);
  await Promise.all([...first, next].map((one) => one.close()));
  await distributor.stop();
});

/** The answer to a refused upgrade. */
function upgrade(distributor: Service, token: string): Promise<Response> {
  return new Promise((resolve, reject) => {
    const asked = request(`${distributor.url}/v1/ws`, {
      headers: {
        connection: "Upgrade",
        upgrade: "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        "sec-websocket-protocol": `${SUBPROTOCOL}, bearer.${token}`,
      },
    });
    asked.on("error", reject);
    asked.on("upgrade", () => reject(new Error("The upgrade was not refused.")));
    asked.on("response", (answer) => {
      let text = "";
      answer.on("data", (bytes: Buffer) => (text += bytes.toString()));
      answer.on("end", () =>
        resolve(new Response(text, { status: answer.statusCode!, headers: answer.headers as Record<string, string> })),
      );
    });
    asked.end();
  });
}
