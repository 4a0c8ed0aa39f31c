import { Agent, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { startStack } from "../tests/stack.ts";
import { Latencies, round, usage } from "./measure.ts";
import { openSocket, type LoadSocket } from "./socket.ts";

export interface SmokeOptions {
  clients: number;
  /** Notifications a second. */
  rate: number;
  seconds: number;
}

const PAYLOAD = "x".repeat(160);
const TICK_MS = 10;

/**
 * Connected clients over WebSockets, a fixed rate of notifications to one of them each, in requests of what is due every
 * 10 ms. Latency is from before the publish to the arrival at the client, on one clock.
 */
export async function smoke({ clients, rate, seconds }: SmokeOptions): Promise<object> {
  const stack = await startStack({ services: ["receiver", "director", "distributor"] });
  const [receiver, director, distributor] = stack.services;
  const sockets: LoadSocket[] = [];
  try {
    const latencies = new Latencies();
    const seen = new Set<number>();
    let duplicates = 0;
    let live = 0;
    const onText = (payload: Buffer): void => {
      const now = performance.now();
      const text = payload.toString("latin1");
      if (text.startsWith('{"type":"live"')) live += 1;
      for (const [, n, t] of text.matchAll(/"n":(\d+),"t":([\d.]+)/g)) {
        if (seen.has(Number(n))) duplicates += 1;
        seen.add(Number(n));
        latencies.add(now - Number(t));
      }
    };
    const url = new URL(`${distributor!.url.replace("http", "ws")}/v1/ws`);
    const tokens = await Promise.all(
      Array.from({ length: clients }, (_, index) => stack.token({ client: `c${index}` })),
    );
    const connecting = performance.now();
    for (let index = 0; index < clients; index += 100) {
      const some = tokens.slice(index, index + 100);
      sockets.push(...(await Promise.all(some.map((token) => openSocket(url, token, onText, () => {})))));
    }
    while (live < clients) await sleep(10);
    const connectSeconds = (performance.now() - connecting) / 1_000;

    const processes = {
      receiver: receiver!.pid,
      director: director!.pid,
      distributor: distributor!.pid,
      load: process.pid,
    };
    const before = Object.entries(processes).map(([name, pid]) => [name, usage(pid)] as const);
    const token = await stack.token({ publisher: "load" });
    const agent = new Agent({ keepAlive: true, maxSockets: 8 });
    const total = rate * seconds;
    const started = performance.now();
    let sent = 0;
    let refused = 0;
    const requests: Promise<void>[] = [];
    while (sent < total) {
      const due = Math.min(total, Math.floor(((performance.now() - started) / 1_000) * rate));
      if (due > sent) {
        const items = Array.from({ length: due - sent }, (_, index) => {
          const n = sent + index;
          return { to: { client: `c${(n * 7919) % clients}` }, data: { n, t: performance.now(), pad: PAYLOAD } };
        });
        sent = due;
        requests.push(
          publish(agent, receiver!.url, token, JSON.stringify(items)).then((status) => {
            if (status !== 202) refused += items.length;
          }),
        );
      }
      await sleep(TICK_MS);
    }
    await Promise.all(requests);
    const expected = total - refused;
    for (const deadline = performance.now() + 20_000; seen.size < expected && performance.now() < deadline;)
      await sleep(50);
    const cost = Object.fromEntries(
      before.map(([name, then]) => {
        const now = usage(processes[name as keyof typeof processes]);
        const cpuSeconds = now.cpuSeconds - then.cpuSeconds;
        return [
          name,
          {
            "CPU us per notification": round((cpuSeconds * 1e6) / total),
            busy: round(cpuSeconds / seconds),
            MiB: now.residentMiB,
          },
        ];
      }),
    );
    agent.destroy();
    return {
      work: { clients, rate, seconds },
      sent: total,
      refused,
      received: seen.size,
      lost: expected - seen.size,
      duplicates,
      "latency ms": latencies.summary(),
      "connects/s, with the whole handover": round(clients / connectSeconds),
      cost,
    };
  } finally {
    for (const socket of sockets) socket.close();
    await stack.close();
  }
}

function publish(agent: Agent, url: string, token: string, body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      `${url}/v1/notifications`,
      {
        agent,
        method: "POST",
        headers: {
          authorization: `Bearer ${token}`,
          "content-type": "application/json",
          "content-length": Buffer.byteLength(body),
        },
      },
      (response) => {
        response.resume();
        response.on("end", () => resolve(response.statusCode ?? 0));
      },
    );
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}
