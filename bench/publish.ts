import { Agent, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

const PAYLOAD = "x".repeat(160);
const TICK_MS = 10;

/** What is due, every 10 ms in one request, to the clients in turn; answers how many were not accepted. */
export async function publishSteadily(
  url: string,
  token: string,
  { clients, rate, seconds }: { clients: number; rate: number; seconds: number },
): Promise<{ sent: number; refused: number }> {
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const total = rate * seconds;
  const started = performance.now();
  const requests: Promise<number>[] = [];
  let sent = 0;
  while (sent < total) {
    const due = Math.min(total, Math.floor(((performance.now() - started) / 1_000) * rate));
    if (due > sent) {
      const first = sent;
      const items = Array.from({ length: due - first }, (_, index) => {
        const n = first + index;
        return { to: { client: `c${(n * 7919) % clients}` }, data: { n, t: performance.now(), pad: PAYLOAD } };
      });
      requests.push(
        post(agent, url, token, JSON.stringify(items)).then((status) => (status === 202 ? 0 : items.length)),
      );
      sent = due;
    }
    await sleep(TICK_MS);
  }
  const refused = (await Promise.all(requests)).reduce((sum, count) => sum + count, 0);
  agent.destroy();
  return { sent: total, refused };
}

function post(agent: Agent, url: string, token: string, body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${token}`,
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
    };
    const outgoing = request(`${url}/v1/notifications`, { agent, method: "POST", headers }, (response) => {
      response.resume();
      response.on("end", () => resolve(response.statusCode ?? 0));
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}
